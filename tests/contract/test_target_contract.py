"""One suite for every target: apply, then expect nothing to do."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import pytest

from reconcile.errors import PreconditionFailed, Unavailable
from reconcile.model.canonical import Leaf
from reconcile.model.change import Adopt, Cause, Change, Create, Delete, FieldChange, Moved, Update
from reconcile.model.exit_code import ExitCode
from reconcile.model.key import Key
from reconcile.model.observation import Present
from reconcile.model.outcome import Applied, Failed, Skipped
from reconcile.model.secret import Secret
from reconcile.ports.resource_store import StoredResource
from reconcile.ports.target import TargetWriter, Written
from reconcile.secrets.memory import MemorySealer
from reconcile.store.memory.configuration import MemoryConfiguration
from reconcile.store.memory.resources import MemoryResources
from reconcile.store.sqlite.configuration import SqliteConfiguration
from reconcile.store.sqlite.database import Database
from reconcile.store.sqlite.resources import SqliteResources
from reconcile.targets.engine import EngineReader, EngineTarget
from reconcile.targets.memory import Faults, MemoryTarget
from support.applying import Bench
from support.specs import FixedClock, estate, mailbox, profile

WHY = Cause(moved=Moved.NEW)
PROFILE, SALES = Key("EmailServerProfile", "contoso"), Key("Mailbox", "sales")


@dataclass(kw_only=True)
class Case:
    """A target under test. `edit` changes a row behind the target's back, `blind` makes a whole kind unreadable."""

    bench: Bench
    edit: Callable[[str, dict[str, Leaf]], None]
    blind: Callable[[], None]
    keeps_as_written: bool


def _memory(faults: Faults, *, chooses_id: bool = True) -> Case:
    target = MemoryTarget(faults=faults, chooses_id=chooses_id)

    def blind() -> None:
        target.faults.unknown_kinds = {"Mailbox": "503 from the server", "EmailServerProfile": "503 from the server"}

    def edit(external_id: str, leaves: dict[str, Leaf]) -> None:
        target.edit(external_id, **leaves)

    plain = faults.rewrite is None and not faults.refuse
    return Case(bench=Bench(writer=target, store=MemoryConfiguration()), edit=edit, blind=blind, keeps_as_written=plain)


class _Blindable:
    """Rows of an engine that a test can make unreadable."""

    def __init__(self, rows: MemoryResources | SqliteResources) -> None:
        self.rows = rows
        self.is_blind = False
        self.transact = rows.transact

    def shown(self) -> list[Present]:
        if self.is_blind:
            raise Unavailable("the disk is away")
        return list(self.rows.shown())

    def stored_of(self, kind: str) -> list[StoredResource]:
        if self.is_blind:
            raise Unavailable("the disk is away")
        return list(self.rows.stored_of(kind))


def _engine(rows: MemoryResources | SqliteResources, store: MemoryConfiguration | SqliteConfiguration) -> Case:
    from dataclasses import replace

    from reconcile.model.canonical import digest

    outer = _Blindable(rows)

    def edit(external_id: str, leaves: dict[str, Leaf]) -> None:
        def work(transaction: object) -> None:
            row = transaction.get(external_id)  # type: ignore[attr-defined]
            spec = {path: leaf for path, leaf in {**row.spec, **leaves}.items() if leaf is not None}
            transaction.put(replace(row, spec=spec, version=digest(spec), token=""))  # type: ignore[attr-defined]

        rows.transact(work)

    def blind() -> None:
        outer.is_blind = True

    return Case(bench=Bench(writer=EngineTarget(outer, MemorySealer()), store=store), edit=edit, blind=blind, keeps_as_written=True)


def _lower(kind: str, path: str, leaf: Leaf) -> Leaf:
    return leaf.lower() if path in ("emailAddress", "displayName") and isinstance(leaf, str) else leaf


IMPLEMENTATIONS = ("memory", "memory that rewrites and refuses", "memory that hands out ids", "engine in memory", "engine in SQLite")


@pytest.fixture(params=IMPLEMENTATIONS)
def case(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Case]:
    match request.param:
        case "memory":
            yield _memory(Faults())
        case "memory that rewrites and refuses":
            yield _memory(Faults(rewrite=_lower, refuse={"description": "this edition has no descriptions"}))
        case "memory that hands out ids":
            yield _memory(Faults(), chooses_id=False)
        case "engine in memory":
            yield _engine(MemoryResources(), MemoryConfiguration())
        case _:
            with Database.open(tmp_path / "engine.db") as database:
                yield _engine(SqliteResources(database), SqliteConfiguration(database, FixedClock()))


ESTATE = {
    "EmailServerProfile/contoso": profile(displayName="Contoso Süd", description="Two of three", incoming__port=1993),
    "Mailbox/sales": mailbox("Sales@contoso.example", credentials__username="sales", **{"credentials.password.ref": "env:SALES"}),
    "Mailbox/info": mailbox("info@contoso.example", incoming="none", filter=None),
}


def row_of(target: TargetWriter, key: Key) -> Present:
    return next(row for row in target.observe().rows if (row.kind, row.name) == (key.kind, key.name))


def names(target: TargetWriter) -> list[str]:
    return sorted(f"{row.kind}/{row.name}" for row in target.observe().rows)


def test_apply_then_nothing_to_do(case: Case) -> None:
    report = case.bench.apply(estate(ESTATE))
    assert all(isinstance(outcome, Applied) for outcome in report.outcomes)
    assert report.code == (ExitCode.NOTHING_TO_DO if case.keeps_as_written else ExitCode.PARTLY_APPLIED)
    again = case.bench.plan(estate(ESTATE))
    assert (again.changes, again.held, again.unchanged) == ((), (), 3)
    # What the server would not have as written is named: once when it happens, and in every plan after.
    refused = {line for outcome in report.outcomes if isinstance(outcome, Applied) for line in outcome.refused}
    assert bool(refused) == bool(again.notes) == (not case.keeps_as_written)
    if refused:
        assert "description: the target keeps nothing: this edition has no descriptions" in refused
        assert any(note.message.startswith("emailAddress: the target keeps sales@contoso.example") for note in again.notes)


def test_a_changed_mind_and_a_change_outside_are_seen_in_spite_of_rewriting(case: Case) -> None:
    case.bench.apply(estate(ESTATE))
    git = {**ESTATE, "Mailbox/sales": {**ESTATE["Mailbox/sales"], "emailAddress": "Vertrieb@contoso.example"}}
    (change,) = case.bench.plan(estate(git)).changes
    assert isinstance(change, Update)
    assert [(field.path, field.cause.moved) for field in change.fields] == [("emailAddress", Moved.GIT)]
    case.edit(row_of(case.bench.writer, SALES).external_id, {"emailAddress": "intruder@contoso.example"})
    (change,) = case.bench.plan(estate(ESTATE)).changes
    assert isinstance(change, Update)
    assert [(field.path, field.cause.moved) for field in change.fields] == [("emailAddress", Moved.OUTSIDE)]


def test_create_fills_documented_defaults(case: Case) -> None:
    case.bench.apply(estate(ESTATE))
    spec = row_of(case.bench.writer, PROFILE).spec
    assert (spec["incoming.port"], spec["outgoing.port"], spec["maxConcurrentConnections"]) == (1993, 587, 10)


def test_null_clears_and_omitted_stays(case: Case) -> None:
    case.bench.apply(estate(ESTATE))
    less = {**ESTATE, "Mailbox/sales": mailbox("Sales@contoso.example", credentials__username=None)}
    assert case.bench.apply(estate(less)).outcomes
    spec = row_of(case.bench.writer, SALES).spec
    assert "credentials.username" not in spec
    assert spec["credentials.password.ref"] == "env:SALES"
    assert case.bench.plan(estate(less)).changes == ()


def test_a_stale_version_is_refused(case: Case) -> None:
    case.bench.apply(estate(ESTATE))
    row = row_of(case.bench.writer, SALES)
    case.edit(row.external_id, {"filter": "none"})
    field = FieldChange(path="incoming", before="server-side", after="none", cause=WHY)
    update = Update(key=SALES, external_id=row.external_id, observed_version=row.version, spec={"incoming": "none"}, fields=(field,))
    delete = Delete(key=SALES, external_id=row.external_id, observed_version=row.version, before={}, cause=WHY)
    for number, change in enumerate((update, delete)):
        with pytest.raises(PreconditionFailed):
            case.bench.writer.write(change, token=f"stale-{number}", secrets={}, origins={})
        assert case.bench.writer.find(change, token=f"stale-{number}") is None
    assert row_of(case.bench.writer, SALES).spec["incoming"] == "server-side"


def test_a_plan_made_before_somebody_else_wrote_is_void(case: Case) -> None:
    case.bench.apply(estate(ESTATE))
    changed = {**ESTATE, "Mailbox/sales": mailbox("Sales@contoso.example", incoming="none")}
    plan = case.bench.plan(estate(changed))
    case.edit(row_of(case.bench.writer, SALES).external_id, {"filter": "none"})
    report = case.bench.apply_saved(plan)
    assert [(type(outcome), outcome.voided) for outcome in report.outcomes if isinstance(outcome, Skipped)] == [(Skipped, True)]
    assert report.code == ExitCode.STALE_PLAN
    assert case.bench.store.open_intents() == []


def test_a_read_fault_is_unknown_and_plans_nothing(case: Case) -> None:
    case.bench.apply(estate(ESTATE))
    case.blind()
    for wanted in (estate(ESTATE), estate({}), estate({"Mailbox/new": mailbox("new@contoso.example")})):
        plan = case.bench.plan(wanted)
        assert plan.changes == ()
        assert plan.held
        assert plan.unobserved


def test_the_same_token_again_finds_what_the_first_attempt_did(case: Case) -> None:
    writer = case.bench.writer
    create = Create(key=SALES, spec=mailbox("sales@contoso.example"), cause=WHY)
    assert writer.find(create, token="t1") is None
    first = writer.write(create, token="t1", secrets={}, origins={})
    assert writer.write(create, token="t1", secrets={}, origins={}) == first
    found = writer.find(create, token="t1")
    assert found is not None
    assert (found.external_id, found.version) == (first.external_id, first.version)
    assert names(writer) == ["Mailbox/sales"]
    field = FieldChange(path="incoming", before="server-side", after="none", cause=WHY)
    update = Update(key=SALES, external_id=first.external_id, observed_version=first.version, spec={"incoming": "none"}, fields=(field,))
    assert writer.find(update, token="t2") is None
    second = writer.write(update, token="t2", secrets={}, origins={})
    assert writer.write(update, token="t2", secrets={}, origins={}).version == second.version
    found = writer.find(update, token="t2")
    assert found is not None
    assert found.version == second.version == row_of(writer, SALES).version
    delete = Delete(key=SALES, external_id=first.external_id, observed_version=second.version, before={}, cause=WHY)
    assert writer.find(delete, token="t3") is None
    writer.write(delete, token="t3", secrets={}, origins={})
    writer.write(delete, token="t3", secrets={}, origins={})
    assert writer.find(delete, token="t3") is not None
    assert names(writer) == []


def test_a_name_that_appeared_is_no_second_row(case: Case) -> None:
    create = Create(key=SALES, spec=mailbox("sales@contoso.example"), cause=WHY)
    case.bench.writer.write(create, token="theirs", secrets={}, origins={})
    with pytest.raises(PreconditionFailed):
        case.bench.writer.write(create, token="ours", secrets={}, origins={})
    assert names(case.bench.writer) == ["Mailbox/sales"]


def test_an_unmanaged_row_is_adopted_and_made_inactive_when_its_document_is_gone(case: Case) -> None:
    writer = case.bench.writer
    for name in ("sales", "stranger"):
        create = Create(key=Key("Mailbox", name), spec=mailbox(f"{name}@contoso.example", profile=None), cause=WHY)
        writer.write(create, token=name, secrets={}, origins={})
    wanted = estate({"Mailbox/sales": mailbox("sales@contoso.example", profile=None, incoming="none")})
    (change,) = case.bench.plan(wanted).changes
    assert isinstance(change, Adopt)
    assert [field.path for field in change.fields] == ["incoming"]
    assert case.bench.apply(wanted).code == ExitCode.NOTHING_TO_DO
    assert case.bench.plan(wanted).changes == ()
    assert case.bench.apply(estate({}), lifted=["emptied"]).code == ExitCode.NOTHING_TO_DO
    # It was there before us, so it is never deleted for want of a document; what is not ours is not touched at all.
    assert names(writer) == ["Mailbox/sales", "Mailbox/stranger"]
    assert row_of(writer, SALES).spec["state"] == "inactive"
    assert row_of(writer, Key("Mailbox", "stranger")).spec.get("state", "active") == "active"


def test_a_renamed_slug_and_a_changed_address_keep_the_row(case: Case) -> None:
    case.bench.apply(estate(ESTATE))
    before = row_of(case.bench.writer, SALES).external_id
    renamed = {("Mailbox/vertrieb" if name == "Mailbox/sales" else name): spec for name, spec in ESTATE.items()}
    (change,) = case.bench.plan(estate(renamed)).changes
    assert isinstance(change, Update)
    assert (change.previous, change.fields) == (SALES, ())
    case.bench.apply(estate(renamed))
    vertrieb = Key("Mailbox", "vertrieb")
    assert row_of(case.bench.writer, vertrieb).external_id == before
    assert case.bench.plan(estate(renamed)).changes == ()
    moved = {**renamed, "Mailbox/vertrieb": {**renamed["Mailbox/vertrieb"], "emailAddress": "desk@contoso.example"}}
    case.bench.apply(estate(moved))
    assert row_of(case.bench.writer, vertrieb).external_id == before
    assert SALES not in case.bench.store.entries()


def test_a_row_that_vanished_is_made_again_with_its_identity(case: Case) -> None:
    case.bench.apply(estate(ESTATE))
    row = row_of(case.bench.writer, SALES)
    gone = Delete(key=SALES, external_id=row.external_id, observed_version=row.version, before={}, cause=WHY)
    case.bench.writer.write(gone, token="by hand", secrets={}, origins={})
    (change,) = case.bench.plan(estate(ESTATE)).changes
    assert isinstance(change, Create)
    assert change.cause.moved is Moved.OUTSIDE
    case.bench.apply(estate(ESTATE))
    again = row_of(case.bench.writer, SALES)
    if case.bench.writer.capabilities.chooses_id:
        assert again.external_id == row.external_id
    assert case.bench.plan(estate(ESTATE)).changes == ()


def test_a_slug_can_be_taken_by_another_in_the_same_plan(case: Case) -> None:
    case.bench.apply(estate(ESTATE))
    before = row_of(case.bench.writer, SALES).external_id
    wanted = {
        **ESTATE,
        "Mailbox/vertrieb": ESTATE["Mailbox/sales"],
        "Mailbox/sales": mailbox("other@contoso.example"),
    }
    report = case.bench.apply(estate(wanted))
    assert all(isinstance(outcome, Applied) for outcome in report.outcomes), report.outcomes
    assert row_of(case.bench.writer, Key("Mailbox", "vertrieb")).external_id == before
    assert row_of(case.bench.writer, SALES).external_id != before
    assert case.bench.plan(estate(wanted)).changes == ()


def test_a_missing_secret_fails_only_its_change_and_names_the_reference(case: Case) -> None:
    case.bench.resolver.missing.add("env:SALES")
    report = case.bench.apply(estate(ESTATE))
    (failed,) = [outcome for outcome in report.outcomes if isinstance(outcome, Failed)]
    assert failed.key == SALES
    assert "env:SALES" in failed.reason
    assert report.code == ExitCode.PARTLY_APPLIED
    assert names(case.bench.writer) == ["EmailServerProfile/contoso", "Mailbox/info"]
    case.bench.resolver.missing.clear()
    case.bench.apply(estate(ESTATE))
    assert case.bench.plan(estate(ESTATE)).changes == ()


def test_a_failed_profile_holds_only_its_mailboxes(case: Case) -> None:
    wanted = estate(
        {
            "EmailServerProfile/contoso": profile(incoming__username="crm", **{"incoming.password.ref": "env:CRM"}),
            "EmailServerProfile/other": profile(displayName="Other"),
            "Mailbox/sales": mailbox("sales@contoso.example"),
            "Mailbox/info": mailbox("info@contoso.example", profile="other"),
        }
    )
    case.bench.resolver.missing.add("env:CRM")
    results = {str(outcome.key): type(outcome) for outcome in case.bench.apply(wanted).outcomes}
    assert results == {
        "EmailServerProfile/contoso": Failed,
        "EmailServerProfile/other": Applied,
        "Mailbox/sales": Skipped,
        "Mailbox/info": Applied,
    }


def test_secrets_are_handed_over_only_when_they_are_new(case: Case, monkeypatch: pytest.MonkeyPatch) -> None:
    handed: list[str] = []
    write = case.bench.writer.write

    def watched(change: Change, *, token: str, secrets: Mapping[str, Secret], origins: Mapping[str, str]) -> Written:
        handed.extend(f"{change.key} {path}" for path in secrets)
        return write(change, token=token, secrets=secrets, origins=origins)

    monkeypatch.setattr(case.bench.writer, "write", watched)
    case.bench.apply(estate(ESTATE))
    assert handed == ["Mailbox/sales credentials.password"]
    case.bench.apply(estate({**ESTATE, "Mailbox/sales": {**ESTATE["Mailbox/sales"], "incoming": "none"}}))
    assert handed == ["Mailbox/sales credentials.password"]
    turned = {**ESTATE["Mailbox/sales"], "credentials.password.generation": 2}
    case.bench.apply(estate({**ESTATE, "Mailbox/sales": turned}))
    assert handed == ["Mailbox/sales credentials.password"] * 2


def test_a_slow_server_makes_no_twins() -> None:
    case = _memory(Faults(delay=2))
    target = case.bench.writer
    assert isinstance(target, MemoryTarget)
    case.bench.apply(estate(ESTATE))
    for _ in range(3):
        # What is not shown yet is tried again, and recognised by its identity: void, never a second row.
        case.bench.apply(estate(ESTATE))
        assert len(target.rows) == 3
    for _ in range(3):
        target.observe()
    assert case.bench.plan(estate(ESTATE)).changes == ()


def test_the_reader_of_the_engine_cannot_write_and_creates_nothing(tmp_path: Path) -> None:
    reader = EngineReader(SqliteResources(None))
    assert reader.observe().rows == ()
    assert not hasattr(reader, "write")
    assert list(tmp_path.iterdir()) == []


def test_sealed_values_follow_the_row() -> None:
    rows, sealer = MemoryResources(), MemorySealer()
    bench = Bench(writer=EngineTarget(rows, sealer), store=MemoryConfiguration())
    bench.apply(estate(ESTATE))
    row = row_of(bench.writer, SALES)
    sealed = rows.sealed_value(row.external_id, "credentials.password")
    assert sealed is not None
    opened = sealer.open(sealed, identity=f"{row.external_id}/credentials.password")
    assert opened.reveal() == b"value of env:SALES"
    cleared = {**ESTATE["Mailbox/sales"], "credentials.password.ref": None, "credentials.password.generation": None}
    bench.apply(estate({**ESTATE, "Mailbox/sales": cleared}))
    assert rows.sealed_values() == {}
