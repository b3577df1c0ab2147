"""A disk that is full in the middle of a message, and has room again later, in a process that goes on."""

from __future__ import annotations

import os
import resource
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

import pytest

from reconcile.errors import PermanentError
from reconcile.store.disk_room import disk_room, is_full
from reconcile.store.sqlite.database import Database
from reconcile.store.sqlite.database import translated as translated_store
from reconcile.store.sqlite.packs import Pack, Packs, translated
from reconcile.sync.decide.failures import verdict

LARGE = bytes(range(256)) * (3 << 12)  # 3 MiB, as a message comes that is read in one piece


@contextmanager
def full_after(octets: int) -> Iterator[None]:
    """No file can grow beyond that (EFBIG, where a full disk says ENOSPC)."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (octets, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


def write_all(pack: Pack, sizes: list[int]) -> None:
    for size in sizes:
        pack.write(LARGE[:size])


def packs(folder: Path) -> Packs:
    return Packs(folder, lambda _: 0)


@pytest.mark.parametrize("sizes", [[len(LARGE)], [1000, len(LARGE)], [1 << 16] * 40])
def test_what_is_written_after_it_lies_where_its_place_says(tmp_path: Path, sizes: list[int]) -> None:
    store = packs(tmp_path)
    pack = store.take()
    pack.begin()
    with full_after(1 << 19), pytest.raises(PermanentError):
        write_all(pack, sizes)
    store.give_back(pack)
    again = store.take()
    again.begin()
    again.write(b"kept, and named by a row")
    again.sync()
    assert b"".join(store.read(again.place())) == b"kept, and named by a row"
    store.give_back(again)
    store.close()


def test_as_long_as_it_lasts_no_look_leaves_a_pack_behind(tmp_path: Path) -> None:
    store = packs(tmp_path)
    with full_after(1 << 19):
        for _ in range(5):
            pack = store.take()
            with pytest.raises(PermanentError):
                write_all(pack, [1 << 16] * 40)
            store.give_back(pack)
    assert len(list(tmp_path.glob("*.pack"))) == 1
    store.close()


class Room(NamedTuple):
    """What the system says of a disk."""

    f_bavail: int
    f_files: int = 10
    f_favail: int = 5
    f_frsize: int = 4096


@pytest.mark.parametrize(
    ("says", "room", "full"),
    [
        (Room(1 << 30), 1 << 42, False),
        (Room(200), 819_200, True),
        (Room(0), 0, True),
        (Room(1 << 30, f_favail=0), 0, True),
        (Room(1 << 30, f_files=0, f_favail=0), 1 << 42, False),
    ],
)
def test_what_the_system_says_of_the_disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, says: Room, room: int, full: bool) -> None:
    monkeypatch.setattr(os, "statvfs", lambda _: says)
    assert (disk_room(tmp_path), is_full(tmp_path)) == (room, full)
    words = "no space left for the store" if full else "cannot be used: disk I/O error"
    with pytest.raises(PermanentError, match=words) as caught, translated_store(tmp_path / "engine.db"):
        raise sqlite3.OperationalError("disk I/O error")
    # Else each mailbox would be stalled by it.
    assert verdict(caught.value).permanent is not full


def test_a_disk_that_is_not_there_is_not_known(tmp_path: Path) -> None:
    assert disk_room(tmp_path / "gone") is None
    assert not is_full(tmp_path / "gone")
    room = disk_room(tmp_path)
    assert room is not None
    assert room > 0


def test_no_mailbox_is_stalled_by_it(tmp_path: Path) -> None:
    """Once there is space each goes on by itself: nobody has to enable it, and six hours would be long."""
    found: list[PermanentError] = []
    with (
        pytest.raises(PermanentError, match="no space left") as caught,
        translated(tmp_path),
        Path("/dev/full").open("wb", buffering=0) as full,
    ):
        full.write(b"x")
    found.append(caught.value)
    with Database.open(tmp_path / "engine.db") as database:

        def fill(connection: sqlite3.Connection) -> None:
            connection.execute("PRAGMA max_page_count=1")
            connection.execute("CREATE TABLE large AS SELECT zeroblob(100000) AS content")

        with pytest.raises(PermanentError, match="no space left") as caught:
            database.write(fill)
        found.append(caught.value)
    for error in found:
        assert "goes on by itself" in error.hint
        assert not verdict(error).permanent
        assert not verdict(error).counts
