"""What is asked for, as a person or a CRM typed it, and the checks that every way into a mail shares."""

from __future__ import annotations

import re
from collections.abc import Iterable
from datetime import datetime

from reconcile.errors import UserError
from reconcile.lazy_dataclass import dataclass
from reconcile.model.activity_details import Regarding
from reconcile.model.mail_address import MailAddress, fold, has_control_characters, parse_address
from reconcile.model.outgoing import Field, Recipient

#: What Exchange Online takes at most (Microsoft Learn, "Exchange Online limits").
LARGEST = 150 * 1024 * 1024
#: More recipients than any provider takes in a day; what is read of a list is bounded by it.
MOST_RECIPIENTS = 10_000
#: An id as we write it into a header: ASCII without space, at most as long as a line may be (RFC 5322, 2.1.1), since it is not folded.
LONGEST_ID = 900
_MESSAGE_ID = re.compile(r"<[^\s<>@]+@[^\s<>@]+>", re.ASCII)


@dataclass(frozen=True, slots=True, kw_only=True)
class Attachment:
    """`media_type` such as application/pdf."""

    name: str
    media_type: str
    content: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Draft:
    """With `raw` the other fields but the addresses are empty; then to, cc and bcc, where given, are the envelope in place of the
    addresses in the mail's headers. With `html` and without `text`, the text is made from it. `send_as` names another mailbox whose
    address it bears, `reply_to` the activity it answers. With `held` it stays a draft until a person releases it.
    `automatic`: no person wrote it, so no machine may answer (RFC 3834, 5)."""

    to: tuple[str, ...] = ()
    cc: tuple[str, ...] = ()
    bcc: tuple[str, ...] = ()
    subject: str = ""
    text: str = ""
    html: str = ""
    attachments: tuple[Attachment, ...] = ()
    in_reply_to: str = ""
    reply_to: int | None = None
    send_as: str = ""
    postponed_until: datetime | None = None
    regarding: Regarding | None = None
    held: bool = False
    automatic: bool = False
    raw: bytes | None = None


class DraftRefused(UserError):
    """The mail cannot be made. `path` leads to the field of the draft that is wrong: ("to", 0)."""

    def __init__(self, message: str, *, hint: str, path: tuple[str | int, ...] = ()) -> None:
        super().__init__(message, hint=hint)
        self.path = path


def is_message_id(text: str) -> bool:
    """Whether it can stand in a header as it is."""
    return len(text) <= LONGEST_ID and text.isascii() and not has_control_characters(text) and _MESSAGE_ID.fullmatch(text) is not None


def address(where: str, text: str, path: tuple[str | int, ...] = ()) -> MailAddress:
    """Raises DraftRefused."""
    try:
        parsed = parse_address(text)
    except ValueError as error:
        raise DraftRefused(f"{where}: {error}", hint="Write local@domain or Name <local@domain>.", path=path) from error
    header_value(where, parsed.name, path)
    return parsed


def header_value(where: str, value: str, path: tuple[str | int, ...] = ()) -> None:
    """Raises DraftRefused for what cannot be one line of a header."""
    if has_control_characters(value) or any("\ud800" <= character <= "\udfff" for character in value):
        words = f"{where} has a line break or another control character"
        raise DraftRefused(words, hint="Take it out: a header is one line of text.", path=path)


def add(recipients: list[Recipient], field: Field, addresses: Iterable[MailAddress]) -> None:
    """Each address once: the same person in To and Bcc gets one copy."""
    known = {fold(one.address) for one in recipients}
    for one in addresses:
        if fold(one.address) not in known:
            known.add(fold(one.address))
            recipients.append(Recipient(address=one.address, field=field))
        if len(recipients) > MOST_RECIPIENTS:
            raise DraftRefused(
                f"the mail has more than {MOST_RECIPIENTS:,} recipients", hint="Hand it in as several mails.", path=(str(field),)
            )
