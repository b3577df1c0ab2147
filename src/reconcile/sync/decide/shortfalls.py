"""What mailboxes would not do if rows were applied as given: the decisions of `eligible` and `submission`, asked before an apply."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence

from reconcile.model.condition import Condition
from reconcile.model.key import Key
from reconcile.model.shortfall import Effect, FutureRow, Shortfall
from reconcile.ports.target import AppliedResource
from reconcile.sync.decide.eligible import IdleMailbox, left_out, receiving_mailboxes
from reconcile.sync.decide.folder_tracking import FIELD
from reconcile.sync.decide.items_asked import items_asked
from reconcile.sync.decide.permitted import NOTHING_SAID, Permits
from reconcile.sync.decide.submission import SilentMailbox, sending_setup

_AROUND = ("EmailServerProfile", "Organization")


def shortfalls(rows: Sequence[FutureRow], mailboxes: Collection[Key], permits: Permits = NOTHING_SAID) -> list[Shortfall]:
    """For each of `mailboxes` what it is asked for and will not do. What its own document turns off is not missed.

    `permits` name mailboxes by the text of their key."""
    applied = [_applied(row) for row in rows if row.key.kind in _AROUND or row.key in mailboxes]
    found: list[Shortfall] = []
    for receiving in receiving_mailboxes(applied, now="", permits=permits):
        if isinstance(receiving, IdleMailbox):
            found += _of(Key.parse(receiving.mailbox_id), Effect.INCOMING, receiving.conditions[0])
            continue
        for condition in receiving.conditions:
            if condition.field == FIELD:
                found += _of(Key.parse(receiving.mailbox_id), Effect.FOLDERS, condition)
    for external_id, sending in sending_setup(applied, now="", permits=permits).mailboxes.items():
        if isinstance(sending, SilentMailbox):
            found += _of(Key.parse(external_id), Effect.OUTGOING, sending.condition)
    profiles = {one.name: one for one in applied if one.kind == "EmailServerProfile"}
    organization = next((one for one in applied if one.kind == "Organization"), None)
    for one in applied:
        if one.kind == "Mailbox" and one.spec.get("state") != "inactive":
            slug = one.spec.get("profile") or (organization.spec.get("defaults.profile") if organization else None)
            for owner, path, message in left_out(profiles.get(str(slug))):
                mailbox, whose = Key.parse(one.external_id), Key.parse(owner.external_id)
                found.append(Shortfall(mailbox=mailbox, effect=Effect(path), owner=whose, field=path, type="Unsupported", message=message))
    if items_asked(applied):
        from reconcile.sync.decide.item_mailboxes import NotKept, item_mailboxes

        for missing in item_mailboxes(applied, now="", permits=permits):
            if isinstance(missing, NotKept):
                found += _of(Key.parse(missing.mailbox_id), Effect.APPOINTMENTS, missing.condition)
    return found


def _applied(row: FutureRow) -> AppliedResource:
    # A place is looked up only for what is told in the end, so the key stands where file:line would.
    key = str(row.key)
    return AppliedResource(kind=row.key.kind, name=row.key.name, external_id=key, spec=row.spec, origins={"": key})


def _of(mailbox: Key, effect: Effect, condition: Condition) -> Iterator[Shortfall]:
    owner = Key.parse(condition.origin)
    if condition.type == "Off" and owner == mailbox:
        return
    yield Shortfall(mailbox=mailbox, effect=effect, owner=owner, field=condition.field, type=condition.type, message=condition.message)
