"""Outgoing mail that waits is shown, with its reason and what to do; mail that is simply due is not."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

from reconcile.model.condition import Condition
from reconcile.model.outgoing import Field, OutboxEntry, OutgoingState, Recipient, RecipientState
from reconcile.model.sending_report import MailboxTrouble, SendingReport
from reconcile.report.outbox_json import sending_json
from reconcile.report.outbox_text import sending_lines
from reconcile.report.unsent import Unsent, unsent, unsent_json, unsent_lines

NOW = datetime(2026, 3, 1, 8, tzinfo=UTC)


def entry(number: int, *, minutes: int | None, reason: str = "no answer", state: OutgoingState = OutgoingState.PENDING) -> OutboxEntry:
    return OutboxEntry(
        id=number,
        client_key="",
        request="",
        mailbox_id="m",
        mailbox_name="sales",
        sender="sales@contoso.example",
        recipients=(),
        subject="x",
        message_id=f"<{number}@contoso.example>",
        size=1,
        added_at=NOW,
        state=state,
        next_try_at=None if minutes is None else NOW + timedelta(minutes=minutes),
        reason=reason,
    )


def test_what_waits_is_grouped_by_reason() -> None:
    groups = unsent([entry(1, minutes=60), entry(2, minutes=30), entry(3, minutes=1, reason="try 1: greylisted")], now=NOW)
    assert unsent_lines(groups) == [
        "sales: 2 mails wait until 2026-03-01 08:30:00Z: no answer",
        "  next: nothing, or try now: reconcile outbox retry 1",
        "sales: 1 mail waits until 2026-03-01 08:01:00Z: try 1: greylisted",
        "  next: nothing, or try now: reconcile outbox retry 3",
    ]
    assert [one["nextTryAt"] for one in unsent_json(groups)] == ["2026-03-01T08:30:00Z", "2026-03-01T08:01:00Z"]


def test_what_is_due_is_left_out() -> None:
    assert unsent([entry(1, minutes=0, reason=""), entry(2, minutes=-5)], now=NOW) == []


def test_what_is_due_is_told_where_nobody_may_be_sending() -> None:
    found = [entry(1, minutes=0, reason=""), entry(2, minutes=-5), entry(3, minutes=5), entry(4, minutes=-2, reason="")]
    groups = unsent(found, now=NOW, due=True)
    assert unsent_lines(groups) == [
        "sales: 1 mail waits, due since 2026-03-01 07:55:00Z: no answer",
        "  next: nothing while `reconcile run` works, else: reconcile sync",
        "sales: 1 mail waits until 2026-03-01 08:05:00Z: no answer",
        "  next: nothing, or try now: reconcile outbox retry 3",
        "sales: 1 mail waits, due since 2026-03-01 07:58:00Z",
        "  next: nothing while `reconcile run` works, else: reconcile sync",
    ]
    assert [one["due"] for one in unsent_json(groups)] == [True, False, True]
    never_tried = replace(entry(5, minutes=None, reason=""), added_at=NOW - timedelta(hours=1))
    assert [(one.first, one.next_try) for one in unsent([never_tried], now=NOW, due=True)] == [(5, "2026-03-01 07:00:00Z")]
    kept = unsent([entry(2, minutes=-5)], now=NOW, due=True, steps={"m": "`reconcile enable sales` tests it."})
    assert unsent_lines(kept)[1] == "  next: `reconcile enable sales` tests it."


def test_what_a_person_withdrew_is_no_failure() -> None:
    person = Recipient(address="a@contoso.example", field=Field.TO, state=RecipientState.FAILED, reason="root withdrew it")
    withdrawn = replace(entry(1, minutes=None, reason="root withdrew it", state=OutgoingState.FAILED), recipients=(person,))
    assert (withdrawn.withdrawn, withdrawn.standing) == (True, "withdrawn")
    assert unsent([withdrawn], now=NOW, due=True) == []
    refused = replace(person, reason="550 no such user")
    words = "given up after 30 tries: 550 the admin withdrew it"
    said = replace(withdrawn, reason=words, recipients=(replace(person, reason=words),))
    # Refused to somebody before, said by a server, waiting again: none of these was taken back.
    others = [replace(withdrawn, recipients=(person, refused)), said, replace(withdrawn, state=OutgoingState.PENDING)]
    assert [one.withdrawn for one in others] == [False, False, False]
    assert [one.state for one in unsent(others[:2], now=NOW)] == [OutgoingState.FAILED, OutgoingState.FAILED]


def test_uncertain_mail_asks_for_a_person() -> None:
    groups = unsent([entry(7, minutes=None, reason="no reply", state=OutgoingState.UNCERTAIN)], now=NOW)
    assert unsent_lines(groups) == ["sales: 1 mail is uncertain: no reply", "  next: reconcile outbox show 7"]


def test_mail_that_failed_is_counted() -> None:
    groups = unsent([entry(number, minutes=None, reason="no such user", state=OutgoingState.FAILED) for number in (7, 8)], now=NOW)
    assert unsent_lines(groups) == ["sales: 2 mails failed for good: no such user", "  next: reconcile outbox show 7"]
    assert [(one["state"], one["mails"]) for one in unsent_json(groups)] == [("failed", 2)]


def test_mail_of_a_mailbox_that_may_not_send_waits_for_more_than_a_retry() -> None:
    groups = unsent([entry(1, minutes=60)], now=NOW, steps={"m": "`reconcile enable sales` tests it."})
    assert unsent_lines(groups)[1] == "  next: `reconcile enable sales` tests it."
    assert unsent_json(groups)[0]["hint"] == "`reconcile enable sales` tests it."


def test_what_a_server_said_cannot_steer_the_terminal() -> None:
    assert "\x1b" not in "".join(unsent_lines(unsent([entry(1, minutes=5, reason="\x1b[31m")], now=NOW)))


def test_many_groups_are_counted() -> None:
    lines = unsent_lines(unsent([entry(number, minutes=5, reason=f"reason {number}") for number in range(30)], now=NOW))
    assert lines[-1] == "and 10 more; reconcile outbox list has all"


def test_a_pass_names_the_next_step_of_mail_that_waits() -> None:
    why = Condition(
        type="Ready", status=False, reason="NoServer", message="no outgoing server", since="", field="outgoing.server", origin="p:3"
    )
    trouble = MailboxTrouble(mailbox_id="m1", name="sales", condition=why, waiting=2)
    steps = {"m1": "Change outgoing.server (p:3) and apply."}
    later = Unsent(
        mailbox="info", state=OutgoingState.PENDING, mails=1, reason="waits", first=9, next_try="", step="`reconcile enable info`"
    )
    assert [one for one in sending_lines(SendingReport(troubles=(trouble,)), [later], steps=steps) if one] == [
        "sales: 2 mails wait: no outgoing server (p:3)",
        "  next: Change outgoing.server (p:3) and apply.",
        "info: 1 mail waits: waits",
        "  next: `reconcile enable info`",
    ]
    document = sending_json(SendingReport(troubles=(trouble,)), [later], steps=steps)
    assert document["waiting"][0]["hint"] == steps["m1"]  # type: ignore[index]
    assert document["unsent"][0]["hint"] == "`reconcile enable info`"  # type: ignore[index]
    own = replace(trouble, hint="Check the password.")
    assert "  next: Check the password." in sending_lines(SendingReport(troubles=(own,)), steps=steps)


def test_what_keeps_a_mailbox_from_sending_is_told_once() -> None:
    why = Condition(type="Ready", status=False, reason="Unavailable", message="no route", since="")
    trouble = MailboxTrouble(mailbox_id="m1", name="sales", condition=why, waiting=1, hint="Check the server.")
    same = Unsent(mailbox="sales", state=OutgoingState.PENDING, mails=1, reason="no route", first=4, next_try="2026-03-01 08:09:00Z")
    other = replace(same, reason="try 1: greylisted", first=5)
    assert [one for one in sending_lines(SendingReport(troubles=(trouble,)), [same, other]) if one] == [
        "sales: 1 mail waits: no route",
        "  next: Check the server.",
        "sales: 1 mail waits until 2026-03-01 08:09:00Z: try 1: greylisted",
        "  next: nothing, or try now: reconcile outbox retry 5",
    ]
