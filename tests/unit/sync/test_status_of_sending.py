"""Health looks at both directions: a table."""

from __future__ import annotations

from dataclasses import replace

import pytest

from reconcile.model.condition import Condition, Health
from reconcile.model.mailbox_state import MailboxState
from reconcile.report.sync_json import status_json
from reconcile.report.sync_text import mailboxes_table, status_text
from reconcile.sync.decide.eligible import IdleMailbox, ReceivingMailbox
from reconcile.sync.decide.submission import SilentMailbox
from reconcile.sync.status import mailbox_statuses
from support.applied import START
from support.mail_fleet import fleet_mailbox

FINE = MailboxState(mailbox_id="sales", last_attempt="2026-03-01T07:59:00Z", fingerprint="f")
REFUSED = replace(FINE, error_kind="AuthenticationRejected", error="refused", hint="mend", permanent=True, failures=1)
SALES = fleet_mailbox("sales")
GONE = "outgoing is disabled since 2026-03-01T07:00: gone (ann)"


def condition(type_: str, reason: str, message: str, field: str = "outgoing") -> Condition:
    return Condition(type=type_, status=False, reason=reason, message=message, since="", field=field, origin="sales.yaml:1")


def silent(type_: str, reason: str, message: str, health: Health | None) -> SilentMailbox:
    return SilentMailbox(mailbox_id="sales", name="sales", condition=condition(type_, reason, message), health=health)


DISABLED = silent("Enabled", "Disabled", GONE, Health.OFF)
BROKEN = silent("Enabled", "Disabled", "outgoing is disabled since then: ten", Health.STALLED)
WAITS = silent("Enabled", "WaitingForTest", "waits for its test", Health.WAITING)
ELSEWHERE = silent("Claimed", "OtherEnvironment", "environment prod synchronises this address", Health.STALLED)
NOT_ALLOWED = silent("Off", "SenderNotAllowed", "sales is not in allowedSenders", Health.OFF)
NO_SERVER = silent("Ready", "NoServer", "profile contoso names no outgoing server", Health.STALLED)
UNDECLARED = silent("Off", "NotServerSide", "outgoing is none", None)
NOBODY = IdleMailbox(
    mailbox_id="sales",
    name="sales",
    address="s@contoso.example",
    off=True,
    conditions=(condition("Off", "NotServerSide", "incoming is none"),),
)
OFF = replace(NOBODY, conditions=(condition("Enabled", "Disabled", "incoming is disabled: gone", "incoming"),))
UNTESTED = replace(NOBODY, off=False, waiting=True, conditions=(condition("Enabled", "WaitingForTest", "waits for its test"),))


@pytest.mark.parametrize(
    ("incoming", "state", "sending", "health", "why", "hint"),
    [
        (SALES, FINE, None, Health.HEALTHY, "", ""),
        (SALES, FINE, UNDECLARED, Health.HEALTHY, "", ""),
        (SALES, FINE, DISABLED, Health.OFF, GONE, "`reconcile enable sales`"),
        (SALES, FINE, BROKEN, Health.STALLED, BROKEN.condition.message, "`reconcile enable sales`"),
        (SALES, FINE, WAITS, Health.WAITING, "waits for its test", "`reconcile enable sales`"),
        (SALES, FINE, ELSEWHERE, Health.STALLED, ELSEWHERE.condition.message, "Turn it off there"),
        (SALES, FINE, NOT_ALLOWED, Health.OFF, NOT_ALLOWED.condition.message, "Change outgoing (sales.yaml:1)"),
        (SALES, FINE, NO_SERVER, Health.STALLED, NO_SERVER.condition.message, "Change outgoing (sales.yaml:1) and apply."),
        (NOBODY, None, NO_SERVER, Health.STALLED, NO_SERVER.condition.message, "Change outgoing (sales.yaml:1) and apply."),
        (SALES, REFUSED, DISABLED, Health.STALLED, f"refused; {GONE}", "mend"),
        (NOBODY, None, WAITS, Health.WAITING, "waits for its test", "`reconcile enable sales`"),
        (NOBODY, None, DISABLED, Health.OFF, GONE, "`reconcile enable sales`"),
        (NOBODY, None, UNDECLARED, Health.OFF, "incoming is none", ""),
        (OFF, None, DISABLED, Health.OFF, f"incoming is disabled: gone; {GONE}", "`reconcile enable sales`"),
        (UNTESTED, None, WAITS, Health.WAITING, "waits for its test", "`reconcile enable sales`"),
    ],
)
def test_the_worse_direction_wins(
    incoming: ReceivingMailbox | IdleMailbox, state: MailboxState | None, sending: SilentMailbox | None, health: Health, why: str, hint: str
) -> None:
    states = {"sales": state} if state else {}
    silent = {"sales": sending} if sending else {}
    (status,) = mailbox_statuses([incoming], states, holders={}, outbox={}, now=START, sending=silent)
    assert (status.health, status.why) == (health, why)
    assert status.hint.startswith(hint)
    assert bool(status.hint) is bool(hint)
    shown = status_json(status)
    assert (shown["health"], shown["why"]) == (str(health), why)
    assert why in mailboxes_table([status], now=START)
    text = status_text("test", [status], now=START)
    # What a declaration turned off is counted; what a person turned off is named, once.
    named = health in (Health.WAITING, Health.STALLED) or status.why.endswith(GONE)
    assert (f"{health}: sales" in text) is named
    assert text.count(why or "?") == (1 if named else 0)
    assert "nothing acts on it" not in text


@pytest.mark.parametrize(
    ("incoming", "state", "why", "hint"),
    [
        (SALES, FINE, "2 messages in quarantine", "`reconcile quarantine list`"),
        (SALES, REFUSED, "refused; 2 messages in quarantine", "mend"),
        (UNTESTED, None, "2 messages in quarantine; waits for its test", "`reconcile quarantine list`"),
        (NOBODY, None, "2 messages in quarantine", "`reconcile quarantine list`"),
    ],
)
def test_messages_that_were_given_up_want_a_person(
    incoming: ReceivingMailbox | IdleMailbox, state: MailboxState | None, why: str, hint: str
) -> None:
    states = {"sales": state} if state else {}
    (status,) = mailbox_statuses([incoming], states, holders={}, outbox={}, now=START, quarantined={"sales": 2})
    assert (status.health, status.why, status_json(status)["quarantined"]) == (Health.STALLED, why, 2)
    assert status.hint.startswith(hint)
    (other,) = mailbox_statuses([incoming], states, holders={}, outbox={}, now=START, quarantined={"elsewhere": 2})
    assert other.quarantined == 0
    assert "quarantine" not in other.why


def test_the_step_for_mail_that_waits_is_that_of_sending() -> None:
    (status,) = mailbox_statuses([SALES], {"sales": REFUSED}, holders={}, outbox={}, now=START, sending={"sales": DISABLED})
    assert status.sending_step.startswith("`reconcile enable sales`")
