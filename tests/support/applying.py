"""Plan and apply with memory stores, as the command line does it: lock, recover, observe, plan, apply."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Collection
from dataclasses import dataclass, field

from reconcile.apply.apply import apply_plan
from reconcile.apply.planning import Comparing, planned
from reconcile.apply.recover import recover
from reconcile.apply.report import ApplyReport
from reconcile.apply.tools import Tools
from reconcile.errors import SettingsError
from reconcile.model.change import Plan
from reconcile.model.resource import DesiredState
from reconcile.model.secret import Secret, SecretRef
from reconcile.model.selection import Selection
from reconcile.plan.circumstances import Count, unknown
from reconcile.ports.configuration_store import ApplyStore
from reconcile.ports.target import TargetWriter
from reconcile.secrets.digest import KeyedDigests
from support.specs import FixedClock

DIGESTS = KeyedDigests(Secret(b"k" * 32))


class Secrets:
    """Resolves every reference but those named missing, and counts; `values` are other than the usual ones."""

    def __init__(self, missing: Collection[str] = ()) -> None:
        self.missing = set(missing)
        self.values: dict[str, bytes] = {}
        self.asked: list[str] = []

    def resolve(self, reference: SecretRef) -> Secret:
        self.asked.append(str(reference))
        if str(reference) in self.missing:
            raise SettingsError(f"{reference} is not set", hint=f"Set {reference.name}.")
        return Secret(self.values.get(str(reference), f"value of {reference}".encode()))


def minting() -> Callable[[], str]:
    """token-1, token-2 …"""
    numbers = itertools.count(1)
    return lambda: f"token-{next(numbers)}"


@dataclass(kw_only=True)
class Bench:
    """One target with its store."""

    writer: TargetWriter
    store: ApplyStore
    resolver: Secrets = field(default_factory=Secrets)
    clock: FixedClock = field(default_factory=FixedClock)
    mint: Callable[[], str] = field(default_factory=minting)
    count: Count = unknown

    def plan(self, desired: DesiredState, *, lifted: Collection[str] = (), selection: Selection | None = None) -> Plan:
        comparing = Comparing(resolver=self.resolver, digester=lambda: DIGESTS)
        return planned(desired, self.writer, self.store, lifted=lifted, comparing=comparing, selection=selection, count=self.count).plan

    @property
    def tools(self) -> Tools:
        return Tools(
            writer=self.writer,
            store=self.store,
            resolver=self.resolver,
            digester=DIGESTS,
            clock=self.clock,
            actor="tester@contoso.example",
            mint=self.mint,
        )

    def apply(self, desired: DesiredState, *, lifted: Collection[str] = ()) -> ApplyReport:
        with self.store.lock(owner="test", purpose="apply", patience=0):
            recovered = recover(self.writer, self.store, clock=self.clock, actor="tester@contoso.example")
            return apply_plan(self.plan(desired, lifted=lifted), self.tools, recovered=recovered)

    def apply_saved(self, plan: Plan, *, lifted: Collection[str] = ()) -> ApplyReport:
        with self.store.lock(owner="test", purpose="apply", patience=0):
            recovered = recover(self.writer, self.store, clock=self.clock, actor="tester@contoso.example")
            return apply_plan(plan, self.tools, lifted=lifted, saved_ground=self.writer.observe(), recovered=recovered)
