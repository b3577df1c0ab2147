"""Tracked e-mail as JSON documents. Field names are public: they change only with `formatVersion`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from reconcile.model.activity import Activity
from reconcile.model.activity_details import ActivityDetails
from reconcile.model.message import MessageText, Party
from reconcile.report.tracking import tracking_json

FORMAT_VERSION = "1.2"


def _party(party: Party) -> dict[str, str]:
    return {"address": party.address, "name": party.name}


def _parties(parties: Sequence[Party]) -> list[dict[str, str]]:
    return [_party(party) for party in parties]


def activity_json(activity: Activity, names: Mapping[str, str]) -> dict[str, object]:
    """One e-mail without its text. `names` are slugs by mailbox id."""
    header = activity.header
    return {
        "id": activity.id,
        "mailboxes": [names.get(mailbox_id, mailbox_id) for mailbox_id in activity.mailboxes],
        "mailboxIds": list(activity.mailboxes),
        "received": activity.received,
        "sent": header.sent or None,
        "trackedAt": activity.tracked_at,
        "messageId": header.message_id or None,
        "inReplyTo": header.in_reply_to or None,
        "references": list(header.references),
        "subject": header.subject,
        "from": _party(header.sender) if header.sender else None,
        "to": _parties(header.to),
        "cc": _parties(header.cc),
        "bcc": _parties(header.bcc),
        "replyTo": _parties(header.reply_to),
        "size": activity.size,
        "sha256": activity.raw_digest,
        "conflicting": activity.conflicting,
        "defects": list(header.defects),
        "queueItems": [
            {"queue": item.queue.id, "name": item.queue.name, "why": str(item.why), "at": item.at} for item in activity.queue_items
        ],
        "tracking": tracking_json(activity.tracking),
        **details_json(activity.details),
    }


def details_json(details: ActivityDetails) -> dict[str, object]:
    """What was set on an e-mail afterwards."""
    about = details.regarding
    return {
        "version": details.version,
        "state": str(details.state),
        "regarding": {"type": about.type, "id": about.id, "name": about.name} if about else None,
        "owner": details.owner or None,
        "categories": list(details.categories),
        "note": details.note,
        "editedAt": details.edited_at or None,
        "editedBy": details.edited_by or None,
    }


def text_json(text: MessageText) -> dict[str, object]:
    """The parts that are parsed when first read."""
    return {
        "text": text.text,
        "attachments": [
            {"part": each.part, "name": each.name, "contentType": each.content_type, "size": each.size} for each in text.attachments
        ],
        "textDefects": list(text.defects),
    }
