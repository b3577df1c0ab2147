"""Why a record that no mailbox was ever tied to is in none. Pure."""

from __future__ import annotations

from collections.abc import Sequence

from reconcile.model.item import Appointment
from reconcile.model.item_record import Record
from reconcile.model.mail_address import same_mailbox
from reconcile.sync.decide.item_mailboxes import FIELD, KeptInStep, NotKept
from reconcile.sync.decide.two_way_scope import in_scope


def why_nowhere(record: Record, mailboxes: Sequence[KeptInStep | NotKept]) -> str:
    """`mailboxes` are those that ask for appointments, contacts and tasks (`item_mailboxes`)."""
    kept = [one for one in mailboxes if isinstance(one, KeptInStep)]
    wanting = [one for one in kept if in_scope(record, one.reach.address, one.rules, linked=False)]
    if wanting and isinstance(record.item, Appointment):
        if not record.item.organizer:
            return "it has no organizer, and an appointment goes to its organizer's mailbox only"
        wanting = [one for one in wanting if same_mailbox(one.reach.address, record.item.organizer)]
        if not wanting:
            return f"{record.item.organizer} organizes it: it comes to other mailboxes by invitation"
    if wanting:
        names = ", ".join(sorted(one.reach.name for one in wanting))
        return f"it goes with the next look of `reconcile sync` to {names}, unless that look failed: `reconcile status` says so"
    for one in mailboxes:
        if isinstance(one, NotKept) and same_mailbox(one.address, record.owner):
            return f"mailbox {one.name} is not kept in step: {one.condition.message}"
    owners = [one.reach.name for one in kept if same_mailbox(one.reach.address, record.owner)]
    if owners:
        return f"no filter wants it in {owners[0]}: without linkedItems.filters, what is open goes out"
    return f"no applied mailbox with the address of its owner asks for it ({FIELD}: server-side)"
