"""What there is to alert about now, from how mailboxes and servers are doing and what the organization wants to know. Pure.

Power Platform: "Error logging for server-side synchronization" (levels and objects); Dataverse table reference: "Email Server Profile",
sendemailalert (more than half of the mailboxes of a profile within an hour).
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Collection, Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Final

from reconcile.lazy_dataclass import dataclass
from reconcile.model import duration
from reconcile.model.alert import AlertLevel, Cause
from reconcile.model.canonical import Leaf
from reconcile.model.condition import Health
from reconcile.model.mailbox_state import MailboxState
from reconcile.model.mailbox_status import MailboxStatus
from reconcile.report.counted import counted
from reconcile.report.safe_text import neutral

#: How long alerts that ended are kept where nothing is declared.
RETENTION: Final = timedelta(days=30)
#: More than this share of a profile's mailboxes, failing within so long, is the profile's matter.
SHARE: Final = 0.5
WITHIN: Final = timedelta(hours=1)
#: So many reasons are named in it, each so long at most.
_REASONS: Final = 5
_LONGEST_REASON: Final = 160
#: The stable word of that alarm.
PROFILE_FAILING: Final = "ProfileFailing"


@dataclass(frozen=True, slots=True, kw_only=True)
class AlertRules:
    """Which are written. Errors and warnings are, unless they are declared off; information is, where it is declared on."""

    errors: bool = True
    warnings: bool = True
    information: bool = False
    notify_owners: bool = False
    retention: timedelta = RETENTION

    def wants(self, level: AlertLevel) -> bool:
        """Whether alerts of this level are written."""
        return {AlertLevel.ERROR: self.errors, AlertLevel.WARNING: self.warnings, AlertLevel.INFORMATION: self.information}[level]


def alert_rules(organization: Mapping[str, Leaf]) -> AlertRules:
    """From the applied Organization's spec; empty where there is none."""
    kept = organization.get("alerts.retention")
    return AlertRules(
        errors=organization.get("alerts.errors") is not False,
        warnings=organization.get("alerts.warnings") is not False,
        information=organization.get("alerts.information") is True,
        notify_owners=organization.get("alerts.notifyMailboxOwners") is True,
        retention=duration.parse(kept) if isinstance(kept, str) else RETENTION,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Watched:
    """A mailbox that receives (or should), with whom it belongs to. `profile_id` is "" where none is known; `server` is host:port."""

    status: MailboxStatus
    owner: str
    server: str
    profile: str
    profile_id: str
    profile_owner: str


def causes(
    watched: Sequence[Watched],
    away: Mapping[str, tuple[str, str]],
    rules: AlertRules,
    *,
    now: datetime,
    lasting: Collection[str] = (),
) -> list[Cause]:
    """`away` has error and next step of servers that do not answer. `lasting` are ids of profiles whose alarm stands already: it lasts
    until half of their mailboxes work again, however long ago the others failed."""
    gone = {**_failed_last(watched), **away}
    found = [*_servers(watched, gone, away), *_profiles(watched, away, rules, now=now, lasting=lasting)]
    for one in watched:
        cause = _mailbox(one)
        # One word about a server is enough: ten thousand mailboxes that wait for it say nothing more.
        if cause is not None and not (one.server in gone and one.status.state.about in ("", "server") and not one.status.reason):
            found.append(cause)
    return [cause for cause in found if rules.wants(cause.level)]


def configuration_cause(environment: str, why: str) -> Cause:
    """What is declared is not carried out: a broken file, a brake, a change that was refused."""
    return Cause(
        level=AlertLevel.ERROR,
        code="ConfigurationStalled",
        text=why,
        hint="`reconcile lint` and `reconcile plan` show what stands against it; until then what was applied last goes on.",
        kind="Environment",
        about=environment,
        name=environment,
    )


def _failed_last(watched: Sequence[Watched]) -> Mapping[str, tuple[str, str]]:
    """Error and next step of servers that failed several mailboxes, and of which nobody heard since: another process may have been the
    one that asked."""
    failed: dict[str, list[MailboxState]] = {}
    heard: dict[str, str] = {}
    for one in watched:
        state = one.status.state
        if state.error_kind and state.about == "server":
            failed.setdefault(one.server, []).append(state)
        heard[one.server] = max(heard.get(one.server, ""), state.last_success)
    newest = {server: max(states, key=lambda state: state.last_attempt) for server, states in failed.items() if len(states) > 1}
    return {server: (state.error, state.hint) for server, state in newest.items() if state.last_attempt >= heard[server]}


def _servers(watched: Sequence[Watched], gone: Mapping[str, tuple[str, str]], away: Mapping[str, tuple[str, str]]) -> Iterator[Cause]:
    waiting = Counter(one.server for one in watched if one.server in away or one.status.state.about == "server")
    for server, (error, hint) in gone.items():
        yield Cause(
            level=AlertLevel.ERROR,
            code="ServerAway",
            text=f"{error}; {counted(waiting[server], 'mailbox waits', 'mailboxes wait')}",
            hint=hint or "It is tried again by itself, and its mailboxes come back at a rate.",
            kind="Server",
            about=server,
            name=server,
        )


def _profiles(
    watched: Sequence[Watched], away: Mapping[str, tuple[str, str]], rules: AlertRules, *, now: datetime, lasting: Collection[str]
) -> Iterator[Cause]:
    by_profile: dict[str, list[Watched]] = {}
    for one in watched:
        if one.profile_id:
            by_profile.setdefault(one.profile_id, []).append(one)
    for profile_id, members in by_profile.items():
        within = None if profile_id in lasting else WITHIN
        failing = [one for one in members if fails(one.status, now=now, within=within) or one.server in away]
        if len(failing) <= len(members) * SHARE:
            continue
        first = members[0]
        words = "failed within an hour" if within else "fail"
        text = f"{len(failing)} of {counted(len(members), 'mailbox', 'mailboxes')} of profile {first.profile} {words}"
        hint = f"`reconcile status` has each; begin with {failing[0].status.name}."
        alarm = Cause(
            level=AlertLevel.ERROR,
            code=PROFILE_FAILING,
            # Owners of single mailboxes are not told what is said about others.
            text=text + _reasons(failing, away),
            hint=hint,
            kind="EmailServerProfile",
            about=profile_id,
            name=first.profile,
            owner=first.profile_owner,
        )
        yield alarm
        if rules.notify_owners:
            for one in members:
                yield Cause(
                    level=AlertLevel.ERROR,
                    code=PROFILE_FAILING,
                    text=text,
                    hint="Whoever runs the mail server is told, too.",
                    kind="Mailbox",
                    about=one.status.mailbox_id,
                    name=one.status.name,
                    owner=one.owner,
                )


def _reasons(failing: Sequence[Watched], away: Mapping[str, tuple[str, str]]) -> str:
    """Why they fail, the most frequent first, each with its count and server; the mailbox's own address is
    left out."""
    found = Counter((_reason(one, away), one.server) for one in failing)
    most = sorted(found.items(), key=lambda one: (-one[1], one[0]))
    told = [f"{count} × {reason}{f' (server {server})' if server else ''}" for (reason, server), count in most[:_REASONS]]
    more = sum(count for _, count in most[_REASONS:])
    return ": " + "; ".join([*told, *([f"{more} × something else"] if more else [])])


def _reason(one: Watched, away: Mapping[str, tuple[str, str]]) -> str:
    words = neutral(one.status.state.error or one.status.why) if one.server not in away else neutral(away[one.server][0])
    # Else one cause would be as many as there are mailboxes.
    if one.status.address:
        words = re.sub(rf"(?<![\w.@-]){re.escape(one.status.address)}(?![\w@-])", "it", words, flags=re.IGNORECASE)
    return words if len(words) <= _LONGEST_REASON else f"{words[: _LONGEST_REASON - 1]}…"


def fails(status: MailboxStatus, *, now: datetime, within: timedelta | None = WITHIN) -> bool:
    """Whether the last look ended with an error; `within`: it was no longer ago."""
    state = status.state
    return bool(state.error_kind) and (within is None or now - datetime.fromisoformat(state.last_attempt) <= within)


def _mailbox(one: Watched) -> Cause | None:
    status = one.status
    match status.health:
        case Health.STALLED:
            known = status.reason or status.state.error_kind
            level, code = AlertLevel.ERROR, known or (status.conditions[0].reason if status.conditions else "Stalled")
        # Who waits for a person is not looked at again by itself, whatever failed before.
        case Health.WAITING if status.state.error_kind and status.next_look:
            level, code = AlertLevel.WARNING, status.state.error_kind
        case Health.WAITING if status.state.last_attempt or status.conditions:
            level, code = AlertLevel.INFORMATION, "Waiting"
        case _:
            return None
    return Cause(
        level=level,
        code=code,
        text=status.why,
        hint=status.hint,
        kind="Mailbox",
        about=status.mailbox_id,
        name=status.name,
        owner=one.owner,
    )
