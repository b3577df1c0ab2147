"""Where candidates for rules were wrong or too blunt: each correction as a small estate, judged on the day it speaks of."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Final

import pytest

from reconcile.model.finding import Severity
from support.judging import estate, judged
from support.rule_book import shipped

_API: Final = "apiVersion: reconcile/v1alpha2\n"
_LOCAL: Final = "https://mail.contoso.example/EWS/Exchange.asmx"
_ONLINE: Final = "https://outlook.office365.com/EWS/Exchange.asmx"
_PASSWORD: Final = "password: {ref: 'env:SECRET', expires: 2027-12-31}"
_OWN: Final = f"credentials: {{allowUse: true, username: anna@contoso.example, {_PASSWORD}}}"
_MAIL: Final = "incoming: server-side, outgoing: server-side"
_ALL: Final = f"{_MAIL}, appointmentsContactsTasks: server-side"
_TENANT: Final = "11111111-2222-4333-8444-555555555555"
_TOKEN: Final = "credentials: {allowUse: true, username: anna@contoso.example, refreshToken: 'env:TOKEN'}"
_GRAPH: Final = (
    "Mail.ReadWrite, Mail.Send, MailboxSettings.ReadWrite, Calendars.ReadWrite, Contacts.ReadWrite, Tasks.ReadWrite.All, "
    "MailboxConfigItem.ReadWrite, Chat.Read.All, OnlineMeetings.ReadWrite.All, CallRecords.Read.All"
)


def _exchange(signs_in: str, *, facts: str = "impersonationScope: scoped", server: str = _LOCAL, kind: str = "exchange-server") -> str:
    return f"serverType: {kind}, incoming: {{server: '{server}', {signs_in}}}, outgoing: {{server: '{server}'}}, facts: {{{facts}}}"


def _imap(host: str, smtp: str, *, more: str = "") -> str:
    return f"serverType: imap-smtp, incoming: {{server: {host}{more}}}, outgoing: {{server: {smtp}{more}}}"


def _online(switch: str, allowed: str, server: str = _ONLINE) -> str:
    facts = f"serverVersion: exchange-online, ewsSwitch: {switch}, ewsAllowed: {allowed}"
    return _exchange("credentials: server-to-server", facts=facts, server=server, kind="exchange-online-hybrid")


_ONE: Final = f"credentials: profile, username: crm-sync, {_PASSWORD}"
_IMPERSONATION: Final = ("act-needs-impersonation error",)
_RETIRES: Final = "ews-online-retires warning"


@pytest.mark.parametrize(
    ("profile", "mailbox", "expected", "deployment", "day"),
    [
        # Impersonation where one account, or that of Windows, opens mailboxes with appointments; not elsewhere.
        (_exchange(_ONE), _ALL, _IMPERSONATION, "on-premises", "2026-11-22"),
        (_exchange("credentials: windows-integrated"), _ALL, _IMPERSONATION, "on-premises", "2026-11-22"),
        (_exchange(_ONE), _MAIL, (), "on-premises", "2026-11-22"),
        (_exchange("credentials: server-to-server", server=_ONLINE), _ALL, (), "online", "2026-11-22"),
        (_exchange("credentials: user-or-queue"), f"{_ALL}, {_OWN}", (), "on-premises", "2026-11-22"),
        (
            _exchange("credentials: user-or-queue, useImpersonation: true"),
            f"{_ALL}, {_OWN}",
            ("individual-credentials-without-impersonation warning",),
            "on-premises",
            "2026-11-22",
        ),
        # An administrator as that account.
        (
            _exchange(f"credentials: profile, useImpersonation: true, username: 'CONTOSO\\Administrator', {_PASSWORD}"),
            _ALL,
            ("impersonating-account-not-administrator warning",),
            "on-premises",
            "2026-11-22",
        ),
        # Exchange Online in the same tenant: accounts are an error, an own application is not.
        (
            _exchange(f"{_ONE}, useImpersonation: true", server=_ONLINE),
            _ALL,
            ("exchange-online-needs-server-to-server error",),
            "online",
            "2026-11-22",
        ),
        (
            _exchange("credentials: user-or-queue", server=_ONLINE),
            f"{_ALL}, {_OWN}",
            ("exchange-online-needs-server-to-server error",),
            "online",
            "2026-11-22",
        ),
        (
            _exchange("credentials: windows-integrated, useImpersonation: true", server=_ONLINE),
            _ALL,
            ("incoming-credentials-supported error",),
            "online",
            "2026-11-22",
        ),
        (
            _exchange(
                "credentials: entra-oauth", server=_ONLINE, facts=f"applicationScope: scoped, ewsSwitch: 'on', ewsAllowed: true, graphPermissions: [{_GRAPH}]"
            )
            + f", oauth: {{clientId: app, tenantId: {_TENANT}, clientSecret: {{ref: 'env:SECRET', expires: 2027-12-31}}}}",
            _ALL,
            (),
            "online",
            "2026-11-22",
        ),
        # Gmail takes passwords made for an application, not that of the account.
        (_imap("imap.gmail.com", "smtp.gmail.com"), f"{_MAIL}, {_OWN}, facts: {{mfa: true}}", (), "online", "2026-11-22"),
        (
            _imap("imap.gmail.com", "smtp.gmail.com"),
            f"{_MAIL}, {_OWN}, facts: {{mfa: false}}",
            ("account-password-is-still-taken error",),
            "online",
            "2026-11-22",
        ),
        # Passwords at smtp.office365.com by date; OAuth of each mailbox on the same hosts is fine, declared or found out.
        (_imap("imap.contoso.example", "smtp.office365.com"), f"{_MAIL}, {_OWN}", ("smtp-auth-basic-ends warning",), "on-premises", "2026-12-30"),
        (_imap("imap.contoso.example", "smtp.office365.com"), f"{_MAIL}, {_OWN}", ("smtp-auth-basic-ends error",), "on-premises", "2027-01-01"),
        (_imap("outlook.office365.com", "smtp.office365.com", more=", authentication: oauth"), f"{_MAIL}, {_TOKEN}", (), "on-premises", "2027-01-01"),
        (_imap("outlook.office365.com", "smtp.office365.com"), f"{_MAIL}, {_TOKEN}", (), "on-premises", "2027-01-01"),
        # Exchange Web Services in Exchange Online: switch, list, cloud, date.
        (_online("'on'", "true"), _ALL, (_RETIRES,), "on-premises", "2026-11-22"),
        (_online("'on'", "false"), _ALL, ("ews-online-application-is-allowed warning", _RETIRES), "on-premises", "2026-10-09"),
        (_online("'on'", "false"), _ALL, ("ews-online-application-is-allowed error", _RETIRES), "on-premises", "2026-10-10"),
        (_online("'on'", "false", "https://partner.outlook.cn/EWS/Exchange.asmx"), _ALL, (_RETIRES,), "on-premises", "2026-10-10"),
        (_online("'off'", "true"), _ALL, ("ews-online-is-switched-on error", _RETIRES), "on-premises", "2026-11-22"),
        (_online("'on'", "true"), _ALL, ("ews-online-retires error",), "on-premises", "2027-04-01"),
        # Versions that are not supported, and servers that are only not tested.
        *(
            (
                _exchange(f"{_ONE}, useImpersonation: true", facts=f"impersonationScope: scoped, serverVersion: {version}"),
                _ALL,
                ("exchange-version-supported error",),
                "on-premises",
                "2026-11-22",
            )
            for version in ("exchange-2003", "exchange-2007")
        ),
        (_imap("imap.contoso.example", "smtp.contoso.example"), f"{_MAIL}, {_OWN}", (), "on-premises", "2026-11-22"),
    ],
)  # fmt: skip
def test_a_correction_holds(profile: str, mailbox: str, expected: tuple[str, ...], deployment: str, day: str) -> None:
    example = estate(
        f"{_API}kind: Environment\nmetadata: {{name: production}}\nspec: {{tenantId: {_TENANT}}}\n",
        f"{_API}kind: Organization\nmetadata: {{name: contoso}}\nspec: {{deployment: {deployment}}}\n",
        f"{_API}kind: EmailServerProfile\nmetadata: {{name: mail}}\nspec: {{displayName: Mail, processEmailFrom: 2026-09-01, {profile}}}\n",
        f"{_API}kind: Mailbox\nmetadata: {{name: anna}}\nspec: {{emailAddress: anna@contoso.example, profile: mail, {mailbox}}}\n",
    )
    today = datetime.fromisoformat(day).replace(tzinfo=UTC)
    found = judged(shipped().book.rules, example, today=today).findings
    assert sorted(f"{one.rule} {one.severity}" for one in found if one.severity > Severity.INFORMATION) == sorted(expected)
