"""Healthy, waiting, stalled or off: a table."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from reconcile.model.condition import Condition, Health
from reconcile.model.mailbox_state import MailboxState, MissingMessage
from reconcile.model.remote_id import RemoteId
from reconcile.model.sign_in import SignInKind, SignInPlan
from reconcile.sync.decide.eligible import IdleMailbox, ReceivingMailbox
from reconcile.sync.decide.failures import ATTEMPTS
from reconcile.sync.decide.header import instant_text
from reconcile.sync.due import spread
from reconcile.sync.status import mailbox_statuses

_NOW = datetime(2026, 3, 1, 8, 0, tzinfo=UTC)
_MAILBOX = ReceivingMailbox(
    mailbox_id="m1",
    name="sales",
    address="sales@contoso.example",
    protocol="imap",
    server="imap.contoso.example",
    port=993,
    tls="implicit",
    authority="",
    sign_in=SignInPlan(kind=SignInKind.PASSWORD, username="sales", password=("m1", "credentials.password")),
    account_group="contoso",
    connections=10,
    floor=None,
    polling_interval=timedelta(minutes=5),
    silence=None,
    fingerprint="now",
    conditions=(),
)
_LOOKED: dict[str, Any] = {"last_attempt": "2026-03-01T07:59:00Z", "fingerprint": "now"}
_FAILED: dict[str, Any] = {**_LOOKED, "error_kind": "Unavailable", "error": "no answer", "hint": "Look.", "failures": 1}


def _missing(*, reported: bool) -> MissingMessage:
    return MissingMessage(remote_id=RemoteId("imap", "9"), attempts=5, first_seen="2026-03-01T07:00:00Z", reported=reported)


@pytest.mark.parametrize(
    ("state", "health", "why", "hint"),
    [
        (None, Health.WAITING, "not looked at yet", ""),
        ({}, Health.WAITING, "not looked at yet", ""),
        (_LOOKED, Health.HEALTHY, "", ""),
        # A new password has nothing to do with yesterday's success.
        ({**_LOOKED, "fingerprint": "before"}, Health.HEALTHY, "", ""),
        (_FAILED, Health.WAITING, "no answer", "Look."),
        ({**_FAILED, "failures": 2}, Health.WAITING, "no answer (2 times in a row)", "Look."),
        ({**_FAILED, "failures": ATTEMPTS - 1}, Health.WAITING, f"no answer ({ATTEMPTS - 1} times in a row)", "Look."),
        ({**_FAILED, "failures": ATTEMPTS}, Health.STALLED, f"no answer ({ATTEMPTS} times in a row)", "Look."),
        ({**_FAILED, "permanent": True}, Health.STALLED, "no answer", "Look."),
        ({**_FAILED, "permanent": True, "fingerprint": "before"}, Health.WAITING, "changed since it failed: no answer", ""),
        ({**_LOOKED, "missing": (_missing(reported=False),)}, Health.WAITING, "1 message", ""),
        ({**_LOOKED, "missing": (_missing(reported=True),)}, Health.STALLED, "1 message", "Look at"),
        ({**_LOOKED, "missing": (_missing(reported=False), _missing(reported=True))}, Health.STALLED, "1 message", "Look at"),
        ({**_FAILED, "missing": (_missing(reported=True),)}, Health.WAITING, "no answer", "Look."),
    ],
)
def test_health(state: dict[str, Any] | None, health: Health, why: str, hint: str) -> None:
    states = {} if state is None else {"m1": MailboxState(mailbox_id="m1", **state)}
    (status,) = mailbox_statuses([_MAILBOX], states, holders={}, outbox={}, now=_NOW)
    assert status.health is health
    assert status.why.startswith(why)
    assert bool(status.why) == bool(why)
    assert status.hint.startswith(hint)
    assert bool(status.hint) == bool(hint)


@pytest.mark.parametrize("off", [True, False])
def test_a_mailbox_that_does_not_receive_says_why_and_where(off: bool) -> None:
    condition = Condition(
        type="Off" if off else "Unsupported", status=True, reason="x", message="not here", since="", field="incoming", origin="sales.yaml:7"
    )
    idle = IdleMailbox(mailbox_id="m1", name="sales", address="sales@contoso.example", off=off, conditions=(condition,))
    (status,) = mailbox_statuses([idle], {}, holders={}, outbox={"m1": {"failed": 1}}, now=_NOW)
    assert (status.health, status.why) == (Health.OFF if off else Health.STALLED, "not here")
    assert ("sales.yaml:7" in status.hint) is not off
    assert (status.next_look, status.server, status.outbox) == ("", "", {"failed": 1})


def test_each_mailbox_gets_its_own_and_the_order_stays() -> None:
    other = replace(_MAILBOX, mailbox_id="m2", name="info", floor=datetime(2026, 1, 1, tzinfo=UTC))
    states = {"m2": MailboxState(mailbox_id="m2", **_LOOKED), "m9": MailboxState(mailbox_id="m9", **_FAILED)}
    first, second = mailbox_statuses([_MAILBOX, other], states, holders={"m1": "process 7"}, outbox={"m2": {"sent": 3}}, now=_NOW)
    assert (first.name, first.holder, first.outbox, first.floor) == ("sales", "process 7", {}, "")
    assert (second.name, second.holder, second.outbox, second.floor) == ("info", "", {"sent": 3}, "2026-01-01T00:00:00Z")
    due = datetime(2026, 3, 1, 8, 4, tzinfo=UTC) + spread("m2", _MAILBOX.polling_interval)
    assert (first.next_look, second.next_look) == ("2026-03-01T08:00:00Z", instant_text(due))


def test_after_a_clock_that_went_back_it_is_looked_at_once() -> None:
    state = MailboxState(mailbox_id="m1", last_attempt="2031-01-01T00:00:00Z", fingerprint="now")
    (status,) = mailbox_statuses([_MAILBOX], {"m1": state}, holders={}, outbox={}, now=_NOW)
    assert status.next_look == "2026-03-01T08:00:00Z"


def test_what_keeps_mail_and_items_from_going_on_is_told_once() -> None:
    state = {"m1": MailboxState(mailbox_id="m1", **_FAILED)}
    same = (Health.WAITING, "appointments: no answer", "Look.", "Unavailable")
    other = (Health.WAITING, "tasks: no such folder", "Make it.", "MailboxRefused")
    (once,) = mailbox_statuses([_MAILBOX], state, holders={}, outbox={}, now=_NOW, items={"m1": same})
    (both,) = mailbox_statuses([_MAILBOX], state, holders={}, outbox={}, now=_NOW, items={"m1": other})
    assert "appointments" not in once.why
    assert both.why == f"{once.why}; tasks: no such folder"
