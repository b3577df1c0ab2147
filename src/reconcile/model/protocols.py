"""Which protocols a kind of mail system speaks, and their usual ports. Apart from the models, so that it loads without pydantic."""

from __future__ import annotations

from typing import Final, Literal, TypeAlias

ServerType: TypeAlias = Literal["exchange-server", "pop3-smtp", "exchange-server-hybrid", "exchange-online-hybrid", "imap-smtp"]
IncomingProtocol: TypeAlias = Literal["ews", "imap", "pop3"]
OutgoingProtocol: TypeAlias = Literal["ews", "smtp"]

#: The one pair of protocols a server type has. The product supports no mix of Exchange with SMTP or POP3.
PROTOCOLS: Final[dict[ServerType, tuple[IncomingProtocol, OutgoingProtocol]]] = {
    "exchange-server": ("ews", "ews"),
    "pop3-smtp": ("pop3", "smtp"),
    "exchange-server-hybrid": ("ews", "ews"),
    "exchange-online-hybrid": ("ews", "ews"),
    "imap-smtp": ("imap", "smtp"),
}


def usual_port(protocol: str, tls: str) -> int:
    """The registered port (RFC 8314 for the implicit ones)."""
    return _PORTS[protocol][tls]


_PORTS: Final = {
    "ews": {"implicit": 443, "starttls": 443, "none": 80},
    "imap": {"implicit": 993, "starttls": 143, "none": 143},
    "pop3": {"implicit": 995, "starttls": 110, "none": 110},
    "smtp": {"implicit": 465, "starttls": 587, "none": 25},
}
