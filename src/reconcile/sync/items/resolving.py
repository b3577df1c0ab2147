"""Putting back what a record had before a mailbox was followed: an edit like any other."""

from __future__ import annotations

import json
from collections.abc import Mapping
from contextlib import suppress
from datetime import datetime

from reconcile.errors import PreconditionFailed, UserError
from reconcile.model.item import Attachment, Value
from reconcile.model.item_conflict import ItemConflict
from reconcile.model.item_edit import ChangeItem, ItemEditRefused
from reconcile.model.item_field import by_name
from reconcile.model.item_restored import restored_value
from reconcile.ports.item_store import ItemStore


def put_back(store: ItemStore, conflict: ItemConflict, *, at: datetime, by: str) -> None:
    """Raises UserError where there is nothing to be put back, PreconditionFailed where the record is gone."""
    if not conflict.field:
        raise UserError(
            f"conflict {conflict.id} is about a deletion: the version that was edited is kept already",
            hint="Resolve it without --ours; `reconcile activities items relink` ties the item again.",
        )
    names = by_name(conflict.kind)[conflict.field].columns
    columns = {name: restored_value(conflict.kind, name, one) for name, one in zip(names, json.loads(conflict.ours), strict=True)}
    edit = ChangeItem(item_id=conflict.record_id, kind=conflict.kind, columns=columns, files=_files(store, columns))
    (outcome,) = store.edit([edit], at=at, by=by)
    if isinstance(outcome, ItemEditRefused):
        raise PreconditionFailed(outcome.message, hint=outcome.hint)


def _files(store: ItemStore, columns: Mapping[str, Value]) -> dict[str, bytes]:
    """Bytes of attachments that come back, as far as they are still there."""
    found = dict[str, bytes]()
    attachments = columns.get("attachments")
    for one in attachments if isinstance(attachments, tuple) else ():
        if isinstance(one, Attachment):
            with suppress(KeyError):
                found[one.digest] = store.blob(one.digest)
    return found
