"""Who stands behind an address: rows of the CRM, as its directory was imported."""

from __future__ import annotations

from enum import StrEnum
from typing import Final

from reconcile.lazy_dataclass import dataclass


class PartyType(StrEnum):
    """Tables whose rows have addresses."""

    USER = "user"
    QUEUE = "queue"
    CONTACT = "contact"
    ACCOUNT = "account"
    LEAD = "lead"
    EQUIPMENT = "equipment"
    TEAM = "team"
    BUSINESS_UNIT = "business-unit"
    OTHER = "other"  # any other table with addresses


@dataclass(frozen=True, slots=True, kw_only=True)
class PartyRef:
    """`id` is the row's key in the CRM; unique within its type."""

    type: PartyType
    id: str
    name: str = ""


#: Beyond so many rows an address says nothing about who is behind it (Power Platform: "Associate an email address with a row").
MOST_ROWS: Final = 100

#: Rows that no import brought: contacts made for unknown senders.
MADE_FROM_MAIL: Final = "mail"


@dataclass(frozen=True, slots=True, kw_only=True)
class PartyRow:
    """One row. `addresses` are in the form of `mail_address.comparable`, each once, the first is the main one. `owner` is the id of the
    user or team that owns it ("" for none). `writes_email`: users and teams that may own e-mail (privilege to write). `filter` is a
    user's or queue's own choice of which mail is tracked ("" where none is known); a filter that the Mailbox document declares goes
    before it. `origin` is "" for a row that was imported, or `MADE_FROM_MAIL`.
    """

    ref: PartyRef
    addresses: tuple[str, ...]
    active: bool = True
    owner: str = ""
    writes_email: bool = True
    filter: str = ""
    origin: str = ""
