"""Text and attachments of a tracked e-mail: as they were kept, or parsed now."""

from __future__ import annotations

from reconcile.model.activity import Activity
from reconcile.model.message import MessageText
from reconcile.ports.mail_store import ActivityReader
from reconcile.sync.decide.text import LARGEST, parse_text


def message_text(reader: ActivityReader, activity: Activity) -> tuple[MessageText, bool]:
    """The text, and whether it was parsed just now (and may be kept). Raises PermanentError when the bytes are damaged."""
    kept = reader.text(activity.id)
    if kept is not None:
        return kept, False
    if activity.size > LARGEST:
        return MessageText(text="", defects=("too-large-to-parse",)), True
    return parse_text(b"".join(reader.raw(activity.id))), True
