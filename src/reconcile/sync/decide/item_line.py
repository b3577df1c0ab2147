"""An edit of an appointment, contact or task as a CRM writes it: one JSON document, checked where it enters. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from reconcile.errors import UserError
from reconcile.model.activity_edit import KEEP
from reconcile.model.item import ItemKind
from reconcile.model.item_declared import not_kept
from reconcile.model.item_edit import AddItem, ChangeItem, ItemEdit, RemoveItem
from reconcile.model.item_json import ItemFormatError, loaded, loaded_columns
from reconcile.model.item_record import ItemState
from reconcile.sync.decide.edit_intake import LARGEST_ID, Line, Word, refused
from reconcile.sync.decide.intake_line import LineError, column, parsed
from reconcile.sync.decide.item_files import FilesIn, files_in

_ADDRESS = "Write the address of a mailbox, or of anybody: sales@contoso.example."


class ItemEditIn(BaseModel):
    """One line. Without `id` a new record; what is absent of a record stays, null clears."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)
    clientKey: Word | None = None
    id: Annotated[int, Field(ge=1, le=LARGEST_ID)] | None = None
    kind: Annotated[ItemKind, Field(strict=False)] | None = None
    expectedVersion: Annotated[int, Field(ge=1, le=LARGEST_ID)] | None = None
    owner: Line | None = None
    state: Annotated[ItemState, Field(strict=False)] | None = None
    set: dict[str, Any] | None = None
    delete: Literal[True] | None = None


def item_line(data: bytes, files: FilesIn | None = None) -> ItemEdit:
    """One line of a batch; it must bear a clientKey. Raises LineError."""
    text, fields = parsed(data)
    try:
        edit = item_edit(fields, files)
    except ValidationError as error:
        raise refused(error, text) from error
    except ItemFormatError as error:
        place = ("set", *error.path)
        found = ".".join(map(str, place))
        raise LineError(error.message, column=column(text, place), field=found, hint=error.hint) from error
    except LineError as error:
        raise LineError(error.message, column=column(text, (error.field,)), field=error.field, hint=error.hint) from error
    if not edit.client_key:
        raise LineError(
            "clientKey is missing", column=1, field="clientKey", hint="Give each edit a key of its own, so that it may be repeated."
        )
    return edit


def item_edit_from(fields: Mapping[str, Any], files: FilesIn | None = None) -> ItemEdit:
    """One edit from options of a command. Raises UserError."""
    try:
        return item_edit({name: one for name, one in fields.items() if one is not None}, files)
    except ValidationError as error:
        raise UserError(refused(error, "").message, hint="See `reconcile activities items --help`.") from error


def item_edit(fields: Mapping[str, Any], files: FilesIn | None = None) -> ItemEdit:
    """Raises ValidationError, ItemFormatError or LineError."""
    if isinstance(word := fields.get("kind"), str) and word not in tuple(ItemKind) and (why := not_kept(word)):
        raise LineError(why, column=1, field="kind")
    given = ItemEditIn.model_validate(fields)
    settings, contents = dict(given.set or {}), dict[str, bytes]()
    if given.kind is ItemKind.APPOINTMENT and "attachments" in settings:
        settings["attachments"], contents = files_in(settings["attachments"], files or FilesIn())
    if given.owner is not None and "@" not in given.owner:
        raise LineError(f"the owner {given.owner!a} is no address", column=1, field="owner", hint=_ADDRESS)
    key = given.clientKey or ""
    if given.delete:
        if given.id is None:
            raise LineError("what is deleted has an id", column=1, field="delete")
        return RemoveItem(item_id=given.id, expected_version=given.expectedVersion, client_key=key)
    if given.kind is None:
        raise LineError("kind is missing: appointment, contact or task", column=1, field="kind")
    if given.id is None:
        if not given.owner:
            raise LineError("a new record has an owner", column=1, field="owner", hint=_ADDRESS)
        item, owner, state = loaded(given.kind, settings), given.owner.strip().lower(), given.state or ItemState.OPEN
        return AddItem(item=item, owner=owner, state=state, client_key=key, files=contents)
    columns = loaded_columns(given.kind, settings)
    if not columns and given.owner is None and given.state is None:
        raise LineError("nothing is set", column=1, field="set", hint="Give set, owner or state.")
    return ChangeItem(
        item_id=given.id,
        kind=given.kind,
        columns=columns,
        owner=KEEP if given.owner is None else given.owner.strip().lower(),
        state=KEEP if given.state is None else given.state,
        expected_version=given.expectedVersion,
        client_key=key,
        files=contents,
    )
