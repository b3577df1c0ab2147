"""The one way to a plan: what it reads, and what it leaves unread."""

from __future__ import annotations

from dataclasses import replace

from reconcile.apply.planning import Comparing, planned, planned_from
from reconcile.errors import SettingsError
from reconcile.model.canonical import Leaf
from reconcile.model.inventory import InventoryEntry
from reconcile.model.key import APPLIED_KINDS, Key
from reconcile.model.management import OnRemoval
from reconcile.model.observation import ObservedState, Present
from reconcile.ports.credentials import SecretDigester
from reconcile.store.memory.configuration import MemoryConfiguration
from reconcile.targets.memory import MemoryTarget
from support.applying import DIGESTS, Bench, Secrets
from support.specs import estate, mailbox, profile

SECRET: dict[str, Leaf] = {"credentials.password.ref": "env:PASSWORD", "credentials.password.generation": 1}
SPECS = {"EmailServerProfile/contoso": profile(), "Mailbox/sales": {**mailbox("sales@contoso.example"), **SECRET}}


def test_without_comparing_nothing_is_resolved_and_nothing_said_of_it() -> None:
    bench = Bench(writer=MemoryTarget(), store=MemoryConfiguration())
    bench.apply(estate(SPECS))
    bench.resolver.asked.clear()
    bench.resolver.values["env:PASSWORD"] = b"another"
    plan = planned(estate(SPECS), bench.writer, bench.store).plan
    assert (plan.changes, plan.notes, bench.resolver.asked) == ((), (), [])


def test_a_doubtful_assignment_holds_rows_also_where_no_other_is_declared() -> None:
    state = replace(estate({"Environment/test": {}}), doubts=("MailboxAssignment/x has errors",))
    row = Present(kind="Mailbox", external_id="r1", spec=mailbox("new@contoso.example"), version="1")
    entry = InventoryEntry(key=Key("Mailbox", "new"), external_id="r1", applied={}, source_file="a.yaml", on_removal=OnRemoval.FORGET)
    found = planned_from(state, ObservedState(target="memory", rows=(row,)), {entry.key: entry}, APPLIED_KINDS)
    assert found.desired.held == {entry.key: "MailboxAssignment/x has errors"}


def test_secrets_of_somebody_else_are_not_resolved() -> None:
    secrets = Secrets()
    comparing = Comparing(resolver=secrets, digester=lambda: DIGESTS)
    planned(estate(SPECS, external=("Mailbox/sales",)), MemoryTarget(), MemoryConfiguration(), comparing=comparing)
    assert secrets.asked == []


def test_the_key_is_asked_for_once_and_only_where_a_secret_is_declared() -> None:
    asked: list[str] = []

    def no_key() -> SecretDigester:
        asked.append("key")
        raise SettingsError("there is no key")

    comparing = Comparing(resolver=Secrets(), digester=no_key)
    none = {name: {path: leaf for path, leaf in spec.items() if path not in SECRET} for name, spec in SPECS.items()}
    planned(estate(none), MemoryTarget(), MemoryConfiguration(), comparing=comparing)
    assert asked == []
    two = {**SPECS, "Mailbox/info": {**mailbox("info@contoso.example"), **SECRET, "credentials.password.ref": "env:OTHER"}}
    found = planned(estate(two), MemoryTarget(), MemoryConfiguration(), comparing=comparing)
    assert asked == ["key"]
    assert len(found.plan.changes) == 3
    assert Key("Mailbox", "info") in found.desired.resources
