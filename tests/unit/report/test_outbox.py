"""The outbox for people and machines."""

from __future__ import annotations

import json
import unicodedata
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from reconcile.model.condition import Condition
from reconcile.model.outgoing import Field, OutboxEntry, OutboxEvent, OutgoingState, Recipient, RecipientState
from reconcile.model.sending_report import MailboxTrouble, SendingReport
from reconcile.report.json_text import json_text
from reconcile.report.outbox_json import history_json, mail_json, sending_json
from reconcile.report.outbox_text import mail_text, outbox_table, sending_lines, sent_of
from reconcile.report.safe_text import width

_AT = datetime(2026, 3, 1, 8, 0, tzinfo=UTC)
_HOSTILE = (
    "550 \x1b[2J no",
    "\x9b31m",
    "gnp\u202egpj.exe",
    "550 no\r\nmail 9 is sent",
    "x" * 100_000,
    "e" + "\u0301" * 50_000,
    "漢" * 5_000,
)


def entry(state: OutgoingState = OutgoingState.PENDING, text: str = "", **more: object) -> OutboxEntry:
    made = OutboxEntry(
        id=4,
        message_id="<t@contoso.example>",
        client_key=text,
        request="digest",
        mailbox_id="m1",
        mailbox_name="sales",
        sender="sales@contoso.example",
        recipients=(
            Recipient(address="a@contoso.example", field=Field.TO, state=RecipientState.SENT),
            Recipient(address="b@contoso.example", field=Field.BCC, reason=text),
        ),
        subject=text,
        size=12_345,
        added_at=_AT,
        state=state,
        reason=text,
    )
    return replace(made, **more)  # type: ignore[arg-type]


@pytest.mark.parametrize("text", _HOSTILE, ids=range(len(_HOSTILE)))
def test_what_a_server_answers_steers_nothing(text: str) -> None:
    event = OutboxEvent(entry=4, sequence=1, at=_AT, origin=None, state=OutgoingState.PENDING, why=text)
    failed = entry(OutgoingState.FAILED, text)
    trouble = MailboxTrouble(
        mailbox_id="m1",
        name="sales",
        waiting=2,
        condition=Condition(type="Ready", status=False, reason="Unavailable", message=text, since="", origin="sales.yaml:3"),
    )
    report = SendingReport(settled=(failed,), abandoned=(entry(OutgoingState.UNCERTAIN, text),), troubles=(trouble,))
    table = outbox_table([failed, entry()])
    for shown in (table, mail_text(failed, [event]), *sending_lines(report)):
        assert not {character for character in shown if unicodedata.category(character) == "Cc" or character == "\u202e"} - {"\n"}
    assert len(table.splitlines()) == 3
    assert all(line.count("\n") == 0 for line in sending_lines(report))
    assert max(width(line) for line in table.splitlines()) < 250
    for document in (mail_json(failed), history_json([event]), sending_json(report)):
        assert json.loads(json_text(document)) == json.loads(json.dumps(document))


@pytest.mark.parametrize("fit", [40, 80, 120])
def test_a_table_gives_way_to_the_terminal(fit: int) -> None:
    shown = outbox_table([entry(text="漢" * 200)], fit=max(fit, 100))
    assert max(width(line) for line in shown.splitlines()) <= max(fit, 100)


@pytest.mark.parametrize(
    ("state", "word"),
    [
        (OutgoingState.UNCERTAIN, "retry 4 --i-checked-it-was-not-sent"),
        (OutgoingState.UNCERTAIN, "confirm 4 --i-checked-it-was-sent"),
        (OutgoingState.FAILED, "reconcile outbox retry 4"),
    ],
)
def test_what_wants_a_person_says_the_next_step(state: OutgoingState, word: str) -> None:
    assert word in mail_text(entry(state), [])


@pytest.mark.parametrize("state", [OutgoingState.SENT, OutgoingState.PENDING, OutgoingState.SENDING])
def test_what_wants_nobody_says_none(state: OutgoingState) -> None:
    assert "next:" not in mail_text(entry(state), [])


def test_numbers_are_the_products_and_instants_are_utc() -> None:
    document = mail_json(entry(OutgoingState.UNCERTAIN, next_try_at=_AT + timedelta(minutes=1)))
    assert (document["number"], document["key"], document["addedAt"]) == (None, None, "2026-03-01T08:00:00Z")
    assert document["nextTryAt"] == "2026-03-01T08:01:00Z"
    assert mail_json(entry(OutgoingState.SENT))["number"] == 3
    assert mail_json(entry())["nextTryAt"] is None


def test_the_open_recipient_is_named_first() -> None:
    assert "b@contoso.example +1" in outbox_table([entry()])
    assert outbox_table([]) == "the outbox is empty"


def test_the_sum_counts_what_was_tried() -> None:
    sent, failed = entry(OutgoingState.SENT), entry(OutgoingState.FAILED)
    assert sent_of(SendingReport(settled=(sent,))) == "1 mail sent"
    assert sent_of(SendingReport(settled=(sent, failed))) == "1 of 2 mails sent"
    assert sending_lines(SendingReport()) == []


def test_what_was_withdrawn_is_called_so() -> None:
    why = "admin withdrew it"
    gone = Recipient(address="a@contoso.example", field=Field.TO, state=RecipientState.FAILED, reason=why)
    withdrawn = entry(OutgoingState.FAILED, why, recipients=(gone,))
    shown = mail_text(withdrawn, [])
    assert "state:      withdrawn (failed, 8)" in shown
    assert "next:       nothing; reconcile outbox retry 4 brings it back." in shown
    assert "withdrawn" in outbox_table([withdrawn])
    assert (mail_json(withdrawn)["state"], mail_json(withdrawn)["withdrawn"]) == ("failed", True)
    assert mail_json(entry(OutgoingState.FAILED, "550 no"))["withdrawn"] is False
