"""A combination of fields that cannot be: where, and what is wrong."""

from __future__ import annotations

from reconcile.lazy_dataclass import dataclass


@dataclass(frozen=True, slots=True)
class Problem:
    """`path` is dotted below `spec` ("incoming.port")."""

    path: str
    message: str
