"""Decides about the messages of one look at one mailbox: asks directory and correlation once a batch, and puts the answers into words."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from datetime import datetime
from typing import Final, TypeAlias

from reconcile.errors import Unavailable
from reconcile.lazy_dataclass import dataclass
from reconcile.model.activity_details import Regarding
from reconcile.model.mail_address import comparable
from reconcile.model.mail_clues import MailClues
from reconcile.model.message import MessageHeader
from reconcile.model.party import PartyRow, PartyType
from reconcile.model.queue_item import NewQueueItem
from reconcile.model.remote_id import RemoteId
from reconcile.model.tracked_folder import TrackedFolder
from reconcile.model.tracking import Correlation, Decision, MailRef, Outcome, Tracking
from reconcile.ports.applied import AppliedState
from reconcile.ports.clock import Clock
from reconcile.ports.correlation import CorrelationLookup
from reconcile.ports.party_directory import PartyReader
from reconcile.sync.correlating import Correlator
from reconcile.sync.decide.acceptance import Filter, Known, Recipient, Verdict, accept, takes
from reconcile.sync.decide.acceptors import Acceptors, OwnMailbox, acceptors
from reconcile.sync.decide.correlation import Surroundings
from reconcile.sync.decide.internal_mail import internal_refusal
from reconcile.sync.decide.ownership import mail_owner
from reconcile.sync.decide.queue_items import queue_items
from reconcile.sync.decide.resolution import NO_ROW, AddressBook, Resolved, forms_of, introduced, resolved
from reconcile.sync.decide.signals import Signals, signals


@dataclass(frozen=True, slots=True, kw_only=True)
class Candidate:
    """A message to decide about. `block` is its header as bytes (b"" where no rule asks for it), `received` is UTC RFC 3339. `folder` is
    the tracked folder it lies in, "" for the inbox."""

    remote_id: RemoteId
    header: MessageHeader
    block: bytes
    received: str
    folder: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Decided:
    """See `Arrival`. `decision` is None where nothing needs to be remembered: tracked because its mailbox takes all mail."""

    accepted: bool
    decision: Decision | None
    tracking: Tracking | None = None
    clues: MailClues | None = None
    queue_items: Sequence[NewQueueItem] = ()
    more_queue_items: Sequence[NewQueueItem] = ()
    contact: PartyRow | None = None
    held_for: str = ""
    regarding: Regarding | None = None


_TRACKED = Decided(accepted=True, decision=None)
_NOBODY: Final[frozenset[str]] = frozenset()
#: Strangers for whom the verdict is remembered.
_MOST_STRANGERS: Final = 2_000


class Decider:
    """For one look at one mailbox."""

    def __init__(
        self, mailbox_id: str, acceptors: Acceptors, *, parties: PartyReader, directory: bool, correlation: CorrelationLookup, now: datetime
    ) -> None:
        """`directory` tells whether `parties` has any row; where it has none, nobody asks it."""
        self._mailbox_id = mailbox_id
        self._acceptors = acceptors
        self._parties = parties
        self._directory = directory
        self._lookup = correlation
        self._at = now.strftime("%Y-%m-%dT%H:%M:%SZ")
        self._own: OwnMailbox = acceptors.by_id[mailbox_id]
        self._address = comparable(self._own.address)
        self._book = AddressBook(own=acceptors.rows)
        around = Surroundings(ours=acceptors.addresses, parties=lambda address: self._book.at(address))
        self._correlator = Correlator(correlation, acceptors.correlation, around, now=now)
        self._row = self._own_row()
        #: Whether the mail in it is other people's, forwarded as attachment.
        self.unwraps = self._own.type == "forward"
        rules = acceptors.rules
        barring = rules.track_by_hand or rules.ignore_automatic or rules.skip_rights_managed or acceptors.internal.asks
        #: Whether a header may be reason enough not to read the rest.
        self.header_first = not self.unwraps and (barring or self._filter(self._own) is not Filter.ALL)
        #: Whether a rule looks at more of a header than its addresses.
        self.needs_block = barring
        self._attaching = self.unwraps or directory or acceptors.has_queues or acceptors.resolution.create_contact
        #: Whether a message that has to do with nobody here is refused for that alone.
        self._refuses_strangers = self.header_first and not barring
        #: Written addresses of this batch behind which somebody is known.
        self._met: Collection[str] = _NOBODY
        self._strangers: dict[str, Verdict] = {}

    def decide(self, candidates: Sequence[Candidate], generation: int) -> list[Decided]:
        """One answer each, in order."""
        headers = [candidate.header for candidate in candidates]
        forms = forms_of(headers) if self._directory or self._refuses_strangers else {}
        if self._directory:
            self._book = AddressBook(rows=self._parties.by_address({*forms.values(), self._address}), own=self._acceptors.rows)
        if self._refuses_strangers:
            rows, own = self._book.rows, self._acceptors.by_address
            self._met = {written for written, form in forms.items() if form in rows or form in own}
        self._correlator.look_up(headers)
        ours = self._sent_by_us(headers)
        one = self._stranger if self._refuses_strangers else self._one if self._attaching or self.header_first else self._plain
        return [one(candidate, ours, generation) for candidate in candidates]

    def _plain(self, candidate: Candidate, ours: dict[str, MailRef], generation: int) -> Decided:
        """Where all mail is tracked and nobody is known: what it belongs to is all there is to find."""
        header = candidate.header
        if header.message_id in ours or header.loops or candidate.folder:
            return self._one(candidate, ours, generation)
        correlation = self._correlator.correlation(header)
        if correlation is None and self._correlator.unbelieved(header):
            return self._one(candidate, ours, generation)
        clues = self._correlator.clues(header, received=candidate.received)
        self._correlator.taken(
            header, clues, received=candidate.received, regarding=correlation.regarding if correlation else None, owner=""
        )
        if correlation is None and clues is None:
            return _TRACKED
        return Decided(accepted=True, decision=None, tracking=Tracking(correlation=correlation) if correlation else None, clues=clues)

    def _stranger(self, candidate: Candidate, ours: dict[str, MailRef], generation: int) -> Decided:
        """Most of what a filter keeps out neither names nor comes from anybody who is known, and answers nothing: the verdict hangs on
        its sender's address alone. It is `_one`'s, made once for each address."""
        header, met = candidate.header, self._met
        sender = header.sender.address if header.sender else ""
        if (
            sender in met
            or header.loops
            or candidate.folder
            or any(party.address in met for parties in (header.to, header.cc, header.bcc) for party in parties)
            or not self._correlator.is_alone(header)
        ):
            return self._one(candidate, ours, generation)
        verdict = self._strangers.get(sender)
        if verdict is None:
            if len(self._strangers) >= _MOST_STRANGERS:
                self._strangers.clear()
            people = Resolved(sender_address=sender, sender=None, why=NO_ROW, recipients=())
            verdict = accept(self._processed(people), Known(sender=sender, sender_why=NO_ROW), self._acceptors.rules)
            self._strangers[sender] = verdict
        return Decided(accepted=False, decision=self._decision(candidate, verdict, sender, generation))

    def _one(self, candidate: Candidate, ours: dict[str, MailRef], generation: int) -> Decided:
        acceptors, correlation = self._acceptors, self._correlator.correlation(candidate.header)
        header, marks = candidate.header, signals(candidate.block) if candidate.block and acceptors.rules.asks_signals else Signals()
        people = resolved(header, self._book, acceptors.resolution, tracking_user=self._tracking_user())
        mailbox = self._processed(people)
        folder = self._own.folders.get(candidate.folder)
        known = Known(
            sender=people.sender_address,
            sender_row=people.sender.ref if people.sender else None,
            sender_why=people.why,
            recipients=self._recipients(people),
            reply_to=f"{correlation.method}: {correlation.clue}" if correlation else "",
            unbelieved="" if correlation else self._correlator.unbelieved(header),
            direct=self._direct(people) if self.unwraps else "",
            own=self._circled(people.sender_address, header, ours),
            automatic=marks.automatic,
            rights_managed=marks.rights_managed,
            internal=internal_refusal(
                sender=people.sender, recipient=self._row, sent_copy=header.message_id in ours, rules=acceptors.internal
            ),
            folder=str(folder) if folder is not None else "",
        )
        verdict = accept(mailbox, known, acceptors.rules)
        decision = self._decision(candidate, verdict, people.sender_address, generation)
        if not verdict.accepted:
            return Decided(accepted=False, decision=decision)
        return self._accepted(candidate, mailbox, known, verdict, decision, people, correlation, folder)

    def _accepted(
        self,
        candidate: Candidate,
        mailbox: Recipient,
        known: Known,
        verdict: Verdict,
        decision: Decision,
        people: Resolved,
        correlation: Correlation | None,
        folder: TrackedFolder | None,
    ) -> Decided:
        header, by = candidate.header, verdict.by
        assert by is not None
        filed = folder.regarding if folder is not None else None
        owner = None
        items: tuple[NewQueueItem, ...] = ()
        more: tuple[NewQueueItem, ...] = ()
        people, contact = introduced(people, header.sender, self._book, self._acceptors.resolution)
        if self._attaching:
            owner, _ = mail_owner(
                people.recipients, correlated_owner=correlation.owner if correlation else "", sender=people.sender, mailbox=self._row
            )
            taking = [row for each in known.recipients if takes(each.filter, known) and (row := self._row_of(each)) is not None]
            synchronizing = self._row if takes(mailbox.filter, known) else None
            rules = self._acceptors.queues
            first = self._row_of(by)
            items = queue_items(accepted_by=first, accepting=taking, synchronizing=synchronizing, tracked_before=False, rules=rules)
            more = queue_items(accepted_by=first, accepting=taking, synchronizing=synchronizing, tracked_before=True, rules=rules)
        clues = self._correlator.clues(header, received=candidate.received)
        self._correlator.taken(
            header,
            clues,
            received=candidate.received,
            regarding=filed or (correlation.regarding if correlation else None),
            owner=owner.id if owner else "",
        )
        tracking = Tracking(
            accepted_by=by.party if self._attaching else None,
            correlation=correlation,
            owner=owner,
            addresses=people.addresses() if self._attaching else (),
            queue_items=tuple(item.queue for item in items),
            forwarded_by=self._own.name if self.unwraps else "",
        )
        return Decided(
            accepted=True,
            decision=None if by.processed and by.filter is Filter.ALL and not known.unbelieved and folder is None else decision,
            tracking=None if tracking == Tracking() else tracking,
            clues=clues,
            queue_items=items,
            more_queue_items=more,
            contact=contact,
            held_for=next((each.id for each in self._acceptors.by_address.values() if self.unwraps and each.name == by.name), ""),
            regarding=filed,
        )

    def _decision(self, candidate: Candidate, verdict: Verdict, sender: str, generation: int) -> Decision:
        return Decision(
            mailbox_id=self._mailbox_id,
            generation=generation,
            remote_id=candidate.remote_id,
            outcome=Outcome.TRACKED if verdict.accepted else Outcome.IGNORED,
            reason=verdict.reason,
            facts=verdict.facts,
            message_id=candidate.header.message_id,
            sender=sender,
            subject=candidate.header.subject,
            received=candidate.received,
            at=self._at,
        )

    def _own_row(self) -> PartyRow | None:
        """The user or queue of the mailbox being processed."""
        if self._own.type == "forward":
            return None
        address = self._address
        rows = self._parties.by_address([address]) if self._directory else {}
        wanted = PartyType(self._own.type)
        known = (row for row in AddressBook(rows=rows, own=self._acceptors.rows).at(address) if row.ref.type is wanted and row.active)
        return next(known, None)

    def _tracking_user(self) -> str:
        row = self._row
        return "" if row is None else row.owner if row.ref.type is PartyType.QUEUE else row.ref.id

    def _filter(self, own: OwnMailbox, row: PartyRow | None = None) -> Filter:
        row = row or (self._row if own.id == self._mailbox_id else None)
        return self._acceptors.filter_of(own, row.filter if row else "")

    def _processed(self, people: Resolved) -> Recipient:
        return Recipient(
            name=self._own.name,
            # Whatever lies in a forward mailbox is for somebody else.
            filter=Filter.NONE if self.unwraps else self._filter(self._own),
            party=self._row.ref if self._row else None,
            processed=True,
            named=not self.unwraps and any(comparable(each.address) == self._address for each in people.recipients),
        )

    def _recipients(self, people: Resolved) -> list[Recipient]:
        """Users and queues who say what they take, each once, in the order in which they are named: those with a mailbox here, and those
        whose own choice the directory knows."""
        found: dict[str, Recipient] = {}
        for each in people.recipients:
            if not each.rows:
                continue
            own = self._acceptors.by_address.get(comparable(each.address))
            for row in each.rows:
                if row.ref.type not in (PartyType.USER, PartyType.QUEUE) or row.ref.id in found or not row.active:
                    continue
                mine = own is not None and str(row.ref.type) == own.type
                if self.unwraps and own is not None and not own.forwarded:
                    # It has its own way of receiving, or none.
                    continue
                if own is not None and mine:
                    filter_ = self._filter(own, row)
                elif row.filter in list(Filter):
                    filter_ = Filter(row.filter)
                else:
                    continue
                found[row.ref.id] = Recipient(
                    name=own.name if own is not None and mine else row.ref.name or each.address,
                    filter=filter_,
                    party=row.ref,
                    processed=mine and own is not None and own.id == self._mailbox_id,
                )
        return list(found.values())

    def _direct(self, people: Resolved) -> str:
        """Recipients with a mailbox here that has another way of receiving, in words."""
        found = (self._acceptors.by_address.get(comparable(each.address)) for each in people.recipients)
        names = dict.fromkeys(own.name for own in found if own is not None and not own.forwarded and own.type != "forward")
        return f"{', '.join(names)}: incoming is not forward-mailbox" if names else ""

    def _row_of(self, recipient: Recipient) -> PartyRow | None:
        if recipient.processed:
            return self._row
        return PartyRow(ref=recipient.party, addresses=()) if recipient.party is not None else None

    def _sent_by_us(self, headers: Sequence[MessageHeader]) -> dict[str, MailRef]:
        """Outgoing mails by Message-ID, of those that may be ours by their domain."""
        domains = self._acceptors.domains
        named = {
            header.message_id
            for header in headers
            if header.message_id and comparable(header.message_id.rstrip(">")).rpartition("@")[2] in domains
        }
        if not named:
            return {}
        found = self._lookup.by_message_id(named)
        return {name: mail for name, mails in found.items() for mail in mails[:1] if mail.kind == "outbox"}

    def _circled(self, sender: str, header: MessageHeader, ours: dict[str, MailRef]) -> str:
        """Our own mail that came back to the mailbox that sent it, or a message that says that it was in this mailbox before."""
        mail = ours.get(header.message_id)
        if mail is not None and comparable(sender) == self._address:
            return f"{header.message_id} is outgoing mail {mail.id} of this mailbox"
        if self._address in header.loops:
            return f"X-Loop: {self._own.address}"
        return ""


@dataclass(slots=True, kw_only=True)
class Deciders:
    """Makes the decider for a look at a mailbox, from what is applied when the first one is asked for."""

    applied: AppliedState
    parties: PartyReader
    correlation: CorrelationLookup
    clock: Clock
    _known: tuple[Acceptors, bool] | None = None

    def __call__(self, mailbox_id: str) -> Decider | None:
        # Looks run beside each other; that it is made twice does no harm.
        known = self._known
        if known is None:
            known = self._known = acceptors(self.applied.resources()), bool(self.parties.parties(limit=1))
        if mailbox_id not in known[0].by_id:
            # Taken out while it was looked at: without its filter everything would be tracked.
            raise Unavailable("the mailbox is no longer applied", about="profile")
        return Decider(mailbox_id, known[0], parties=self.parties, directory=known[1], correlation=self.correlation, now=self.clock.now())


#: Makes the decider for a look at a mailbox, or None where all mail is tracked as it is.
DeciderFor: TypeAlias = Callable[[str], Decider | None]
