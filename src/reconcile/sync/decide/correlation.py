"""Which known mail a received one belongs to, in the product's order: In-Reply-To, tracking token, conversation index, References (ours),
smart matching (Power Platform: "Email message filtering and correlation").

A token can be guessed, and one counter names several mails in the course of time; so a mail found by it counts only with a second
signal: the sender, somebody it goes to beside our own mailboxes, or another address of the sender's row takes part in that mail, or
that mail is about the sender's row. The same decides among several mails that share a Message-ID, which anybody can copy; one alone is
believed, as it is known to those only who got the mail. Why: docs/adr/0025-which-mail-belongs-to-which.md.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import field, replace
from typing import Final

from reconcile.lazy_dataclass import dataclass
from reconcile.model.conversation_index import ROOT, ancestors, parse_conversation_index
from reconcile.model.mail_address import comparable
from reconcile.model.mail_clues import MailClues
from reconcile.model.message import MessageHeader
from reconcile.model.party import PartyRow
from reconcile.model.tracking import Correlation, CorrelationMethod, MailRef
from reconcile.model.tracking_token import tokens_in, without_tokens
from reconcile.ports.correlation import Hashes, MailFacts
from reconcile.sync.decide.correlation_rules import CorrelationRules
from reconcile.sync.decide.smart_matching import is_alike, likeness_keys, people_hashes, word_hashes

#: References that are looked at, the nearest first.
_MOST_REFERENCES: Final = 20
#: Mails whose likeness with a message is looked at.
_MOST_CANDIDATES: Final = 400
#: How mail programs begin the subject of a forwarded mail: English, German, French, Spanish, Portuguese, Italian, Dutch, Nordic
#: languages, Polish, Turkish, Chinese.
_FORWARD: Final = re.compile(
    r"\s*(?:\[[^\]]{0,40}\]\s*)?(?:fwd?|wg|wtr|tr|rv|rif?v|enc|i|doorst|vs|vb|vl|pd|pdl|ilt|i\u0307lt|\u8f6c\u53d1|\u8f49\u5bc4)"
    r"(?:\[\d{1,3}\])?\s?[:\uff1a]",
    re.IGNORECASE,
)
_NOBODY: Final[frozenset[str]] = frozenset()
_NO_HEADER: Final = MessageHeader()


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """What one message says of the mail it belongs to. Empty where it says nothing, or is not to be believed by the rules.

    `words`, `hashed` (people) and `keys` are for smart matching; `header` tells who takes part, which is asked for seldom.
    """

    message_id: str = ""
    in_reply_to: str = ""
    tokens: tuple[str, ...] = ()
    conversation: bytes = b""
    references: tuple[str, ...] = ()
    words: tuple[int, ...] = ()
    hashed: tuple[int, ...] = ()
    keys: tuple[int, ...] = ()
    header: MessageHeader = _NO_HEADER

    @property
    def sender(self) -> str:
        """As `comparable` writes it; "" where there is none."""
        return comparable(self.header.sender.address) if self.header.sender else ""

    @property
    def people(self) -> frozenset[str]:
        """Sender and recipients, as `comparable` writes them."""
        return people_of(self.header)

    @property
    def asks(self) -> bool:
        return bool(self.in_reply_to or self.tokens or self.conversation or self.references or self.words)


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """What is known to a question. See `CorrelationLookup`."""

    message_ids: Mapping[str, Sequence[MailRef]] = field(default_factory=dict)
    tokens: Mapping[str, Sequence[MailRef]] = field(default_factory=dict)
    conversations: Mapping[bytes, Sequence[tuple[bytes, MailRef]]] = field(default_factory=dict)
    alike: Mapping[int, Sequence[MailRef]] = field(default_factory=dict)
    hashes: Mapping[MailRef, Hashes] = field(default_factory=dict)
    facts: Mapping[MailRef, MailFacts] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Surroundings:
    """`ours` are the addresses of our own mailboxes, `parties` the rows behind an address; both as `comparable` writes it."""

    ours: frozenset[str] = _NOBODY
    parties: Callable[[str], Sequence[PartyRow]] = lambda _: ()


def question(header: MessageHeader, rules: CorrelationRules) -> Question:
    """What to ask for. Never raises, whatever a header says."""
    if not rules.enabled or (not rules.forwards_are_replies and is_forward(header)):
        return Question()
    threads = rules.thread_headers
    tokens = tokens_in(header.subject, rules.token.prefixes) if rules.token else ()
    smart = rules.smart
    found = Question(
        header=header,
        message_id=header.message_id,
        in_reply_to=header.in_reply_to if threads else "",
        tokens=tokens,
        conversation=parse_conversation_index(header.thread_index) if threads and header.thread_index else b"",
        references=tuple(dict.fromkeys(reversed(header.references)))[:_MOST_REFERENCES] if threads and rules.references else (),
    )
    if smart is None or not smart.matches:
        return found
    words = word_hashes(_bare_subject(header, rules), smart)
    people = people_hashes(people_of(header), smart) if words else ()
    return replace(found, words=words, hashed=people, keys=likeness_keys(words, people, smart))


def _bare_subject(header: MessageHeader, rules: CorrelationRules) -> str:
    """As a person wrote it: a token is no word."""
    return without_tokens(header.subject, rules.token) if rules.token else header.subject


def people_of(header: MessageHeader) -> frozenset[str]:
    """Sender and recipients, as they are compared."""
    found = {comparable(one.address) for group in (header.to, header.cc, header.bcc) for one in group}
    if header.sender:
        found.add(comparable(header.sender.address))
    return frozenset(found)


def is_forward(header: MessageHeader) -> bool:
    """Whether a mail passes another one on: its subject begins as programs write it, or it says so in a field."""
    return header.forwards or _FORWARD.match(header.subject) is not None


def correlate(asked: Question, found: Found, rules: CorrelationRules, around: Surroundings) -> Correlation | None:
    """The first method that finds a mail decides."""
    return (
        _by_message_id(CorrelationMethod.IN_REPLY_TO, (asked.in_reply_to,), asked, found, around)
        or _by_token(asked, found, around)
        or _by_conversation(asked, found)
        or _by_message_id(CorrelationMethod.REFERENCES, asked.references, asked, found, around)
        or _by_likeness(asked, found, rules)
    )


def _by_message_id(
    method: CorrelationMethod, named: Sequence[str], asked: Question, found: Found, around: Surroundings
) -> Correlation | None:
    for one in named:
        known = [mail for mail in found.message_ids.get(one, ()) if _another(asked, found, mail)]
        ours = [mail for mail in known if mail.kind == "outbox"]
        if ours:
            # We made that id, and nobody else's mail is it.
            known = ours
        elif len({found.facts[mail].people for mail in known}) > 1:
            known = [mail for mail in known if second_signal(asked, found.facts[mail], around)]
        if known:
            # The first that came: a copy of a mail, honest or not, comes later.
            return _correlation(method, known[-1], one, found.facts, parent=method is CorrelationMethod.IN_REPLY_TO)
    return None


def _by_token(asked: Question, found: Found, around: Surroundings) -> Correlation | None:
    for one in asked.tokens:
        for mail in found.tokens.get(one, ()):
            if _another(asked, found, mail) and second_signal(asked, found.facts[mail], around):
                return _correlation(CorrelationMethod.TRACKING_TOKEN, mail, one, found.facts, parent=False)
    return None


def unbelieved(asked: Question, found: Found, around: Surroundings) -> str:
    """The first token that names a mail it is not tied to by anything else, and why it does not count; "" where there is none."""
    for one in asked.tokens:
        for mail in found.tokens.get(one, ()):
            if _another(asked, found, mail) and not second_signal(asked, found.facts[mail], around):
                which = f"outgoing mail {mail.id}" if mail.kind == "outbox" else f"activity {mail.id}"
                return f"token {one} names {which}, and was not believed: neither sender nor recipients take part in that mail"
    return ""


def _by_conversation(asked: Question, found: Found) -> Correlation | None:
    if not asked.conversation:
        return None
    root = asked.conversation[:ROOT]
    known = [(index, mail) for index, mail in found.conversations.get(root, ()) if _another(asked, found, mail)]
    before = dict(reversed(known))
    for place, index in enumerate(ancestors(asked.conversation)):
        if index in before:
            return _correlation(CorrelationMethod.CONVERSATION_INDEX, before[index], root.hex(), found.facts, parent=place == 0)
    # Of the same conversation, but on no way from its start to this message. Some programs answer with the index unchanged.
    return _correlation(CorrelationMethod.CONVERSATION_INDEX, known[0][1], root.hex(), found.facts, parent=False) if known else None


def _by_likeness(asked: Question, found: Found, rules: CorrelationRules) -> Correlation | None:
    smart = rules.smart
    if smart is None or not smart.matches or not asked.words:
        return None
    # Nothing but a subject in common is no likeness, whatever is declared.
    least, shared = max(1, smart.minimum_recipients), dict[MailRef, int]()
    for mail in candidates(asked, found.alike):
        hashes = found.hashes.get(mail)
        if hashes is not None and _another(asked, found, mail) and is_alike(asked.words, hashes.words, smart):
            people = len(hashes.people.intersection(asked.hashed))
            if people >= least:
                shared[mail] = people
    if not shared:
        return None
    best = max(shared, key=lambda mail: (shared[mail], found.facts[mail].at, mail.id))
    return _correlation(
        CorrelationMethod.SMART_MATCHING, best, f"{shared[best]} people, {len(asked.words)} words", found.facts, parent=False
    )


def candidates(asked: Question, alike: Mapping[int, Sequence[MailRef]]) -> list[MailRef]:
    """Mails whose likeness is worth a look: those under most of the keys first, and only so many."""
    hits = Counter(mail for key in asked.keys for mail in alike.get(key, ()))
    return [mail for mail, _ in hits.most_common(_MOST_CANDIDATES)]


def _another(asked: Question, found: Found, mail: MailRef) -> bool:
    """Whether it is still there, and not the same message from another mailbox."""
    facts = found.facts.get(mail)
    return facts is not None and not (asked.message_id and facts.message_id == asked.message_id)


def second_signal(asked: Question, facts: MailFacts, around: Surroundings) -> bool:
    """Whether something beside the clue ties a message to a mail (see the top of this file)."""
    if not facts.people.isdisjoint(asked.people - around.ours):
        return True
    for row in around.parties(asked.sender) if asked.sender else ():
        if not facts.people.isdisjoint(set(row.addresses) - around.ours):
            return True
        if facts.regarding is not None and (facts.regarding.type, facts.regarding.id) == (str(row.ref.type), row.ref.id):
            return True
    return False


def _correlation(method: CorrelationMethod, mail: MailRef, clue: str, facts: Mapping[MailRef, MailFacts], *, parent: bool) -> Correlation:
    known = facts[mail]
    return Correlation(
        method=method,
        correlated=mail,
        parent=mail if parent else None,
        clue=clue,
        regarding=known.regarding,
        owner=known.owner,
        message_id=known.message_id,
    )


def clues_of(header: MessageHeader, rules: CorrelationRules, *, at: str, oldest: str) -> MailClues | None:
    """What a mail is to be found by later; None for nothing but its Message-ID. `at` is when it was received, `oldest` the instant
    before which smart matching does not look (both UTC RFC 3339).

    The conversation index is kept whatever the switches say: it costs little, and a switch may be turned on again.
    """
    conversation = parse_conversation_index(header.thread_index) if header.thread_index else b""
    words: tuple[int, ...] = ()
    people: tuple[int, ...] = ()
    keys: tuple[int, ...] = ()
    if rules.smart is not None and rules.smart.creates and at >= oldest:
        words = word_hashes(_bare_subject(header, rules), rules.smart)
        people = people_hashes(people_of(header), rules.smart) if words else ()
        keys = likeness_keys(words, people, rules.smart)
    return MailClues(conversation=conversation, words=words, people=people, keys=keys, at=at) if conversation or words else None
