"""Finding what the messages of a batch belong to: looked up for many at once, and among themselves."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import TypeVar

from reconcile.model.activity_details import Regarding
from reconcile.model.conversation_index import ROOT
from reconcile.model.mail_clues import MailClues
from reconcile.model.message import MessageHeader
from reconcile.model.tracking import Correlation, MailRef
from reconcile.ports.correlation import CorrelationLookup, MailFacts
from reconcile.sync.decide.correlation import Found, Question, Surroundings, clues_of, correlate, people_of, question
from reconcile.sync.decide.correlation_rules import CorrelationRules
from reconcile.sync.decide.header import instant_text
from reconcile.sync.decide.smart_matching import SEARCHED_DAYS

_Key = TypeVar("_Key")


@dataclass(slots=True)
class _Asked:
    """What the store was asked for already."""

    ids: set[str] = field(default_factory=set)
    tokens: set[str] = field(default_factory=set)
    roots: set[bytes] = field(default_factory=set)
    people: set[int] = field(default_factory=set)


class Correlator:
    """For one batch of one mailbox. What was looked up is kept for the batch only: make a new one for the next."""

    def __init__(self, lookup: CorrelationLookup, rules: CorrelationRules, around: Surroundings, *, now: datetime) -> None:
        self._lookup = lookup
        self._rules = rules
        self._around = around
        self._since = instant_text(now - timedelta(days=SEARCHED_DAYS))
        self._found = Found()
        self._asked = _Asked()

    def look_up(self, headers: Iterable[MessageHeader]) -> None:
        """Ask for all of them at once. Not needed before `correlation`; without it each message costs looks of its own."""
        self._ask([asked for header in headers if (asked := question(header, self._rules)).asks])

    def correlation(self, header: MessageHeader) -> Correlation | None:
        """What it belongs to. A mail of this batch is named as it was told to `taken`."""
        asked = question(header, self._rules)
        if not asked.asks:
            return None
        self._ask([asked])
        return correlate(asked, self._found, self._rules, self._around)

    def clues(self, header: MessageHeader, *, received: str) -> MailClues | None:
        """What a mail that is tracked is to be found by later."""
        return clues_of(header, self._rules, at=received, oldest=self._since)

    def taken(
        self,
        header: MessageHeader,
        clues: MailClues | None,
        mail: MailRef,
        *,
        received: str = "",
        regarding: Regarding | None = None,
        owner: str = "",
    ) -> None:
        """A message of this batch is tracked, so that later ones may belong to it. It has no number before the commit: `mail` may be
        MailRef(kind="arrival", id=place in the batch), which whoever commits puts the activity's number in for."""
        found = self._found
        if header.message_id:
            found.message_ids[header.message_id] = (mail, *found.message_ids.get(header.message_id, ()))
        if clues is not None and clues.conversation:
            root = clues.conversation[:ROOT]
            known = [(clues.conversation, mail), *found.conversations.get(root, ())]
            found.conversations[root] = sorted(known, key=lambda one: len(one[0]), reverse=True)
        if clues is not None and clues.words:
            found.words[mail] = frozenset(clues.words)
            for person in clues.people:
                found.persons[person] = (mail, *found.persons.get(person, ()))
        found.facts[mail] = MailFacts(people=people_of(header), message_id=header.message_id, at=received, regarding=regarding, owner=owner)

    def _ask(self, questions: Sequence[Question]) -> None:
        found, lookup = self._found, self._lookup
        candidates: set[MailRef] = set()
        ids = _fresh({one for asked in questions for one in (asked.in_reply_to, *asked.references) if one}, self._asked.ids)
        if ids:
            for name, mails in lookup.by_message_id(ids).items():
                found.message_ids[name] = (*found.message_ids.get(name, ()), *mails)
                candidates.update(mails)
        tokens = _fresh({token for asked in questions for token in asked.tokens}, self._asked.tokens)
        if tokens:
            found.tokens.update(lookup.by_token(tokens))
            candidates.update(mail for token in tokens for mail in found.tokens.get(token, ()))
        roots = _fresh({asked.conversation[:ROOT] for asked in questions if asked.conversation}, self._asked.roots)
        if roots:
            for root, members in lookup.by_conversation(roots).items():
                known = [*found.conversations.get(root, ()), *members]
                found.conversations[root] = sorted(known, key=lambda one: len(one[0]), reverse=True)
                candidates.update(mail for _, mail in members)
        people = _fresh({person for asked in questions if asked.words for person in asked.hashed}, self._asked.people)
        if people:
            candidates |= self._ask_for_people(people, questions)
        candidates -= found.facts.keys()
        if candidates:
            found.facts.update(lookup.facts(candidates))

    def _ask_for_people(self, people: Collection[int], questions: Sequence[Question]) -> set[MailRef]:
        """Mails that share enough people with one of the messages."""
        found = self._found
        for person, mails in self._lookup.by_person(people, since=self._since).items():
            found.persons[person] = (*found.persons.get(person, ()), *mails)
        assert self._rules.smart is not None
        least = max(1, self._rules.smart.minimum_recipients)
        enough: set[MailRef] = set()
        for asked in questions:
            shared: dict[MailRef, int] = {}
            for person in asked.hashed:
                for mail in found.persons.get(person, ()):
                    shared[mail] = shared.get(mail, 0) + 1
            enough |= {mail for mail, count in shared.items() if count >= least}
        enough -= found.words.keys()
        found.words.update(self._lookup.words(enough))
        return {mail for mail in enough if mail in found.words}


def _fresh(keys: set[_Key], asked: set[_Key]) -> set[_Key]:
    """Those not asked for yet; now they are."""
    fresh = keys - asked
    asked |= fresh
    return fresh
