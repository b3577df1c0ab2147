"""Carry out a plan: journal, effect, inventory; one change that fails holds only what depends on it.

If the process dies after any line, the intents that are still open name what may have happened, and `recover` asks the target.
Nothing here decides what to change: that was the plan's business.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from typing import TypeAlias

from reconcile.apply.ground import Ground, already_applied
from reconcile.apply.record import Occasion, action_of, audit, finished, position_of, secret_references
from reconcile.apply.recover import entry_before
from reconcile.apply.report import ApplyReport, Recovered
from reconcile.errors import PermanentError, PreconditionFailed, SettingsError, TransientError
from reconcile.model import instant
from reconcile.model.audit_record import AuditRecord
from reconcile.model.change import Adopt, Change, Create, Forget, Plan, Update
from reconcile.model.inventory import InventoryEntry
from reconcile.model.key import Key
from reconcile.model.observation import ObservedState
from reconcile.model.outcome import Applied, Failed, Outcome, Skipped
from reconcile.model.position import Position
from reconcile.model.secret import Secret, SecretRef
from reconcile.plan import brakes, code
from reconcile.plan.codec import encode_change
from reconcile.plan.order import dependencies
from reconcile.ports.clock import Clock
from reconcile.ports.configuration_store import ApplyStore, Finished, Intent
from reconcile.ports.credentials import SecretDigester
from reconcile.ports.secrets import SecretResolver
from reconcile.ports.target import TargetWriter, Written

Progress = Callable[[Outcome, int, int], None]
Locate = Callable[[Key, str], Position]
_Ready: TypeAlias = tuple[int, Intent, Mapping[str, Secret]]

#: Changes that share one durable step of the journal. A crash leaves at most so many questions to the target.
_BATCH = 64


@dataclass(frozen=True, slots=True, kw_only=True)
class Tools:
    """What an apply works with. `mint` makes tokens, new ones each time; `locate` finds the place of a field in git."""

    writer: TargetWriter
    store: ApplyStore
    resolver: SecretResolver
    digester: SecretDigester
    clock: Clock
    actor: str
    mint: Callable[[], str]
    locate: Locate | None = None
    progress: Progress = field(default=lambda outcome, done, total: None)


def apply_plan(
    plan: Plan,
    tools: Tools,
    *,
    lifted: Collection[str] = (),
    saved_ground: ObservedState | None = None,
    recovered: Sequence[Recovered] = (),
) -> ApplyReport:
    """Carry out `plan`; call it under the store's lock and after `recover`.

    `saved_ground` is a fresh reading of the target when the plan comes from a file: what an earlier run of the same file has
    done already is told from what somebody else did. Brakes refuse before anything is written. Raises SettingsError for an
    unknown brake, and what the store raises when it cannot keep the journal (then the next run recovers).
    """
    standing, released = brakes.lift(plan.brakes, brakes.check_names(lifted))
    plan = replace(plan, brakes=standing, lifted=(*plan.lifted, *released))
    apply_id = tools.mint()
    if standing:
        code_now = code.of_plan(plan, changes_count=False)
        return ApplyReport(apply_id=apply_id, plan=plan, outcomes=(), brakes=standing, code=code_now, recovered=recovered)
    outcomes = _Run(plan, tools, apply_id, saved_ground).outcomes()
    return ApplyReport(apply_id=apply_id, plan=plan, outcomes=outcomes, brakes=(), code=code.of_apply(plan, outcomes), recovered=recovered)


class _Run:
    """One apply. Works in batches of changes that do not wait for each other."""

    def __init__(self, plan: Plan, tools: Tools, apply_id: str, saved_ground: ObservedState | None) -> None:
        self.plan = plan
        self.tools = tools
        self.apply_id = apply_id
        self.entries: Mapping[Key, InventoryEntry] = tools.store.entries() if plan.changes else {}
        self.ground = Ground(plan, self.entries, saved_ground) if saved_ground is not None else None
        self.needs = dependencies(plan.changes, _users(self.entries))
        self.done: dict[int, Outcome] = {}

    def outcomes(self) -> tuple[Outcome, ...]:
        start = 0
        while start < len(self.plan.changes):
            end = start + 1
            while end < len(self.plan.changes) and end - start < _BATCH and not any(need >= start for need in self.needs[end]):
                end += 1
            self._batch(range(start, end))
            start = end
        return tuple(self.done[number] for number in range(len(self.plan.changes)))

    def _batch(self, numbers: range) -> None:
        ready: list[_Ready] = []
        results: list[Finished] = []
        settled: list[tuple[int, Outcome]] = []
        for number in numbers:
            change = self.plan.changes[number]
            early = self._early(number, change)
            if early is None:
                resolved = self._secrets(change)
                if isinstance(resolved, Failed):
                    early = resolved
                else:
                    ready.append((number, self._intent(number, change), resolved))
            if early is not None:
                settled.append((number, early))
                if not (isinstance(early, Applied) and early.already):
                    results.append(Finished(token="", audit=self._audit(change, early)))
        if ready:
            self.tools.store.begin([intent for _, intent, _ in ready])
        for number, outcome in settled:
            self._settle(number, outcome)
        for number, (outcome, result) in zip((number for number, _, _ in ready), self._write_all(ready), strict=True):
            results.append(result)
            self._settle(number, outcome)
        if results:
            self.tools.store.finish(results)

    def _write_all(self, ready: Sequence[_Ready]) -> Iterator[tuple[Outcome, Finished]]:
        """In the order given; at the same time as far as the target takes that. Nothing in a batch waits for anything else in it."""
        # Places are looked up here: the reader of files is one thread's.
        works = [
            (self.plan.changes[number], intent.token, secrets, self._origins(self.plan.changes[number]))
            for number, intent, secrets in ready
        ]
        workers = min(self.tools.writer.capabilities.parallel_writes, len(works))
        if workers < 2:
            yield from (self._write(*work) for work in works)
            return
        with ThreadPoolExecutor(max_workers=workers, thread_name_prefix="apply") as pool:
            yield from pool.map(lambda work: self._write(*work), works)

    def _settle(self, number: int, outcome: Outcome) -> None:
        self.done[number] = outcome
        self.tools.progress(outcome, len(self.done), len(self.plan.changes))

    def _early(self, number: int, change: Change) -> Outcome | None:
        """An outcome without trying: what it waits for did not happen, or an earlier run of the same plan did it."""
        for need in sorted(self.needs[number]):
            before = self.done[need]
            if not isinstance(before, Applied):
                return Skipped(key=change.key, reason=f"waits for {before.key}, which was not applied")
        entry = entry_before(change, self.entries)
        if self.ground is not None:
            if already_applied(change, entry, self.ground.rows):
                external_id = entry.external_id if entry is not None else str(getattr(change, "external_id", "") or "")
                return Applied(key=change.key, external_id=external_id, already=True)
            why = self.ground.moved(change)
            if why:
                return Skipped(key=change.key, reason=why, voided=True)
        return None

    def _secrets(self, change: Change) -> Mapping[str, Secret] | Failed:
        found: dict[str, Secret] = {}
        for path, reference in secret_references(change).items():
            try:
                found[path] = self.tools.resolver.resolve(SecretRef.parse(reference))
            except (SettingsError, PermanentError) as error:
                words = f"{path}: {error.message}" + (f"; next: {error.hint}" if error.hint else "")
                return Failed(key=change.key, reason=words, retryable=False)
            except ValueError as error:
                return Failed(key=change.key, reason=f"{path}: {error}", retryable=False)
        return found

    def _intent(self, number: int, change: Change) -> Intent:
        return Intent(
            token=self.tools.mint(),
            apply_id=self.apply_id,
            sequence=number,
            key=change.key,
            action=action_of(change),
            change=encode_change(change),
            opened_at=self._now(),
            source=self.plan.source,
            revision=self.plan.revision,
        )

    def _write(self, change: Change, token: str, secrets: Mapping[str, Secret], origins: Mapping[str, str]) -> tuple[Outcome, Finished]:
        outcome: Outcome
        try:
            if isinstance(change, Forget) or (isinstance(change, Update) and not change.writes):
                written = Written(external_id=change.external_id, version="")
            else:
                written = self.tools.writer.write(change, token=token, secrets=secrets, origins=origins)
        except PreconditionFailed as error:
            outcome = Skipped(key=change.key, reason=error.message, voided=True)
            return outcome, Finished(token=token, audit=self._audit(change, outcome))
        except TransientError as error:
            # It may have taken effect all the same: the intent stays open, and the next run asks the target.
            outcome = Failed(key=change.key, reason=error.message, retryable=True)
            return outcome, Finished(token="", audit=self._audit(change, outcome))
        except PermanentError as error:
            outcome = Failed(key=change.key, reason=error.message, retryable=False)
            return outcome, Finished(token=token, audit=self._audit(change, outcome))
        outcome = Applied(key=change.key, external_id=written.external_id, refused=_refused(written))
        before = entry_before(change, self.entries)
        return outcome, finished(change, written, self._occasion(), token, before, secrets=self._digests(change, secrets))

    def _digests(self, change: Change, secrets: Mapping[str, Secret]) -> Mapping[str, str]:
        """Keyed digests of what was handed over: by them a later plan sees that a value changed behind its reference."""
        references = secret_references(change)
        return {path: self.tools.digester.digest(SecretRef.parse(references[path]), value) for path, value in secrets.items()}

    def _origins(self, change: Change) -> Mapping[str, str]:
        """Where each field stands in git, for the conditions that name it later."""
        position = position_of(change)
        found = {"": f"{position.file}:{position.line}"} if position is not None else {}
        if self.tools.locate is not None and isinstance(change, (Create, Adopt, Update)):
            places = {path: self.tools.locate(change.key, path) for path in change.spec}
        elif isinstance(change, (Adopt, Update)):
            places = {item.path: item.cause.position for item in change.fields if item.cause.position is not None}
        else:
            places = {}
        found.update((path, f"{place.file}:{place.line}") for path, place in places.items())
        return found

    def _audit(self, change: Change, outcome: Outcome) -> AuditRecord:
        match outcome:
            case Skipped():
                return audit(change, self._occasion(), "voided" if outcome.voided else "skipped", {"reason": outcome.reason})
            case Failed():
                return audit(change, self._occasion(), "failed", {"reason": outcome.reason, "retryable": outcome.retryable})
            case Applied():
                return audit(change, self._occasion(), "applied", {})

    def _now(self) -> str:
        return instant.text(self.tools.clock.now())

    def _occasion(self) -> Occasion:
        plan = self.plan
        return Occasion(apply_id=self.apply_id, actor=self.tools.actor, source=plan.source, revision=plan.revision, at=self._now())


def _users(entries: Mapping[Key, InventoryEntry]) -> Mapping[Key, list[Key]]:
    users: dict[Key, list[Key]] = {}
    for key, entry in entries.items():
        for other in entry.depends_on:
            users.setdefault(other, []).append(key)
    return users


def _refused(written: Written) -> tuple[str, ...]:
    lines = []
    for path, leaf in sorted(written.answered.items()):
        shown = "nothing" if leaf is None else str(leaf)
        why = f": {written.refused[path]}" if path in written.refused else ""
        lines.append(f"{path}: the target keeps {shown}{why}")
    return tuple(lines)
