"""The outbox for people."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from types import MappingProxyType

from reconcile.model.outgoing import OutboxEntry, OutboxEvent, OutgoingState, RecipientState
from reconcile.model.sending_report import SendingReport
from reconcile.model.sent_folder import CopyState
from reconcile.report.counted import counted
from reconcile.report.safe_text import neutral
from reconcile.report.table import table
from reconcile.report.unsent import Unsent, unsent_lines

_MARKS = {
    OutgoingState.UNCERTAIN: "Look for its Message-ID at the server. "
    "Not there: reconcile outbox retry {id} --i-checked-it-was-not-sent. There: "
    "reconcile outbox confirm {id} --i-checked-it-was-sent.",
    OutgoingState.FAILED: "Mend the reason, then: reconcile outbox retry {id}.",
}


def outbox_table(entries: Sequence[OutboxEntry], *, fit: int | None = None) -> str:
    """One line a mail, in the order they were added, as wide as the terminal (`fit`) where it can."""
    rows = [
        (
            entry.id,
            entry.standing,
            entry.mailbox_name,
            _recipients(entry),
            entry.subject,
            entry.attempts,
            _moment(entry.due_at) if entry.next_try_at else "",
            entry.reason,
        )
        for entry in entries
    ]
    headers = ("id", "state", "from", "to", "subject", "tries", "next try (UTC)", "reason")
    return table(headers, rows, limits=(None, None, 24, 36, 36, None, None, 80), fit=fit, empty="the outbox is empty")


def mail_text(entry: OutboxEntry, events: Sequence[OutboxEvent], *, fit: int | None = None) -> str:
    """One mail with its recipients and its history."""
    number = f" ({entry.state.number})" if entry.state.number is not None else ""
    if entry.withdrawn:
        number = f" ({entry.state}, {entry.state.number})"
    facts = [
        ("state", f"{entry.standing}{number}"),
        ("from", f"{entry.sender} (mailbox {entry.mailbox_name})"),
        ("subject", entry.subject),
        ("message-id", entry.message_id),
        ("size", f"{entry.size:,} octets"),
        ("key", entry.client_key),
        ("added", _moment(entry.added_at) + "Z"),
        ("tries", str(entry.attempts)),
        ("postponed", f"until {_moment(entry.postponed_until)}Z" if entry.postponed_until else ""),
        ("next try", _moment(entry.due_at) + "Z" if entry.next_try_at else ""),
        ("reason", entry.reason),
        ("regarding", " ".join(part for part in (about.type, about.id, about.name) if part) if (about := entry.regarding) else ""),
        ("token", entry.tracking_token),
        ("asked by", f"mailbox {entry.submitter_name}, which may send as {entry.sender}" if entry.submitter_id else ""),
        ("sent mail", _sent_folder(entry)),
        ("restored", f"from a backup of {_moment(entry.restored_from)}Z; it may have been sent since" if entry.restored_from else ""),
    ]
    lines = [f"{name + ':':<12}{neutral(value)}" for name, value in facts if value]
    if entry.restored_from is not None:
        verb = "release" if entry.state is OutgoingState.DRAFT else "retry"
        lines.append(f"{'next:':<12}{_MARKS[OutgoingState.UNCERTAIN].format(id=entry.id).replace('retry', verb)}")
    elif entry.withdrawn:
        lines.append(f"{'next:':<12}nothing; reconcile outbox retry {entry.id} brings it back.")
    elif entry.state in _MARKS:
        lines.append(f"{'next:':<12}{_MARKS[entry.state].format(id=entry.id)}")
    people = [(one.address, str(one.field), str(one.state), one.reason) for one in entry.recipients]
    history = [(_moment(event.at), f"{event.origin or 'new'} → {event.state}", event.why) for event in events]
    lines += ["", table(("recipient", "field", "state", "reason"), people, limits=(None, None, None, 200), fit=fit), ""]
    lines += [table(("at (UTC)", "state", "why"), history, limits=(None, None, 200), fit=fit)]
    return "\n".join(lines)


def sending_lines(report: SendingReport, waiting: Sequence[Unsent] = (), *, steps: Mapping[str, str] = MappingProxyType({})) -> list[str]:
    """What a pass over the outbox did: a line for each mail that was not simply sent, one for each mailbox that could not, mail that
    `waiting` shows besides, and a sum. `steps` by mailbox id are what a person does first where sending is withheld."""
    lines = [f"mail {one.id} is {one.state}: {neutral(one.reason)}" for one in report.abandoned]
    lines += [f"mail {one.id} is {one.state}: {neutral(one.reason)}" for one in report.settled if one.state is not OutgoingState.SENT]
    for trouble in report.troubles:
        place = f" ({neutral(trouble.condition.origin)})" if trouble.condition.origin else ""
        mails = counted(trouble.waiting, "mail waits", "mails wait")
        lines.append(f"{neutral(trouble.name)}: {mails}: {neutral(trouble.condition.message)}{place}")
        hint = trouble.hint or steps.get(trouble.mailbox_id, "")
        lines += [f"  next: {neutral(hint)}"] if hint else []
    told = {(trouble.name, trouble.condition.message) for trouble in report.troubles}
    settled = {one.id for one in (*report.abandoned, *report.settled)}
    lines += unsent_lines([one for one in waiting if (one.mailbox, one.reason) not in told and one.first not in settled])
    if report.settled:
        lines.append(sent_of(report))
    return lines


def sent_of(report: SendingReport) -> str:
    """`2 mails sent`, or `1 of 2 mails sent`."""
    sent, tried = report.count(OutgoingState.SENT), counted(len(report.settled), "mail")
    return f"{tried} sent" if sent == len(report.settled) else f"{sent} of {tried} sent"


def _sent_folder(entry: OutboxEntry) -> str:
    folder = entry.sent_folder
    match folder.copy:
        case CopyState.WANTED if entry.state is not OutgoingState.UNCERTAIN:
            return folder.note or "a copy is made once the mail is known to be sent"
        case CopyState.FAILED:
            return f"given up: {folder.note}"
        case _:
            return folder.note


def _recipients(entry: OutboxEntry) -> str:
    open_ = [one for one in entry.recipients if one.state is not RecipientState.SENT]
    first = (open_ or list(entry.recipients))[0].address
    return first if len(entry.recipients) == 1 else f"{first} +{len(entry.recipients) - 1}"


def _moment(moment: datetime | None) -> str:
    return moment.strftime("%Y-%m-%d %H:%M:%S") if moment else ""
