"""Messages in quarantine as text and JSON. Everything a stranger wrote is neutralised."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from reconcile.model.held_message import HeldMessage
from reconcile.report.activities_text import size
from reconcile.report.decision_words import meaning, next_step
from reconcile.report.safe_text import neutral
from reconcile.report.table import table

FORMAT_VERSION = "1.0"


def held_json(held: HeldMessage, names: Mapping[str, str]) -> dict[str, object]:
    """`names` are slugs by mailbox id."""
    return {
        "id": held.id,
        "mailbox": names.get(held.mailbox_id, held.mailbox_id),
        "number": held.remote_id.value,
        "outcome": held.outcome or None,
        "reason": held.reason or None,
        "error": held.error or None,
        "messageId": held.message_id or None,
        "from": held.sender or None,
        "subject": held.subject,
        "received": held.received,
        "heldSince": held.at,
        "size": held.size,
        "sha256": held.raw.hex(),
    }


def held_table(held: Sequence[HeldMessage], names: Mapping[str, str], *, fit: int | None = None) -> str:
    """One line a message."""
    rows = [
        (
            each.id,
            each.at.replace("T", " ").removesuffix("Z"),
            names.get(each.mailbox_id, each.mailbox_id),
            each.reason,
            each.error,
            each.sender,
            each.subject,
            size(each.size),
        )
        for each in held
    ]
    return table(
        ("id", "since (UTC)", "mailbox", "why", "error", "from", "subject", "size"),
        rows,
        limits=(None, None, 30, None, 60, 40, 40, None),
        fit=fit,
        empty="nothing is in quarantine",
    )


def held_text(held: HeldMessage, names: Mapping[str, str]) -> str:
    """One message, and what to do about it."""
    fields = (
        ("id", str(held.id)),
        ("mailbox", f"{names.get(held.mailbox_id, held.mailbox_id)}, number {held.remote_id.value}"),
        ("outcome", held.outcome),
        ("why", f"{meaning(held.reason)} ({held.reason})" if held.reason else ""),
        ("error", held.error),
        ("since", held.at),
        ("received", held.received),
        ("from", held.sender),
        ("subject", held.subject),
        ("message-id", held.message_id),
        ("size", size(held.size)),
        ("sha-256", held.raw.hex()),
    )
    lines = [f"{name + ':':<12}{neutral(value)}" for name, value in fields if value]
    return "\n".join([*lines, f"next:       {next_step(held.reason)}"] if next_step(held.reason) else lines)
