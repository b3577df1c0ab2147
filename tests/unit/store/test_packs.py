"""Packs between processes: who has just made one may be overtaken before it is locked."""

from __future__ import annotations

import contextlib
import fcntl
import os
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reconcile.ports.mail_store import Place
from reconcile.store.sqlite import packs as packs_module
from reconcile.store.sqlite.packs import Pack, Packs


class Rows:
    """What a database would say of packs. `retired` take no more."""

    def __init__(self) -> None:
        self.known: dict[int, int] = {}
        self.retired: set[int] = set()
        self.written: list[Pack] = []

    def committed(self, number: int) -> int | None:
        return None if number in self.retired else self.known.get(number, 0)

    def keep(self, pack: Pack, body: bytes) -> None:
        """As a commit does: written, synced, named."""
        self.written.append(pack)
        pack.begin()
        pack.write(body)
        pack.sync()
        self.known[pack.number] = pack.committed = pack.end


@pytest.fixture
def rows() -> Iterator[Rows]:
    found = Rows()
    yield found
    for pack in found.written:
        pack.close()


def test_a_pack_that_another_process_filled_before_its_maker_locked_it_is_not_cut(
    rows: Rows, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    maker, other = (Packs(tmp_path, rows.committed) for _ in range(2))
    calls: list[int] = []

    def overtaken(descriptor: int, operation: int) -> None:
        calls.append(descriptor)
        if len(calls) == 1:
            # Between the making of the file and its lock: somebody finds it, fills it and is done with it.
            pack = other.take()
            assert pack.number == 1
            rows.keep(pack, b"kept by the other")
            other.give_back(pack)
            other.close()
        real(descriptor, operation)

    real = fcntl.flock
    monkeypatch.setattr(fcntl, "flock", overtaken)
    pack = maker.take()
    rows.keep(pack, b"kept by the maker")
    assert pack.number == 2
    assert [path.read_bytes() for path in sorted(tmp_path.glob("*.pack"))] == [b"kept by the other", b"kept by the maker"]


def test_a_pack_that_was_full_before_its_maker_locked_it_is_left_for_a_new_one(
    rows: Rows, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(packs_module, "ROLL_BYTES", 8)
    maker, other = (Packs(tmp_path, rows.committed) for _ in range(2))
    calls: list[int] = []

    def overtaken(descriptor: int, operation: int) -> None:
        calls.append(descriptor)
        if len(calls) == 1:
            pack = other.take()
            rows.keep(pack, b"a full pack")
            other.give_back(pack)
        real(descriptor, operation)

    real = fcntl.flock
    monkeypatch.setattr(fcntl, "flock", overtaken)
    pack = maker.take()
    assert pack.number == 2
    rows.keep(pack, b"elsewhere")
    assert (tmp_path / "00000001.pack").read_bytes() == b"a full pack"


def test_a_pack_that_was_compacted_away_while_it_waited_for_its_lock_is_not_written_to(
    rows: Rows, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pack = Packs(tmp_path, rows.committed).take()
    rows.keep(pack, b"purged since")
    pack.close()
    late = Packs(tmp_path, rows.committed, highest=lambda: max(rows.known))
    calls: list[int] = []

    def compacted(descriptor: int, operation: int) -> None:
        calls.append(descriptor)
        if len(calls) == 1:
            rows.retired.add(1)
            (tmp_path / "00000001.pack").unlink()
        real(descriptor, operation)

    real = fcntl.flock
    monkeypatch.setattr(fcntl, "flock", compacted)
    pack = late.take()
    rows.keep(pack, b"new mail")
    assert pack.number == 2
    assert pack.path.read_bytes() == b"new mail"


def test_a_pack_that_was_compacted_away_since_it_was_listed_stops_nobody(
    rows: Rows, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Path, "glob", lambda folder, _: [folder / "00000001.pack"])
    pack = Packs(tmp_path, rows.committed).take()
    rows.keep(pack, b"new mail")
    assert pack.number == 2


def test_the_name_of_a_pack_that_somebody_else_made_is_durable_before_it_is_used(
    rows: Rows, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Its maker was overtaken, or died, before it could see to that.
    os.close(os.open(tmp_path / "00000001.pack", os.O_CREAT | os.O_WRONLY, 0o600))
    synced: list[Path] = []
    monkeypatch.setattr(packs_module, "sync_folder", synced.append)
    pack = Packs(tmp_path, rows.committed).take()
    pack.close()
    assert pack.number == 1
    assert synced == [tmp_path]


@given(
    steps=st.lists(st.one_of(st.just("begin"), st.just("discard"), st.just("sync"), st.binary(max_size=60)), max_size=25),
    most=st.integers(min_value=1, max_value=40),
)
def test_a_pack_holds_what_was_written_to_it_and_not_discarded(
    steps: list[str | bytes], most: int, tmp_path_factory: pytest.TempPathFactory
) -> None:
    def short(descriptor: int, pieces: list[bytes], offset: int) -> int:
        """A system that takes a part of what it is asked to write."""
        return os.pwrite(descriptor, b"".join(pieces)[:most], offset)

    folder, kept, begun = tmp_path_factory.mktemp("packs"), b"", 0
    pack = Packs(folder, Rows().committed).take()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(os, "pwritev", short)
        patch.setattr(packs_module, "_BUFFER", 50)
        patch.setattr(packs_module, "_PIECES", 4)
        for step in [*steps, "sync"]:
            if isinstance(step, bytes):
                pack.write(step)
                kept += step
            elif step == "begin":
                pack.begin()
                begun = len(kept)
            elif step == "discard":
                pack.discard()
                kept = kept[:begun]
            else:
                pack.sync()
                assert pack.path.read_bytes() == kept
            assert (pack.end, pack.place()) == (len(kept), Place(pack.number, begun, len(kept) - begun))
    pack.close()
    assert pack.path.read_bytes() == b"", "nothing of it was committed"


def test_no_more_waits_in_memory_than_a_megabyte_and_a_piece(tmp_path: Path, rows: Rows) -> None:
    pack = Packs(tmp_path, rows.committed).take()
    rows.written.append(pack)
    pack.begin()
    for _ in range(5_000):
        pack.write(bytes(1_000))
        assert pack.end - pack.path.stat().st_size <= 1 << 20
    for _ in range(5_000):
        pack.write(b"x")
    assert pack.end - pack.path.stat().st_size <= 1_024


def test_what_is_written_while_an_earlier_batch_is_synced_is_neither_lost_nor_doubled(
    rows: Rows, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def slow(descriptor: int, pieces: list[bytes], offset: int) -> int:
        time.sleep(0.0005)
        return os.pwrite(descriptor, b"".join(pieces)[:700], offset)

    monkeypatch.setattr(os, "pwritev", slow)
    monkeypatch.setattr(packs_module, "_BUFFER", 500)
    pack = Packs(tmp_path, rows.committed).take()
    rows.written.append(pack)
    bodies = [b"%d " % number * (1 + number % 70) for number in range(600)]
    done = threading.Event()

    def commits() -> None:
        # Beside the reading: the batch before is committed while the next comes in.
        while not done.is_set():
            pack.sync()

    with ThreadPoolExecutor(1) as beside:
        committing = beside.submit(commits)
        try:
            for body in bodies:
                pack.begin()
                pack.write(body)
        finally:
            done.set()
        committing.result(timeout=20)
    pack.sync()
    assert pack.path.read_bytes() == b"".join(bodies)


def test_a_pack_that_is_given_up_is_not_closed_under_whoever_writes_to_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its descriptor's number may be another file's at once, and mail would be written over that."""
    packs, other = Packs(tmp_path / "packs", lambda _: 0), tmp_path / "other"
    other.write_bytes(b"V" * 64)
    pack, opened = packs.take(), list[int]()
    real = os.pwritev

    def preempted(descriptor: int, pieces: list[bytes], offset: int) -> int:
        beside = threading.Thread(target=lambda: (packs.give_up(pack), opened.append(os.open(other, os.O_RDWR))))
        beside.start()
        beside.join(0.5)
        threads.append(beside)
        return real(descriptor, pieces, offset)

    threads = list[threading.Thread]()
    monkeypatch.setattr(os, "pwritev", preempted)
    pack.begin()
    pack.write(b"mail")
    with contextlib.suppress(ValueError):
        pack.sync()
    for thread in threads:
        thread.join(10)
    for descriptor in opened:
        os.close(descriptor)
    assert len(opened) == 1
    assert other.read_bytes() == b"V" * 64
