"""What a mail may not exceed before it is taken in: the organization's rules for attachments, the size its server takes."""

from __future__ import annotations

from reconcile.sync.decide.attachment_rules import AttachmentRules, blocked
from reconcile.sync.decide.compose import Composed
from reconcile.sync.decide.draft import Draft, DraftRefused
from reconcile.sync.decide.submission import SendingMailbox, oversized
from reconcile.sync.decide.text import LARGEST, parse_text

_HINT = "Send a link instead, or change the rule in git and apply."


def check_attachments(draft: Draft, rules: AttachmentRules) -> None:
    """Raises DraftRefused for the first attachment that is not wanted, also within a mail that comes as bytes."""
    if not rules:
        return
    for number, one in enumerate(draft.attachments):
        _check(rules, one.name, one.media_type, len(one.content), ("attachments", number))
    if draft.raw is None:
        return
    if len(draft.raw) > LARGEST:
        words = f"there are rules for attachments, and in a mail of {len(draft.raw):,} octets (more than {LARGEST:,}) nobody looks"
        raise DraftRefused(words, hint=_HINT)
    found = parse_text(draft.raw)
    if {"mime-unreadable", "nested-too-deep", "too-many-parts"} & set(found.defects):
        raise DraftRefused(f"the attachments of the mail cannot be told ({found.defects[0]}), and there are rules for them", hint=_HINT)
    for attached in found.attachments:
        _check(rules, attached.name, attached.content_type, attached.size, ())


def _check(rules: AttachmentRules, name: str, media_type: str, size: int, path: tuple[str | int, ...]) -> None:
    why = blocked(rules, name=name, media_type=media_type, size=size)
    if why:
        raise DraftRefused(f"attachment {name[:80]!r} {why}", hint=_HINT, path=path)


def check_size(composed: Composed, mailbox: SendingMailbox) -> None:
    """Raises DraftRefused where the mail is larger than the server is said to take."""
    why = oversized(composed.entry, mailbox)
    if why:
        raise DraftRefused(why, hint="Send a link instead of the file.")
