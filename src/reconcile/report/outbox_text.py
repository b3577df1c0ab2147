"""The outbox for people."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from reconcile.model.outgoing import OutboxEntry, OutboxEvent, OutgoingState, RecipientState
from reconcile.model.sending_report import SendingReport
from reconcile.report.safe_text import neutral
from reconcile.report.table import table

_MARKS = {
    OutgoingState.UNCERTAIN: "Look for its Message-ID at the server. Not there: outbox retry {id} --i-checked-it-was-not-sent. There: "
    "outbox confirm {id}.",
    OutgoingState.FAILED: "Mend the reason, then: outbox retry {id}.",
}


def outbox_table(entries: Sequence[OutboxEntry]) -> str:
    """One line a mail, in the order they were added."""
    rows = [
        (
            entry.id,
            str(entry.state),
            entry.mailbox_name,
            _recipients(entry),
            entry.subject,
            entry.attempts,
            _moment(entry.next_try_at),
            entry.reason,
        )
        for entry in entries
    ]
    headers = ("ID", "STATE", "FROM", "TO", "SUBJECT", "TRIES", "NEXT TRY", "REASON")
    return table(headers, rows, limits=(None, None, 24, 36, 36, None, None, 80), empty="the outbox is empty")


def mail_text(entry: OutboxEntry, events: Sequence[OutboxEvent]) -> str:
    """One mail with its recipients and its history."""
    number = f" ({entry.state.number})" if entry.state.number is not None else ""
    facts = [
        ("State", f"{entry.state}{number}"),
        ("From", f"{entry.sender} (mailbox {entry.mailbox_name})"),
        ("Subject", entry.subject),
        ("Message-ID", entry.message_id),
        ("Size", f"{entry.size:,} octets"),
        ("Key", entry.client_key),
        ("Added", _moment(entry.added_at)),
        ("Tries", str(entry.attempts)),
        ("Next try", _moment(entry.next_try_at)),
        ("Reason", entry.reason),
    ]
    lines = [f"{name + ':':<12}{neutral(value)}" for name, value in facts if value]
    if entry.state in _MARKS:
        lines.append(f"{'Next:':<12}{_MARKS[entry.state].format(id=entry.id)}")
    people = [(one.address, str(one.field), str(one.state), one.reason) for one in entry.recipients]
    history = [(_moment(event.at), f"{event.origin or 'new'} → {event.state}", event.why) for event in events]
    lines += ["", table(("RECIPIENT", "FIELD", "STATE", "REASON"), people), "", table(("AT", "STATE", "WHY"), history)]
    return "\n".join(lines)


def sending_lines(report: SendingReport) -> list[str]:
    """What a pass over the outbox did: a line for each mail that was not simply sent, one for each mailbox that could not, and a sum."""
    lines = [f"mail {one.id} is {one.state}: {neutral(one.reason)}" for one in report.abandoned]
    lines += [f"mail {one.id} is {one.state}: {neutral(one.reason)}" for one in report.settled if one.state is not OutgoingState.SENT]
    for trouble in report.troubles:
        place = f" ({neutral(trouble.condition.origin)})" if trouble.condition.origin else ""
        lines.append(f"{neutral(trouble.name)}: {trouble.waiting} mails wait: {neutral(trouble.condition.message)}{place}")
    if report.settled:
        lines.append(f"{report.count(OutgoingState.SENT)} of {len(report.settled)} mails sent")
    return ["", *lines] if lines else []


def _recipients(entry: OutboxEntry) -> str:
    open_ = [one for one in entry.recipients if one.state is not RecipientState.SENT]
    first = (open_ or list(entry.recipients))[0].address
    return first if len(entry.recipients) == 1 else f"{first} +{len(entry.recipients) - 1}"


def _moment(moment: datetime | None) -> str:
    return moment.strftime("%Y-%m-%d %H:%M:%SZ") if moment else ""
