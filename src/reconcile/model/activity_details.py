"""What a CRM sets on a tracked e-mail, beside the message, which never changes."""

from __future__ import annotations

from enum import StrEnum

from reconcile.lazy_dataclass import dataclass


class ActivityState(StrEnum):
    """The product's states of an e-mail activity (table Email, `statecode`). Until somebody sets it, a tracked e-mail is open."""

    OPEN = "open"
    COMPLETED = "completed"
    CANCELED = "canceled"


@dataclass(frozen=True, slots=True, kw_only=True)
class Regarding:
    """The record an e-mail is about. `type` is the CRM's word for its table, `id` its key there, `name` what people see."""

    type: str
    id: str
    name: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class ActivityDetails:
    """`version` is 1 for an e-mail nobody edited and rises by one with each edit that changes something. `categories` are in the
    order given, each once. `edited_at` is UTC RFC 3339, "" when never edited."""

    version: int = 1
    regarding: Regarding | None = None
    owner: str = ""
    state: ActivityState = ActivityState.OPEN
    categories: tuple[str, ...] = ()
    note: str = ""
    edited_at: str = ""
    edited_by: str = ""


#: An e-mail nobody edited.
UNEDITED = ActivityDetails()
