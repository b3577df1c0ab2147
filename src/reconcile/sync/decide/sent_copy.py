"""Whether a message in the folder for sent mail is the mail that was handed over. Pure.

A Message-ID alone is copied easily. Compared besides is what servers leave as it is when they file a mail: sender, date, and who stands in
To and Cc. Bodies are not: some servers keep a mail in a form of their own and write it anew (Exchange), and Bcc is taken out or put in.
"""

from __future__ import annotations

from reconcile.model.mail_address import comparable
from reconcile.model.message import MessageHeader
from reconcile.sync.decide.header import scan


def difference(mail: bytes, filed: bytes) -> str:
    """In what the header of a filed message is another one than that of our mail, in words; "" where it is the same."""
    ours, theirs = _header(mail), _header(filed)
    return ", ".join(word for word, of in _COMPARED if of(ours) != of(theirs))


def _header(text: bytes) -> MessageHeader:
    return scan(text.partition(b"\r\n\r\n")[0] + b"\r\n")


def _sender(header: MessageHeader) -> str:
    return comparable(header.sender.address) if header.sender is not None else ""


def _recipients(header: MessageHeader) -> frozenset[str]:
    return frozenset(comparable(one.address) for one in (*header.to, *header.cc))


_COMPARED = (
    ("another sender", _sender),
    ("another date", lambda header: header.sent),
    ("other recipients", _recipients),
)
