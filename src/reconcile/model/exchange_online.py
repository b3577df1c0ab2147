"""Exchange Online: which hosts are it, and until when it answers Exchange Web Services."""

from __future__ import annotations

from typing import Final

#: Hosts of Exchange Online in its clouds (Microsoft: "Office 365 URLs and IP address ranges").
HOSTS: Final = frozenset(
    {
        "outlook.office365.com",
        "outlook.office.com",
        "outlook.office365.us",
        "outlook-dod.office365.us",
        "webmail.apps.mil",
        "partner.outlook.cn",
    }
)
#: From this day on no tenant's switch helps any more (Exchange Team: "EWS Deprecation Is Here").
END: Final = "2027-04-01"
#: From this day on only listed applications are let in, in the worldwide cloud (the same).
LISTED_ONLY: Final = "2026-10-10"


def is_exchange_online(host: str) -> bool:
    """Whether mailboxes behind this host are in Exchange Online."""
    return host.lower().rstrip(".") in HOSTS
