"""What became of a message, as text and JSON. Everything a stranger wrote is neutralised."""

from __future__ import annotations

from typing import Final

from reconcile.model.message_fate import Fate, MessageFates
from reconcile.report.decision_words import meaning, next_step
from reconcile.report.safe_text import neutral
from reconcile.report.tracking import tracking_json, tracking_values

FORMAT_VERSION = "1.0"
_ELSEWHERE: Final = (
    "; only the Inbox is read (at Exchange tracked folders, too), so a rule at the server that moves mail keeps it from being tracked"
)


def fates_json(found: MessageFates) -> dict[str, object]:
    """Field names are public."""
    return {
        "asked": found.asked,
        "decisions": [_fate_json(fate) for fate in found.fates],
        "outgoing": found.outgoing,
        "whereabouts": [{"mailbox": each.mailbox, "folder": each.folder, "inbox": each.inbox} for each in found.whereabouts],
        "notes": list(found.notes),
    }


def _fate_json(fate: Fate) -> dict[str, object]:
    return {
        "mailbox": fate.mailbox,
        "number": fate.number or None,
        "outcome": str(fate.outcome) if fate.outcome else "waiting",
        "reason": fate.reason,
        "meaning": meaning(fate.reason),
        "nextStep": next_step(fate.reason) or None,
        "facts": [{"name": name, "text": text} for name, text in fate.facts],
        "activity": fate.activity_id,
        "messageId": fate.message_id or None,
        "from": fate.sender or None,
        "subject": fate.subject,
        "received": fate.received or None,
        "decidedAt": fate.at or None,
        "attempts": fate.attempts,
        "tracking": tracking_json(fate.tracking),
    }


def fates_text(found: MessageFates) -> str:
    """For people."""
    blocks = ["\n".join(_lines(fate)) for fate in found.fates]
    if found.outgoing is not None:
        blocks.append(f"{neutral(found.asked)} is outgoing mail {found.outgoing} of ours: `reconcile outbox show {found.outgoing}`")
    if found.whereabouts:
        blocks.append(
            "\n".join(
                f"{neutral(each.mailbox)}: the server has it in folder {neutral(each.folder)}" + ("" if each.inbox else _ELSEWHERE)
                for each in found.whereabouts
            )
        )
    if found.notes:
        blocks.append("\n".join(neutral(note) for note in found.notes))
    return "\n\n".join(blocks)


def _lines(fate: Fate) -> list[str]:
    place = f"{fate.mailbox}:{fate.number}" if fate.number else fate.mailbox
    outcome = str(fate.outcome) if fate.outcome else "waiting"
    became = f", activity {fate.activity_id}" if fate.activity_id is not None else ""
    lines = [f"{neutral(place)}  {outcome}{became}: {meaning(fate.reason)} ({fate.reason})"]
    values = [
        ("subject", fate.subject),
        ("from", fate.sender),
        ("message-id", fate.message_id),
        ("received", fate.received),
        ("decided", fate.at),
        ("tries", str(fate.attempts) if fate.attempts else ""),
        *fate.facts,
        *tracking_values(fate.tracking),
    ]
    lines += [f"  {name + ':':<18} {neutral(text)}" for name, text in values if text]
    if step := next_step(fate.reason):
        lines.append(f"  next: {step}")
    return lines
