"""What became of one change: a value, because one failing item is no exception."""

from __future__ import annotations

from typing import TypeAlias

from reconcile.lazy_dataclass import dataclass
from reconcile.model.key import Key


@dataclass(frozen=True, slots=True, kw_only=True)
class Applied:
    """Done. `refused` has a line for each field the server did not keep as written. `already` tells that an earlier run did it."""

    key: Key
    external_id: str
    refused: tuple[str, ...] = ()
    already: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Skipped:
    """Not tried: what it depends on failed, or the plan's ground moved (`voided`)."""

    key: Key
    reason: str
    voided: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Failed:
    """Tried and refused."""

    key: Key
    reason: str
    retryable: bool


Outcome: TypeAlias = Applied | Skipped | Failed
