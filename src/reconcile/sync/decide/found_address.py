"""Looking one address up, by the rules that incoming mail goes by."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from reconcile.model.found_address import FoundAddress
from reconcile.model.mail_address import comparable
from reconcile.model.party import PartyRow
from reconcile.ports.target import AppliedResource
from reconcile.sync.decide.resolution import AddressBook, ResolutionRules, mailbox_rows, resolve_recipient, resolve_sender


def found_address(
    address: str, rows: Mapping[str, Sequence[PartyRow]], resources: Sequence[AppliedResource], tracking_user: str
) -> FoundAddress:
    """`rows` are the directory's by the address as it was asked for, `resources` what is applied, `tracking_user` as for
    `resolve_sender`."""
    form = comparable(address)
    own = mailbox_rows(resources)
    rules = ResolutionRules.of(next((one.spec for one in resources if one.kind == "Organization"), {}))
    at = AddressBook(rows={form: rows.get(address, ())}, own=own).at(form)
    sender, sender_why = resolve_sender(at, rules, tracking_user=tracking_user)
    recipients, recipients_why = resolve_recipient(at, rules)
    mine = own.get(form)
    return FoundAddress(
        address=form,
        rows=tuple(at),
        mailbox=mine.ref if mine is not None and any(row is mine for row in at) else None,
        sender=sender.ref if sender else None,
        sender_why=sender_why,
        recipients=tuple(row.ref for row in recipients),
        recipients_why=recipients_why,
    )
