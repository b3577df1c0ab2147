"""Readiness: the first date something stops, told by the same rules that lint uses, and whose mailboxes they are."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime
from functools import lru_cache

import pytest

from reconcile.model.policy_rule import PolicyRule
from reconcile.policy import cel
from reconcile.policy.compile import compile_rules
from reconcile.policy.readiness import Affected, Readiness, Standing, readiness
from reconcile.policy.readiness_topics import TOPICS, Topic
from reconcile.policy.rule import RuleBook
from reconcile.policy.variables import vocabulary
from support.estate import Texts, load_source
from support.rule_book import shipped

_EWS = TOPICS["ews-retirement"]
_TODAY = datetime(2026, 11, 22, tzinfo=UTC)
_ALL_TEN = (
    "[Mail.ReadWrite, Mail.Send, MailboxSettings.ReadWrite, Calendars.ReadWrite, Contacts.ReadWrite, Tasks.ReadWrite.All, "
    "MailboxConfigItem.ReadWrite, Chat.Read.All, OnlineMeetings.ReadWrite.All, CallRecords.Read.All]"
)


def _document(kind: str, name: str, spec: str) -> str:
    return f"apiVersion: reconcile/v1alpha2\nkind: {kind}\nmetadata: {{name: {name}}}\nspec: {spec}\n"


def _profile(server_type: str, credentials: str, facts: str = "{}", name: str = "exchange") -> str:
    return _document(
        "EmailServerProfile",
        name,
        f"{{displayName: {name.title()}, serverType: {server_type}, incoming: {{credentials: {credentials}}}, facts: {facts}}}",
    )


def _mailbox(name: str, more: str = "incoming: server-side", profile: str = "exchange") -> str:
    return _document("Mailbox", name, f"{{emailAddress: {name}@contoso.example, profile: {profile}, {more}}}")


@lru_cache(maxsize=4)
def _book(topic: str) -> RuleBook:
    declared = [one.declared for one in shipped().trials.values()]
    named = [one for one in declared if isinstance(one.document, PolicyRule) and topic in one.document.spec.readiness]
    book, faults = compile_rules(named)
    assert not faults
    assert named
    return book


def _ready(*documents: str, today: datetime = _TODAY, topic: Topic = _EWS, book: RuleBook | None = None) -> Readiness:
    text = "---\n".join([_document("Environment", "production", "{}"), *documents])
    desired = load_source(Texts({"estate.yaml": text})).desired
    assert desired is not None
    return readiness(topic, book or _book(topic.name), desired, today=today, clock=time.perf_counter)


def _only(found: Readiness) -> Affected:
    (one,) = found.profiles
    return one


@pytest.mark.parametrize("name", TOPICS)
def test_a_topic_is_sound(name: str) -> None:
    topic = TOPICS[name]
    assert isinstance(cel.check(topic.concerns, vocabulary("EmailServerProfile"), boolean=True), cel.Program)
    assert [one.start for one in topic.milestones] == sorted(one.start for one in topic.milestones)
    assert len(list(_book(name))) > 0


def test_every_report_that_a_rule_names_is_there() -> None:
    documents = [one.declared.document for one in shipped().trials.values()]
    named = {name for one in documents if isinstance(one, PolicyRule) for name in one.spec.readiness}
    assert named == set(TOPICS)


_CASES = [
    ("exchange-online-hybrid", "server-to-server", "{ewsSwitch: 'on', ewsAllowed: true}", Standing.STOPS, "2027-04-01"),
    ("exchange-online-hybrid", "server-to-server", "{}", Standing.STOPS, "2027-04-01"),
    ("exchange-online-hybrid", "server-to-server", "{ewsSwitch: 'off'}", Standing.STOPPED, "2026-10-01"),
    ("exchange-online-hybrid", "server-to-server", "{ewsSwitch: 'on', ewsAllowed: false}", Standing.STOPPED, "2026-10-10"),
    ("exchange-server", "entra-oauth", "{ewsSwitch: 'on', ewsAllowed: true}", Standing.STOPS, "2027-04-01"),
    ("exchange-server", "entra-oauth", f"{{graphPermissions: {_ALL_TEN}}}", Standing.ATTENTION, None),
    ("exchange-server", "entra-oauth", f"{{ewsSwitch: not-set, graphPermissions: {_ALL_TEN}}}", Standing.ATTENTION, None),
    ("exchange-server", "entra-oauth", f"{{ewsSwitch: 'on', ewsAllowed: true, graphPermissions: {_ALL_TEN}}}", Standing.READY, None),
    ("exchange-server", "server-to-server", "{serverVersion: exchange-online}", Standing.READY, None),
]


@pytest.mark.parametrize(("server_type", "credentials", "facts", "standing", "stops"), _CASES)
def test_how_a_profile_stands(server_type: str, credentials: str, facts: str, standing: Standing, stops: str | None) -> None:
    one = _only(_ready(_profile(server_type, credentials, facts), _mailbox("sales")))
    assert (one.standing, None if one.stops is None else f"{one.stops:%Y-%m-%d}") == (standing, stops)
    assert one.mailboxes == (("sales", "sales@contoso.example"),)
    assert bool(one.lacks) == (standing is not Standing.READY)
    assert len({lack.finding.rule for lack in one.lacks}) == len(one.lacks)


@pytest.mark.parametrize(
    ("today", "standing", "stops"),
    [
        (datetime(2026, 9, 30, tzinfo=UTC), Standing.STOPS, "2026-10-10"),
        (datetime(2026, 10, 10, tzinfo=UTC), Standing.STOPPED, "2026-10-10"),
        (datetime(2027, 3, 31, tzinfo=UTC), Standing.STOPPED, "2026-10-10"),
    ],
)
def test_the_day_it_is_judged_on_decides_whether_it_has_stopped(today: datetime, standing: Standing, stops: str) -> None:
    one = _only(_ready(_profile("exchange-server", "entra-oauth", "{ewsSwitch: 'on', ewsAllowed: false}"), today=today))
    assert one.stops is not None
    assert (one.standing, f"{one.stops:%Y-%m-%d}") == (standing, stops)


def test_what_is_over_stops_nothing() -> None:
    """After the end of Exchange Web Services their switch is of no interest to an application that has its Graph permissions."""
    facts = f"{{ewsSwitch: 'off', graphPermissions: {_ALL_TEN}}}"
    one = _only(_ready(_profile("exchange-server", "entra-oauth", facts), today=datetime(2027, 5, 1, tzinfo=UTC)))
    assert (one.standing, one.stops) == (Standing.READY, None)


def test_what_is_not_about_exchange_online_is_left_out() -> None:
    found = _ready(
        _profile("exchange-server", "profile", "{serverVersion: exchange-2019}", name="local"),
        _profile("imap-smtp", "user-or-queue", name="imap"),
        _mailbox("sales", profile="local"),
    )
    assert found.profiles == ()
    assert [len(found.stopping(one)) for one in _EWS.milestones] == [0, 0, 0]


def test_mailboxes_that_are_not_synchronised_are_not_counted() -> None:
    documents = [
        _mailbox("sales"),
        _mailbox("sends", "outgoing: server-side"),
        _mailbox("calendar", "appointmentsContactsTasks: server-side"),
        _mailbox("off", "incoming: none"),
        _mailbox("inactive", "incoming: server-side, state: inactive"),
    ]
    one = _only(_ready(_profile("exchange-online-hybrid", "server-to-server"), *documents))
    assert [name for name, _ in one.mailboxes] == ["calendar", "sales", "sends"]


def test_the_most_urgent_come_first_and_each_milestone_counts_its_own() -> None:
    found = _ready(
        _profile("exchange-server", "server-to-server", "{serverVersion: exchange-online}", name="a-ready"),
        _profile("exchange-server", "entra-oauth", f"{{graphPermissions: {_ALL_TEN}}}", name="b-attention"),
        _profile("exchange-online-hybrid", "server-to-server", "{ewsSwitch: 'on', ewsAllowed: true}", name="c-stops"),
        _profile("exchange-server", "entra-oauth", "{ewsSwitch: 'on', ewsAllowed: false}", name="d-stopped"),
    )
    assert [one.key.name for one in found.profiles] == ["d-stopped", "c-stops", "b-attention", "a-ready"]
    assert [[one.key.name for one in found.stopping(milestone)] for milestone in _EWS.milestones] == [[], ["d-stopped"], ["c-stops"]]


def test_what_begins_later_says_from_when() -> None:
    """A rule that only begins at a milestone is shown with its date, once."""
    rule = _book("ews-retirement").get("ews-online-retires")
    assert rule is not None
    later = replace(rule, valid_from=_EWS.milestones[-1].start)
    one = _only(_ready(_profile("exchange-online-hybrid", "server-to-server"), book=RuleBook(rules=(later,))))
    assert [(lack.finding.rule, lack.start) for lack in one.lacks] == [("ews-online-retires", _EWS.milestones[-1].start)]
    assert (one.standing, one.stops) == (Standing.STOPS, _EWS.milestones[-1].start)


def test_findings_of_single_mailboxes_leave_the_others_of_the_profile_alone() -> None:
    """No rule of today's reports looks at mailboxes; one of an estate may."""
    trial = shipped().trials["mailbox-password-has-not-expired"]
    book, _ = compile_rules([trial.declared])
    profile = _profile("exchange-online-hybrid", "user-or-queue")
    expired = "incoming: server-side, credentials: {allowUse: true, username: x, password: {ref: 'env:X', expires: '2026-11-01'}}"
    one = _only(_ready(profile, _mailbox("expired", expired), _mailbox("fine"), book=book))
    assert (one.standing, one.mailboxes) == (Standing.STOPPED, (("expired", "expired@contoso.example"),))


def test_what_has_errors_is_counted_as_held() -> None:
    broken = _document("EmailServerProfile", "broken", "{displayName: Broken}")
    assert _ready(_profile("exchange-online-hybrid", "server-to-server"), broken).held > 0


def _names(profiles: Sequence[Affected]) -> list[str]:
    return [one.key.name for one in profiles]


def test_sending_with_a_password_stops_at_the_end_of_the_year() -> None:
    outgoing = "outgoing: {server: smtp.office365.com, authentication: %s}"
    spec = "{displayName: %s, serverType: imap-smtp, " + outgoing + "}"
    documents = [_document("EmailServerProfile", name, spec % (name, way)) for name, way in (("basic", "basic"), ("oauth", "oauth"))]
    found = _ready(*documents, topic=TOPICS["smtp-basic-authentication"])
    assert _names(found.stopping(found.topic.milestones[0])) == ["basic"]
    assert _names(found.standing(Standing.READY)) == ["oauth"]


def test_mailboxes_of_a_profile_that_others_manage_are_told_of_and_never_taken_for_ready() -> None:
    external = (
        "apiVersion: reconcile/v1alpha2\nkind: EmailServerProfile\nmetadata: {name: platform}\n"
        "management: {lifecycle: external}\nspec: {displayName: Microsoft Exchange Online}\n"
    )
    unused = external.replace("platform", "unused").replace("Microsoft", "Another")
    found = _ready(external, unused, _mailbox("a", profile="platform"), _mailbox("b", "incoming: none", profile="platform"))
    assert found.profiles == ()
    assert found.elsewhere == (("platform", "Microsoft Exchange Online", 1),)
