"""What a profile gets from the mail provider it names: every field, who wins, and when it waits."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pytest

from reconcile.desired.effective import Origin, effective
from reconcile.desired.load import LoadResult
from reconcile.desired.provided import doubt
from reconcile.model.canonical import Leaf
from reconcile.model.change import Update
from reconcile.model.finding import Severity
from reconcile.model.key import APPLIED_KINDS, Key
from reconcile.model.provider_catalogue import shipped
from reconcile.model.resource import DesiredState
from reconcile.plan.as_if_applied import inventory, observed
from reconcile.plan.plan import make_plan
from reconcile.source.document_cache import SqliteDocumentCache
from support.estate import ENVIRONMENT, load_texts, mailbox
from support.estate_folder import document

KEY = Key("EmailServerProfile", "contoso")
#: Fields that a provider may fill in.
FILLED = {
    *(f"{direction}.{name}" for direction in ("incoming", "outgoing") for name in ("server", "port", "tls", "authentication")),
    "maxConcurrentConnections",
    *(f"oauth.{name}" for name in ("tokenEndpoint", "authorizationEndpoint", "deviceEndpoint", "revocationEndpoint", "scopes")),
}
OWN = """\
apiVersion: reconcile/v1alpha2
kind: MailProvider
metadata: {name: own}
spec:
  displayName: Our servers
  aliases: [ours]
  endpoints:
    imap: {host: imap.contoso.example, port: 1993, tls: starttls}
    smtp: {host: smtp.contoso.example, port: 1587, tls: starttls}
  authentication:
    accountPassword: {status: allowed}
  limits:
    imapConnections: {value: 4}
"""


LIMITS = {f"outgoing.{name}" for name in ("messagesPerMinute", "messagesPerDay", "recipientsPerMessage", "messageSize")}


def files(spec: Mapping[str, object], **more: str | bytes) -> dict[str, str | bytes]:
    profile = document("EmailServerProfile", "contoso", {"displayName": "Contoso", **spec})
    return {"environment.yaml": ENVIRONMENT, "profile.yaml": profile, **{f"{name}.yaml": text for name, text in more.items()}}


def state(spec: Mapping[str, object], **more: str | bytes) -> DesiredState:
    result = load_texts(files(spec, **more))
    assert result.desired is not None
    assert result.findings == ()
    return result.desired


def given(spec: Mapping[str, object], **more: str | bytes) -> dict[str, Leaf]:
    """What the provider filled in."""
    resource = state(spec, **more).resources[KEY]
    assert set(resource.assigned) <= FILLED | LIMITS
    assert all(key.kind == "MailProvider" for key in resource.assigned.values())
    assert list(resource.spec) == sorted(resource.spec)
    return {path: resource.spec[path] for path in sorted(resource.assigned) if path not in LIMITS}


def limits(spec: Mapping[str, object], **more: str | bytes) -> dict[str, Leaf]:
    """Of them what an account may send."""
    resource = state(spec, **more).resources[KEY]
    return {path.removeprefix("outgoing."): resource.spec[path] for path in sorted(resource.assigned) if path in LIMITS}


def both(incoming: tuple[Leaf, ...], outgoing: tuple[Leaf, ...], **more: Leaf) -> dict[str, Leaf]:
    names = ("server", "port", "tls", "authentication")
    sides = (("incoming", incoming), ("outgoing", outgoing))
    values = {f"{side}.{name}": leaf for side, leaves in sides for name, leaf in zip(names, leaves, strict=False)}
    return dict(sorted({**values, **more}.items()))


EWS = ("https://outlook.office365.com/EWS/Exchange.asmx", 443, "implicit", "oauth")
OFFICE = ("https://outlook.office.com/IMAP.AccessAsUser.All", "https://outlook.office.com/SMTP.Send", "offline_access")
PERSONAL = "https://login.microsoftonline.com/consumers/oauth2/v2.0"
GMAIL = both(("imap.gmail.com", 993, "implicit"), ("smtp.gmail.com", 465, "implicit"))


@pytest.mark.parametrize(
    ("provider", "server_type", "expected"),
    [
        ("gmail", "imap-smtp", GMAIL),
        ("gmail", "pop3-smtp", {**GMAIL, "incoming.server": "pop.gmail.com", "incoming.port": 995}),
        ("google-workspace", "imap-smtp", GMAIL),
        ("exchange-online", "exchange-server", both(EWS, EWS)),
        ("exchange-online", "exchange-online-hybrid", both(EWS, EWS)),
        (
            "exchange-online",
            "imap-smtp",
            # Sending still takes a password, fetching does not; three connections are allowed for sending.
            {
                **both(
                    ("outlook.office365.com", 993, "implicit", "oauth"), ("smtp.office365.com", 587, "starttls"), maxConcurrentConnections=3
                ),
                # Of which tenant a token is asked for is never guessed, so there are no endpoints.
                "oauth.scopes": OFFICE,
            },
        ),
        (
            "msn",
            "imap-smtp",
            {
                **both(("outlook.office365.com", 993, "implicit", "oauth"), ("smtp-mail.outlook.com", 587, "starttls", "oauth")),
                "oauth.authorizationEndpoint": f"{PERSONAL}/authorize",
                "oauth.deviceEndpoint": f"{PERSONAL}/devicecode",
                "oauth.scopes": OFFICE,
                "oauth.tokenEndpoint": f"{PERSONAL}/token",
            },
        ),
        ("icloud", "imap-smtp", both(("imap.mail.me.com", 993, "implicit", "basic"), ("smtp.mail.me.com", 587, "starttls", "basic"))),
        (
            "zoho",
            "imap-smtp",
            both(("imap.zoho.com", 993, "implicit", "basic"), ("smtp.zoho.com", 465, "implicit", "basic"), maxConcurrentConnections=3),
        ),
        ("gmx", "imap-smtp", both(("imap.gmx.net", 993, "implicit", "basic"), ("mail.gmx.net", 465, "implicit", "basic"))),
        ("yahoo", "imap-smtp", both(("imap.mail.yahoo.com", 993, "implicit"), ("smtp.mail.yahoo.com", 465, "implicit"))),
        (
            "exchange-onprem",
            "exchange-server",
            {"incoming.port": 443, "incoming.tls": "implicit", "outgoing.port": 443, "outgoing.tls": "implicit"},
        ),
        (
            "dovecot",
            "imap-smtp",
            {"incoming.port": 993, "incoming.tls": "implicit", "outgoing.port": 587, "outgoing.tls": "starttls"},
        ),
    ],
)
def test_what_is_filled_in(provider: str, server_type: str, expected: dict[str, Leaf]) -> None:
    assert given({"serverType": server_type, "provider": provider}) == expected


@pytest.mark.parametrize("name", sorted(shipped()))
def test_every_shipped_provider_gives_what_its_endpoints_say(name: str) -> None:
    endpoints = shipped()[name].endpoints
    server_type = "imap-smtp" if name != "exchange-onprem" else "exchange-server"
    fetch, send = ("imap", "smtp") if name != "exchange-onprem" else ("ews", "ews")
    values = given({"serverType": server_type, "provider": name})
    for direction, protocol in (("incoming", fetch), ("outgoing", send)):
        assert values[f"{direction}.port"] == endpoints[protocol].port
        assert values[f"{direction}.tls"] == endpoints[protocol].tls
        assert values.get(f"{direction}.server") == endpoints[protocol].host


@pytest.mark.parametrize(
    ("written", "absent", "others"),
    [
        ({"incoming": {"server": "imap.gmail.com"}}, {"incoming.server"}, {"incoming.port": 993}),
        ({"incoming": {"server": None}}, {"incoming.server"}, {"incoming.port": 993}),
        ({"incoming": {"authentication": "basic"}}, set(), {"incoming.port": 993}),
        ({"maxConcurrentConnections": 2}, {"maxConcurrentConnections"}, {"incoming.port": 993}),
        # The other way to the same host, told by port or by TLS.
        ({"outgoing": {"port": 587}}, {"outgoing.port"}, {"outgoing.tls": "starttls", "outgoing.server": "smtp.gmail.com"}),
        ({"outgoing": {"tls": "starttls"}}, {"outgoing.tls"}, {"outgoing.port": 587}),
        # A port that it does not have: what goes with it is not known.
        ({"outgoing": {"port": 2525}}, {"outgoing.port", "outgoing.tls"}, {"outgoing.server": "smtp.gmail.com"}),
        # Somebody else's server: nothing of it is known.
        (
            {"outgoing": {"server": "relay.contoso.example"}},
            {"outgoing.server", "outgoing.port", "outgoing.tls"},
            {"incoming.server": "imap.gmail.com"},
        ),
    ],
)
def test_what_is_written_stands(written: dict[str, object], absent: set[str], others: dict[str, Leaf]) -> None:
    spec = {"serverType": "imap-smtp", "provider": "gmail", **written}
    values = given(spec)
    assert not absent & set(values)
    assert others.items() <= values.items()
    declared = state(spec).resources[KEY].spec
    for group, fields in written.items():
        for name, leaf in fields.items() if isinstance(fields, dict) else [("", fields)]:
            assert declared[f"{group}.{name}" if name else group] == leaf


def test_a_server_of_software_that_everybody_runs_is_written() -> None:
    values = given({"serverType": "imap-smtp", "provider": "dovecot", "incoming": {"server": "imap.contoso.example"}})
    assert (values["incoming.port"], values["incoming.tls"], "incoming.server" in values) == (993, "implicit", False)
    foreign = given({"serverType": "imap-smtp", "provider": "own", "incoming": {"server": "imap.fabrikam.example"}}, own=OWN)
    assert not {"incoming.port", "incoming.tls"} & set(foreign)


def test_a_host_of_another_region_is_still_theirs() -> None:
    values = given({"serverType": "imap-smtp", "provider": "zoho", "incoming": {"server": "imap.zoho.in"}})
    assert (values["incoming.port"], values["incoming.tls"]) == (993, "implicit")
    assert "incoming.server" not in values


@pytest.mark.parametrize(
    ("provider", "written", "expected"),
    [
        ("gmail", {}, (None, None)),
        ("gmail", {"incoming": {"credentials": "gmail-oauth"}}, ("oauth", "oauth")),
        ("gmail", {"incoming": {"credentials": "profile", "password": "env:APP_PASSWORD"}}, ("basic", "basic")),
        ("gmail", {"incoming": {"credentials": "anonymous"}}, (None, None)),
        ("gmail", {"incoming": {"credentials": "gmail-oauth"}, "useSameSettingsForOutgoing": False}, ("oauth", None)),
        ("outlook-com", {"incoming": {"credentials": "profile", "password": "env:PASSWORD"}}, (None, None)),
        ("icloud", {"incoming": {"credentials": "gmail-oauth"}}, (None, None)),
    ],
)
def test_authentication_is_filled_in_where_one_way_is_left(
    provider: str, written: dict[str, object], expected: tuple[str | None, str | None]
) -> None:
    values = given({"serverType": "imap-smtp", "provider": provider, **written})
    assert (values.get("incoming.authentication"), values.get("outgoing.authentication")) == expected


def test_autodiscover_finds_the_server_itself() -> None:
    values = given({"serverType": "exchange-server", "provider": "exchange-online", "autodiscover": True})
    assert set(values) == {"incoming.authentication", "outgoing.authentication"}


TENANT = "11111111-2222-4333-8444-555555555555"


@pytest.mark.parametrize(
    ("provider", "oauth", "more", "expected"),
    [
        ("exchange-online", {"tenantId": TENANT}, {}, (f"https://login.microsoftonline.com/{TENANT}/oauth2/v2.0/token", OFFICE)),
        (
            "exchange-online",
            {"tenantId": TENANT, "serverAuthority": "us-government"},
            {},
            (f"https://login.microsoftonline.us/{TENANT}/oauth2/v2.0/token", OFFICE),
        ),
        (
            "exchange-online",
            {"tenantId": TENANT, "serverAuthority": "china"},
            {"incoming": {"credentials": "entra-oauth"}},
            (f"https://login.partner.microsoftonline.cn/{TENANT}/oauth2/v2.0/token", ("https://outlook.office365.com/.default",)),
        ),
        (
            "exchange-online",
            {"tenantId": TENANT, "grant": "refresh-token"},
            {"incoming": {"credentials": "entra-oauth"}},
            (f"https://login.microsoftonline.com/{TENANT}/oauth2/v2.0/token", OFFICE),
        ),
        (
            "gmail",
            {},
            {"incoming": {"credentials": "gmail-oauth"}},
            ("https://oauth2.googleapis.com/token", ("https://mail.google.com/",)),
        ),
        ("yahoo", {}, {"incoming": {"authentication": "oauth"}}, ("https://api.login.yahoo.com/oauth2/get_token", ("mail-w",))),
        # Who declares a token endpoint of his own gets no other address beside it, and the scopes he writes stand.
        (
            "gmail",
            {"tokenEndpoint": "https://login.contoso.example/token", "scopes": ["mail"]},
            {"incoming": {"credentials": "gmail-oauth"}},
            (None, None),
        ),
        ("gmail", {}, {}, (None, None)),
    ],
)
def test_where_tokens_come_from_is_filled_in(
    provider: str, oauth: dict[str, object], more: dict[str, object], expected: tuple[Leaf, Leaf]
) -> None:
    values = given({"serverType": "imap-smtp", "provider": provider, "oauth": oauth, **more})
    assert (values.get("oauth.tokenEndpoint"), values.get("oauth.scopes")) == expected
    assert ("oauth.authorizationEndpoint" in values) == (expected[0] is not None)


def test_an_estate_declares_its_own() -> None:
    expected = both(
        ("imap.contoso.example", 1993, "starttls", "basic"),
        ("smtp.contoso.example", 1587, "starttls", "basic"),
        maxConcurrentConnections=4,
    )
    assert given({"serverType": "imap-smtp", "provider": "own"}, own=OWN) == expected
    assert given({"serverType": "imap-smtp", "provider": "ours"}, own=OWN) == expected


def test_an_estates_document_is_laid_over_a_shipped_one() -> None:
    over = OWN.replace("name: own", "name: gmail").replace("aliases: [ours]", "hosting: self-hosted")
    over = over.replace("    smtp: {host: smtp.contoso.example, port: 1587, tls: starttls}\n", "").replace("accountPassword", "appPassword")
    values = given({"serverType": "imap-smtp", "provider": "gmail"}, over=over)
    assert (values["incoming.server"], values["incoming.port"]) == ("imap.contoso.example", 1993)
    assert (values["outgoing.server"], values["outgoing.port"]) == ("smtp.gmail.com", 465)
    assert values["maxConcurrentConnections"] == 4


@pytest.mark.parametrize("value", ["10", "200", "null", "0"])
def test_a_limit_that_is_none_changes_nothing(value: str) -> None:
    text = OWN.replace("value: 4", f"value: {value}")
    assert "maxConcurrentConnections" not in given({"serverType": "imap-smtp", "provider": "own"}, own=text)


@pytest.mark.parametrize(
    ("provider", "expected"),
    [
        ("gmail", {"messagesPerDay": 2000, "recipientsPerMessage": 100}),
        ("icloud", {"messageSize": 20 * 1024 * 1024, "messagesPerDay": 200}),
        ("dovecot", {}),
    ],
)
def test_what_an_account_may_send_is_filled_in(provider: str, expected: dict[str, Leaf]) -> None:
    found = limits({"serverType": "imap-smtp", "provider": provider})
    assert expected.items() <= found.items()
    assert bool(found) == bool(expected)
    written = {"outgoing": {"messagesPerDay": 5, "recipientsPerMessage": None}}
    assert not {"messagesPerDay", "recipientsPerMessage"} & limits({"serverType": "imap-smtp", "provider": provider, **written}).keys()


def held(spec: Mapping[str, object], **more: str | bytes) -> tuple[LoadResult, str]:
    result = load_texts(files(spec, **more))
    assert result.desired is not None
    assert KEY not in result.desired.resources
    return result, result.desired.held[KEY]


def test_an_unknown_provider_holds_the_profile_and_its_mailboxes() -> None:
    result, why = held({"serverType": "imap-smtp", "provider": "gmial"}, m=mailbox())
    [finding] = result.findings
    assert (finding.rule, finding.severity, finding.position.line) == ("provider/unknown", Severity.ERROR, 7)
    assert "did you mean gmail?" in finding.hint
    assert why == "it takes its servers from MailProvider/gmial, which nobody declares"
    assert result.desired is not None
    assert Key("Mailbox", "sales") in result.desired.held


def test_a_protocol_that_the_provider_does_not_have() -> None:
    result, why = held({"serverType": "pop3-smtp", "provider": "icloud"})
    [finding] = result.findings
    assert (finding.rule, finding.severity, finding.position.line) == ("provider/protocol", Severity.ERROR, 6)
    assert finding.message == why == "iCloud has no POP3, which serverType pop3-smtp needs"
    assert "serverType: imap-smtp" in finding.hint


def test_what_nobody_verified_is_no_error() -> None:
    unverified = OWN.replace("displayName: Our servers", "displayName: Our servers\n  verified: false")
    result = load_texts(files({"serverType": "pop3-smtp", "provider": "own"}, own=unverified))
    [finding] = result.findings
    assert (finding.rule, finding.severity) == ("provider/protocol", Severity.WARNING)
    assert result.desired is not None
    values = result.desired.resources[KEY].spec
    assert "incoming.server" not in values
    assert values["outgoing.server"] == "smtp.contoso.example"


@pytest.mark.parametrize(
    "spoilt",
    [
        OWN.replace("1993", "0"),
        OWN + "---\n" + OWN,
        OWN.replace("{value: 4}", "{value: 4"),
        OWN.replace("kind: MailProvider", "kind: MailProvidr"),
        OWN.encode("utf-16"),
        OWN.encode() + b"\xff",
    ],
    ids=["field", "twice", "syntax", "kind", "utf-16", "octet"],
)
@pytest.mark.parametrize("name", ["own", "gmail"])
def test_a_provider_with_errors_holds_who_names_it(spoilt: str | bytes, name: str) -> None:
    """Laid over a shipped entry too: without it, mail would go to other servers than were meant."""
    text = spoilt.replace("name: own", f"name: {name}") if isinstance(spoilt, str) else spoilt
    if isinstance(text, bytes) and name == "gmail":
        text = text.replace("name: own".encode("utf-16-le"), "name: gmail".encode("utf-16-le")).replace(b"name: own", b"name: gmail")
    result, why = held({"serverType": "imap-smtp", "provider": name}, own=text)
    assert f"it takes its servers from MailProvider/{name}, " in why
    # It is not unknown, only not readable, and that was said.
    assert not any(finding.rule.startswith("provider/") for finding in result.findings)


@pytest.mark.parametrize("order", [1, -1])
def test_a_profile_declared_twice_once_with_and_once_without(order: int) -> None:
    texts = [
        document("EmailServerProfile", "contoso", {"displayName": "C", "serverType": "imap-smtp", **more})
        for more in ({"provider": "gmail"}, {})
    ]
    result = load_texts({"environment.yaml": ENVIRONMENT, "profile.yaml": "---\n".join(texts[::order])})
    assert [finding.rule for finding in result.findings] == ["duplicate/resource"]
    assert result.desired is not None
    assert result.desired.held[KEY] == "it is declared twice"


@pytest.mark.parametrize(("octets", "doubtful"), [(None, True), (b"kind: MailProvider", True), (b"kind: Mailbox", False)])
def test_a_file_that_cannot_be_read_may_declare_a_provider(octets: bytes | None, doubtful: bool) -> None:
    assert bool(doubt(["x.yaml"], lambda _: octets, [])) is doubtful


def test_errors_elsewhere_hold_nobody() -> None:
    result = load_texts(files({"serverType": "imap-smtp", "provider": "gmail"}, own=OWN.replace("1993", "0"), other="kind: [\n"))
    assert result.desired is not None
    assert KEY in result.desired.resources


def test_somebody_elses_profile_is_left_as_it_is() -> None:
    spec = {"serverType": "imap-smtp", "provider": "gmail", "management": {"lifecycle": "external"}}
    assert given(spec) == {}


def origins(desired: DesiredState) -> dict[str, tuple[Origin, str, str]]:
    return {
        one.path: (one.origin, str(one.by or ""), f"{one.position.file}:{one.position.line}" if one.position else "")
        for one in effective(desired, KEY)
    }


def test_where_a_value_comes_from() -> None:
    found = origins(state({"serverType": "imap-smtp", "provider": "gmail", "incoming": {"port": 993}}))
    assert found["incoming.server"] == (Origin.PROVIDER, "MailProvider/gmail", "")
    assert found["incoming.port"] == (Origin.DOCUMENT, "", "profile.yaml:8")
    assert found["provider"] == (Origin.DOCUMENT, "", "profile.yaml:7")
    assert found["maxConcurrentConnections"][0] is Origin.DEFAULT


def test_where_a_value_of_the_estates_own_provider_stands() -> None:
    desired = state({"serverType": "imap-smtp", "provider": "own"}, own=OWN)
    found = origins(desired)
    assert found["incoming.server"] == (Origin.PROVIDER, "MailProvider/own", "own.yaml:8")
    assert found["outgoing.port"][2] == "own.yaml:9"
    assert found["incoming.authentication"][2] == "own.yaml:10"
    assert found["maxConcurrentConnections"][2] == "own.yaml:13"
    assert (desired.locate(KEY, "incoming.server").file, desired.locate(KEY, "incoming.server").line) == ("own.yaml", 8)


def test_a_finding_about_a_shipped_value_marks_the_line_that_names_the_provider() -> None:
    place = state({"serverType": "imap-smtp", "provider": "gmail"}).locate(KEY, "incoming.server")
    assert (place.file, place.line) == ("profile.yaml", 7)


WRITTEN = {
    "incoming": {"server": "imap.gmail.com", "port": 993, "tls": "implicit"},
    "outgoing": {"server": "smtp.gmail.com", "port": 465, "tls": "implicit"},
}


def test_the_same_values_by_name_plan_nothing() -> None:
    after = state({"serverType": "imap-smtp", "provider": "gmail"})
    sending = {**WRITTEN["outgoing"], **limits({"serverType": "imap-smtp", "provider": "gmail"})}
    before = state({"serverType": "imap-smtp", **WRITTEN, "outgoing": sending})
    for old, new in ((before, after), (after, before)):
        plan = make_plan(new, observed(old), inventory(old), APPLIED_KINDS)
        assert (plan.changes, plan.notes, plan.unchanged) == ((), (), 2)


def test_another_provider_plans_its_servers() -> None:
    before = state({"serverType": "imap-smtp", "provider": "gmail"})
    after = state({"serverType": "imap-smtp", "provider": "own"}, own=OWN)
    [change] = make_plan(after, observed(before), inventory(before), APPLIED_KINDS).changes
    assert isinstance(change, Update)
    assert {field.path: field.after for field in change.fields} == {
        path: leaf for path, leaf in after.resources[KEY].spec.items() if path in FILLED
    }
    assert "provider" not in change.spec


def test_layers_put_a_provider_together() -> None:
    environment = ENVIRONMENT.replace("spec: {", "spec: {layers: [base, top], ")
    texts = {
        "e.yaml": environment,
        "base/profile.yaml": document("EmailServerProfile", "contoso", {"displayName": "C", "serverType": "imap-smtp", "provider": "own"}),
        "base/own.yaml": OWN,
        "top/own.yaml": OWN[: OWN.index("spec:")] + "spec: {endpoints: {imap: {port: 2993}}}\n",
    }
    result = load_texts(texts)
    assert result.desired is not None
    assert result.findings == ()
    values = result.desired.resources[KEY].spec
    assert (values["incoming.port"], values["incoming.server"]) == (2993, "imap.contoso.example")
    assert result.desired.locate(KEY, "incoming.port").file == "top/own.yaml"
    assert result.desired.locate(KEY, "incoming.server").file == "base/own.yaml"


def test_a_changed_provider_counts_with_a_warm_cache(tmp_path: Path) -> None:
    spec = {"serverType": "imap-smtp", "provider": "own"}
    cache = SqliteDocumentCache(tmp_path, program="one")
    for text, port in ((OWN, 1993), (OWN, 1993), (OWN.replace("1993", "2993"), 2993), (OWN, 1993)):
        result = load_texts(files(spec, own=text), cache=cache)
        assert result.desired is not None
        assert result.desired.resources[KEY].spec["incoming.port"] == port
    named = load_texts(files({**spec, "provider": "gmail"}, own=OWN), cache=cache)
    assert named.desired is not None
    assert named.desired.resources[KEY].spec["incoming.port"] == 993
