"""Rules over small estates: what a rule sees, what it skips, and what a finding says."""

from __future__ import annotations

import itertools
from datetime import UTC, datetime

import pytest

from reconcile.model.finding import Severity
from reconcile.model.key import Key
from reconcile.model.position import Position
from support.judging import MAILBOX, PROFILE, TODAY, estate, judged, rule, rule_text, said

_ORGANIZATION = """\
apiVersion: reconcile/v1alpha2
kind: Organization
metadata: {name: contoso}
spec:
  ownedDomains: [contoso.example]
  defaults: {profile: mail, incoming: server-side, appointmentsContactsTasks: server-side}
"""
_BARE = """\
apiVersion: reconcile/v1alpha2
kind: Mailbox
metadata: {name: bare, labels: {team: sales}}
spec: {emailAddress: Bare@Contoso.example}
"""
_QUEUE = """\
apiVersion: reconcile/v1alpha2
kind: Mailbox
metadata: {name: orders}
spec: {emailAddress: orders@contoso.example, type: queue}
"""
_EXTERNAL = """\
apiVersion: reconcile/v1alpha2
kind: EmailServerProfile
metadata: {name: theirs}
management: {lifecycle: external}
spec: {displayName: Theirs, serverType: exchange-server}
"""
_THEIR_MAILBOX = """\
apiVersion: reconcile/v1alpha2
kind: Mailbox
metadata: {name: guest}
spec: {emailAddress: guest@contoso.example, profile: theirs}
"""
_ENVIRONMENT = """\
apiVersion: reconcile/v1alpha2
kind: Environment
metadata: {name: production}
spec: {variables: {domain: contoso.example, count: 3}}
"""


@pytest.mark.parametrize(
    ("assert_", "documents"),
    [
        # Declared, defaulted, null.
        ('mailbox.emailAddress == "Bare@contoso.example"', [_BARE]),
        ('mailbox.displayName == "Bare@contoso.example"', [_BARE]),
        ('mailbox.incoming == "none" && mailbox.type == "user"', [_BARE]),
        ("mailbox.profile == null && mailbox.processEmailFrom == null && mailbox.facts.mfa == null", [_BARE]),
        ("size(mailbox.facts.groups) == 0 && !mailbox.deleteAfterProcessing", [_BARE]),
        ('mailbox.domain == "contoso.example" && mailbox.localPart == "Bare"', [_BARE]),
        ('mailbox.name == "bare" && mailbox.labels == {"team": "sales"} && mailbox.lifecycle == "managed"', [_BARE]),
        ("mailbox.credentials.password.ref == null && mailbox.credentials.password.expires == null", [_BARE]),
        # What the organization gives a new mailbox counts, as far as its type can have it.
        ('mailbox.incoming == "server-side" && mailbox.profile == "mail"', [PROFILE, _ORGANIZATION, _BARE]),
        ('mailbox.appointmentsContactsTasks == (mailbox.type == "user" ? "server-side" : "none")', [PROFILE, _ORGANIZATION, _BARE, _QUEUE]),
        # The profile.
        ('profile.name == "mail" && profile.incoming.protocol == "imap" && profile.incoming.port == 993', [PROFILE, MAILBOX]),
        ('profile.minPollingInterval == "300s" && profile.incoming.host == "imap.contoso.example"', [PROFILE, MAILBOX]),
        ('profile.sending.credentials == "user-or-queue" && profile.outgoing.credentials == null', [PROFILE, MAILBOX]),
        # Around them.
        ('environment.name == "production" && environment.variables.count == 3', [_ENVIRONMENT, _BARE]),
        ('organization.ownedDomains == ["contoso.example"] && organization.fips == false', [PROFILE, _ORGANIZATION, MAILBOX]),
        ("counts.profile.mailboxes == 1 && counts.organization.mailboxes == 1", [PROFILE, _ORGANIZATION, MAILBOX]),
        ("today == timestamp('2026-11-22T00:00:00Z')", [_BARE]),
    ],
)  # fmt: skip
def test_what_a_rule_over_mailboxes_sees(assert_: str, documents: list[str]) -> None:
    evaluation = judged([rule(assert_)], estate(*documents))
    assert [finding.message for finding in evaluation.findings] == []
    assert evaluation.judged["tried"] >= 1
    assert len(judged([rule(f"!({assert_})")], estate(*documents)).findings) == evaluation.judged["tried"]


@pytest.mark.parametrize(
    ("over", "assert_", "documents"),
    [
        ("EmailServerProfile", 'profile.displayName == "Mail" && counts.mailboxes == 1 && counts.individual == 1', [PROFILE, MAILBOX]),
        ("EmailServerProfile", 'profile.incoming.server == "imap.contoso.example" && profile.outgoing.server == null', [PROFILE]),
        ("Organization", 'organization.defaults.profile == "mail" && counts.profiles == 1', [PROFILE, _ORGANIZATION]),
        ("Organization", 'organization.attachments.blockedExtensions == [] && organization.lifecycle == "singleton"', [PROFILE, _ORGANIZATION]),
        ("Environment", 'environment.timeZone == "UTC" && environment.target.type == "engine"', [_ENVIRONMENT]),
    ],
)  # fmt: skip
def test_what_rules_over_other_kinds_see(over: str, assert_: str, documents: list[str]) -> None:
    example = estate(*documents)
    assert judged([rule(assert_, over=over)], example).judged == {"tried": 1}
    assert judged([rule(assert_, over=over)], example).findings == ()
    assert len(judged([rule(f"!({assert_})", over=over)], example).findings) == 1


@pytest.mark.parametrize(
    ("assert_", "documents"),
    [
        ("profile.incoming.tls == 'none'", [_BARE]),  # no profile
        ("profile.incoming.tls == 'none'", [_EXTERNAL, _THEIR_MAILBOX]),  # not written in somebody else's
        ("organization.fips", [_BARE]),  # no organization
        ("counts.profile.mailboxes == 0", [_BARE]),
        ("counts.organization.mailboxes == 0", [_BARE]),
        ("provider.hosting == 'cloud'", [PROFILE, MAILBOX]),  # a provider that nobody knows
        ("provider.hosting == 'cloud'", [_BARE]),
    ],
)
def test_what_is_not_known_is_not_judged(assert_: str, documents: list[str]) -> None:
    for tried in (assert_, f"!({assert_})", f"{assert_} || false"):
        evaluation = judged([rule(tried)], estate(*documents))
        assert evaluation.findings == ()
        assert evaluation.judged.get("tried", 0) == 0


def test_what_is_written_of_somebody_elses_is_known() -> None:
    example = estate(_EXTERNAL, _THEIR_MAILBOX)
    assert said(judged([rule("profile.serverType != 'exchange-server' && profile.lifecycle == 'external'")], example)) == {
        "Mailbox/guest": "it does not hold"
    }


def test_what_belongs_to_somebody_else_is_no_subject() -> None:
    assert judged([rule("false", over="EmailServerProfile")], estate(PROFILE, _EXTERNAL)).judged == {"tried": 1}


def test_the_provider_of_a_profile_is_seen() -> None:
    gmail = PROFILE.replace("incoming: {server: imap.contoso.example}", "incoming: {server: imap.gmail.com}")
    found = judged(
        [rule("false", over="EmailServerProfile", match='provider.name == "gmail" && provider.hosting == "cloud"')], estate(gmail)
    )
    assert found.judged == {"tried": 1}
    assert len(found.findings) == 1


def test_only_what_is_matched_must_hold() -> None:
    found = judged([rule("false", match='mailbox.type == "queue"')], estate(PROFILE, MAILBOX, _QUEUE))
    assert said(found) == {"Mailbox/orders": "it does not hold"}
    assert found.judged == {"tried": 2}


def test_a_date_is_said_as_it_was_written_in_the_zone_of_the_environment() -> None:
    zone = _ENVIRONMENT.replace("{variables", "{timeZone: Europe/Berlin, variables")
    dated = MAILBOX.replace("spec:", "spec:\n  processEmailFrom: 2027-06-01", 1)
    tried = rule("false", message='"from {mailbox.processEmailFrom}"')
    assert [one.message for one in judged([tried], estate(PROFILE, dated, zone)).findings] == ["from 2027-06-01"]
    assert [one.message for one in judged([tried], estate(PROFILE, dated)).findings] == ["from 2027-06-01"]
    assert [one.message for one in judged([tried], estate(PROFILE, MAILBOX)).findings] == ["from null"]


def test_a_finding_says_what_where_why_and_what_next() -> None:
    tried = rule(
        "size(mailbox.name) > params.least && profile.incoming.port == 1",
        message='"{mailbox.name} on {profile.name}: {profile.incoming.port + params.least} {{as such}}, {provider.title}"',
        parameters="{least: {description: Letters., default: 3}}",
        at="[mailbox.owner, mailbox.profile]",
        cause="profile",
        severity="information",
        escalations="[{from: 2026-06-01, severity: error}]",
    )
    (finding,) = judged([tried], estate(PROFILE, MAILBOX)).findings
    assert finding.message == "sales on mail: 996 {as such}, (not known)"
    assert (finding.rule, finding.severity, finding.hint) == ("tried", Severity.ERROR, "Mend it.")
    assert (finding.resource, finding.cause) == (Key("Mailbox", "sales"), Key("EmailServerProfile", "mail"))
    assert (finding.position, finding.path) == (Position("example.yaml", 14, 12, 16), "spec.profile")
    assert finding.values == (("mailbox.name", "sales"), ("params.least", "3"), ("profile.incoming.port", "993"))


@pytest.mark.parametrize(
    ("at", "line", "path"),
    [
        ("[profile.incoming.server]", 7, "spec.incoming.server"),
        ("[mailbox.owner, mailbox.incoming]", 15, "spec.incoming"),
        ("[profile.incoming.port, profile.incoming]", 7, "spec.incoming"),
        ("[mailbox.owner]", 9, ""),
        ("[]", 9, ""),
        ("[organization.fips]", 9, ""),
        ("[mailbox.name]", 11, "metadata.name"),
    ],
)
def test_a_finding_marks_the_first_field_that_is_written(at: str, line: int, path: str) -> None:
    (finding,) = judged([rule("false", at=at)], estate(PROFILE, MAILBOX)).findings
    assert (finding.position.line, finding.path) == (line, path)
    assert finding.resource == Key("Mailbox", "sales")


def test_what_the_organization_gives_is_marked_there() -> None:
    (finding,) = judged([rule("mailbox.incoming == 'none'", at="[mailbox.incoming]")], estate(PROFILE, _ORGANIZATION, _BARE)).findings
    assert finding.position.line == 14
    assert finding.path == "spec.incoming"


def test_secrets_are_seen_by_reference_only() -> None:
    mailbox = MAILBOX + "  credentials: {username: sales, password: {ref: 'env:SALES', generation: 2}}\n"
    tried = rule(
        "mailbox.credentials.password.expires != null && mailbox.credentials.password.ref == ''",
        message='"{mailbox.credentials.password.ref}"',
        at="[mailbox.credentials.password]",
    )
    (finding,) = judged([tried], estate(PROFILE, mailbox)).findings
    assert finding.message == "env:SALES"
    assert dict(finding.values) == {"mailbox.credentials.password.expires": "null", "mailbox.credentials.password.ref": "env:SALES"}
    assert finding.position.line == 16


@pytest.mark.parametrize(
    ("assert_", "why"),
    [
        ("mailbox.labels.team == 'a'", "Key not found in map"),
        ("mailbox.name.matches('[')", "invalid regular expression"),
        ("!mailbox.facts.mfa", "a value is null"),
        ("mailbox.facts.mfa", "it comes to null, which is neither true nor false"),
        ("timestamp(mailbox.displayName) < today", ""),
        ("mailbox.filter > 'a'", ""),
    ],
)
def test_a_rule_that_fails_is_one_finding_about_itself_and_the_others_run(assert_: str, why: str) -> None:
    failing, other = rule(assert_, name="failing"), rule("mailbox.type == 'queue'", name="other")
    found = judged([failing, other], estate(PROFILE, MAILBOX, _QUEUE.replace("type: queue", "type: user")))
    about = [finding for finding in found.findings if finding.rule == "policy/rule-failed"]
    assert [finding.rule for finding in found.findings if finding not in about] == ["other", "other"]
    (finding,) = about
    assert finding.severity is Severity.ERROR
    assert "failing" in finding.message
    assert "Mailbox/orders" in finding.message  # the first by name
    assert why in finding.message
    assert (finding.position, finding.resource) == (Position("rules.yaml", 1), Key("PolicyRule", "failing"))


def test_a_message_is_as_long_as_people_read() -> None:
    long = "".join(f".replace('{old}', '{new * 10}')" for old, new in ("ab", "bc", "cd"))
    tried = rule("false", message=f"\"{{'aaaaaaaaaa'{long}}} of {{mailbox.name}}\"")
    (finding,) = judged([tried], estate(PROFILE, MAILBOX)).findings
    assert finding.message == "d" * 2000 + "… (8009 more characters)"


def test_an_error_in_match_is_no_pass_either() -> None:
    (finding,) = judged([rule("true", match="mailbox.labels.team == 'a'")], estate(PROFILE, MAILBOX)).findings
    assert finding.rule == "policy/rule-failed"


def test_a_rule_that_fails_on_some_still_judges_the_others() -> None:
    found = judged([rule("mailbox.labels.team == 'shop'")], estate(PROFILE, MAILBOX, _BARE))
    assert [finding.rule for finding in found.findings] == ["tried", "policy/rule-failed"]
    assert str(found.findings[0].resource) == "Mailbox/bare"


def test_a_rule_beyond_its_time_is_a_finding_and_the_others_run() -> None:
    now = itertools.count()
    found = judged([rule("mailbox.name != ''", name="slow")], estate(PROFILE, MAILBOX), clock=lambda: next(now) * 1.0)
    (finding,) = found.findings
    assert finding.rule == "policy/rule-failed"
    assert "slow" in finding.message
    assert "a rule may take 0.1 s for an object" in finding.message
    # One slow moment of the machine is not the rule's fault.
    times = iter([0.0, 5.0, *(5.0 + number / 1000 for number in range(1000))])
    assert judged([rule("mailbox.name != ''")], estate(PROFILE, MAILBOX), clock=lambda: next(times)).findings == ()


def test_switched_off_and_out_of_date_rules_are_not_judged() -> None:
    example = estate(PROFILE, MAILBOX)
    off = [
        rule("false", name="off", enabled="false"),
        rule("false", name="later", validFrom="2027-01-01"),
        rule("false", name="over", validUntil="2026-01-01"),
    ]
    assert judged(off, example).judged == {}
    assert judged(off, example).findings == ()
    assert len(judged(off, example, today=datetime(2027, 1, 1, tzinfo=UTC)).findings) == 1


def test_rules_see_the_other_environments() -> None:
    files = {
        "a.yaml": "apiVersion: reconcile/v1alpha2\nkind: Environment\nmetadata: {name: production}\nspec: {layers: [production]}\n",
        "b.yaml": "apiVersion: reconcile/v1alpha2\nkind: Environment\nmetadata: {name: test}\nspec: {layers: [test]}\n",
        "production/all.yaml": f"{PROFILE}---\n{MAILBOX}",
        "test/all.yaml": f"{PROFILE}---\n{MAILBOX}---\n{_BARE}",
    }
    example = estate(environment="production", **files)
    tried = rule("size(counts.elsewhere) == 0", message='"also in {counts.elsewhere}"')
    assert said(judged([tried], example)) == {"Mailbox/sales": "also in test"}
    # What is not synchronised there is not there.
    files["test/all.yaml"] = files["test/all.yaml"].replace("incoming: server-side", "incoming: none")
    assert said(judged([tried], estate(environment="production", **files))) == {}


def test_others_are_asked_for_only_by_rules_that_need_them() -> None:
    from reconcile.policy.evaluate import evaluate
    from reconcile.policy.rule import RuleBook

    def never() -> list[object]:
        raise AssertionError("nobody needs them")

    book = RuleBook(rules=(rule("false"),))
    found = evaluate(book, estate(PROFILE, MAILBOX).desired, today=TODAY, others=never, clock=lambda: 0.0)  # type: ignore[arg-type]
    assert len(found.findings) == 1


def test_a_rule_over_something_else_is_left_to_others() -> None:
    assert "appliesTo: Mailbox" in rule_text("true")
    assert judged([], estate(MAILBOX, PROFILE)).findings == ()
