"""One look at a mailbox: what is asked of the store, and answers that come right behind what they answer."""

from __future__ import annotations

import base64
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime

import pytest

from reconcile.model.activity_details import Regarding
from reconcile.model.conversation_index import answer, new_conversation
from reconcile.model.message import MessageHeader, Party
from reconcile.model.tracking import Correlation, CorrelationMethod, MailRef
from reconcile.model.tracking_token import TokenFormat
from reconcile.ports.correlation import Hashes, MailFacts
from reconcile.sync import correlating
from reconcile.sync.correlating import Correlator
from reconcile.sync.decide.correlation import Surroundings
from reconcile.sync.decide.correlation_rules import CorrelationRules, SmartMatching

NOW = datetime(2026, 3, 2, 8, 0, tzinfo=UTC)
AT = "2026-03-02T08:00:00Z"
ROOT = new_conversation(bytes(range(1, 17)), NOW)
CASE = Regarding(type="case", id="c-1")
KNOWN = MailRef(kind="email", id=7)
RULES = CorrelationRules(references=True, token=TokenFormat(), smart=SmartMatching())


@dataclass
class Store:
    """Knows one mail by the Message-ID <7@fabrikam.example>, and counts what it is asked."""

    asked: list[str] = field(default_factory=list)

    def by_message_id(self, message_ids: Collection[str]) -> Mapping[str, Sequence[MailRef]]:
        self.asked.append("by_message_id")
        assert "" not in message_ids
        return {"<7@fabrikam.example>": [KNOWN]} if "<7@fabrikam.example>" in message_ids else {}

    def by_token(self, tokens: Collection[str]) -> Mapping[str, Sequence[MailRef]]:
        self.asked.append("by_token")
        return {}

    def by_conversation(self, roots: Collection[bytes]) -> Mapping[bytes, Sequence[tuple[bytes, MailRef]]]:
        self.asked.append("by_conversation")
        return {}

    def by_likeness(self, keys: Collection[int], *, since: str) -> Mapping[int, Sequence[MailRef]]:
        self.asked.append("by_likeness")
        assert since == "2025-12-02T08:00:00Z"
        return {}

    def hashes(self, mails: Collection[MailRef]) -> Mapping[MailRef, Hashes]:
        self.asked.append("hashes")
        return {}

    def facts(self, mails: Collection[MailRef]) -> Mapping[MailRef, MailFacts]:
        self.asked.append("facts")
        return {mail: MailFacts(people=frozenset({"ann@fabrikam.example"}), regarding=CASE) for mail in mails}


def message(number: int, *, in_reply_to: str = "", subject: str = "x", thread: bytes = b"", message_id: str | None = None) -> MessageHeader:
    return MessageHeader(
        message_id=f"<{number}@fabrikam.example>" if message_id is None else message_id,
        sender=Party("ann@fabrikam.example"),
        to=(Party("sales@contoso.example"),),
        subject=subject,
        in_reply_to=in_reply_to,
        thread_index=base64.b64encode(thread).decode() if thread else "",
    )


def correlator(store: Store, rules: CorrelationRules = RULES) -> Correlator:
    return Correlator(store, rules, Surroundings(ours=frozenset({"sales@contoso.example"})), now=NOW)


def take(made: Correlator, header: MessageHeader, *, regarding: Regarding | None = None) -> Correlation | None:
    found = made.correlation(header)
    made.taken(header, made.clues(header, received=AT), received=AT, regarding=regarding)
    return found


def test_a_batch_is_one_look_for_each_kind_of_clue() -> None:
    store = Store()
    made = correlator(store)
    headers = [
        message(number, in_reply_to=f"<{number - 1}@fabrikam.example>", subject=f"Offer CRM:000100{number}", thread=ROOT)
        for number in range(10)
    ]
    made.look_up(headers)
    for header in headers:
        take(made, header)
    assert sorted(store.asked) == ["by_conversation", "by_likeness", "by_message_id", "by_token", "facts"]


def test_mail_that_says_nothing_costs_no_look() -> None:
    store = Store()
    made = correlator(store, CorrelationRules(references=True, token=TokenFormat()))
    made.look_up([message(1), message(2)])
    assert take(made, message(1)) is None
    assert store.asked == []


def test_a_message_that_was_not_asked_for_is_looked_up_by_itself() -> None:
    store = Store()
    found = correlator(store, CorrelationRules()).correlation(message(8, in_reply_to="<7@fabrikam.example>"))
    assert found is not None
    assert (found.correlated, found.regarding) == (KNOWN, CASE)
    assert store.asked == ["by_message_id", "facts"]


@pytest.mark.parametrize(
    ("second", "method"),
    [
        (message(2, in_reply_to="<1@fabrikam.example>"), CorrelationMethod.IN_REPLY_TO),
        (message(2, thread=answer(ROOT, 1, NOW)), CorrelationMethod.CONVERSATION_INDEX),
        (message(2, subject="RE: Offer for wheels"), CorrelationMethod.SMART_MATCHING),
    ],
)
def test_an_answer_right_behind_what_it_answers_belongs_to_it(second: MessageHeader, method: CorrelationMethod) -> None:
    made = correlator(Store())
    first = message(1, subject="Offer for wheels", thread=ROOT)
    made.look_up([first, second])
    assert take(made, first, regarding=CASE) is None
    found = take(made, second)
    assert found is not None
    assert (found.method, found.regarding) == (method, CASE)
    # It has no number yet; whoever commits finds it by its Message-ID.
    assert (found.correlated, found.message_id) == (MailRef(kind="email", id=0), "<1@fabrikam.example>")
    assert found.parent == (None if method is CorrelationMethod.SMART_MATCHING else found.correlated)


def test_what_was_not_tracked_is_answered_by_nothing() -> None:
    made = correlator(Store(), CorrelationRules())
    made.look_up([message(1), message(2, in_reply_to="<1@fabrikam.example>")])
    made.correlation(message(1))
    assert made.correlation(message(2, in_reply_to="<1@fabrikam.example>")) is None


def test_a_mail_of_an_earlier_batch_of_this_look_is_still_known() -> None:
    made = correlator(Store(), CorrelationRules())
    made.look_up([message(1)])
    take(made, message(1))
    made.look_up([message(2, in_reply_to="<1@fabrikam.example>")])
    found = made.correlation(message(2, in_reply_to="<1@fabrikam.example>"))
    assert found is not None
    assert found.correlated.id == 0


def test_a_mail_without_a_message_id_is_not_named_before_it_has_a_number() -> None:
    made = correlator(Store())
    take(made, message(1, message_id="", subject="Offer for wheels", thread=ROOT))
    assert made.correlation(message(2, subject="RE: Offer for wheels", thread=answer(ROOT, 1, NOW))) is None


def test_a_long_look_does_not_remember_without_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(correlating, "_MOST_PENDING", 100)
    made = correlator(Store())
    for number in range(1, 1_001):
        made.look_up([message(number)])
        take(made, message(number, subject="Offer for wheels"))
    kept = made._pending
    assert sum(len(layer.taken) for layer in kept) <= 100
    assert made.correlation(message(2_000, in_reply_to="<1000@fabrikam.example>")) is not None
    assert made.correlation(message(2_000, in_reply_to="<10@fabrikam.example>")) is None


def test_a_person_in_every_mail_does_not_make_each_one_dearer() -> None:
    made = correlator(Store())
    for number in range(1, 400):
        take(made, message(number, subject="Offer for wheels"))
    assert max(len(mails) for mails in made._pending[0].alike.values()) == 200


def test_an_answer_to_a_mail_known_twice_names_the_one_that_has_a_number() -> None:
    """Another mailbox brought it before; this look brings it again."""
    made = correlator(Store(), CorrelationRules())
    again = message(7)
    made.look_up([again, message(8, in_reply_to="<7@fabrikam.example>")])
    take(made, again)
    found = made.correlation(message(8, in_reply_to="<7@fabrikam.example>"))
    assert found is not None
    assert found.correlated == KNOWN
