"""Every cell of the support matrix: what the pages say of it, and that the rules say the same.

The table was written from these pages, not from the rules: "Unterstützte E-Mail-Service-Konfigurationen für serverseitige
Synchronisierung" (on-premises application; its table and its list of what is not supported), "Erstellen von E-Mail-Serverprofilen und
Hinzufügen von Postfächern mithilfe der serverseitigen Synchronisierung" (November 2016; kinds of credentials), and of the Power Platform
"Supported email service configurations for server-side synchronization" and "Connect to Exchange Server (on-premises)" (online
application).
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from functools import cache
from itertools import product
from typing import Final, NamedTuple

import pytest

from reconcile.model.finding import Severity
from reconcile.policy.evaluate import evaluate
from reconcile.policy.rule import RuleBook
from support.estate import Texts, load_source
from support.rule_book import shipped

TODAY: Final = datetime(2026, 11, 22, tzinfo=UTC)
CREDENTIALS: Final = (
    "user-or-queue",
    "profile",
    "server-to-server",
    "windows-integrated",
    "anonymous",
    "gmail-oauth",
    "hybrid-modern-auth",
    "entra-oauth",
)

#: b: mail and appointments, contacts and tasks. m: mail alone. w: both, but two pages name different types. t: mail is not tested and not
#: supported, though not forbidden. -: not supported. One letter for each of CREDENTIALS. Of an Exchange profile the server that it names is
#: part of the row. One account (profile, windows-integrated) impersonates here; delegation has a test of its own.
TABLE: Final = """
application  server type             server   mailbox          credentials
online       exchange-server         online   exchange-online  --b----b
online       exchange-server         online   on-premises      --------
online       exchange-server         online   external         --------
online       exchange-server         local    exchange-online  --------
online       exchange-server         local    on-premises      --------
online       exchange-server         local    external         --------
online       exchange-server-hybrid  online   exchange-online  --------
online       exchange-server-hybrid  online   on-premises      --------
online       exchange-server-hybrid  online   external         --------
online       exchange-server-hybrid  local    exchange-online  --------
online       exchange-server-hybrid  local    on-premises      bb----b-
online       exchange-server-hybrid  local    external         --------
online       exchange-online-hybrid  online   exchange-online  --------
online       exchange-online-hybrid  online   on-premises      --------
online       exchange-online-hybrid  online   external         --------
online       pop3-smtp               gmail    exchange-online  --------
online       pop3-smtp               gmail    on-premises      t----t--
online       pop3-smtp               gmail    external         m----m--
online       imap-smtp               gmail    exchange-online  --------
online       imap-smtp               gmail    on-premises      tt---t--
online       imap-smtp               gmail    external         mm---m--
on-premises  exchange-server         online   exchange-online  --------
on-premises  exchange-server         online   on-premises      --------
on-premises  exchange-server         online   external         --------
on-premises  exchange-server         local    exchange-online  --------
on-premises  exchange-server         local    on-premises      bb-b----
on-premises  exchange-server         local    external         --------
on-premises  exchange-server-hybrid  online   exchange-online  --------
on-premises  exchange-server-hybrid  online   on-premises      --------
on-premises  exchange-server-hybrid  online   external         --------
on-premises  exchange-server-hybrid  local    exchange-online  --------
on-premises  exchange-server-hybrid  local    on-premises      ww-w----
on-premises  exchange-server-hybrid  local    external         --------
on-premises  exchange-online-hybrid  online   exchange-online  --b-----
on-premises  exchange-online-hybrid  online   on-premises      --------
on-premises  exchange-online-hybrid  online   external         --------
on-premises  pop3-smtp               gmail    exchange-online  t----t--
on-premises  pop3-smtp               gmail    on-premises      t----t--
on-premises  pop3-smtp               gmail    external         m----m--
on-premises  imap-smtp               gmail    exchange-online  tt---t--
on-premises  imap-smtp               gmail    on-premises      tt---t--
on-premises  imap-smtp               gmail    external         mm---m--
"""
_ERROR, _WARNING, _INFORMATION = Severity.ERROR, Severity.WARNING, Severity.INFORMATION
#: Letter → what is found about (mail, appointments) at most.
_MEANING: Final[Mapping[str, tuple[Severity | None, Severity | None]]] = {
    "b": (None, None),
    "m": (None, _ERROR),
    "w": (_WARNING, _WARNING),
    "t": (_INFORMATION, _ERROR),
    "-": (_ERROR, _ERROR),
}
_SERVERS: Final = {
    "online": "https://outlook.office365.com/EWS/Exchange.asmx",
    "local": "https://mail.contoso.example/EWS/Exchange.asmx",
    "gmail": "imap.gmail.com",
}


class Cell(NamedTuple):
    application: str
    server_type: str
    server: str
    location: str
    credentials: str
    appointments: bool

    @property
    def profile(self) -> str:
        return f"{self.server_type}-{self.server}-{self.credentials}"

    @property
    def mailbox(self) -> str:
        return f"{CREDENTIALS.index(self.credentials)}-{self.server_type}-{self.server}-{self.location}-{int(self.appointments)}"


def _cells() -> Iterator[tuple[Cell, Severity | None]]:
    for line in TABLE.strip().splitlines()[1:]:
        application, server_type, server, location, letters = line.split()
        for (credentials, letter), appointments in product(zip(CREDENTIALS, letters, strict=True), (False, True)):
            yield Cell(application, server_type, server, location, credentials, appointments), _MEANING[letter][appointments]


def _documents(application: str) -> Iterator[str]:
    yield "apiVersion: reconcile/v1alpha2\nkind: Environment\nmetadata: {name: test}\nspec: {}\n"
    yield f"apiVersion: reconcile/v1alpha2\nkind: Organization\nmetadata: {{name: contoso}}\nspec: {{deployment: {application}}}\n"
    profiles: set[str] = set()
    for cell, _ in _cells():
        if cell.application != application:
            continue
        if cell.profile not in profiles:
            profiles.add(cell.profile)
            yield (
                f"apiVersion: reconcile/v1alpha2\nkind: EmailServerProfile\nmetadata: {{name: {cell.profile}}}\nspec:\n"
                f'  displayName: {cell.profile}\n  serverType: {cell.server_type}\n  processEmailFrom: "2026-11-01"\n'
                f'  incoming: {{server: "{_SERVERS[cell.server]}", credentials: {cell.credentials}, useImpersonation: true}}\n'
            )
        yield (
            f"apiVersion: reconcile/v1alpha2\nkind: Mailbox\nmetadata: {{name: {cell.mailbox}}}\nspec:\n"
            f"  emailAddress: {cell.mailbox}@contoso.example\n  profile: {cell.profile}\n"
            f"  incoming: {'none' if cell.appointments else 'server-side'}\n"
            f"  appointmentsContactsTasks: {'server-side' if cell.appointments else 'none'}\n  facts: {{location: {cell.location}}}\n"
        )


@cache
def _family() -> RuleBook:
    """The rules that know the table: the row families, and what appointments need."""
    trials = shipped().trials
    names = {name for name, trial in trials.items() if trial.declared.place(("spec",)).file.endswith("/support-matrix.yaml")}
    family = names | {"act-needs-exchange", "act-needs-impersonation"}
    assert len(family) > 15
    return RuleBook(rules=tuple(rule for rule in shipped().book if rule.id in family))


@cache
def _worst(application: str) -> Mapping[str, tuple[Severity, str]]:
    """Name of a mailbox or profile → the worst that was found about it, and by which rule."""
    desired = load_source(Texts({"estate.yaml": "---\n".join(_documents(application))})).desired
    assert desired is not None
    assert not desired.held
    found: dict[str, tuple[Severity, str]] = {}
    for finding in evaluate(_family(), desired, today=TODAY, others=tuple, clock=lambda: 0.0).findings:
        assert finding.resource is not None
        name = f"{finding.resource.kind}/{finding.resource.name}"
        found[name] = max(found.get(name, (finding.severity, finding.rule)), (finding.severity, finding.rule))
    return found


def test_the_table_is_whole() -> None:
    cells = [cell for cell, _ in _cells()]
    assert len(set(cells)) == len(cells) == 2 * 7 * 3 * len(CREDENTIALS) * 2
    assert {cell.server_type for cell in cells} == {
        "exchange-server", "exchange-server-hybrid", "exchange-online-hybrid", "pop3-smtp", "imap-smtp"
    }  # fmt: skip


@pytest.mark.parametrize("row", TABLE.strip().splitlines()[1:], ids=lambda row: "-".join(row.split()[:4]))
def test_every_cell_is_judged_as_the_pages_judge_it(row: str) -> None:
    wrong: dict[str, list[str]] = defaultdict(list)
    cells = [(cell, expected) for cell, expected in _cells() if [*cell[:4]] == row.split()[:4]]
    assert len(cells) == 2 * len(CREDENTIALS)
    for cell, expected in cells:
        worst = _worst(cell.application)
        said = [worst[name] for name in (f"Mailbox/{cell.mailbox}", f"EmailServerProfile/{cell.profile}") if name in worst]
        severity, rule = max(said, default=(None, "nothing"))
        if severity != expected:
            wrong[str(expected)].append(f"{cell.credentials}, {'appointments' if cell.appointments else 'mail'}: {severity} by {rule}")
    assert wrong == {}


def _versions() -> Iterator[tuple[str, str, bool]]:
    """(application, version, whether it is supported)."""
    old = ("exchange-2003", "exchange-2007", "exchange-2007-sp1")
    middle = ("exchange-2010", "exchange-2010-sp1", "exchange-2010-sp2", "exchange-2010-sp3")
    new = ("exchange-2013", "exchange-2013-sp1", "exchange-2016", "exchange-2019", "exchange-se")
    for application, version in product(("online", "on-premises"), (*old, *middle, *new)):
        yield application, version, version in new or (version in middle and application == "on-premises")


@pytest.mark.parametrize(("application", "version", "supported"), [*_versions()])
def test_versions_of_exchange(application: str, version: str, supported: bool) -> None:
    server_type = "exchange-server-hybrid" if application == "online" else "exchange-server"
    profile = f"spec:\n  displayName: Exchange\n  serverType: {server_type}\n  facts: {{serverVersion: {version}}}\n"
    found = _rules(application, profile) & {"exchange-version-supported", "exchange-2010-not-from-online"}
    assert bool(found) is not supported


@pytest.mark.parametrize(
    ("application", "server_type", "mfa", "supported"),
    [
        ("on-premises", "exchange-online-hybrid", "true", False),
        ("on-premises", "exchange-online-hybrid", "false", True),
        ("on-premises", "exchange-server", "true", True),
        ("online", "exchange-server", "true", True),
    ],
)
def test_second_factor(application: str, server_type: str, mfa: str, supported: bool) -> None:
    """Not between the on-premises application and Exchange Online, whether the profile's account or the mailbox has it."""
    credentials = "windows-integrated" if (application, server_type) == ("on-premises", "exchange-server") else "server-to-server"
    server = _SERVERS["local" if credentials == "windows-integrated" else "online"]
    spec = f"spec:\n  displayName: Exchange\n  serverType: {server_type}\n  incoming: {{credentials: {credentials}, server: '{server}'}}\n"
    by_profile = _rules(application, f"{spec}  facts: {{mfa: {mfa}}}\n")
    by_mailbox = _rules(application, spec, f"facts: {{mfa: {mfa}}}")
    assert ("no-second-factor-to-exchange-online" in by_profile) is not supported
    assert ("no-second-factor-of-mailbox-to-exchange-online" in by_mailbox) is not supported


@pytest.mark.parametrize(("fips", "complies", "supported"), [("true", "false", False), ("true", "true", True), ("false", "false", True)])
def test_fips(fips: str, complies: str, supported: bool) -> None:
    profile = (
        "spec:\n  displayName: Mail\n  serverType: pop3-smtp\n  incoming: {server: pop.contoso.example}\n"
        f"  facts: {{fipsCompliant: {complies}}}\n"
    )
    assert ("fips-mail-server-complies" in _rules("on-premises", profile, fips=fips)) is not supported


@pytest.mark.parametrize(("fact", "rule"), [("customProvider", "no-custom-provider"), ("bulkMailing", "profile-without-mass-mailing")])
@pytest.mark.parametrize("server_type", ["exchange-server", "exchange-server-hybrid", "exchange-online-hybrid", "pop3-smtp", "imap-smtp"])
def test_what_no_server_type_supports(server_type: str, fact: str, rule: str) -> None:
    profile = f"spec:\n  displayName: Mail\n  serverType: {server_type}\n  facts: {{{fact}: "
    assert rule in _rules("online", profile + "true}\n")
    assert rule not in _rules("online", profile + "false}\n")


def _rules(application: str, profile: str, mailbox: str = "", *, fips: str = "false") -> set[str]:
    """The rules of the family that find something about a profile and a mailbox on it."""
    head = "apiVersion: reconcile/v1alpha2\nkind: "
    documents = [
        f"{head}Environment\nmetadata: {{name: test}}\nspec: {{}}\n",
        f"{head}Organization\nmetadata: {{name: contoso}}\nspec: {{deployment: {application}, fips: {fips}}}\n",
        f"{head}EmailServerProfile\nmetadata: {{name: mail}}\n{profile}",
        f"{head}Mailbox\nmetadata: {{name: sales}}\nspec:\n  emailAddress: sales@contoso.example\n  profile: mail\n  {mailbox}\n",
    ]
    desired = load_source(Texts({"estate.yaml": "---\n".join(documents)})).desired
    assert desired is not None
    assert not desired.held
    return {finding.rule for finding in evaluate(_family(), desired, today=TODAY, others=tuple, clock=lambda: 0.0).findings}
