"""One change at the target: whether it is still the right one, the write itself, and what is written down about it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import field

from reconcile.apply.budget import Budget
from reconcile.apply.ground import foreign
from reconcile.apply.record import Occasion, audit, finished
from reconcile.apply.tools import Tools
from reconcile.errors import PermanentError, PreconditionFailed, StalePlan, TransientError
from reconcile.lazy_dataclass import dataclass
from reconcile.model import instant
from reconcile.model.audit_record import AuditRecord
from reconcile.model.change import Change, Forget, Plan, Update
from reconcile.model.inventory import InventoryEntry
from reconcile.model.outcome import Applied, Failed, Outcome, Skipped
from reconcile.model.secret import Secret
from reconcile.ports.configuration_store import Finished, Intent
from reconcile.ports.target import Written


@dataclass(frozen=True, slots=True, kw_only=True)
class Work:
    """A change whose intent stands in the journal. `before` is what the inventory holds of it, `origins` where git declares it."""

    change: Change
    intent: Intent
    before: InventoryEntry | None
    secrets: Mapping[str, Secret] = field(repr=False)
    origins: Mapping[str, str]


class Writing:
    """The writes of one apply; called by several threads at the same time."""

    def __init__(self, plan: Plan, tools: Tools, apply_id: str) -> None:
        self._plan = plan
        self._tools = tools
        self._apply_id = apply_id
        self._budget = Budget(tools.clock, tools.writer.capabilities.parallel_writes)
        #: Why nothing more may be written, "" as long as it may.
        self._over = ""

    def write(self, work: Work) -> tuple[Outcome, Finished]:
        """Carry it out. What goes wrong with this one change is an outcome; raises what concerns them all (Locked, a bug)."""
        token, outcome = work.intent.token, self._tried(work)
        if isinstance(outcome, Written):
            applied = Applied(key=work.change.key, external_id=outcome.external_id, refused=_refused(outcome))
            digests = work.intent.secrets
            return applied, finished(work.change, outcome, self.occasion(), token, work.before, secrets=digests)
        # What may have taken effect all the same stays open, and the next run asks the target.
        unknown = isinstance(outcome, Failed) and outcome.retryable
        return outcome, Finished(token="" if unknown else token, audit=self.record(work.change, outcome))

    def _tried(self, work: Work) -> Written | Outcome:
        change = work.change
        try:
            return self._budget.spend(lambda: self._effect(work))
        except (PreconditionFailed, StalePlan) as error:
            return Skipped(key=change.key, reason=error.message, voided=True)
        except TransientError as error:
            return Failed(key=change.key, reason=error.message, retryable=True)
        except PermanentError as error:
            return Failed(key=change.key, reason=error.message, retryable=False)

    def _effect(self, work: Work) -> Written:
        """Asks the target who it is, then writes. Raises StalePlan from the moment on that it is another one."""
        change, writer = work.change, self._tools.writer
        if not self._over:
            identity = writer.identity()
            # Only ever set: another writer may have seen more than this one.
            if words := foreign(self._plan, identity.organization_id, identity.tenant_id):
                self._over = words
        if self._over:
            raise StalePlan(f"stopped: {self._over}", hint="Plan again for the target that is meant.")
        if isinstance(change, Forget) or (isinstance(change, Update) and not change.writes):
            return Written(external_id=change.external_id, version="")
        return writer.write(change, token=work.intent.token, secrets=work.secrets, origins=work.origins)

    def record(self, change: Change, outcome: Outcome) -> AuditRecord:
        """The line of the trail about a change that was not applied by this run."""
        match outcome:
            case Skipped():
                return audit(change, self.occasion(), "voided" if outcome.voided else "skipped", {"reason": outcome.reason})
            case Failed():
                return audit(change, self.occasion(), "failed", {"reason": outcome.reason, "retryable": outcome.retryable})
            case Applied():
                return audit(change, self.occasion(), "applied", {})

    def occasion(self) -> Occasion:
        """Which apply this is, now."""
        plan, tools = self._plan, self._tools
        at = instant.text(tools.clock.now())
        return Occasion(apply_id=self._apply_id, actor=tools.actor, source=plan.source, revision=plan.revision, at=at)


def _refused(written: Written) -> tuple[str, ...]:
    lines = []
    for path, leaf in sorted(written.answered.items()):
        shown = "nothing" if leaf is None else str(leaf)
        why = f": {written.refused[path]}" if path in written.refused else ""
        lines.append(f"{path}: the target keeps {shown}{why}")
    return tuple(lines)
