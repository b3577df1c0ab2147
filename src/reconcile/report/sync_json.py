"""Status of mailboxes as JSON documents. Field names are public: they change only with `formatVersion`."""

from __future__ import annotations

from reconcile.model.condition import Condition
from reconcile.model.mailbox_state import unseen
from reconcile.model.mailbox_status import MailboxStatus

FORMAT_VERSION = "1.1"


def status_json(status: MailboxStatus) -> dict[str, object]:
    """Instants are UTC RFC 3339, null where there is none."""
    state = status.state
    return {
        "mailbox": status.name,
        "id": status.mailbox_id,
        "address": status.address,
        "health": str(status.health),
        "why": status.why,
        "hint": status.hint,
        "server": status.server or None,
        "processEmailFrom": status.floor or None,
        "receivingNow": status.holder or None,
        "tracked": state.tracked,
        "duplicates": state.duplicates,
        "ignored": state.ignored,
        "conflicting": state.conflicting,
        "vanished": state.vanished,
        "decided": state.decided,
        "atServer": state.server_messages,
        "missing": [
            {"id": message.remote_id.value, "attempts": message.attempts, "firstSeen": message.first_seen, "reported": message.reported}
            for message in state.missing
        ],
        "lastAttempt": state.last_attempt or None,
        "lastSuccess": state.last_success or None,
        "nextLook": status.next_look or None,
        "failures": state.failures,
        "transientFailures": state.transient_failures,
        "looks": state.looks,
        "lastNews": state.last_news or None,
        "stuckSince": state.stuck_since or None,
        "foldersNotRead": list(state.lacking),
        "unseen": unseen(state),
        "error": {"kind": state.error_kind, "message": state.error, "hint": state.hint, "about": state.about} if state.error_kind else None,
        "quarantined": status.quarantined,
        "outbox": dict(status.outbox),
        "conditions": [condition_json(condition) for condition in status.conditions],
    }


def condition_json(condition: Condition) -> dict[str, object]:
    """Without `since`: it is the moment of asking."""
    return {
        "type": condition.type,
        "status": condition.status,
        "reason": condition.reason,
        "message": condition.message,
        "field": condition.field,
        "origin": condition.origin,
    }
