"""Carry out a plan: journal, effect, inventory; one change that fails holds only what depends on it.

If the process dies after any line, the intents that are still open name what may have happened, and `recover` asks the target.
Nothing here decides what to change: that was the plan's business.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import replace

from reconcile.apply.ground import Ground, already_applied
from reconcile.apply.record import action_of, approvals, position_of, secret_references
from reconcile.apply.recover import entry_before
from reconcile.apply.report import ApplyReport, Recovered
from reconcile.apply.tools import Tools
from reconcile.apply.writing import Work, Writing
from reconcile.errors import PermanentError, SettingsError
from reconcile.model import instant
from reconcile.model.change import Adopt, Change, Create, Plan, Update
from reconcile.model.inventory import InventoryEntry
from reconcile.model.key import Key
from reconcile.model.observation import ObservedState
from reconcile.model.outcome import Applied, Failed, Outcome, Skipped
from reconcile.model.secret import Secret, SecretRef
from reconcile.plan import brakes, code
from reconcile.plan.codec import encode_change
from reconcile.plan.order import dependencies
from reconcile.ports.configuration_store import Finished, Intent

#: Changes that share one durable step of the journal. A crash leaves at most so many questions to the target.
_BATCH = 64


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
    done already is told from what somebody else did. Brakes, and rules that stand against the plan, refuse before anything is
    written. Raises SettingsError for an unknown brake, and what the store raises when it cannot keep the journal (then the next run
    recovers).
    """
    plan = lift(plan, lifted)
    apply_id = tools.mint()
    refused = stopped(plan)
    outcomes = () if refused else _Run(plan, tools, apply_id, saved_ground).outcomes()
    return ApplyReport(
        apply_id=apply_id,
        plan=plan,
        outcomes=outcomes,
        brakes=plan.brakes,
        code=code.of_plan(plan, changes_count=False) if refused else code.of_apply(plan, outcomes),
        recovered=recovered,
        trail=tools.store.anchor(),
    )


def lift(plan: Plan, names: Collection[str]) -> Plan:
    """The plan with these brakes lifted. Raises SettingsError for an unknown one."""
    standing, released = brakes.lift(plan.brakes, brakes.check_names(names))
    return replace(plan, brakes=standing, lifted=(*plan.lifted, *released))


def stopped(plan: Plan) -> bool:
    """Whether a brake or a rule keeps it from being applied."""
    return bool(plan.brakes or (plan.judgement is not None and plan.judgement.stops))


class _Run:
    """One apply. Works in batches of changes that do not wait for each other."""

    def __init__(self, plan: Plan, tools: Tools, apply_id: str, saved_ground: ObservedState | None) -> None:
        self.plan = plan
        self.tools = tools
        self.apply_id = apply_id
        self.writing = Writing(plan, tools, apply_id)
        self.entries: Mapping[Key, InventoryEntry] = tools.store.entries() if plan.changes else {}
        self.ground = Ground(plan, self.entries, saved_ground) if saved_ground is not None else None
        self.needs = dependencies(plan.changes, _users(self.entries))
        self.done: dict[int, Outcome] = {}
        self.pool: ThreadPoolExecutor | None = None

    def outcomes(self) -> tuple[Outcome, ...]:
        changes = self.plan.changes
        if changes and (records := [*approvals(self.plan, self.writing.occasion())]):
            self.tools.store.finish([Finished(token="", audit=record) for record in records])
        workers = min(self.tools.writer.capabilities.parallel_writes, len(changes), _BATCH)
        with ExitStack() as stack:
            if workers > 1:
                # The same threads for all batches: each may keep a connection of its own open.
                self.pool = stack.enter_context(ThreadPoolExecutor(max_workers=workers, thread_name_prefix="apply"))
            start = 0
            while start < len(changes):
                end = start + 1
                while end < len(changes) and end - start < _BATCH and not any(need >= start for need in self.needs[end]):
                    end += 1
                self._batch(range(start, end))
                start = end
        return tuple(self.done[number] for number in range(len(changes)))

    def _batch(self, numbers: range) -> None:
        ready: list[tuple[int, Work]] = []
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
                    ready.append((number, self._work(number, change, resolved)))
            if early is not None:
                settled.append((number, early))
                if not (isinstance(early, Applied) and early.already):
                    results.append(Finished(token="", audit=self.writing.record(change, early)))
        if ready:
            self.tools.store.begin([work.intent for _, work in ready])
        for number, outcome in settled:
            self._settle(number, outcome)
        for (number, _), (outcome, result) in zip(ready, self._write_all([work for _, work in ready]), strict=True):
            results.append(result)
            self._settle(number, outcome)
        if results:
            self.tools.store.finish(results)

    def _write_all(self, works: Sequence[Work]) -> Iterator[tuple[Outcome, Finished]]:
        """In the order given; at the same time as far as the target takes that. Nothing in a batch waits for anything else in it."""
        return map(self.writing.write, works) if self.pool is None else self.pool.map(self.writing.write, works)

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

    def _work(self, number: int, change: Change, secrets: Mapping[str, Secret]) -> Work:
        references = secret_references(change)
        digest = self.tools.digester.digest
        intent = Intent(
            token=self.tools.mint(),
            apply_id=self.apply_id,
            sequence=number,
            key=change.key,
            action=action_of(change),
            change=encode_change(change),
            opened_at=instant.text(self.tools.clock.now()),
            source=self.plan.source,
            revision=self.plan.revision,
            # By them a later plan sees that a value changed behind its reference, also when it is recovered after a crash.
            secrets={path: digest(SecretRef.parse(references[path]), value) for path, value in secrets.items()},
        )
        # Places are looked up here: the reader of files is one thread's.
        return Work(change=change, intent=intent, before=entry_before(change, self.entries), secrets=secrets, origins=self._origins(change))

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


def _users(entries: Mapping[Key, InventoryEntry]) -> Mapping[Key, list[Key]]:
    users: dict[Key, list[Key]] = {}
    for key, entry in entries.items():
        for other in entry.depends_on:
            users.setdefault(other, []).append(key)
    return users
