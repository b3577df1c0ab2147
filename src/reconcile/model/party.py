"""Who stands behind an address: rows of the CRM, as its directory was imported."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class PartyType(StrEnum):
    """Tables whose rows have addresses, in the order in which a sender is looked for (Power Platform: "Email message filtering and
    correlation")."""

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


@dataclass(frozen=True, slots=True, kw_only=True)
class PartyRow:
    """One row. `addresses` are normalized as `model.mail_address` compares them, the first is the main one. `owner` is the id of the user
    or team that owns it ("" for none). `writes_email`: users and teams that may own e-mail (privilege to write). `filter` is a user's
    or queue's own
    choice of which mail is tracked ("" where none is known); a filter that the Mailbox document declares goes before it."""

    ref: PartyRef
    addresses: tuple[str, ...]
    active: bool = True
    owner: str = ""
    writes_email: bool = True
    filter: str = ""
