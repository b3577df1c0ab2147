"""One variable that rules may read: its name, its type and what it means. Pure; public API."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from types import MappingProxyType
from typing import Final

from reconcile.lazy_dataclass import dataclass

#: Subject of a rule → what its own variables begin with.
PREFIXES: Final[Mapping[str, str]] = MappingProxyType(
    {"EmailServerProfile": "profile", "Mailbox": "mailbox", "Organization": "organization", "Environment": "environment"}
)


class Type(StrEnum):
    """What a variable holds. Instants are texts (RFC 3339, UTC) and durations are texts in seconds ("300s"), because the library takes
    dates only where they are compiled in; `timestamp()` and `duration()` read them."""

    TEXT = "text"
    NUMBER = "number"
    TRUTH = "truth value"
    TEXTS = "list of texts"
    MAP = "map"
    INSTANT = "instant"
    DURATION = "duration"
    MOMENT = "timestamp"


@dataclass(frozen=True, slots=True, kw_only=True)
class Variable:
    """`nullable`: may be null, which means that nothing is set. `values` are all it can be, where they are few words. `key` is the name
    without what comes before the first dot."""

    name: str
    type: Type
    nullable: bool = False
    values: tuple[str, ...] = ()
    description: str = ""

    @property
    def key(self) -> str:
        return self.name.partition(".")[2]
