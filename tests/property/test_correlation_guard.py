"""Whatever a stranger writes, a token does not link him to a mail that nobody of his takes part in."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from reconcile.model.message import MessageHeader, Party
from reconcile.model.tracking import CorrelationMethod, MailRef
from reconcile.model.tracking_token import TokenFormat
from reconcile.ports.correlation import MailFacts
from reconcile.sync.decide.correlation import Found, Surroundings, correlate, question
from reconcile.sync.decide.correlation_rules import CorrelationRules, SmartMatching

OURS = ("sales@contoso.example", "support@contoso.example")
INSIDE = (*OURS, "ann@fabrikam.example", "bob@fabrikam.example")
OUTSIDE = ("eve@evil.example", "mallory@evil.example", "Ann@fabrikam.example.evil.example", "ann@fabr\u0456kam.example")
RULES = CorrelationRules(token=TokenFormat(), smart=SmartMatching(minimum_recipients=0, subject_difference=99))
MAIL = MailRef(kind="outbox", id=1)
FOUND = Found(tokens={"crm:0001001": [MAIL]}, facts={MAIL: MailFacts(people=frozenset(INSIDE))})
AROUND = Surroundings(ours=frozenset(OURS))

_PEOPLE = st.lists(st.sampled_from((*OUTSIDE, *OURS)), max_size=5).map(lambda some: tuple(Party(one) for one in some))
_SUBJECTS = st.one_of(
    st.just("CRM:0001001"), st.tuples(st.text(max_size=20), st.text(max_size=20)).map(lambda around: f"{around[0]} CRM:0001001 {around[1]}")
)


@given(sender=st.sampled_from((*OUTSIDE, *OURS, "")), to=_PEOPLE, cc=_PEOPLE, subject=_SUBJECTS)
def test_a_stranger_is_linked_to_nothing(sender: str, to: tuple[Party, ...], cc: tuple[Party, ...], subject: str) -> None:
    header = MessageHeader(message_id="<x@evil.example>", sender=Party(sender) if sender else None, to=to, cc=cc, subject=subject)
    assert correlate(question(header, RULES), FOUND, RULES, AROUND) is None


@given(insider=st.sampled_from(INSIDE[len(OURS) :]), where=st.sampled_from(("sender", "to", "cc")), others=_PEOPLE)
def test_somebody_who_takes_part_is_believed(insider: str, where: str, others: tuple[Party, ...]) -> None:
    groups = {"to": others, "cc": others}
    if where != "sender":
        groups[where] = (*others, Party(insider.upper()))
    header = MessageHeader(
        message_id="<x@evil.example>",
        sender=Party(insider if where == "sender" else OUTSIDE[0]),
        subject="RE: Offer CRM:0001001",
        **groups,
    )
    found = correlate(question(header, RULES), FOUND, RULES, AROUND)
    assert found is not None
    assert found.method is CorrelationMethod.TRACKING_TOKEN
