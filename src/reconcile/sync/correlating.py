"""Finding what the messages of one look at one mailbox belong to: looked up for many at once, and among themselves."""

from __future__ import annotations

from collections import ChainMap
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import field, replace
from datetime import datetime, timedelta
from typing import Final, TypeVar

from reconcile.lazy_dataclass import dataclass
from reconcile.model.activity_details import Regarding
from reconcile.model.conversation_index import ROOT
from reconcile.model.mail_clues import MailClues
from reconcile.model.message import MessageHeader
from reconcile.model.tracking import Correlation, MailRef
from reconcile.ports.correlation import MOST_ALIKE, CorrelationLookup, Hashes, MailFacts
from reconcile.sync.decide.correlation import (
    Found,
    Question,
    Surroundings,
    candidates,
    clues_of,
    correlate,
    people_of,
    question,
    unbelieved,
)
from reconcile.sync.decide.correlation_rules import CorrelationRules
from reconcile.sync.decide.header import instant_text
from reconcile.sync.decide.smart_matching import SEARCHED_DAYS

#: Mails that are remembered until it is sure that they are committed, three batches at least (500 messages each at most); half of them may
#: be forgotten at once. Each takes about 2 KB.
_MOST_PENDING: Final = 3_000
_K = TypeVar("_K")
_V = TypeVar("_V")


@dataclass(slots=True)
class _Layer:
    """What one source knows: the store, or the messages of this look."""

    message_ids: dict[str, Sequence[MailRef]] = field(default_factory=dict)
    tokens: dict[str, Sequence[MailRef]] = field(default_factory=dict)
    conversations: dict[bytes, Sequence[tuple[bytes, MailRef]]] = field(default_factory=dict)
    alike: dict[int, Sequence[MailRef]] = field(default_factory=dict)
    hashes: dict[MailRef, Hashes] = field(default_factory=dict)
    facts: dict[MailRef, MailFacts] = field(default_factory=dict)


@dataclass(slots=True)
class _Taken:
    """A message of this look; what it says is read when another one belongs to it, which few do."""

    header: MessageHeader
    received: str
    regarding: Regarding | None
    owner: str

    def facts(self) -> MailFacts:
        return MailFacts(
            people=people_of(self.header),
            message_id=self.header.message_id,
            at=self.received,
            regarding=self.regarding,
            owner=self.owner,
        )


@dataclass(slots=True)
class _Pending(_Layer):
    taken: dict[MailRef, _Taken] = field(default_factory=dict)


class Correlator:
    """For one look at one mailbox. Keeps what the store said for one batch only, and what this look took in until it is committed."""

    def __init__(self, lookup: CorrelationLookup, rules: CorrelationRules, around: Surroundings, *, now: datetime) -> None:
        self._lookup = lookup
        self._rules = rules
        self._around = around
        self._since = instant_text(now - timedelta(days=SEARCHED_DAYS))
        self._stored = _Layer()
        #: The younger one first. Numbers are negative: they mean something here only.
        self._pending = (_Pending(), _Pending())
        self._taken = 0
        #: What the messages of this batch ask, by the identity of their headers, which are kept alive here.
        self._questions: dict[int, tuple[MessageHeader, Question]] = {}

    def look_up(self, headers: Iterable[MessageHeader]) -> None:
        """Begin a batch: ask the store for all of it at once."""
        self._stored = _Layer()
        self._questions = {id(header): (header, question(header, self._rules)) for header in headers}
        self._ask([asked for _, asked in self._questions.values() if asked.asks])

    def correlation(self, header: MessageHeader) -> Correlation | None:
        """What it belongs to. A message that was not in `look_up` costs looks of its own. See `Correlation` for mail of this look."""
        known = self._questions.get(id(header))
        asked = known[1] if known is not None else question(header, self._rules)
        if not asked.asks:
            return None
        if known is None:
            self._ask([asked])
        found = correlate(asked, self._known(asked), self._rules, self._around)
        if found is None or found.correlated.id > 0:
            return found
        pending = MailRef(kind="email", id=0)
        return replace(found, correlated=pending, parent=pending if found.parent else None)

    def unbelieved(self, header: MessageHeader) -> str:
        """A token of ours that did not count, and why; "" where there is none. Of a message without `correlation`."""
        known = self._questions.get(id(header))
        asked = known[1] if known is not None else question(header, self._rules)
        return unbelieved(asked, self._known(asked), self._around) if asked.tokens else ""

    def is_alone(self, header: MessageHeader) -> bool:
        """Whether a message of this batch names no mail that is known: then `correlation` and `unbelieved` find nothing. May say no where
        they find nothing, too."""
        asked = self._questions[id(header)][1]
        if not asked.asks:
            return True
        if asked.words:
            return False
        layers, root = (*self._pending, self._stored), asked.conversation[:ROOT]
        return not (
            any(layer.message_ids.get(asked.in_reply_to) for layer in layers)
            or (asked.references and any(layer.message_ids.get(name) for layer in layers for name in asked.references))
            or (root and any(layer.conversations.get(root) for layer in layers))
            or (asked.tokens and any(self._stored.tokens.get(token) for token in asked.tokens))
        )

    def clues(self, header: MessageHeader, *, received: str) -> MailClues | None:
        """What a message that is tracked is to be found by later (UTC RFC 3339)."""
        return clues_of(header, self._rules, at=received, oldest=self._since)

    def taken(
        self, header: MessageHeader, clues: MailClues | None, *, received: str, regarding: Regarding | None = None, owner: str = ""
    ) -> None:
        """A message of this look is tracked: later ones may belong to it, before it has a number. Without a Message-ID nobody could
        name it afterwards, so such a one is found in a later look only."""
        if not header.message_id or not self._rules.enabled:
            return
        self._taken += 1
        if self._taken % (_MOST_PENDING // 2) == 0:
            # Two batches are being committed while the next is decided, so what is this old is in the store.
            self._pending = (_Pending(), self._pending[0])
        layer, mail = self._pending[0], MailRef(kind="email", id=-self._taken)
        _add(layer.message_ids, header.message_id, mail)
        if clues is not None and clues.conversation:
            _add(layer.conversations, clues.conversation[:ROOT], (clues.conversation, mail))
        if clues is not None and clues.words:
            layer.hashes[mail] = Hashes(frozenset(clues.words), frozenset(clues.people))
            for key in clues.keys:
                _add(layer.alike, key, mail)
        layer.taken[mail] = _Taken(header, received, regarding, owner)

    def _known(self, asked: Question) -> Found:
        layers = (*self._pending, self._stored)
        names = (asked.in_reply_to, *asked.references) if asked.references else (asked.in_reply_to,)
        message_ids = {name: _all(name, [layer.message_ids for layer in layers]) for name in names}
        tokens = {token: self._stored.tokens[token] for token in asked.tokens}
        named = {mail for mails in (*message_ids.values(), *tokens.values()) for mail in mails}
        conversations: dict[bytes, Sequence[tuple[bytes, MailRef]]] = {}
        if asked.conversation:
            root = asked.conversation[:ROOT]
            members = _all(root, [layer.conversations for layer in layers])
            conversations[root] = sorted(members, key=lambda one: len(one[0]), reverse=True)
            named.update(mail for _, mail in members)
        alike: dict[int, Sequence[MailRef]] = {}
        hashes: Mapping[MailRef, Hashes] = {}
        if asked.keys:
            alike = {key: _all(key, [layer.alike for layer in layers]) for key in asked.keys}
            hashes = ChainMap(*(layer.hashes for layer in layers))
            named.update(mail for mail in candidates(asked, alike) if mail in hashes)
        return Found(
            message_ids=message_ids,
            tokens=tokens,
            conversations=conversations,
            alike=alike,
            hashes=hashes,
            facts={mail: facts for mail in named if (facts := self._facts(mail)) is not None},
        )

    def _facts(self, mail: MailRef) -> MailFacts | None:
        for layer in self._pending:
            if (taken := layer.taken.get(mail)) is not None:
                return taken.facts()
        return self._stored.facts.get(mail)

    def _ask(self, questions: Sequence[Question]) -> None:
        """What the store was not asked for in this batch yet."""
        stored, lookup = self._stored, self._lookup
        named: set[MailRef] = set()
        if ids := {one for asked in questions for one in (asked.in_reply_to, *asked.references) if one} - stored.message_ids.keys():
            _answered(stored.message_ids, ids, lookup.by_message_id(ids))
            named |= {mail for name in ids for mail in stored.message_ids[name]}
        if tokens := {token for asked in questions for token in asked.tokens} - stored.tokens.keys():
            _answered(stored.tokens, tokens, lookup.by_token(tokens))
            named |= {mail for token in tokens for mail in stored.tokens[token]}
        if roots := {asked.conversation[:ROOT] for asked in questions if asked.conversation} - stored.conversations.keys():
            _answered(stored.conversations, roots, lookup.by_conversation(roots))
            named |= {mail for root in roots for _, mail in stored.conversations[root]}
        if keys := {key for asked in questions for key in asked.keys} - stored.alike.keys():
            _answered(stored.alike, keys, lookup.by_likeness(keys, since=self._since))
            enough = {mail for asked in questions for mail in candidates(asked, stored.alike)} - stored.hashes.keys()
            stored.hashes.update(lookup.hashes(enough) if enough else {})
            named |= enough & stored.hashes.keys()
        if named := named - stored.facts.keys():
            stored.facts.update(lookup.facts(named))


def _add(known: dict[_K, Sequence[_V]], key: _K, one: _V) -> None:
    # No more than the store would hand out: a person who is in every mail must not make each one dearer than the one before.
    known[key] = (one, *known.get(key, ())[: MOST_ALIKE - 1])


def _all(key: _K, sources: Iterable[Mapping[_K, Sequence[_V]]]) -> list[_V]:
    return [one for known in sources for one in known.get(key, ())]


def _answered(known: dict[_K, Sequence[_V]], keys: Iterable[_K], answer: Mapping[_K, Sequence[_V]]) -> None:
    """Also that nothing is known, so that it is asked once."""
    known.update({key: answer.get(key, ()) for key in keys})
