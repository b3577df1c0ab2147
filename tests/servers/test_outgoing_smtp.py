"""From the outbox to a real Postfix and into its Maildir."""

from __future__ import annotations

import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from reconcile.mail.sign_in.configured import ConfiguredSignIns
from reconcile.mail.smtp import SmtpSender
from reconcile.model.outgoing import OutgoingState, RecipientState
from reconcile.store.sqlite.database import Database
from reconcile.store.sqlite.outbox import SqliteOutbox
from reconcile.sync.decide.compose import compose
from reconcile.sync.decide.draft import Draft
from reconcile.sync.decide.submission import SendingMailbox, sending_setup
from reconcile.sync.outgoing import Outgoing, send_due
from support import postfix
from support.applied import Applied, Passwords, References, sending_estate

pytestmark = pytest.mark.servers


@pytest.fixture(scope="module")
def server() -> Iterator[postfix.Postfix]:
    postfix.require()
    with postfix.running() as running:
        yield running


class RealClock:
    def __init__(self) -> None:
        self.ahead = timedelta()

    def now(self) -> datetime:
        return datetime.now(UTC) + self.ahead

    def monotonic(self) -> float:
        return time.monotonic()

    def sleep(self, seconds: float) -> None:
        time.sleep(seconds)


def outgoing(applied: Applied, outbox: SqliteOutbox, server: postfix.Postfix, clock: RealClock, owner: str) -> Outgoing:
    return Outgoing(
        applied=applied,
        outbox=outbox,
        sender=SmtpSender(),
        sign_ins=ConfiguredSignIns(Passwords({("box1", "credentials.password"): postfix.PASSWORD})),
        secrets=References({"file:ca.pem": server.authority}),
        clock=clock,
        owner=owner,
    )


def mailbox(applied: Applied) -> SendingMailbox:
    found = sending_setup(applied.resources(), now="").mailboxes["box1"]
    assert isinstance(found, SendingMailbox), found
    return found


def test_what_is_added_arrives_byte_for_byte_and_greylisted_recipients_wait(server: postfix.Postfix, tmp_path: Path) -> None:
    applied, clock = sending_estate(port=server.login, login=True), RealClock()
    with Database.open(tmp_path / "engine.db") as database:
        outbox = SqliteOutbox(database)
        draft = Draft(
            to=("Vertrieb Süd <desk@contoso.example>", postfix.GREYLISTED),
            cc=(postfix.REFUSED,),
            bcc=("hidden@contoso.example",),
            subject="Grüße – ☃",
            text=".\n..\nHallo\n.",
        )
        composed = compose(draft, mailbox(applied), key="order-1", token="a" * 32, now=clock.now())
        entry = outbox.add(composed.entry, composed.content).entry
        report = send_due(outgoing(applied, outbox, server, clock, "run-1"))
        assert [one.id for one in report.settled] == [entry.id]
        states = {one.address: one.state for one in report.settled[0].recipients}
        assert states == {
            "desk@contoso.example": RecipientState.SENT,
            postfix.GREYLISTED: RecipientState.PENDING,
            postfix.REFUSED: RecipientState.FAILED,
            "hidden@contoso.example": RecipientState.SENT,
        }
        assert report.settled[0].state is OutgoingState.PENDING
        assert send_due(outgoing(applied, outbox, server, clock, "run-2")).settled == ()  # not before its time
        clock.ahead = timedelta(minutes=6)
        again = send_due(outgoing(applied, outbox, server, clock, "run-3")).settled[0]
        assert again.attempts == 2
        assert "greylisted" in again.reason
        copies = server.wait(2)
        assert sorted(one.recipient for one in copies) == ["desk@contoso.example", "hidden@contoso.example"]
        assert {one.content for one in copies} == {composed.content}
        assert b"hidden" not in composed.content
        assert [event.state for event in outbox.events(entry.id)] == [
            OutgoingState.PENDING,
            OutgoingState.SENDING,
            OutgoingState.PENDING,
            OutgoingState.PENDING,
        ]
