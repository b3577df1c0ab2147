"""The readiness reports there are: what happens on which date, and which profiles it concerns. Pure.

To add one, write an entry here and its name under `readiness` of the rules that say what is missing.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from types import MappingProxyType
from typing import Final

from reconcile.lazy_dataclass import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Milestone:
    """`start` is the first instant it holds; `source` names page or announcement with its date."""

    start: datetime
    says: str
    source: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Topic:
    """`concerns` is an expression over a profile, as in rules: which profiles the report is about. `ready` says what it means that
    nothing is found of one."""

    name: str
    title: str
    summary: str
    concerns: str
    ready: str
    milestones: tuple[Milestone, ...]


def _day(year: int, month: int, day: int) -> datetime:
    return datetime(year, month, day, tzinfo=UTC)


_DEPRECATION: Final = "“EWS Deprecation Is Here”, Exchange Team, 2026-10-01"
_TOPICS: Final = (
    Topic(
        name="ews-retirement",
        title="Exchange Web Services end in Exchange Online",
        summary=(
            "Exchange Web Services in Exchange Online are blocked step by step and end on 2027-04-01. Whether a profile works until then "
            "depends on the switch and the list of applications of the tenant that hosts its mailboxes; whether it works afterwards, on "
            "what signs in and on its permissions in Microsoft Graph. Exchange Server is not concerned."
        ),
        concerns=(
            'profile.serverType == "exchange-online-hybrid" || (profile.serverType.startsWith("exchange-") && '
            '(profile.incoming.credentials == "entra-oauth" || profile.facts.serverVersion == "exchange-online" '
            '|| profile.incoming.host in ["outlook.office365.com", "outlook.office.com", "outlook.office365.us", "partner.outlook.cn"]))'
        ),
        ready=(
            "Nothing is missing as far as is declared. Of the platform's own connection inside one tenant (server-to-server) Microsoft "
            "has published no date and nothing to do; watch the message centre."
        ),
        milestones=(
            Milestone(
                start=_day(2026, 10, 1),
                says="Tenants that never set EWSEnabled are switched off in waves, with 7 days' notice",
                source=_DEPRECATION,
            ),
            Milestone(
                start=_day(2026, 10, 10),
                says="Worldwide cloud: only applications in EWSAllowedAppIDs are let in",
                source=_DEPRECATION,
            ),
            Milestone(
                start=_day(2027, 4, 1),
                says="Exchange Web Services end in Exchange Online for everybody",
                source="“Exchange Online EWS, Your Time is Almost Up”, Exchange Team, 2026-02-05",
            ),
        ),
    ),
    Topic(
        name="smtp-basic-authentication",
        title="Passwords end for sending through Exchange Online",
        summary=(
            "SMTP AUTH with user name and password is switched off by default at smtp.office365.com at the end of December 2026. An "
            "administrator can switch it on again for a time; new tenants start without it."
        ),
        concerns='profile.outgoing.host == "smtp.office365.com"',
        ready="The profile sends with OAuth, or without credentials.",
        milestones=(
            Milestone(
                start=_day(2026, 12, 31),
                says="Off by default in existing tenants; an administrator can switch it on again",
                source="“Updated Exchange Online SMTP AUTH Basic Authentication Deprecation Timeline”, Exchange Team, 2026-01-27",
            ),
        ),
    ),
)

#: By name.
TOPICS: Final[Mapping[str, Topic]] = MappingProxyType({one.name: one for one in _TOPICS})
