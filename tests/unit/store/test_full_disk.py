"""A disk that is full in the middle of a message, and has room again later, in a process that goes on."""

from __future__ import annotations

import resource
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from reconcile.errors import PermanentError
from reconcile.store.sqlite.packs import Pack, Packs

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
