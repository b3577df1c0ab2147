"""What an apply did, as one value: printed, and turned into an exit code."""

from __future__ import annotations

from collections.abc import Sequence

from reconcile.lazy_dataclass import dataclass
from reconcile.model.audit_chain import Anchor
from reconcile.model.change import BrakeTripped, Plan
from reconcile.model.discovered import Pinned
from reconcile.model.exit_code import ExitCode
from reconcile.model.key import Key
from reconcile.model.outcome import Outcome


@dataclass(frozen=True, slots=True, kw_only=True)
class Recovered:
    """An intent that a crash had left open. `done` tells whether its effect had happened."""

    key: Key
    action: str
    done: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class ApplyReport:
    """`outcomes` has one per change, in the order of the plan; empty when `brakes` stood and nothing was written. `trail` is where
    the audit trail ended afterwards: kept elsewhere, its hash tells later whether the trail is still as it was. `pinned` are servers that
    Autodiscover named while the plan was made."""

    apply_id: str
    plan: Plan
    outcomes: Sequence[Outcome]
    brakes: Sequence[BrakeTripped]
    code: ExitCode
    recovered: Sequence[Recovered] = ()
    trail: Anchor | None = None
    pinned: tuple[Pinned, ...] = ()
