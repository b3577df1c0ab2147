"""Typed status of a mailbox or profile, with reason and since when."""

from __future__ import annotations

from enum import StrEnum

from reconcile.lazy_dataclass import dataclass


class Health(StrEnum):
    """What a person sees first."""

    HEALTHY = "healthy"
    WAITING = "waiting"  # nothing wrong, something must happen first (first sync, approval, a retry at a known time)
    STALLED = "stalled"  # a person must act
    OFF = "off"  # not synchronised here, by declaration


@dataclass(frozen=True, slots=True, kw_only=True)
class Condition:
    """`type` is a stable word (Ready, Unsupported, Authenticated …), `status` true, false or unknown.

    `since` is UTC RFC 3339 of the last time the status changed. `field` and `origin` (file:line) name what was declared.
    `hint` is what a person does about it, where more is known than follows from `reason`.
    """

    type: str
    status: bool | None
    reason: str
    message: str
    since: str
    field: str = ""
    origin: str = ""
    hint: str = ""
