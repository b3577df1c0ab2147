"""What is applied in an environment's store, and how its mailboxes are called."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from reconcile.ports.applied import AppliedState
    from reconcile.store.sqlite.database import Database


def applied_state(database: Database | None) -> AppliedState:
    """What sync works from. A missing store reads as empty."""
    from reconcile.store.sqlite.resources import SqliteResources

    return SqliteResources(database)


def mailbox_names(database: Database | None) -> dict[str, tuple[str, str]]:
    """(slug, address) of each applied mailbox by its id."""
    applied = (one for one in applied_state(database).resources() if one.kind == "Mailbox")
    return {one.external_id: (one.name, str(one.spec.get("emailAddress", ""))) for one in applied}
