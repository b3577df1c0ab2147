"""The memory twin of the correlation index, over the twins of mail store and outbox."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import field
from datetime import datetime

from reconcile.lazy_dataclass import dataclass
from reconcile.model.activity import Activity
from reconcile.model.conversation_index import ROOT
from reconcile.model.mail_address import comparable
from reconcile.model.mail_clues import MailClues
from reconcile.model.outgoing import OutboxEntry
from reconcile.model.tracking import MailRef, Tracking, inherited, owner_of
from reconcile.model.tracking_token import comparable_token
from reconcile.ports.correlation import MOST_ALIKE, MOST_CANDIDATES, MOST_OF_A_CONVERSATION, Hashes, MailFacts
from reconcile.store.memory.mail import MemoryMailStore
from reconcile.store.memory.outbox import MemoryOutbox


@dataclass(slots=True)
class MemoryCorrelation:
    """See `CorrelationLookup`."""

    mail: MemoryMailStore = field(default_factory=MemoryMailStore)
    outbox: MemoryOutbox = field(default_factory=MemoryOutbox)

    def by_message_id(self, message_ids: Collection[str]) -> Mapping[str, Sequence[MailRef]]:
        found: dict[str, list[MailRef]] = {}
        for entry in self.outbox.entries():
            if entry.message_id in message_ids:
                found[entry.message_id] = [MailRef(kind="outbox", id=entry.id)]
        for activity in sorted(self._activities(), key=lambda one: -one.id):
            clues = self.mail.clues.get(activity.id)
            for name in {activity.header.message_id, clues.outer_id if clues is not None else ""} & {*message_ids} - {""}:
                found.setdefault(name, []).append(MailRef(kind="email", id=activity.id))
        return {name: mails[: MOST_CANDIDATES + 1] for name, mails in found.items()}

    def by_token(self, tokens: Collection[str]) -> Mapping[str, Sequence[MailRef]]:
        found: dict[str, list[MailRef]] = {}
        for entry in sorted(self.outbox.entries(), key=lambda one: -one.id):
            if entry.tracking_token and (name := comparable_token(entry.tracking_token)) in tokens:
                found.setdefault(name, []).append(MailRef(kind="outbox", id=entry.id))
        return {name: mails[:MOST_CANDIDATES] for name, mails in found.items()}

    def by_conversation(self, roots: Collection[bytes]) -> Mapping[bytes, Sequence[tuple[bytes, MailRef]]]:
        found: dict[bytes, list[tuple[bytes, MailRef]]] = {}
        for mail, clues in self._kept():
            if clues.conversation and clues.conversation[:ROOT] in roots:
                found.setdefault(clues.conversation[:ROOT], []).append((clues.conversation, mail))
        return {
            root: sorted(members, key=lambda one: (len(one[0]), one[0], _signed(one[1])), reverse=True)[:MOST_OF_A_CONVERSATION]
            for root, members in found.items()
        }

    def by_likeness(self, keys: Collection[int], *, since: str) -> Mapping[int, Sequence[MailRef]]:
        found: dict[int, list[tuple[str, int, MailRef]]] = {}
        for mail, clues in self._kept():
            for key in {*keys} & {*clues.keys} if clues.words and clues.at >= since else ():
                found.setdefault(key, []).append((clues.at, _signed(mail), mail))
        return {
            key: [mail for _, _, mail in sorted(mails, key=lambda one: one[:2], reverse=True)[:MOST_ALIKE]] for key, mails in found.items()
        }

    def hashes(self, mails: Collection[MailRef]) -> Mapping[MailRef, Hashes]:
        return {
            mail: Hashes(frozenset(clues.words), frozenset(clues.people)) for mail, clues in self._kept() if mail in mails and clues.words
        }

    def facts(self, mails: Collection[MailRef]) -> Mapping[MailRef, MailFacts]:
        found: dict[MailRef, MailFacts] = {}
        for mail in mails:
            if mail.kind == "email" and (activity := self.mail.activity(mail.id)) is not None:
                found[mail] = facts_of(activity, self.mail.decisions.tracking(mail.id))
            elif mail.kind == "outbox" and (entry := self.outbox.entry(mail.id)) is not None:
                found[mail] = _of_entry(entry)
        return found

    def _activities(self) -> Sequence[Activity]:
        return list(self.mail.activities(mailbox_id=None, since=None, limit=None))

    def _kept(self) -> Sequence[tuple[MailRef, MailClues]]:
        return [
            *((MailRef(kind="email", id=number), clues) for number, clues in self.mail.clues.items()),
            *((MailRef(kind="outbox", id=number), clues) for number, clues in self.outbox.clues.items()),
        ]


def _signed(mail: MailRef) -> int:
    return mail.id if mail.kind == "email" else -mail.id


def facts_of(activity: Activity, tracking: Tracking | None) -> MailFacts:
    """What a CRM said goes before what was found when it came."""
    header, details = activity.header, activity.details
    people = {comparable(one.address) for group in (header.to, header.cc, header.bcc) for one in group}
    if header.sender is not None and header.sender.address:
        people.add(comparable(header.sender.address))
    return MailFacts(
        people=frozenset(people),
        message_id=header.message_id,
        at=activity.received,
        regarding=details.regarding if details.version > 1 else inherited(tracking),
        owner=details.owner or owner_of(tracking),
    )


def _of_entry(entry: OutboxEntry) -> MailFacts:
    people = {comparable(address) for address in (entry.sender, *(one.address for one in entry.recipients)) if address}
    return MailFacts(people=frozenset(people), message_id=entry.message_id, at=_instant(entry.added_at), regarding=entry.regarding)


def _instant(moment: datetime) -> str:
    return f"{moment.isoformat()[:19]}Z"
