"""One edit of a tracked e-mail, and what becomes of it: applied, repeated, or refused with the version that stands."""

from __future__ import annotations

import hashlib
import json
from dataclasses import replace
from enum import Enum, StrEnum
from typing import TypeAlias

from reconcile.lazy_dataclass import dataclass
from reconcile.model.activity_details import ActivityDetails, ActivityState, Regarding


class Keep(Enum):
    """A field that an edit leaves as it is."""

    KEEP = "keep"


KEEP = Keep.KEEP


@dataclass(frozen=True, slots=True, kw_only=True)
class Edit:
    """What one edit asks for. A field that is KEEP stays; None or "" or () clears.

    `client_key` is the caller's own name for this edit ("" when none): the same key never edits twice. With `expected_version` the
    edit holds only for that version of the activity.
    """

    activity_id: int
    client_key: str = ""
    expected_version: int | None = None
    regarding: Regarding | Keep | None = KEEP
    owner: str | Keep = KEEP
    state: ActivityState | Keep = KEEP
    categories: tuple[str, ...] | Keep = KEEP
    note: str | Keep = KEEP

    @property
    def request(self) -> str:
        """A digest of what is asked for, to notice a key that is used for something else."""
        regarding = self.regarding
        fields: dict[str, object] = {"id": self.activity_id, "expectedVersion": self.expected_version}
        if not isinstance(regarding, Keep):
            fields["regarding"] = None if regarding is None else [regarding.type, regarding.id, regarding.name]
        others = {"owner": self.owner, "state": self.state, "categories": self.categories, "note": self.note}
        fields |= {name: value for name, value in others.items() if not isinstance(value, Keep)}
        return hashlib.sha256(json.dumps(fields, sort_keys=True).encode("ascii")).hexdigest()


class EditResult(StrEnum):
    """What became of an edit that was not refused."""

    EDITED = "edited"
    UNCHANGED = "unchanged"  # everything stood as asked already
    REPEATED = "already-there"  # this key was taken in before


class EditRefusal(StrEnum):
    """Why an edit was not made."""

    CONFLICT = "conflict"  # the activity is at another version than expected
    NOT_FOUND = "not-found"
    KEY_USED = "key-used"  # for another edit


@dataclass(frozen=True, slots=True, kw_only=True)
class Edited:
    """`version` is the activity's after this edit (for a repeated one: after it was made the first time)."""

    activity_id: int
    result: EditResult
    version: int


@dataclass(frozen=True, slots=True, kw_only=True)
class EditRefused:
    """`version` is the one the activity stands at now, None when there is no such activity."""

    activity_id: int
    refusal: EditRefusal
    version: int | None
    message: str
    hint: str


EditOutcome: TypeAlias = Edited | EditRefused


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyTaken:
    """What is remembered of an edit that was taken in under a client's key."""

    request: str
    activity_id: int
    version: int


def decided(
    edit: Edit, before: ActivityDetails | None, taken: KeyTaken | None, *, at: str, by: str
) -> tuple[EditOutcome, ActivityDetails | None]:
    """The outcome, and the details to be written where they change.

    `before` is None when there is no such activity, `taken` what the edit's key was used for. `at` is UTC RFC 3339.
    """
    if taken is not None:
        if taken.request == edit.request:
            return Edited(activity_id=taken.activity_id, result=EditResult.REPEATED, version=taken.version), None
        return _refused(
            edit,
            EditRefusal.KEY_USED,
            before,
            f"the key {edit.client_key!r} was used for another edit, of activity {taken.activity_id}",
            "Give each edit a key of its own.",
        ), None
    if before is None:
        words = f"there is no activity {edit.activity_id}"
        return _refused(edit, EditRefusal.NOT_FOUND, None, words, "`reconcile activities list` shows them."), None
    if edit.expected_version is not None and edit.expected_version != before.version:
        words = f"activity {edit.activity_id} is at version {before.version}, not {edit.expected_version}"
        return _refused(edit, EditRefusal.CONFLICT, before, words, "Read it again, decide again, and send a new edit."), None
    after = _with(before, edit)
    if after == before:
        return Edited(activity_id=edit.activity_id, result=EditResult.UNCHANGED, version=before.version), None
    after = replace(after, version=before.version + 1, edited_at=at, edited_by=by)
    return Edited(activity_id=edit.activity_id, result=EditResult.EDITED, version=after.version), after


def _with(before: ActivityDetails, edit: Edit) -> ActivityDetails:
    return replace(
        before,
        regarding=before.regarding if isinstance(edit.regarding, Keep) else edit.regarding,
        owner=before.owner if isinstance(edit.owner, Keep) else edit.owner,
        state=before.state if isinstance(edit.state, Keep) else edit.state,
        categories=before.categories if isinstance(edit.categories, Keep) else tuple(dict.fromkeys(edit.categories)),
        note=before.note if isinstance(edit.note, Keep) else edit.note,
    )


def _refused(edit: Edit, refusal: EditRefusal, before: ActivityDetails | None, message: str, hint: str) -> EditRefused:
    return EditRefused(
        activity_id=edit.activity_id, refusal=refusal, version=before.version if before else None, message=message, hint=hint
    )
