"""Which part of a plan was asked for."""

from __future__ import annotations

from reconcile.lazy_dataclass import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Selection:
    """Patterns as given: `Kind`, `Kind/glob`, `glob` of a slug, or `label=value`. Empty `only` means everything."""

    only: tuple[str, ...] = ()
    exclude: tuple[str, ...] = ()
