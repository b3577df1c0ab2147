"""Which fields contradict each other, in words: what the checks of each kind refuse, for people who look a field up.

A test holds that every problem that the checks report belongs to a field that is listed here.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

_SERVER: Final = (
    "the address of Exchange Web Services (https://HOST/EWS/Exchange.asmx) for Exchange; a bare host name for IMAP, POP3 and SMTP"
)
_PROTOCOL: Final = "must be what serverType fetches and sends with"
_TLS: Final = "Exchange Web Services speak https: implicit or none, there is no starttls"
_ON_PREMISES: Final = "only an on-premises deployment has this switch"

COMBINATIONS: Final[Mapping[str, Mapping[str, str]]] = MappingProxyType(
    {
        "EmailServerProfile": {
            "incoming.protocol": _PROTOCOL,
            "outgoing.protocol": _PROTOCOL,
            "incoming.server": _SERVER,
            "outgoing.server": _SERVER,
            "autodiscover": "only with a serverType of Exchange",
            "incoming.tls": _TLS,
            "outgoing.tls": _TLS,
        },
        "Organization": {
            "deploymentSettings.allowNonSslEmail": _ON_PREMISES,
            "deploymentSettings.allowCredentialsEntryViaNonSecureChannels": _ON_PREMISES,
            "cloud": "only an online organization runs in a cloud",
        },
        "Mailbox": {
            "incoming": "a forward mailbox is read server-side or not at all; a queue has no Outlook",
            "outgoing": "a forward mailbox sends nothing; a queue has no Outlook",
            "deleteAfterProcessing": "only on queue and forward mailboxes",
            "appointmentsContactsTasks": "only on user mailboxes",
            "trackedFolders": "only on user mailboxes; each folder once",
        },
    }
)
