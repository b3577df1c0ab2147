"""The target is asked who it is before each write: one that became another in the middle gets nothing more."""

from __future__ import annotations

import threading
import time
from collections.abc import Mapping
from dataclasses import replace

import pytest

from reconcile.apply.ground import check_target
from reconcile.errors import StalePlan, Unavailable
from reconcile.model.canonical import Spec
from reconcile.model.change import Change
from reconcile.model.exit_code import ExitCode
from reconcile.model.outcome import Applied, Failed, Skipped
from reconcile.model.resource import DesiredState
from reconcile.model.secret import Secret
from reconcile.plan import brakes
from reconcile.ports.target import TargetIdentity, Written
from reconcile.secrets.memory import MemorySealer
from reconcile.store.memory.configuration import MemoryConfiguration
from reconcile.store.memory.resources import MemoryResources
from reconcile.targets.engine import CAPABILITIES, EngineTarget
from reconcile.targets.memory import MemoryTarget
from support.applying import Bench
from support.specs import estate, mailbox, profile

ORG, OTHER, TENANT = "11111111-2222-4333-8444-555555555555", "99999999-2222-4333-8444-555555555555", "77777777-2222-4333-8444-555555555555"


def desired(outgoing: str = "server-side", **environment: str) -> DesiredState:
    own: dict[str, Spec] = {"Environment/test": {"target.type": "engine", "timeZone": "UTC", **environment}} if environment else {}
    boxes = {f"Mailbox/m{number}": mailbox(f"m{number}@contoso.example", outgoing=outgoing) for number in range(6)}
    return estate({**own, "EmailServerProfile/contoso": profile(), **boxes})


class Becoming(MemoryTarget):
    """Another one after so many writes."""

    def __init__(self, after: int, parallel: int = 1, **become: str) -> None:
        super().__init__(organization_id=ORG, tenant_id=TENANT, parallel_writes=parallel)
        self.after, self.become = after, become

    def write(self, change: Change, *, token: str, secrets: Mapping[str, Secret], origins: Mapping[str, str]) -> Written:
        written = super().write(change, token=token, secrets=secrets, origins=origins)
        if self.writes == self.after:
            for name, value in self.become.items():
                setattr(self, name, value)
        return written


@pytest.mark.parametrize(
    ("become", "words"),
    [
        ({"organization_id": OTHER}, f"organization {ORG}, the target is {OTHER}"),
        ({"tenant_id": OTHER}, f"tenant {TENANT}, the target belongs to {OTHER}"),
    ],
)
def test_the_rest_is_void_when_the_target_becomes_another(become: dict[str, str], words: str) -> None:
    target = Becoming(3, **become)
    bench = Bench(writer=target, store=MemoryConfiguration())
    report = bench.apply(desired())
    assert target.writes == 3
    assert [type(outcome) for outcome in report.outcomes] == [Applied] * 3 + [Skipped] * 4
    for outcome in report.outcomes[3:]:
        assert isinstance(outcome, Skipped)
        assert (outcome.voided, words in outcome.reason) == (True, True)
    assert report.code is ExitCode.PARTLY_APPLIED
    # Nothing was sent, so nothing is left to ask.
    assert bench.store.open_intents() == []
    assert [record.result for record in bench.store.history(limit=4)] == ["voided"] * 4


def test_an_identity_that_comes_back_does_not_start_it_again() -> None:
    target = Becoming(2, organization_id=OTHER)
    bench = Bench(writer=target, store=MemoryConfiguration())
    asked = [0]

    def identity() -> TargetIdentity:
        asked[0] += 1
        return TargetIdentity(organization_id=OTHER if asked[0] == 3 else ORG)

    target.identity = identity  # type: ignore[method-assign]
    bench.apply(desired())
    assert target.writes == 2


def test_several_writers_stop_too() -> None:
    target = Becoming(3, parallel=4, organization_id=OTHER)
    report = Bench(writer=target, store=MemoryConfiguration()).apply(desired())
    # Those that had asked before it changed may still end.
    assert 3 <= target.writes <= 6
    assert report.code is ExitCode.PARTLY_APPLIED


def test_a_writer_that_asked_before_does_not_undo_what_another_one_saw() -> None:
    target = MemoryTarget(organization_id=ORG, parallel_writes=2)
    seen, guard, asked = threading.Event(), threading.Lock(), [0]

    def identity() -> TargetIdentity:
        with guard:
            asked[0] += 1
            number = asked[0]
        if number == 2:
            # Asked in time, answered late.
            assert seen.wait(20)
            time.sleep(0.05)
        if number == 3:
            seen.set()
        return TargetIdentity(organization_id=OTHER if number == 3 else ORG)

    target.identity = identity  # type: ignore[method-assign]
    Bench(writer=target, store=MemoryConfiguration()).apply(desired())
    # The one write is that of the profile; nobody asks again.
    assert (target.writes, asked[0]) == (1, 3)


def test_a_saved_plan_for_another_target_is_stale_before_its_first_write() -> None:
    target = Becoming(99)
    bench = Bench(writer=target, store=MemoryConfiguration())
    plan = bench.plan(desired())
    target.organization_id = OTHER
    with pytest.raises(StalePlan, match=f"organization {ORG}"):
        check_target(plan, target.name, target.identity())
    report = bench.apply_saved(plan)
    assert (target.writes, report.code) == (0, ExitCode.STALE_PLAN)


def test_a_target_that_cannot_tell_gets_nothing() -> None:
    target = MemoryTarget()

    def silent() -> TargetIdentity:
        raise Unavailable("no answer")

    target.identity = silent  # type: ignore[method-assign]
    report = Bench(writer=target, store=MemoryConfiguration()).apply(desired())
    assert target.writes == 0
    assert isinstance(report.outcomes[0], Failed)


def test_the_engine_knows_itself_by_its_environment() -> None:
    rows = MemoryResources()
    engine = EngineTarget(rows, MemorySealer())
    bench = Bench(writer=engine, store=MemoryConfiguration())
    before = desired(organizationId=ORG)
    assert bench.apply(before).code == 0

    class Swapped(EngineTarget):
        """Somebody restores another organization's store in the middle."""

        capabilities = replace(CAPABILITIES, parallel_writes=1)

        def write(self, change: Change, *, token: str, secrets: Mapping[str, Secret], origins: Mapping[str, str]) -> Written:
            written = super().write(change, token=token, secrets=secrets, origins=origins)
            if change.key.name == "m2":
                row = next(iter(rows.stored_of("Environment")))
                rows.transact(lambda held: held.put(replace(row, spec={**row.spec, "organizationId": OTHER})))
            return written

    bench.writer = Swapped(rows, MemorySealer())
    report = bench.apply(desired(outgoing="none", organizationId=ORG), lifted=brakes.BRAKES)
    assert [type(outcome) for outcome in report.outcomes] == [Applied] * 3 + [Skipped] * 3
    assert f"the target is {OTHER}" in report.outcomes[-1].reason  # type: ignore[union-attr]
