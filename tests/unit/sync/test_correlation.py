"""Which mail a message belongs to: the order of methods, the switches, and who is not believed."""

from __future__ import annotations

import base64
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from reconcile.model.activity_details import Regarding
from reconcile.model.canonical import Leaf
from reconcile.model.conversation_index import answer, new_conversation
from reconcile.model.message import MessageHeader, Party
from reconcile.model.party import PartyRef, PartyRow, PartyType
from reconcile.model.tracking import CorrelationMethod, MailRef
from reconcile.model.tracking_token import TokenFormat
from reconcile.ports.correlation import Hashes, MailFacts
from reconcile.sync.decide.correlation import Found, Surroundings, candidates, clues_of, correlate, is_forward, question
from reconcile.sync.decide.correlation_rules import CorrelationRules, SmartMatching, correlation_rules
from reconcile.sync.decide.smart_matching import likeness_keys, people_hashes, word_hashes

NOW = datetime(2026, 3, 2, 8, 0, tzinfo=UTC)
AT = "2026-03-02T08:00:00Z"
ROOT = new_conversation(bytes(range(1, 17)), NOW)
REPLY = answer(ROOT, 1, NOW + timedelta(hours=1))
RULES = CorrelationRules(references=True, token=TokenFormat(), smart=SmartMatching())
AROUND = Surroundings(ours=frozenset({"sales@contoso.example"}))
OFFER = MailRef(kind="outbox", id=1)
FOLK = ("sales@contoso.example", "ann@fabrikam.example")
CASE = Regarding(type="case", id="c-1")


def index(octets: bytes) -> str:
    return base64.b64encode(octets).decode()


def message(
    *,
    sender: str = "ann@fabrikam.example",
    to: tuple[str, ...] = ("sales@contoso.example",),
    cc: tuple[str, ...] = (),
    subject: str = "Something else",
    message_id: str = "<new@fabrikam.example>",
    in_reply_to: str = "",
    references: tuple[str, ...] = (),
    thread_index: str = "",
    forwards: bool = False,
) -> MessageHeader:
    return MessageHeader(
        message_id=message_id,
        sender=Party(sender) if sender else None,
        to=tuple(Party(one) for one in to),
        cc=tuple(Party(one) for one in cc),
        subject=subject,
        in_reply_to=in_reply_to,
        references=references,
        thread_index=thread_index,
        forwards=forwards,
    )


def facts(*people: str, regarding: Regarding | None = None, message_id: str = "", at: str = AT) -> MailFacts:
    return MailFacts(people=frozenset(people or FOLK), regarding=regarding, owner="u-1", message_id=message_id, at=at)


def likeness(subject: str, smart: SmartMatching, mails: Mapping[MailRef, Sequence[str]]) -> dict[str, Any]:
    """What a store has of mails with one subject, each between its people."""
    words, alike, hashes = word_hashes(subject, smart), dict[int, list[MailRef]](), {}
    for mail, people in mails.items():
        hashed = people_hashes(people, smart)
        hashes[mail] = Hashes(frozenset(words), frozenset(hashed))
        for key in likeness_keys(words, hashed, smart):
            alike.setdefault(key, []).append(mail)
    return {"alike": alike, "hashes": hashes}


def everything(known: Mapping[MailRef, MailFacts] | None = None) -> Found:
    """A store in which each clue leads to another mail."""
    refs = {name: MailRef(kind="outbox", id=number) for number, name in enumerate(("id", "token", "thread", "reference", "alike"), 1)}
    smart = RULES.smart
    assert smart is not None
    return Found(
        message_ids={"<sent@contoso.example>": [refs["id"]], "<older@contoso.example>": [refs["reference"]]},
        tokens={"crm:0001001": [refs["token"]]},
        conversations={ROOT: [(ROOT, refs["thread"])]},
        **likeness("Offer for wheels", smart, {refs["alike"]: FOLK}),
        facts=known if known is not None else {ref: facts(regarding=CASE) for ref in refs.values()},
    )


ALL = message(
    subject="RE: Offer for wheels CRM:0001001",
    in_reply_to="<sent@contoso.example>",
    references=("<older@contoso.example>", "<unknown@x.example>"),
    thread_index=index(REPLY),
)


def method_of(header: MessageHeader, rules: CorrelationRules = RULES, found: Found | None = None, around: Surroundings = AROUND) -> str:
    answered = correlate(question(header, rules), found or everything(), rules, around)
    return str(answered.method) if answered else ""


def test_the_methods_are_tried_in_order() -> None:
    seen, header = [], ALL
    for field, gone in (
        ("", None),
        ("in_reply_to", ""),
        ("subject", "RE: Offer for wheels"),
        ("thread_index", ""),
        ("references", ()),
        ("subject", "RE: Offer for tyres"),
    ):
        header = replace(header, **{field: gone}) if field else header
        seen.append(method_of(header))
    assert seen == ["in-reply-to", "tracking-token", "conversation-index", "references", "smart-matching", ""]


def test_a_correlation_carries_what_the_mail_is_about() -> None:
    found = correlate(question(ALL, RULES), everything(), RULES, AROUND)
    assert found is not None
    assert (found.correlated, found.parent, found.clue) == (OFFER, OFFER, "<sent@contoso.example>")
    assert (found.regarding, found.owner) == (CASE, "u-1")


@pytest.mark.parametrize(
    ("header", "parent"),
    [
        (message(subject="CRM:0001001"), None),
        (message(thread_index=index(REPLY)), 3),
        (message(thread_index=index(answer(REPLY, 1, NOW))), None),  # the mail in between is not known
        (message(references=("<older@contoso.example>",)), None),
        (message(subject="Offer for wheels"), None),
    ],
)
def test_only_what_names_the_answered_mail_gives_a_parent(header: MessageHeader, parent: int | None) -> None:
    found = correlate(question(header, RULES), everything(), RULES, AROUND)
    assert found is not None
    assert (found.parent.id if found.parent else None) == parent


@pytest.mark.parametrize(
    ("declared", "expected"),
    [
        ({}, ["in-reply-to", "conversation-index"]),
        ({"tracking.correlation": False, "tracking.token.enabled": True}, []),
        ({"tracking.ignoreThreadHeaders": True, "tracking.correlateByReferences": True}, []),
        ({"tracking.ignoreThreadHeaders": True, "tracking.token.enabled": True}, ["tracking-token"]),
        ({"tracking.correlateByReferences": True}, ["in-reply-to", "conversation-index", "references"]),
        ({"smartMatching.enabled": True}, ["in-reply-to", "conversation-index", "smart-matching"]),
        ({"smartMatching.enabled": True, "smartMatching.disabledByEnvironment": True}, ["in-reply-to", "conversation-index"]),
        (
            {"smartMatching.enabled": True, "smartMatching.disableHashCreation": True},
            ["in-reply-to", "conversation-index", "smart-matching"],
        ),
        ({"tracking.token.enabled": True}, ["in-reply-to", "tracking-token", "conversation-index"]),
        ({"tracking.token.enabled": True, "tracking.token.prefix": "Case:"}, ["in-reply-to", "conversation-index"]),
        (
            {"tracking.token.enabled": True, "tracking.token.prefix": "Case:", "tracking.token.formerPrefixes": ("CRM:",)},
            ["in-reply-to", "tracking-token", "conversation-index"],
        ),
    ],
)
def test_what_is_declared_decides_which_clues_count(declared: dict[str, Leaf], expected: list[str]) -> None:
    rules = correlation_rules(declared)
    each = (
        message(in_reply_to="<sent@contoso.example>"),
        message(subject="x CRM:0001001"),
        message(thread_index=index(REPLY)),
        message(references=("<older@contoso.example>",)),
        message(subject="Offer for wheels"),
    )
    assert [method for header in each if (method := method_of(header, rules))] == expected


@pytest.mark.parametrize(
    "header",
    [
        message(in_reply_to="<sent@contoso.example>", subject="FW: Offer"),
        message(in_reply_to="<sent@contoso.example>", subject="Offer", forwards=True),
        message(thread_index=index(REPLY), subject="WG: Angebot"),
        message(subject="TR: Offre CRM:0001001"),
    ],
)
def test_a_forward_is_a_reply_unless_it_is_not_to_be(header: MessageHeader) -> None:
    assert method_of(header) != ""
    assert method_of(header, replace(RULES, forwards_are_replies=False)) == ""


@pytest.mark.parametrize(
    "subject",
    ["FW: x", "Fwd: x", "fw:x", "[EXT] FWD: x", "WG: x", "TR : x", "RV: x", "ENC: x", "VS: x", "Fw[2]: x", "\u8f6c\u53d1\uff1a x"],
)
def test_the_subject_of_a_forward_is_recognised(subject: str) -> None:
    assert is_forward(message(subject=subject))


@pytest.mark.parametrize("subject", ["", "RE: FW: x", "Forward: x", "AW: x", "Fwiw: x", "trip: x", "x FW: y"])
def test_the_subject_of_an_answer_is_none(subject: str) -> None:
    assert not is_forward(message(subject=subject))


# Who is not believed.

TOKEN = "RE: Offer CRM:0001001"


@pytest.mark.parametrize(
    ("header", "believed"),
    [
        (message(subject=TOKEN), True),
        (message(subject=TOKEN, sender="Ann@FABRIKAM.example"), True),
        (message(subject=TOKEN, sender="boss@fabrikam.example", cc=("ann@fabrikam.example",)), True),
        # A stranger who guessed the token. That our own mailbox got the mail proves nothing: it has to, or we would not see it.
        (message(subject=TOKEN, sender="stranger@evil.example"), False),
        (message(subject=TOKEN, sender="stranger@evil.example", cc=("sales@contoso.example", "other@evil.example")), False),
        # Who claims to be ourselves, and whose name only looks alike.
        (message(subject=TOKEN, sender="sales@contoso.example"), False),
        (message(subject=TOKEN, sender="\u0430nn@fabrikam.example"), False),
        (message(subject=TOKEN, sender=""), False),
    ],
)
def test_a_token_alone_links_nobody(header: MessageHeader, believed: bool) -> None:
    assert (method_of(header) == "tracking-token") is believed


def test_another_address_of_a_person_is_a_second_signal() -> None:
    def parties(address: str) -> list[PartyRow]:
        row = PartyRow(ref=PartyRef(type=PartyType.CONTACT, id="ann"), addresses=("ann@fabrikam.example", "ann@home.example"))
        return [row] if address in row.addresses else []

    around = replace(AROUND, parties=parties)
    assert method_of(message(subject=TOKEN, sender="ann@home.example"), around=around) == "tracking-token"
    assert method_of(message(subject=TOKEN, sender="bob@home.example"), around=around) == ""


def test_the_record_a_mail_is_about_is_a_second_signal() -> None:
    row = PartyRow(ref=PartyRef(type=PartyType.ACCOUNT, id="a-1"), addresses=("info@fabrikam.example",))
    around = replace(AROUND, parties=lambda _: [row])
    header = message(subject=TOKEN, sender="info@fabrikam.example")
    for about, expected in ((Regarding(type="account", id="a-1"), "tracking-token"), (Regarding(type="contact", id="a-1"), "")):
        found = everything({MailRef(kind="outbox", id=2): facts(regarding=about)})
        assert method_of(header, found=found, around=around) == expected


def test_a_counter_that_started_again_links_to_the_mail_of_those_who_talk() -> None:
    """Three digits last for a thousand mails: then one token names several, and the people tell which."""
    newest, mine = MailRef(kind="outbox", id=1002), MailRef(kind="outbox", id=2)
    found = Found(
        tokens={"crm:0001001": [newest, mine]},
        facts={newest: facts("sales@contoso.example", "zoe@other.example"), mine: facts()},
    )
    answered = correlate(question(message(subject=TOKEN), RULES), found, RULES, AROUND)
    assert answered is not None
    assert answered.correlated == mine


def test_the_last_token_counts_and_the_one_before_where_nobody_knows_it() -> None:
    first, second = MailRef(kind="outbox", id=1), MailRef(kind="outbox", id=2)
    found = Found(tokens={"crm:0001001": [first], "crm:0001002": [second]}, facts={first: facts(), second: facts()})
    asked = question(message(subject="CRM:0001001 CRM:0001002 CRM:0001003"), RULES)
    answered = correlate(asked, found, RULES, AROUND)
    assert answered is not None
    assert answered.correlated == second


def test_a_copied_message_id_does_not_draw_answers_to_itself() -> None:
    """Anybody can send a mail under an id that he saw: the answer goes to the mail of those who talk, or to none."""
    real, copy = MailRef(kind="email", id=1), MailRef(kind="email", id=9)
    found = Found(
        message_ids={"<1@fabrikam.example>": [copy, real]},
        facts={real: facts(), copy: facts("stranger@evil.example", "sales@contoso.example")},
    )
    header = message(in_reply_to="<1@fabrikam.example>")
    answered = correlate(question(header, RULES), found, RULES, AROUND)
    assert answered is not None
    assert answered.correlated == real
    assert method_of(replace(header, sender=Party("zoe@other.example")), found=found) == ""


def test_an_id_of_ours_is_ours_whoever_copies_it() -> None:
    copy = MailRef(kind="email", id=9)
    found = Found(message_ids={"<sent@contoso.example>": [OFFER, copy]}, facts={OFFER: facts(), copy: facts("stranger@evil.example")})
    answered = correlate(question(message(sender="zoe@other.example", in_reply_to="<sent@contoso.example>"), RULES), found, RULES, AROUND)
    assert answered is not None
    assert answered.correlated == OFFER


def test_one_mail_kept_twice_is_still_known() -> None:
    first, again = MailRef(kind="email", id=1), MailRef(kind="email", id=2)
    found = Found(message_ids={"<1@fabrikam.example>": [again, first]}, facts={first: facts(), again: facts()})
    answered = correlate(question(message(sender="zoe@other.example", in_reply_to="<1@fabrikam.example>"), RULES), found, RULES, AROUND)
    assert answered is not None
    assert answered.correlated == first


def test_a_mail_does_not_belong_to_itself() -> None:
    """It lies in two mailboxes of ours, and the second one finds it with all of its clues."""
    ref = MailRef(kind="email", id=1)
    smart = RULES.smart
    assert smart is not None
    found = Found(
        conversations={ROOT: [(REPLY, ref)]},
        **likeness("Something else", smart, {ref: FOLK}),
        facts={ref: facts(message_id="<new@fabrikam.example>")},
    )
    assert method_of(message(thread_index=index(REPLY)), found=found) == ""
    assert method_of(message(thread_index=index(REPLY), message_id="<other@fabrikam.example>"), found=found) == "conversation-index"


def test_a_mail_that_is_gone_is_no_answer() -> None:
    assert method_of(ALL, found=everything({})) == ""


# Likeness.


def alike(
    subject: str, *, sender: str = "ann@fabrikam.example", to: tuple[str, ...] = ("sales@contoso.example",), smart: SmartMatching
) -> str:
    rules = CorrelationRules(smart=smart)
    known = MailRef(kind="outbox", id=5)
    found = Found(
        **likeness("Offer for wheels", smart, {known: FOLK}),
        facts={known: facts()},
    )
    return method_of(message(subject=subject, sender=sender, to=to), rules, found)


@pytest.mark.parametrize(
    ("subject", "sender", "changed", "expected"),
    [
        ("RE: Offer for wheels", "ann@fabrikam.example", {}, True),
        ("AW: WG: OFFER FOR WHEELS", "ann@fabrikam.example", {}, True),
        ("wheels for offer", "ann@fabrikam.example", {}, True),  # a set of words, as in the product
        ("RE: Offer for four wheels", "ann@fabrikam.example", {}, False),
        ("RE: Offer for four wheels", "ann@fabrikam.example", {"subject_difference": 1}, True),
        ("RE: Order of four wheels", "ann@fabrikam.example", {"subject_difference": 1}, False),
        ("RE: Offer for wheels", "zoe@fabrikam.example", {}, False),
        ("RE: Offer for wheels", "zoe@fabrikam.example", {"minimum_recipients": 1}, True),
        ("RE:", "ann@fabrikam.example", {"subject_difference": 9}, False),  # nothing is like nothing
        ("RE: Offer", "ann@fabrikam.example", {"maximum_hashes": 1, "minimum_recipients": 1}, True),
        ("RE: Offer for wheels", "ann@fabrikam.example", {"maximum_hashes": 0}, False),
        ("Re: Offer for wheels", "ann@fabrikam.example", {"subject_filter": r"^AW: "}, False),
        ("AW: Offer for wheels", "ann@fabrikam.example", {"subject_filter": r"^AW: "}, True),
    ],
)
def test_likeness_is_words_and_people(subject: str, sender: str, changed: dict[str, object], expected: bool) -> None:
    assert bool(alike(subject, sender=sender, smart=replace(SmartMatching(), **changed))) is expected  # type: ignore[arg-type]


def test_nobody_in_common_is_no_likeness_whatever_is_declared() -> None:
    smart = SmartMatching(minimum_recipients=0)
    assert alike("Offer for wheels", sender="zoe@other.example", to=("x@other.example",), smart=smart) == ""


def test_of_several_alike_the_one_with_most_people_and_then_the_newest_counts() -> None:
    smart = SmartMatching(minimum_recipients=1)
    old, new, close = (MailRef(kind="email", id=number) for number in (9, 2, 1))
    known = {old: facts(at="2026-01-01T00:00:00Z"), new: facts(at="2026-02-01T00:00:00Z"), close: facts(at="2025-12-31T00:00:00Z")}
    rules = CorrelationRules(smart=smart)

    def best(mails: dict[MailRef, Sequence[str]]) -> MailRef:
        found = Found(facts=known, **likeness("Something else", smart, mails))
        answered = correlate(question(message(), rules), found, rules, AROUND)
        assert answered is not None
        return answered.correlated

    assert best({old: FOLK[:1], new: FOLK[:1]}) == new
    assert best({old: FOLK[:1], new: FOLK[:1], close: FOLK}) == close


def test_so_many_mails_are_looked_at_and_no_more() -> None:
    smart = SmartMatching(minimum_recipients=1)
    mails = {MailRef(kind="email", id=number): FOLK[:1] for number in range(1, 1_000)}
    alike = likeness("Something else", smart, mails)["alike"]
    assert len(candidates(question(message(), CorrelationRules(smart=smart)), alike)) == 400


def test_hashes_never_change() -> None:
    """They are kept: a store of an older version must still be understood."""
    smart = SmartMatching()
    assert word_hashes("RE: Offer  für  WHEELS, wheels", smart) == (226407102311322, 263574554271468, 21449869944076)
    assert likeness_keys([1, 2], [3], smart) == likeness_keys([2, 1], [3], smart) == (61889049699839,)
    assert people_hashes(["ann@fabrikam.example"], smart) == (97091440554980,)


def test_clues_are_kept_for_what_can_be_looked_for() -> None:
    header = message(subject="RE: Offer CRM:0001001", thread_index=index(REPLY))
    made = clues_of(header, RULES, at=AT, oldest="2026-01-01T00:00:00Z")
    smart = RULES.smart
    assert made is not None
    assert smart is not None
    assert (made.conversation, made.at) == (REPLY, AT)
    assert made.words == word_hashes("Offer", smart)  # a token is no word
    assert set(made.people) == set(people_hashes(FOLK, smart))
    # Older than anybody looks, or not to be made: the thread alone is left.
    for rules, oldest in (
        (RULES, "2026-12-01T00:00:00Z"),
        (replace(RULES, smart=SmartMatching(creates=False)), ""),
        (replace(RULES, smart=None), ""),
    ):
        kept = clues_of(header, rules, at=AT, oldest=oldest)
        assert kept is not None
        assert (kept.conversation, kept.words, kept.people) == (REPLY, (), ())
    assert clues_of(message(), CorrelationRules(), at=AT, oldest="") is None


def test_nothing_is_asked_where_a_message_says_nothing() -> None:
    assert not question(message(), CorrelationRules(token=TokenFormat(), references=True)).asks
    assert not question(ALL, CorrelationRules(enabled=False)).asks


def test_only_the_nearest_of_many_references_are_looked_at() -> None:
    many = tuple(f"<{number}@fabrikam.example>" for number in range(500))
    asked = question(message(references=many), RULES)
    assert len(asked.references) == 20
    assert asked.references[0] == "<499@fabrikam.example>"


def test_the_numbers_of_the_methods_are_those_of_the_product() -> None:
    assert [method.number for method in CorrelationMethod] == [3, 4, 5, 6, 7]
