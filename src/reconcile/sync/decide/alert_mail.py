"""Which alarms are to be mailed, from where and to whom: one mail when an episode begins, one when it is over. Pure.

An alarm that comes back within CALM belongs to the episode before. What was mailed already stands in the alerts, so the answer is the
same whoever asks, and however often.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Final, assert_never

from reconcile.lazy_dataclass import dataclass
from reconcile.model.alert import Alert, Mailed
from reconcile.model.alert_mail import AlertMail, NoAlertMail, alert_mail
from reconcile.model.canonical import Leaf
from reconcile.model.condition import Condition
from reconcile.model.mail_address import is_allowed
from reconcile.ports.target import AppliedResource
from reconcile.report.safe_text import neutral
from reconcile.sync.decide.alerts import PROFILE_FAILING
from reconcile.sync.decide.draft import Draft
from reconcile.sync.decide.submission import SendingSetup, SilentMailbox

#: An alarm that comes back sooner never ended: nobody is written to each time one mailbox more or less makes the half.
CALM: Final = timedelta(minutes=15)


@dataclass(frozen=True, slots=True, kw_only=True)
class AlarmLetter:
    """`key` is the same whenever this mail is asked for. `alert_id` is the alert that remembers it."""

    alert_id: int
    what: Mailed
    key: str
    mailbox: str
    draft: Draft


def alarm_letters(
    alerts: Sequence[Alert], resources: Sequence[AppliedResource], setup: SendingSetup, *, environment: str, now: datetime
) -> list[AlarmLetter]:
    """What is to be written now, oldest episode first. `alerts` with those that ended."""
    profiles = {one.external_id: one for one in resources if one.kind == "EmailServerProfile"}
    organization = _organization(resources)
    found = []
    for episode in _episodes(alerts):
        profile = profiles.get(episode[0].cause.about)
        asked = _asked(profile.spec, organization, setup) if profile is not None else None
        if not isinstance(asked, AlertMail):
            continue
        match episode[0].mailed:
            case Mailed.NOTHING if not episode[-1].ended:
                found.append(_letter(episode, Mailed.BEGAN, asked, environment))
            case Mailed.BEGAN if episode[-1].ended and now - datetime.fromisoformat(episode[-1].ended) >= CALM:
                found.append(_letter(episode, Mailed.OVER, asked, environment))
            case Mailed.NOTHING | Mailed.BEGAN | Mailed.OVER:
                pass
            case unexpected:
                assert_never(unexpected)
    return found


def alert_mail_conditions(resources: Sequence[AppliedResource], setup: SendingSetup, *, now: str) -> list[tuple[str, Condition]]:
    """("EmailServerProfile/name", why its alarm would reach nobody, or not everybody). `now` is UTC RFC 3339."""
    organization = _organization(resources)
    found = []
    for one in resources:
        if one.kind != "EmailServerProfile":
            continue
        asked, words = alert_mail(one.spec, organization), ""
        if isinstance(asked, AlertMail):
            usable = _usable(asked, setup)
            refused = [address for address in asked.recipients if not is_allowed(address, setup.allowed)]
            words, reason = (usable.words, usable.reason) if isinstance(usable, NoAlertMail) else ("", "RecipientNotAllowed")
            if refused and not words:
                words = f"{', '.join(refused)} gets no mail: not in allowedRecipients of the applied environment"
        elif asked is not None:
            words, reason = asked.words, asked.reason
        if words:
            origin = one.origins.get("sendEmailAlert") or one.origins.get("", "")
            condition = Condition(
                type="Ready", status=False, reason=reason, message=words, since=now, field="sendEmailAlert", origin=origin
            )
            found.append((f"EmailServerProfile/{one.name}", condition))
    return found


def _organization(resources: Sequence[AppliedResource]) -> Mapping[str, Leaf]:
    return next((one.spec for one in resources if one.kind == "Organization"), {})


def _asked(profile: Mapping[str, Leaf], organization: Mapping[str, Leaf], setup: SendingSetup) -> AlertMail | NoAlertMail | None:
    asked = alert_mail(profile, organization)
    return _usable(asked, setup) if isinstance(asked, AlertMail) else asked


def _usable(asked: AlertMail, setup: SendingSetup) -> AlertMail | NoAlertMail:
    """Without the recipients that the environment does not let us mail."""
    sender = next((one for one in setup.mailboxes.values() if one.name == asked.sender), None)
    if sender is None:
        words = f"nobody is mailed: Mailbox/{asked.sender}, which alerts.sender of the Organization names, is not applied"
        return NoAlertMail(reason="AlertSenderMissing", words=words)
    if isinstance(sender, SilentMailbox):
        words = f"nobody is mailed: Mailbox/{asked.sender}, which alerts.sender of the Organization names, cannot send: "
        return NoAlertMail(reason="AlertSenderSilent", words=f"{words}{sender.condition.message}")
    allowed = tuple(address for address in asked.recipients if is_allowed(address, setup.allowed))
    if not allowed:
        words = f"nobody is mailed: not in allowedRecipients of the applied environment: {', '.join(asked.recipients)}"
        return NoAlertMail(reason="RecipientNotAllowed", words=words)
    return AlertMail(sender=asked.sender, recipients=allowed)


def _episodes(alerts: Sequence[Alert]) -> Iterator[list[Alert]]:
    """Of each profile, in the order they began."""
    about: dict[str, list[list[Alert]]] = {}
    for alert in sorted(alerts, key=lambda one: one.id):
        if alert.cause.kind != "EmailServerProfile" or alert.cause.code != PROFILE_FAILING:
            continue
        known = about.setdefault(alert.cause.about, [])
        if known and _at(alert.since) - _at(known[-1][-1].ended) < CALM:
            known[-1].append(alert)
        else:
            known.append([alert])
    yield from sorted((episode for known in about.values() for episode in known), key=lambda episode: episode[0].id)


def _at(moment: str) -> datetime:
    return datetime.fromisoformat(moment)


def _letter(episode: Sequence[Alert], what: Mailed, asked: AlertMail, environment: str) -> AlarmLetter:
    first, last = episode[0], episode[-1]
    name, place = neutral(last.cause.name), neutral(environment)
    began = _words_of(first.since)
    if what is Mailed.BEGAN:
        subject = f"Alarm: more than half of the mailboxes of profile {name} fail ({place})"
        lines = [
            f"{neutral(last.cause.text)}.",
            f"Since {began} UTC, in the environment {place}.",
            "",
            f"What to do: {neutral(last.cause.hint)}",
            "",
            "This is written once. There will be one more mail when it is over.",
        ]
    else:
        subject = f"Over: alarm of profile {name} ({place})"
        lines = [
            f"Since {_words_of(last.ended)} UTC no longer more than half of the mailboxes of profile {name} fail.",
            f"The alarm stood since {began} UTC, in the environment {place}.",
            "",
            "`reconcile status` has what still wants a person.",
        ]
    draft = Draft(to=asked.recipients, subject=subject, text="\n".join(lines), automatic=True)
    return AlarmLetter(alert_id=first.id, what=what, key=f"reconcile:alarm:{first.id}:{what}", mailbox=asked.sender, draft=draft)


def _words_of(moment: str) -> str:
    return moment[:16].replace("T", " ")
