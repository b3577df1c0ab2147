"""What an environment gives each of its documents."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import field

from reconcile.desired.variables import Scalar
from reconcile.lazy_dataclass import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Surroundings:
    """`variables` is None where no environment could be chosen; `ignored` are fields that are owned elsewhere, by kind."""

    variables: Mapping[str, Scalar] | None
    time_zone: str
    ignored: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
