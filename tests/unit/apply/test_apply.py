"""Apply in memory: outcomes, journal and audit trail."""

from __future__ import annotations

import json
import os
from pathlib import Path

from reconcile.errors import PermissionDenied, Unavailable
from reconcile.model.exit_code import ExitCode
from reconcile.model.key import Key
from reconcile.model.outcome import Applied, Failed, Outcome, Skipped
from reconcile.secrets.memory import MemorySealer
from reconcile.store.memory.configuration import MemoryConfiguration
from reconcile.store.sqlite.configuration import SqliteConfiguration
from reconcile.store.sqlite.database import Database
from reconcile.store.sqlite.resources import SqliteResources
from reconcile.targets.engine import EngineTarget
from reconcile.targets.memory import Faults, MemoryTarget
from reconcile.wiring.system import SystemClock
from support.applying import Bench
from support.specs import estate, mailbox, profile

ESTATE = {
    "EmailServerProfile/contoso": profile(),
    "EmailServerProfile/other": profile(displayName="Other"),
    "Mailbox/sales": mailbox("sales@contoso.example"),
    "Mailbox/info": mailbox("info@contoso.example", profile="other"),
}
SALES = Key("Mailbox", "sales")


def bench_of(faults: Faults | None = None, *, chooses_id: bool = True) -> tuple[Bench, MemoryTarget, MemoryConfiguration]:
    target, store = MemoryTarget(faults=faults, chooses_id=chooses_id), MemoryConfiguration()
    return Bench(writer=target, store=store), target, store


def by_key(outcomes: object) -> dict[str, Outcome]:
    return {str(outcome.key): outcome for outcome in outcomes}  # type: ignore[attr-defined]


def test_a_lost_answer_leaves_a_question_and_no_twin() -> None:
    for chooses_id in (True, False):
        bench, target, store = bench_of(Faults(lose_answer=frozenset({"sales"})), chooses_id=chooses_id)
        report = bench.apply(estate(ESTATE))
        failed = by_key(report.outcomes)["Mailbox/sales"]
        assert isinstance(failed, Failed)
        assert failed.retryable
        assert report.code == ExitCode.PARTLY_APPLIED
        assert [intent.key for intent in store.open_intents()] == [SALES]
        target.faults = Faults()
        again = bench.apply(estate(ESTATE))
        assert [(recovered.key, recovered.done) for recovered in again.recovered] == [(SALES, True)]
        assert again.outcomes == ()
        assert len(target.rows) == 4
        assert SALES in store.entries()


def test_what_did_not_happen_is_dropped_and_planned_again() -> None:
    bench, target, store = bench_of(Faults(fail={"sales": Unavailable("503")}))
    bench.apply(estate(ESTATE))
    assert len(store.open_intents()) == 1
    target.faults = Faults()
    again = bench.apply(estate(ESTATE))
    assert [recovered.done for recovered in again.recovered] == [False]
    assert [str(outcome.key) for outcome in again.outcomes] == ["Mailbox/sales"]
    assert store.open_intents() == []
    assert [record.result for record in store.audit if record.key == "Mailbox/sales"] == ["failed", "abandoned", "applied"]


def test_a_refusal_closes_its_intent_and_holds_only_dependants() -> None:
    bench, _, store = bench_of(Faults(fail={"contoso": PermissionDenied("not allowed")}))
    report = bench.apply(estate(ESTATE))
    outcomes = by_key(report.outcomes)
    assert outcomes["EmailServerProfile/contoso"] == Failed(key=Key("EmailServerProfile", "contoso"), reason="not allowed", retryable=False)
    assert outcomes["Mailbox/sales"] == Skipped(key=SALES, reason="waits for EmailServerProfile/contoso, which was not applied")
    assert isinstance(outcomes["Mailbox/info"], Applied)
    assert isinstance(outcomes["EmailServerProfile/other"], Applied)
    assert store.open_intents() == []


def test_a_profile_is_not_deleted_when_its_mailbox_could_not_leave_it() -> None:
    bench, target, _ = bench_of()
    bench.apply(estate(ESTATE))
    target.faults = Faults(fail={"info": PermissionDenied("not allowed")})
    wanted = {**ESTATE, "Mailbox/info": mailbox("info@contoso.example")}
    del wanted["EmailServerProfile/other"]
    outcomes = by_key(bench.apply(estate(wanted)).outcomes)
    assert isinstance(outcomes["Mailbox/info"], Failed)
    assert outcomes["EmailServerProfile/other"] == Skipped(
        key=Key("EmailServerProfile", "other"), reason="waits for Mailbox/info, which was not applied"
    )


def test_nothing_at_all_went_well() -> None:
    bench, _, _ = bench_of(Faults(fail={"sales": PermissionDenied("no")}))
    assert bench.apply(estate({"Mailbox/sales": mailbox("sales@contoso.example", profile=None)})).code == ExitCode.FAILURE


def test_the_journal_stands_before_the_effect_and_in_batches() -> None:
    seen: list[tuple[str, int, int]] = []
    target = MemoryTarget()
    store = MemoryConfiguration()
    store.at_step = lambda step: seen.append((step, len(store.intents), target.writes))
    bench = Bench(writer=target, store=store)
    specs = {f"Mailbox/m{number:03}": mailbox(f"m{number:03}@contoso.example", profile=None) for number in range(100)}
    bench.apply(estate(specs))
    assert seen == [
        ("before begin", 0, 0),
        ("after begin", 64, 0),
        ("before finish", 64, 64),
        ("after finish", 0, 64),
        ("before begin", 0, 64),
        ("after begin", 36, 64),
        ("before finish", 36, 100),
        ("after finish", 0, 100),
    ]


def test_the_audit_trail_says_who_what_and_from_what_to_what() -> None:
    bench, _, store = bench_of()
    bench.apply(estate(ESTATE, source="estate@abc", revision="abc"))
    bench.apply(estate({**ESTATE, "Mailbox/sales": mailbox("sales@contoso.example", incoming="none")}, source="estate@def", revision="def"))
    last = store.history(limit=1)[0]
    assert (last.actor, last.action, last.key, last.result) == ("tester@contoso.example", "update", "Mailbox/sales", "applied")
    assert (last.source, last.revision) == ("estate@def", "def")
    assert json.loads(last.detail)["fields"] == {"incoming": ["server-side", "none"]}
    assert store.entries()[SALES].applied["incoming"] == "none"


def test_progress_counts_every_change_once() -> None:
    from dataclasses import replace

    from reconcile.apply.apply import apply_plan

    bench, _, _ = bench_of()
    seen: list[tuple[str, int, int]] = []
    tools = replace(bench.tools, progress=lambda outcome, done, total: seen.append((str(outcome.key), done, total)))
    apply_plan(bench.plan(estate(ESTATE)), tools)
    assert [(done, total) for _, done, total in seen] == [(1, 4), (2, 4), (3, 4), (4, 4)]


def test_a_saved_creation_is_void_when_somebody_made_it_in_between() -> None:
    from reconcile.model.change import Cause, Create, Moved

    for key, address in ((SALES, "else@contoso.example"), (Key("Mailbox", "other"), "Sales@contoso.example")):
        bench, target, _ = bench_of()
        saved = bench.plan(estate({"Mailbox/sales": mailbox("sales@contoso.example", profile=None)}))
        theirs = Create(key=key, spec=mailbox(address, profile=None), cause=Cause(moved=Moved.NEW))
        target.write(theirs, token="theirs", secrets={}, origins={})
        report = bench.apply_saved(saved)
        assert report.outcomes == (Skipped(key=SALES, reason="Mailbox/sales appeared on the target since", voided=True),)
        assert report.code == ExitCode.STALE_PLAN
        assert len(target.rows) == 1


def test_a_saved_deletion_needs_the_inventory() -> None:
    bench, target, store = bench_of()
    bench.apply(estate(ESTATE))
    less = {name: spec for name, spec in ESTATE.items() if name != "Mailbox/sales"}
    saved = bench.plan(estate(less))
    del store.inventory[SALES]
    report = bench.apply_saved(saved)
    assert report.outcomes == (Skipped(key=SALES, reason="Mailbox/sales is no longer ours", voided=True),)
    assert len(target.rows) == 4


def test_a_large_apply_opens_no_more_files_than_a_small_one(tmp_path: Path) -> None:
    threads = 0

    def open_files(count: int) -> int:
        nonlocal threads
        with Database.open(tmp_path / str(count) / "engine.db") as database:
            bench = Bench(
                writer=EngineTarget(SqliteResources(database), MemorySealer()), store=SqliteConfiguration(database, SystemClock())
            )
            threads = bench.writer.capabilities.parallel_writes
            boxes = {f"Mailbox/m{number}": mailbox(f"m{number}@contoso.example") for number in range(count)}
            report = bench.apply(estate({"EmailServerProfile/contoso": profile(), **boxes}))
            assert report.code is ExitCode.NOTHING_TO_DO
            return len(os.listdir("/proc/self/fd"))

    small = open_files(64)
    # Those that look at the same time each have the database and its log open; how many do is chance. One batch more is not.
    assert open_files(640) <= small + 2 * threads
