"""What MAIL and RCPT say beside the addresses, and what a server cannot carry. Pure: by what it announced."""

from __future__ import annotations

import re
from collections.abc import Mapping

from reconcile.lazy_dataclass import dataclass
from reconcile.ports.sender import Envelope, Reply

_CONTROL = re.compile(r"[\x00-\x20\x7f-\x9f\u2028\u2029<>]")
#: RFC 3461, 4.4: at most 100 characters, of these octets, the others as +HEX.
_LONGEST_ID = 100


@dataclass(frozen=True, slots=True, kw_only=True)
class Commands:
    """`mail` is the whole MAIL command, `recipients` the RCPT commands by address. `unsendable` are recipients this server cannot get
    this mail for; `obstacle` says why it cannot carry the mail at all ("" when it can)."""

    mail: bytes
    recipients: Mapping[str, bytes]
    unsendable: Mapping[str, Reply]
    obstacle: str


def commands(envelope: Envelope, extensions: Mapping[str, str]) -> Commands:
    """`extensions` by name in upper case, with their words, as EHLO was answered."""
    options = obstacle = ""
    unsendable: dict[str, Reply] = {}
    size = len(envelope.content)
    if "SIZE" in extensions:
        options += f" SIZE={size}"
        limit = extensions["SIZE"].strip()
        if limit.isdigit() and 0 < int(limit) < size:
            obstacle = f"the mail has {size:,} octets, the server takes at most {int(limit):,}"
    if not envelope.content.isascii():
        options += " BODY=8BITMIME"
        if "8BITMIME" not in extensions:
            obstacle = obstacle or "the mail has 8-bit characters and the server does not offer 8BITMIME"
    recipients = [address for address in envelope.recipients if not _is_broken(address)]
    unsendable |= {address: _BROKEN for address in envelope.recipients if _is_broken(address)}
    if _is_broken(envelope.sender):
        obstacle = obstacle or "the sender's address has characters that no address may have"
    international = not _header(envelope.content).isascii() or not envelope.sender.isascii()
    if "SMTPUTF8" in extensions:
        if international or not all(address.isascii() for address in recipients):
            options += " SMTPUTF8"
    elif international:
        obstacle = obstacle or "the mail has addresses or headers in UTF-8 and the server does not offer SMTPUTF8"
    else:
        # Only these cannot be reached over this server; the others can.
        unsendable |= {address: _NOT_ASCII for address in recipients if not address.isascii()}
    notify = ""
    if "DSN" in extensions and envelope.reports is not None:
        options += " RET=HDRS"
        if envelope.id:
            options += f" ENVID={_xtext(envelope.id)[:_LONGEST_ID]}"
        notify = f" NOTIFY={','.join(word.upper() for word in sorted(envelope.reports)) or 'NEVER'}"
    return Commands(
        mail=f"MAIL FROM:<{envelope.sender}>{options}".encode(),
        recipients={address: f"RCPT TO:<{address}>{notify}".encode() for address in recipients if address not in unsendable},
        unsendable=unsendable,
        obstacle=obstacle,
    )


#: Codes as a server would give them (RFC 3463, 3.2 and 3.7).
_BROKEN = Reply(code=553, text="5.1.3 the address has characters that no address may have; it was not sent to the server")
_NOT_ASCII = Reply(code=553, text="5.6.7 the address has other characters than ASCII, and the server does not offer SMTPUTF8")


def _is_broken(address: str) -> bool:
    # A quoted local part may hold spaces and brackets; a line break never.
    quoted = address.startswith('"')
    return not address.isprintable() if quoted else _CONTROL.search(address) is not None


def _header(content: bytes) -> bytes:
    end = content.find(b"\r\n\r\n")
    return content if end < 0 else content[:end]


def _xtext(text: str) -> str:
    octets = text.encode("ascii", "replace")
    return "".join(chr(one) if 33 <= one <= 126 and one not in b"+=" else f"+{one:02X}" for one in octets)
