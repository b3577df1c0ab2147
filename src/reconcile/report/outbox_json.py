"""The outbox for machines."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from types import MappingProxyType

from reconcile.model import instant
from reconcile.model.outgoing import OutboxEntry, OutboxEvent
from reconcile.model.sending_report import SendingReport
from reconcile.report.unsent import Unsent, unsent_json

FORMAT_VERSION = "1.0"


def mail_json(entry: OutboxEntry) -> dict[str, object]:
    """One mail. `number` is the product's status reason, null for `uncertain`."""
    return {
        "id": entry.id,
        "state": str(entry.state),
        "number": entry.state.number,
        "withdrawn": entry.withdrawn,
        "mailbox": entry.mailbox_name,
        "mailboxId": entry.mailbox_id,
        "from": entry.sender,
        "recipients": [
            {"address": one.address, "field": str(one.field), "state": str(one.state), "reason": one.reason} for one in entry.recipients
        ],
        "subject": entry.subject,
        "messageId": entry.message_id,
        "key": entry.client_key or None,
        "size": entry.size,
        "addedAt": instant.text(entry.added_at),
        "attempts": entry.attempts,
        "nextTryAt": _text(entry.next_try_at),
        "reason": entry.reason,
        "postponedUntil": _text(entry.postponed_until),
        "trackingToken": entry.tracking_token or None,
        "submitter": entry.submitter_name or None,
        "submitterId": entry.submitter_id or None,
        "regarding": {"type": about.type, "id": about.id, "name": about.name} if (about := entry.regarding) else None,
        "restoredFrom": _text(entry.restored_from),
        "sentCopy": {
            "state": str(entry.sent_folder.copy),
            "tries": entry.sent_folder.tries,
            "nextAt": _text(entry.sent_folder.next_at),
            "note": entry.sent_folder.note,
        },
    }


def history_json(events: Sequence[OutboxEvent]) -> list[dict[str, object]]:
    """Transitions, oldest first; `from` is null for the first."""
    return [
        {"at": instant.text(event.at), "from": str(event.origin) if event.origin else None, "to": str(event.state), "why": event.why}
        for event in events
    ]


def sending_json(
    report: SendingReport, waiting: Sequence[Unsent] = (), *, steps: Mapping[str, str] = MappingProxyType({})
) -> dict[str, object]:
    """What a pass over the outbox did; `unsent` is what waits besides. `steps` as for `sending_lines`."""
    return {
        "mails": [{"id": one.id, "state": str(one.state), "reason": one.reason} for one in (*report.abandoned, *report.settled)],
        "waiting": [
            {
                "mailbox": one.name,
                "mails": one.waiting,
                "type": one.condition.type,
                "reason": one.condition.reason,
                "field": one.condition.field,
                "origin": one.condition.origin,
                "message": one.condition.message,
                "hint": one.hint or steps.get(one.mailbox_id, ""),
            }
            for one in report.troubles
        ],
        "unsent": unsent_json(waiting),
    }


def _text(moment: datetime | None) -> str | None:
    return None if moment is None else instant.text(moment)
