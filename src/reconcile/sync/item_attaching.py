"""Files put on a record and taken off it: an edit like any other, from the version that is there."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import field
from typing import Final

from reconcile.errors import PreconditionFailed, UserError
from reconcile.lazy_dataclass import dataclass
from reconcile.model.activity_edit import EditRefusal
from reconcile.model.item import Appointment, Attachment, ItemKind
from reconcile.model.item_edit import ChangeItem, ItemEdited
from reconcile.ports.clock import Clock
from reconcile.ports.item_store import ItemStore

#: So often it is tried again from a newer version.
_AGAIN: Final = 10
_DIGEST: Final = re.compile(r"[0-9a-f]{8,64}")


@dataclass(frozen=True, slots=True, kw_only=True)
class FileChange:
    """`add` (with `contents` by digest) takes the place of what has the same name; `remove` are names, or the beginnings of digests."""

    add: Sequence[Attachment] = ()
    contents: Mapping[str, bytes] = field(default_factory=dict, repr=False)
    remove: Sequence[str] = ()


def change_files(store: ItemStore, item_id: int, change: FileChange, *, expect: int | None, clock: Clock, by: str) -> ItemEdited:
    """Durable when it returns. Raises UserError for what is not there and for a kind without files, PreconditionFailed where the
    record is not at version `expect`, or is edited again and again."""
    for _ in range(_AGAIN):
        record = store.item(item_id)
        if record is None:
            raise UserError(f"there is no item {item_id}", hint="`reconcile activities items list` shows them.")
        if not isinstance(record.item, Appointment):
            raise UserError(f"item {item_id} is a {record.kind}: only appointments have attachments", hint="Name an appointment.")
        after = _after(record.item.attachments, change, item_id)
        edit = ChangeItem(
            item_id=item_id,
            kind=ItemKind.APPOINTMENT,
            columns={"attachments": after},
            expected_version=record.version if expect is None else expect,
            files=change.contents,
        )
        (outcome,) = store.edit([edit], at=clock.now(), by=by)
        if isinstance(outcome, ItemEdited):
            return outcome
        if outcome.refusal is not EditRefusal.CONFLICT or expect is not None:
            raise PreconditionFailed(outcome.message, hint=outcome.hint)
    raise PreconditionFailed(f"item {item_id} is edited again and again by somebody else", hint="Try again.")


def _after(there: Sequence[Attachment], change: FileChange, item_id: int) -> tuple[Attachment, ...]:
    left = list(there)
    for word in change.remove:
        found = [one for one in left if one.filename == word] or [
            one for one in left if _DIGEST.fullmatch(word) and one.digest.startswith(word)
        ]
        if not found:
            names = ", ".join(repr(one.filename[:80]) for one in left) or "none"
            raise UserError(f"item {item_id} has no attachment {word!r}", hint=f"It has {names}.")
        left = [one for one in left if one not in found]
    new = {one.filename for one in change.add}
    return tuple(sorted({*(one for one in left if one.filename not in new), *change.add}))
