"""What an apply works with."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import field

from reconcile.lazy_dataclass import dataclass
from reconcile.model.key import Key
from reconcile.model.outcome import Outcome
from reconcile.model.position import Position
from reconcile.model.shortfall import Deciding, all_run
from reconcile.ports.clock import Clock
from reconcile.ports.configuration_store import ApplyStore
from reconcile.ports.credentials import SecretDigester
from reconcile.ports.secrets import SecretResolver
from reconcile.ports.target import TargetWriter

Progress = Callable[[Outcome, int, int], None]
Locate = Callable[[Key, str], Position]


@dataclass(frozen=True, slots=True, kw_only=True)
class Tools:
    """`mint` makes tokens, new ones each time; `locate` finds the place of a field in git, `deciding` what mailboxes would not do."""

    writer: TargetWriter
    store: ApplyStore
    resolver: SecretResolver
    digester: SecretDigester
    clock: Clock
    actor: str
    mint: Callable[[], str]
    locate: Locate | None = None
    deciding: Deciding = all_run
    progress: Progress = field(default=lambda outcome, done, total: None)
