"""What the header of a message says, decoded."""

from __future__ import annotations

from reconcile.lazy_dataclass import dataclass


@dataclass(frozen=True, slots=True)
class Party:
    """A sender or recipient. `address` is as written (its domain in lower case); `name` may be empty."""

    address: str
    name: str = ""

    def __str__(self) -> str:
        return f"{self.name} <{self.address}>" if self.name else self.address


@dataclass(frozen=True, slots=True, kw_only=True)
class MessageHeader:
    """`message_id` without surrounding space, with its angle brackets where it has some; "" when there is none.

    `sent` is the Date field as UTC RFC 3339, "" when absent or absurd. `defects` are stable words for what is wrong with the
    message ("no-header-end", "date-unreadable" …); a defect never keeps a message from being stored. `thread_index` is as it was written;
    `forwards` where a field says that the mail passes another one on; `loops` are the addresses in X-Loop fields, as they are compared.
    Those three are not kept with an activity.
    """

    message_id: str = ""
    subject: str = ""
    sender: Party | None = None
    to: tuple[Party, ...] = ()
    cc: tuple[Party, ...] = ()
    bcc: tuple[Party, ...] = ()
    reply_to: tuple[Party, ...] = ()
    sent: str = ""
    in_reply_to: str = ""
    references: tuple[str, ...] = ()
    thread_index: str = ""
    forwards: bool = False
    loops: tuple[str, ...] = ()
    defects: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Attachment:
    """`size` in bytes after decoding. `part` counts the leaves of the MIME tree from 1."""

    part: int
    name: str
    content_type: str
    size: int


@dataclass(frozen=True, slots=True, kw_only=True)
class MessageText:
    """The readable part of a message: `text` is plain text (HTML stripped of its tags where nothing else is there)."""

    text: str
    attachments: tuple[Attachment, ...] = ()
    defects: tuple[str, ...] = ()
