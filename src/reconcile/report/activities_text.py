"""Tracked e-mail as text. Everything a stranger wrote is neutralised."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from reconcile.model.activity import Activity
from reconcile.model.activity_details import ActivityDetails
from reconcile.model.message import MessageText, Party
from reconcile.report.safe_text import neutral
from reconcile.report.table import table
from reconcile.report.tracking import tracking_values


def activities_table(activities: Sequence[Activity], names: Mapping[str, str], *, fit: int | None = None) -> str:
    """One line an e-mail, as wide as the terminal (`fit`) where it can. `names` are slugs by mailbox id."""
    rows = [
        (
            activity.id,
            activity.received.replace("T", " ").removesuffix("Z"),
            ", ".join(names.get(mailbox_id, mailbox_id) for mailbox_id in activity.mailboxes),
            str(activity.header.sender) if activity.header.sender else "",
            activity.header.subject,
            size(activity.size),
            about(activity.details),
            marks(activity),
        )
        for activity in activities
    ]
    return table(
        ("id", "received (UTC)", "mailbox", "from", "subject", "size", "set", "marks"),
        rows,
        limits=(None, None, 30, 40, 60, None, 40, 40),
        fit=fit,
        empty="no e-mail is tracked",
    )


def marks(activity: Activity) -> str:
    """What is odd about it."""
    return ", ".join((["conflicting-message-id"] if activity.conflicting else []) + list(activity.header.defects))


def about(details: ActivityDetails) -> str:
    """State and record in a few words, nothing for an e-mail nobody edited."""
    if details.version == 1:
        return ""
    record = details.regarding
    return f"{details.state}, {record.name or f'{record.type} {record.id}'}" if record else str(details.state)


def size(count: int) -> str:
    """Bytes, short."""
    if count < 1000:
        return f"{count} B"
    return f"{count / 1000:.1f} kB" if count < 1_000_000 else f"{count / 1_000_000:.1f} MB"


def _people(parties: Sequence[Party]) -> str:
    return ", ".join(str(party) for party in parties)


def _details(details: ActivityDetails) -> list[tuple[str, str]]:
    if details.version == 1:
        return []
    record = details.regarding
    return [
        ("state", str(details.state)),
        ("regarding", f"{record.name} ({record.type} {record.id})".lstrip() if record else ""),
        ("owner", details.owner),
        ("categories", ", ".join(details.categories)),
        ("note", details.note),
        ("edited", f"{details.edited_at} by {details.edited_by}, version {details.version}"),
    ]


def activity_text(activity: Activity, text: MessageText, names: Mapping[str, str]) -> str:
    """Header, text and attachments of one e-mail."""
    header = activity.header
    fields = (
        ("id", str(activity.id)),
        ("mailbox", ", ".join(names.get(mailbox_id, mailbox_id) for mailbox_id in activity.mailboxes)),
        ("received", activity.received),
        ("sent", header.sent),
        ("from", str(header.sender) if header.sender else ""),
        ("to", _people(header.to)),
        ("cc", _people(header.cc)),
        ("bcc", _people(header.bcc)),
        ("reply-to", _people(header.reply_to)),
        ("subject", header.subject),
        ("message-id", header.message_id),
        ("in-reply-to", header.in_reply_to),
        ("size", size(activity.size)),
        ("sha-256", activity.raw_digest),
        ("queues", ", ".join(f"{item.queue.name or item.queue.id} ({item.why})" for item in activity.queue_items)),
        *_details(activity.details),
        *tracking_values(activity.tracking),
        ("marks", ", ".join(dict.fromkeys([*filter(None, marks(activity).split(", ")), *text.defects]))),
    )
    lines = [f"{name + ':':<12} {neutral(value)}" for name, value in fields if value]
    if text.attachments:
        lines += ["", "attachments:"]
        lines += [
            f"  {each.part}  {neutral(each.name or '(no name)')}  {neutral(each.content_type)}  {size(each.size)}"
            for each in text.attachments
        ]
    lines += ["", neutral(text.text, keep_lines=True).rstrip() or "(no text)"]
    return "\n".join(lines)
