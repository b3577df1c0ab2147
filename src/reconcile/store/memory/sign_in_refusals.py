"""The memory twin of refused sign-ins."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import field
from datetime import datetime

from reconcile.lazy_dataclass import dataclass
from reconcile.model.sign_in_refusals import WITHIN, Refusal


@dataclass(slots=True)
class MemorySignInRefusals:
    """See `SignInRefusals`."""

    _rows: list[tuple[str, Refusal]] = field(default_factory=list)

    def refuse(self, account: str, refusal: Refusal) -> None:
        self._rows = [(name, one) for name, one in self._rows if one.at > refusal.at - WITHIN]
        self._rows.append((account, refusal))

    def recent(self, account: str, *, now: datetime) -> Sequence[Refusal]:
        return [one for name, one in self._rows if name == account and one.at > now - WITHIN]
