"""An edit of a tracked e-mail as a CRM writes it, checked where it enters."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError

from reconcile.errors import UserError
from reconcile.model.activity_details import ActivityState, Regarding
from reconcile.model.activity_edit import KEEP, Edit
from reconcile.model.mail_address import has_control_characters
from reconcile.sync.decide.intake_line import LineError, column, parsed

#: What SQLite numbers rows with.
LARGEST_ID = (1 << 63) - 1


def _one_line(value: str) -> str:
    if has_control_characters(value):
        raise ValueError("has a line break or another control character")
    return _text(value)


def _text(value: str) -> str:
    if "\0" in value or any("\ud800" <= character <= "\udfff" for character in value):
        raise ValueError("has characters that are no text (a NUL or half a surrogate pair)")
    return value


Word = Annotated[str, Field(min_length=1, max_length=200), AfterValidator(_one_line)]
Line = Annotated[str, Field(max_length=200), AfterValidator(_one_line)]
_STRICT = ConfigDict(frozen=True, extra="forbid", strict=True)


class RegardingIn(BaseModel):
    """The record an e-mail is about."""

    model_config = _STRICT
    type: Word
    id: Word
    name: Line = ""


class EditIn(BaseModel):
    """One line of `activities import`. What is absent stays as it is; null clears."""

    model_config = _STRICT
    clientKey: Word | None = None
    id: Annotated[int, Field(ge=1, le=LARGEST_ID)]
    expectedVersion: Annotated[int, Field(ge=1, le=LARGEST_ID)] | None = None
    regarding: RegardingIn | None = None
    owner: Line | None = None
    state: Annotated[ActivityState, Field(strict=False)] | None = None
    categories: Annotated[list[Word], Field(max_length=100)] | None = None
    note: Annotated[str, Field(max_length=10_000), AfterValidator(_text)] | None = None


_SETTABLE = frozenset({"regarding", "owner", "state", "categories", "note"})


def edit_line(data: bytes) -> Edit:
    """One line of a batch; it must bear a clientKey. Raises LineError."""
    text, fields = parsed(data)
    try:
        edit = _edit(EditIn.model_validate(fields))
    except ValidationError as error:
        raise refused(error, text) from error
    if not edit.client_key:
        raise LineError(
            "clientKey is missing", column=1, field="clientKey", hint="Give each edit a key of its own, so that it may be repeated."
        )
    if not _SETTABLE & fields.keys():
        raise LineError("nothing is set", column=1, hint=f"Give at least one of {', '.join(sorted(_SETTABLE))}.")
    return edit


def edit_from(fields: Mapping[str, Any]) -> Edit:
    """One edit from options of a command; it may be without a key. Raises UserError."""
    try:
        return _edit(EditIn.model_validate(fields))
    except ValidationError as error:
        found = refused(error, "")
        raise UserError(found.message, hint="See `reconcile activities edit --help`.") from error


def refused(error: ValidationError, text: str) -> LineError:
    """The first thing that a model found wrong, with its column in the line."""
    first = error.errors(include_url=False, include_context=False)[0]
    # Members of unions are no part of what was written.
    path = [step for step in first["loc"] if isinstance(step, int) or not step.startswith(("function-", "constrained-", "list["))]
    field = ".".join(map(str, path))
    words = first["msg"].removeprefix("Value error, ")
    message = f"{field}: {words[:1].lower()}{words[1:]}" if field else words
    place = path[:-1] if first["type"] == "missing" else path
    hint = (
        "docs/api.md lists the fields." if first["type"] in ("missing", "extra_forbidden") else "Mend the value and hand the line in again."
    )
    return LineError(message, column=column(text, place) if text else 1, field=field, hint=hint)


def _edit(given: EditIn) -> Edit:
    set_ = given.model_fields_set
    about = given.regarding
    return Edit(
        activity_id=given.id,
        client_key=given.clientKey or "",
        expected_version=given.expectedVersion,
        regarding=KEEP if "regarding" not in set_ else Regarding(type=about.type, id=about.id, name=about.name) if about else None,
        owner=(given.owner or "") if "owner" in set_ else KEEP,
        state=(given.state or ActivityState.OPEN) if "state" in set_ else KEEP,
        categories=tuple(given.categories or ()) if "categories" in set_ else KEEP,
        note=(given.note or "") if "note" in set_ else KEEP,
    )
