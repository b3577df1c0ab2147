"""A number that names nothing which could be purged, and why."""

from __future__ import annotations

from typing import TYPE_CHECKING

from reconcile.errors import UserError

if TYPE_CHECKING:
    from reconcile.model.purge import PurgeSelection
    from reconcile.store.sqlite.database import Database


def nothing_to_purge(database: Database, selection: PurgeSelection) -> UserError:
    """What to say of a single number with which nothing would go."""
    from reconcile.wiring.mail import outbox_reader

    if selection.item_id is not None:
        return UserError(
            f"there is no item {selection.item_id}", hint="`reconcile activities items list` shows them; it may have been purged."
        )
    if selection.activity_id is not None:
        return UserError(
            f"there is no activity {selection.activity_id}", hint="`reconcile activities list` shows them; it may have been purged."
        )
    mail = selection.outgoing_id
    entry = outbox_reader(database).entry(mail) if mail is not None else None
    if entry is None:
        return UserError(f"there is no mail {mail} in the outbox", hint="`reconcile outbox list` shows them; it may have been purged.")
    return UserError(
        f"mail {mail} is {entry.state}, and only what is sent or failed for good can be purged",
        hint=f"Settle it first: `reconcile outbox show {mail}` says how; `reconcile outbox withdraw {mail}` takes back what waits.",
    )
