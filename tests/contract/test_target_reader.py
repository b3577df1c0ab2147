"""What every target's reading half does, whether it can be written or not; of those that cannot, this is all there is."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from reconcile.errors import Unavailable
from reconcile.model.canonical import digest
from reconcile.model.change import Cause, Create, Moved
from reconcile.model.key import Key
from reconcile.model.kinds import natural_identity
from reconcile.ports.resource_store import StoredResource
from reconcile.ports.target import TargetReader
from reconcile.secrets.memory import MemorySealer
from reconcile.store.memory.resources import MemoryResources
from reconcile.targets.engine import EngineReader, EngineTarget
from reconcile.targets.memory import Faults, MemoryTarget
from reconcile.targets.snapshot.reader import SnapshotReader
from support.exports import mailbox_row, profile_row, row_id, write_export
from support.specs import mailbox, profile

ROWS = {"EmailServerProfile/one": profile(displayName="One"), "Mailbox/sales": mailbox("sales@contoso.example", profile="one")}


def _fill(target: MemoryTarget | EngineTarget) -> None:
    for name, spec in ROWS.items():
        target.write(Create(key=Key.parse(name), spec=spec, cause=Cause(moved=Moved.NEW)), token=name, secrets={}, origins={})


def _memory(folder: Path, *, blind: bool) -> TargetReader:
    target = MemoryTarget(faults=Faults(unknown_kinds={"Mailbox": "503", "EmailServerProfile": "503"} if blind else {}))
    _fill(target)
    return target


class _Away(MemoryResources):
    def stored(self) -> list[StoredResource]:
        raise Unavailable("the disk is away")


def _engine(folder: Path, *, blind: bool) -> TargetReader:
    if blind:
        return EngineReader(_Away())
    rows = MemoryResources()
    _fill(EngineTarget(rows, MemorySealer()))
    return EngineReader(rows)


def _snapshot(folder: Path, *, blind: bool) -> TargetReader:
    rows = [mailbox_row(5, "sales@contoso.example", emailserverprofile=row_id(1))]
    path = write_export(folder / "prod.json", profiles=[profile_row(1, "One")], mailboxes=rows)
    if blind:
        path.write_bytes(b"\xff")
    return SnapshotReader(path, shown="prod.json")


Make = Callable[..., TargetReader]


@pytest.fixture(params=[_memory, _engine, _snapshot], ids=["MemoryTarget", "EngineReader", "SnapshotReader"])
def make(request: pytest.FixtureRequest) -> Make:
    made: Make = request.param
    return made


def test_it_shows_what_there_is_and_who_it_is(make: Make, tmp_path: Path) -> None:
    reader = make(tmp_path, blind=False)
    state = reader.observe()
    found = {(row.kind, natural_identity(row.kind, row.spec)) for row in state.rows}
    assert {("EmailServerProfile", "one"), ("Mailbox", "sales@contoso.example")} <= found
    assert {row.kind for row in state.rows} <= set(reader.capabilities.kinds)
    assert (state.target, state.unknown_kinds, state.unknown_rows) == (reader.name, {}, {})
    assert (reader.identity().organization_id, reader.identity().tenant_id) == (state.organization_id, state.tenant_id)
    assert all(row.version == digest(row.spec) for row in state.rows)


def test_rows_refer_to_each_other_as_it_says(make: Make, tmp_path: Path) -> None:
    state = make(tmp_path, blind=False).observe()
    by_kind = {row.kind: row for row in state.rows}
    known = by_kind["EmailServerProfile"].external_id if state.refers_by_id else by_kind["EmailServerProfile"].name
    assert by_kind["Mailbox"].spec["profile"] == known


def test_names_are_kept_where_it_says_so(make: Make, tmp_path: Path) -> None:
    reader = make(tmp_path, blind=False)
    assert all((row.name is not None) == reader.capabilities.keeps_names for row in reader.observe().rows)


def test_reading_again_shows_the_same(make: Make, tmp_path: Path) -> None:
    reader = make(tmp_path, blind=False)
    assert reader.observe() == reader.observe()


def test_a_fault_is_unknown_and_never_absence(make: Make, tmp_path: Path) -> None:
    state = make(tmp_path, blind=True).observe()
    assert {"EmailServerProfile", "Mailbox"} <= set(state.unknown_kinds)
    assert all(state.unknown_kinds.values())


def test_what_cannot_be_written_has_no_way_to_write(make: Make, tmp_path: Path) -> None:
    reader = make(tmp_path, blind=False)
    if not reader.capabilities.writable:
        assert not hasattr(reader, "write")
        assert reader.capabilities.runs_own_sync
        assert "Mailbox" in reader.capabilities.adopted_only
