"""Which rows stand behind the addresses of a message: one for the sender, all for a recipient (Power Platform: "Associate an email address
with a row", 2025-11-04, and "Email message filtering and correlation"; docs/adr/0026 for what they leave open or say differently).

A batch goes so: `forms_of` its headers, one question to the directory, an `AddressBook` of the answer, `resolved` for each message.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import field, replace
from hashlib import sha256
from typing import Final

from reconcile.lazy_dataclass import dataclass
from reconcile.model.canonical import Leaf
from reconcile.model.mail_address import comparable, parse_address
from reconcile.model.message import MessageHeader, Party
from reconcile.model.party import MADE_FROM_MAIL, MOST_ROWS, PartyRef, PartyRow, PartyType
from reconcile.model.tracking import ResolvedAddress
from reconcile.ports.target import AppliedResource

#: Whose row a sender is, where several types have the address. The product names these; a queue is one of its "other tables".
SENDER_ORDER: Final = (
    PartyType.USER,
    PartyType.CONTACT,
    PartyType.ACCOUNT,
    PartyType.LEAD,
    PartyType.EQUIPMENT,
    PartyType.TEAM,
    PartyType.BUSINESS_UNIT,
    PartyType.QUEUE,
    PartyType.OTHER,
)
#: Why nobody stands behind an address.
NO_ROW: Final = "no row has this address"
_RANK: Final = {type_: rank for rank, type_ in enumerate(SENDER_ORDER)}


@dataclass(frozen=True, slots=True, kw_only=True)
class ResolutionRules:
    """addressResolution.* of the Organization. `create_contact` is off unless declared (docs/adr/0026)."""

    unresolve_recipients_on_multiple_match: bool = False
    unresolve_sender_on_multiple_match: bool = False
    resolve_for_inactive: bool = False
    create_contact: bool = False

    @classmethod
    def of(cls, organization: Mapping[str, Leaf]) -> ResolutionRules:
        """From the applied fields of the Organization ({} where there is none)."""

        def says(name: str) -> bool:
            return organization.get(f"addressResolution.{name}") is True

        return cls(
            unresolve_recipients_on_multiple_match=says("unresolveRecipientsOnMultipleMatch"),
            unresolve_sender_on_multiple_match=says("unresolveSenderOnMultipleMatch"),
            resolve_for_inactive=says("resolveForInactive"),
            create_contact=says("createContactForUnknownSender"),
        )


def mailbox_rows(resources: Iterable[AppliedResource]) -> Mapping[str, PartyRow]:
    """A user or queue for each applied mailbox, by comparable address: a small estate works without any directory. The id is the
    mailbox's own, the filter the declared one. A forward mailbox belongs to nobody."""
    found: dict[str, PartyRow] = {}
    for each in resources:
        address, type_ = each.spec.get("emailAddress"), each.spec.get("type") or "user"
        if each.kind != "Mailbox" or not isinstance(address, str) or type_ not in ("user", "queue"):
            continue
        address = comparable(address)
        found[address] = PartyRow(
            ref=PartyRef(type=PartyType(str(type_)), id=each.external_id, name=str(each.spec.get("displayName") or each.name)),
            addresses=(address,),
            active=each.spec.get("state") != "inactive",
            owner=str(each.spec.get("owner") or ""),
            filter=str(each.spec.get("filter") or ""),
        )
    return found


def forms_of(headers: Sequence[MessageHeader]) -> dict[str, str]:
    """What to ask the directory for: each address of sender and recipients as it is written, and the form in which it is compared."""
    written = {party.address for header in headers for parties in (header.to, header.cc, header.bcc) for party in parties}
    written.update(header.sender.address for header in headers if header.sender is not None)
    return {address: comparable(address) for address in written if address}


@dataclass(frozen=True, slots=True, kw_only=True)
class AddressBook:
    """What is known of the addresses of a batch. `rows` are the directory's by comparable address, `own` are `mailbox_rows`."""

    rows: Mapping[str, Sequence[PartyRow]] = field(default_factory=dict)
    own: Mapping[str, PartyRow] = field(default_factory=dict)

    def at(self, address: str) -> Sequence[PartyRow]:
        """All rows with this address, active and inactive, in the order a sender is looked for. An applied mailbox stands for its user or
        queue where the directory has no row of that type for the address."""
        address = comparable(address)
        known, own = self.rows.get(address, ()), self.own.get(address)
        if own is None and len(known) < 2:
            return known
        found = list(known)
        if own is not None and not any(row.ref.type is own.ref.type for row in found):
            found.append(own)
        return sorted(found, key=lambda row: (_RANK[row.ref.type], row.ref.id)) if len(found) > 1 else found


@dataclass(frozen=True, slots=True, kw_only=True)
class ResolvedRows:
    """Rows of one recipient; `field` is to, cc or bcc, `address` is as the header wrote it."""

    field: str
    address: str
    rows: tuple[PartyRow, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Resolved:
    """A message's people. `sender` is None where its address stays unresolved; `why` says how that came about, in words for people."""

    sender_address: str
    sender: PartyRow | None
    why: str
    recipients: tuple[ResolvedRows, ...]

    def addresses(self) -> tuple[ResolvedAddress, ...]:
        """As it is stored: from, to, cc, bcc."""
        sender = (self.sender.ref,) if self.sender else ()
        first = (ResolvedAddress(field="from", address=self.sender_address, rows=sender),) if self.sender_address else ()
        return first + tuple(
            ResolvedAddress(field=each.field, address=each.address, rows=tuple(row.ref for row in each.rows)) for each in self.recipients
        )


def resolved(header: MessageHeader, book: AddressBook, rules: ResolutionRules, *, tracking_user: str = "") -> Resolved:
    """`tracking_user` is the id of the user whose mailbox is being processed, or who owns the queue ("" where nobody is known)."""
    sender = header.sender.address if header.sender else ""
    row, why = resolve_sender(book.at(sender) if sender else (), rules, tracking_user=tracking_user)
    recipients = [
        ResolvedRows(field=name, address=party.address, rows=resolve_recipient(book.at(party.address), rules)[0])
        for name, parties in (("to", header.to), ("cc", header.cc), ("bcc", header.bcc))
        for party in parties
        if party.address
    ]
    return Resolved(sender_address=sender, sender=row, why=why, recipients=tuple(recipients))


def resolve_sender(rows: Sequence[PartyRow], rules: ResolutionRules, *, tracking_user: str = "") -> tuple[PartyRow | None, str]:
    """Exactly one row or none, and why, in words. `rows` are those of the address, as `AddressBook.at` gives them.

    A row that the tracking user owns goes before all others, also before a user's; then the order of types, then of ids.
    """
    if len(rows) > MOST_ROWS:
        return None, f"more than {MOST_ROWS} rows have this address"
    if len(rows) > 1 and rules.unresolve_sender_on_multiple_match:
        return None, f"{len(rows)} rows have this address (addressResolution.unresolveSenderOnMultipleMatch)"
    found, why = _standing(rows, rules)
    if len(found) < 2:
        return (found[0] if found else None), why

    def place(row: PartyRow) -> tuple[bool, int, str]:
        return not (tracking_user and row.owner == tracking_user), _RANK[row.ref.type], row.ref.id

    first = min(found, key=place)
    owned = not place(first)[0] and not all(row.owner == tracking_user for row in found)
    return first, f"the tracking user owns it, of {len(found)} rows" if owned else f"first of {len(found)} rows by type, then by id"


def resolve_recipient(rows: Sequence[PartyRow], rules: ResolutionRules) -> tuple[tuple[PartyRow, ...], str]:
    """Every matching row, and why, in words."""
    if not rows:
        return (), NO_ROW
    if len(rows) > MOST_ROWS:
        return (), f"more than {MOST_ROWS} rows have this address"
    if len(rows) > 1 and rules.unresolve_recipients_on_multiple_match:
        return (), f"{len(rows)} rows have this address (addressResolution.unresolveRecipientsOnMultipleMatch)"
    found, why = _standing(rows, rules)
    return tuple(found), why if len(found) < 2 else f"all {len(found)} rows with this address"


def _standing(rows: Sequence[PartyRow], rules: ResolutionRules) -> tuple[Sequence[PartyRow], str]:
    """The active rows. Where there are none: the only row, or all of them if that is asked for; never a user that is not active."""
    if not rows:
        return (), NO_ROW
    active = [row for row in rows if row.active]
    if active:
        return active, "the only row with this address" if len(rows) == 1 else "the only active row with this address"
    rest = [row for row in rows if row.ref.type is not PartyType.USER]
    if not rest:
        return (), "only a user that is not active has this address"
    if len(rows) == 1:
        return rest, "the only row with this address, though it is not active"
    if rules.resolve_for_inactive:
        return rest, "only inactive rows have this address (addressResolution.resolveForInactive)"
    return (), f"{len(rows)} rows have this address, and none is active"


def introduced(people: Resolved, sender: Party | None, book: AddressBook, rules: ResolutionRules) -> tuple[Resolved, PartyRow | None]:
    """Of a message that is tracked: its people, and the contact to be made for its sender where that is asked for and no row has the
    address, active or not."""
    if not rules.create_contact or sender is None or people.sender is not None or book.at(sender.address):
        return people, None
    try:
        parse_address(sender.address)
    except ValueError:
        return people, None
    contact = contact_for(sender)
    return replace(people, sender=contact, why="a contact was made for an unknown sender"), contact


def contact_for(sender: Party) -> PartyRow:
    """The row that is made for an unknown sender: the same for the same address, however often it is made."""
    address = comparable(sender.address)
    name = "".join(character for character in sender.name or sender.address if character.isprintable())[:200].strip()
    ref = PartyRef(type=PartyType.CONTACT, id=f"mail-{sha256(address.encode()).hexdigest()[:32]}", name=name)
    return PartyRow(ref=ref, addresses=(address,), origin=MADE_FROM_MAIL)
