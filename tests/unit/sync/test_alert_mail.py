"""Alarms that are mailed: when, to whom, once, and what is missing for it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from email import message_from_bytes, policy
from typing import Any

import pytest

from reconcile.model.alert import AlertLevel, Cause, Mailed
from reconcile.model.outgoing import OutboxEntry
from reconcile.ports.target import AppliedResource
from reconcile.store.memory.alerts import MemoryAlerts
from reconcile.store.memory.outbox import MemoryOutbox
from reconcile.sync.alarm_mailing import mail_alarms
from reconcile.sync.decide.alert_mail import alert_mail_conditions
from reconcile.sync.mail_intake import MailIntake
from support.applied import StillClock, sending_estate

OWNED = {"sendEmailAlert": True, "ownerEmailAddress": "boss@contoso.example"}
SENDER = {"alerts.sender": "sales"}


@dataclass
class Dying(MemoryAlerts):
    """Whoever marks an alert dies just before."""

    dies: bool = True

    def mailed(self, alert_id: int, what: Mailed) -> None:
        if self.dies:
            raise KeyboardInterrupt
        super().mailed(alert_id, what)


class Watch:
    """Alerts and an outbox in memory, in which a profile may fail."""

    def __init__(self, profile: dict[str, Any] | None = None, organization: dict[str, Any] | None = None) -> None:
        self.clock, self.outbox, self.environment, self._minted = StillClock(), MemoryOutbox(), "prod", 0
        self.alerts: MemoryAlerts | Dying = MemoryAlerts()
        self.applied = sending_estate(mailboxes=2)
        self.applied.change("EmailServerProfile", **(OWNED if profile is None else profile))
        spec = SENDER if organization is None else organization
        self.applied.rows.append(AppliedResource(kind="Organization", name="o", external_id="o1", spec=spec))
        self.intake = MailIntake(applied=self.applied, outbox=self.outbox, clock=self.clock, mint=self._mint)

    def _mint(self) -> str:
        self._minted += 1
        return f"t{self._minted}"

    def look(self, *, fails: int, minutes: float = 1) -> list[OutboxEntry]:
        """Observe that so many of ten mailboxes fail, mail what is to be mailed, and let time pass; what went into the outbox."""
        before = len(self.outbox.entries())
        failing = [
            Cause(
                level=AlertLevel.ERROR,
                code="ProfileFailing",
                text=f"{fails} of 10 mailboxes of profile contoso failed within an hour",
                hint="`reconcile status` has each.",
                kind="EmailServerProfile",
                about="p1",
                name="contoso",
            )
        ]
        other = Cause(level=AlertLevel.ERROR, code="X", text="x", hint="", kind="Mailbox", about="box1", name="sales")
        now = self.clock.now()
        self.alerts.observe([*(failing if fails > 5 else []), other], now=now, keep_from=now - timedelta(days=30))
        self.mail()
        self.clock.pass_by(minutes=minutes)
        return list(self.outbox.entries())[before:]

    def mail(self) -> list[str]:
        return [one.words for one in mail_alarms(self.alerts, self.intake, environment=self.environment)]


def test_one_mail_when_it_begins_and_one_when_it_is_over() -> None:
    watch = Watch()
    assert watch.look(fails=3) == []
    (began,) = watch.look(fails=6)
    assert (began.mailbox_name, [one.address for one in began.recipients]) == ("sales", ["boss@contoso.example"])
    assert began.subject == "Alarm: more than half of the mailboxes of profile contoso fail (prod)"
    mail = message_from_bytes(watch.outbox.content(began.id), policy=policy.default)
    assert mail["Auto-Submitted"] == "auto-generated"
    text = mail.get_content()
    assert "6 of 10 mailboxes of profile contoso failed within an hour." in text
    assert "Since 2026-03-01 08:01 UTC, in the environment prod." in text
    assert "`reconcile status` has each." in text
    for number in range(90):
        assert watch.look(fails=6 + number % 4) == []
    assert watch.look(fails=0, minutes=14) == []
    assert watch.look(fails=0) == []
    (over,) = watch.look(fails=0)
    assert over.subject == "Over: alarm of profile contoso (prod)"
    assert (
        "Since 2026-03-01 09:32 UTC no longer more than half"
        in message_from_bytes(watch.outbox.content(over.id), policy=policy.default).get_content()
    )
    assert [watch.look(fails=0, minutes=60) for _ in range(5)] == [[]] * 5
    assert len(watch.look(fails=10)) == 1


def test_an_alarm_that_comes_and_goes_is_one_episode() -> None:
    watch = Watch()
    assert len(watch.look(fails=6)) == 1
    for _ in range(50):
        assert watch.look(fails=0, minutes=10) == []
        assert watch.look(fails=6, minutes=10) == []
    watch.look(fails=0, minutes=15)
    assert [one.subject[:4] for one in watch.look(fails=0)] == ["Over"]


def test_who_dies_before_the_alert_is_marked_writes_nothing_twice() -> None:
    watch = Watch()

    watch.alerts = Dying()
    with pytest.raises(KeyboardInterrupt):
        watch.look(fails=6)
    watch.alerts.dies = False
    assert len(watch.outbox.entries()) == 1
    # The words are others by now, and it is the same mail.
    watch.look(fails=9)
    assert len(watch.outbox.entries()) == 1
    watch.look(fails=0, minutes=20)
    assert len(watch.look(fails=0)) == 1


def test_a_mail_that_is_refused_stops_nothing_and_is_tried_again() -> None:
    watch = Watch()
    watch.look(fails=0)
    strangers = MailIntake(
        applied=watch.applied, outbox=watch.outbox, clock=watch.clock, mint=lambda: "t", strangers=lambda asked: set(asked)
    )
    watch.applied.change("Organization", addressResolution__allowUnresolvedRecipients=False)
    usual, watch.intake = watch.intake, strangers
    assert watch.look(fails=6) == []
    (words,) = watch.mail()
    assert words.startswith("the mail 'Alarm: more than half")
    assert "no row of the directory has the address boss@contoso.example" in words
    watch.intake = usual
    assert len(watch.look(fails=6)) == 1


@pytest.mark.parametrize(
    ("profile", "organization", "recipients"),
    [
        (OWNED, {**SENDER, "alerts.recipients": ("admin@contoso.example", "boss@contoso.example")}, "boss admin"),
        ({"sendEmailAlert": True, "owner": "team@contoso.example"}, SENDER, "team"),
        ({**OWNED, "owner": "team@contoso.example"}, SENDER, "boss"),
        ({"sendEmailAlert": True, "owner": "The team"}, {**SENDER, "alerts.recipients": ("admin@contoso.example",)}, "admin"),
        # Whom the environment does not let us mail is left out, and named in the status.
        (OWNED, {**SENDER, "alerts.recipients": ("admin@elsewhere.example",)}, "boss"),
        ({"ownerEmailAddress": "boss@contoso.example"}, SENDER, ""),
    ],
)
def test_it_goes_to_the_owner_and_to_administrators(profile: dict[str, Any], organization: dict[str, Any], recipients: str) -> None:
    watch = Watch(profile, organization)
    found = [one.address.partition("@")[0] for entry in watch.look(fails=6) for one in entry.recipients]
    assert " ".join(found) == recipients


@pytest.mark.parametrize(
    ("profile", "organization", "words"),
    [
        (OWNED, {}, "nobody is mailed: alerts.sender of the Organization names no mailbox; `reconcile"),
        (OWNED, {**SENDER, "alerts.errors": False}, "alerts.errors of the Organization is false"),
        ({"sendEmailAlert": True, "owner": "The team"}, SENDER, "nobody is mailed: neither ownerEmailAddress of the profile nor"),
        (OWNED, {"alerts.sender": "gone"}, "nobody is mailed: Mailbox/gone, which alerts.sender of the Organization names, is not applied"),
        (
            {**OWNED, "outgoing.server": None},
            SENDER,
            "nobody is mailed: Mailbox/sales, which alerts.sender of the Organization names, cannot",
        ),
        (
            {**OWNED, "ownerEmailAddress": "b@x.example"},
            SENDER,
            "nobody is mailed: not in allowedRecipients of the applied environment: b@x",
        ),
        (OWNED, {**SENDER, "alerts.recipients": ("a@x.example",)}, "a@x.example gets no mail: not in allowedRecipients"),
        (OWNED, SENDER, ""),
        ({"ownerEmailAddress": "boss@contoso.example"}, {}, ""),
    ],
)
def test_what_is_missing_is_said_with_its_place(profile: dict[str, Any], organization: dict[str, Any], words: str) -> None:
    watch = Watch(profile, organization)
    found = alert_mail_conditions(watch.applied.resources(), watch.intake.setup(), now="2026-03-01T08:00:00Z")
    assert len(found) == bool(words)
    for name, condition in found:
        assert (name, condition.field, condition.type, condition.status) == ("EmailServerProfile/contoso", "sendEmailAlert", "Ready", False)
        assert condition.message.startswith(words)
        assert condition.reason
    sent = watch.look(fails=10)
    assert bool(sent) is (profile.get("sendEmailAlert") is True and not words.startswith(("nobody", "alerts.errors")))


def test_nothing_a_stranger_names_starts_a_header() -> None:
    watch = Watch()
    watch.environment = "prod\r\nBcc: thief@contoso.example"
    (began,) = watch.look(fails=6)
    mail = message_from_bytes(watch.outbox.content(began.id), policy=policy.default)
    assert mail["Bcc"] is None
    assert [one.address for one in began.recipients] == ["boss@contoso.example"]
