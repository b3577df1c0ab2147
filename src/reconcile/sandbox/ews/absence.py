"""Automatic answers of who is absent, by the rules for automatic answers to electronic mail (RFC 3834).

Each sender is answered once, from the moment the absence is set until it is set anew.
"""

from __future__ import annotations

import re
from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import formatdate
from hashlib import sha256
from typing import Final

from reconcile.sandbox.ews.mailbox import Mailbox
from reconcile.sandbox.ews.mime_view import MimeView
from reconcile.sandbox.ews.node import Node
from reconcile.sandbox.ews.times import moment

#: Programs and lists, by the addresses they send from (section 2).
_ADDRESS: Final = re.compile(r"[\w.!#$%&'*+/=?^`{|}~-]+@[\w.-]+", re.ASCII)
_NOBODY: Final = re.compile(r"(mailer-daemon|postmaster|owner-.*|.*-(request|owner|bounces?)|no-?reply)@.*", re.IGNORECASE)
_ADDRESSED: Final = ("To", "Cc", "Bcc", "Resent-To", "Resent-Cc", "Resent-Bcc")


def set_absence(mailbox: Mailbox, settings: Node) -> None:
    """Keep a t:OofSettings; everybody is answered anew."""
    mailbox.absence = settings
    mailbox.answered.clear()


def automatic_answer(mailbox: Mailbox, sender: str, octets: bytes, *, internal: bool) -> bytes | None:
    """What goes back, with no return path of its own, to who sent `octets` to this mailbox; None when they are not answered.

    `sender` is the address of the envelope, "" for none; `internal` says whether it is one of the organization.
    """
    settings = mailbox.absence
    if settings is None or not _absent(mailbox, settings):
        return None
    text = settings.text_at(f"t:{'Internal' if internal else 'External'}Reply/t:Message")
    audience = settings.text_at("t:ExternalAudience", "All")
    if not text.strip() or not (internal or audience == "All" or (audience == "Known" and _is_contact(mailbox, sender))):
        return None
    asked = MimeView(octets)
    if sender.lower() in mailbox.answered or not _wants_answer(mailbox, sender, asked):
        return None
    mailbox.answered.add(sender.lower())
    return _written(mailbox, sender, asked, text)


def _absent(mailbox: Mailbox, settings: Node) -> bool:
    match settings.text_at("t:OofState"):
        case "Enabled":
            return True
        case "Scheduled":
            start, end = (moment(settings.text_at(f"t:Duration/t:{name}")) for name in ("StartTime", "EndTime"))
            return start <= mailbox.now() < end
        case _:
            return False


def _is_contact(mailbox: Mailbox, sender: str) -> bool:
    lists = [item.properties["EmailAddresses"].children for item in mailbox.items.values() if "EmailAddresses" in item.properties]
    return any(entry.text.lower() == sender.lower() for entries in lists for entry in entries)


def _wants_answer(mailbox: Mailbox, sender: str, asked: MimeView) -> bool:
    """Sections 2 and 5: no answer to programs and lists, none to who did not write to this mailbox by name, none to itself."""
    if not _ADDRESS.fullmatch(sender) or _NOBODY.fullmatch(sender) or sender.lower() == mailbox.address.lower():
        return False
    if (asked.header("Auto-Submitted") or "no").partition(";")[0].strip().lower() != "no":
        return False
    if asked.header("Precedence").lower() in ("bulk", "list", "junk") or any(name.lower().startswith("list-") for name, _ in asked.headers):
        return False
    if {"all", "oof"} & {word.strip().lower() for word in asked.header("X-Auto-Response-Suppress").split(",")}:
        return False
    named = [node for name in _ADDRESSED for node in asked.mailboxes(name)]
    return mailbox.address.lower() in {node.text_at("t:EmailAddress").lower() for node in named}


def _written(mailbox: Mailbox, sender: str, asked: MimeView, text: str) -> bytes:
    """Section 3."""
    identity = " ".join(asked.header("Message-ID").split())
    seed = f"{sender} {identity} {mailbox.now()}".encode("utf-8", "replace")
    answer = EmailMessage(policy=SMTP)
    answer["From"] = Address(mailbox.name, addr_spec=mailbox.address)
    answer["To"] = sender
    answer["Subject"] = " ".join(f"Automatic reply: {asked.header('Subject')}".split())[:255]
    answer["Date"] = formatdate(mailbox.now().timestamp())
    answer["Message-ID"] = f"<{sha256(seed).hexdigest()[:32]}@{mailbox.address.rpartition('@')[2]}>"
    if identity:
        answer["In-Reply-To"] = identity
        answer["References"] = " ".join([*asked.header("References").split(), identity])
    answer["Auto-Submitted"] = "auto-replied"
    answer["X-Auto-Response-Suppress"] = "All"
    answer.set_content(text, subtype="html" if re.search(r"<\w+[^>]*>", text) else "plain")
    return answer.as_bytes()
