"""The cache is never wrong, whatever happens to its file."""

from __future__ import annotations

import sqlite3
import threading
import time
from pathlib import Path

import pytest

from reconcile.source.document_cache import FILE_NAME, SqliteDocumentCache
from reconcile.source.folder import FolderSource
from support.estate import ENVIRONMENT, PROFILE, Texts, load_source, mailbox


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "cache"


def test_it_gives_back_what_was_put(folder: Path) -> None:
    first = SqliteDocumentCache(folder)
    first.put({f"k{number}": b"v%d" % number for number in range(1200)})
    first.close()
    second = SqliteDocumentCache(folder)
    found = second.get([f"k{number}" for number in range(0, 2400, 2)])
    assert found == {f"k{number}": b"v%d" % number for number in range(0, 1200, 2)}
    second.close()
    assert (folder / FILE_NAME).stat().st_mode & 0o077 == 0


def test_a_damaged_value_is_not_there(folder: Path) -> None:
    cache = SqliteDocumentCache(folder)
    cache.put({"a": b"1", "b": b"2", "c": b"3"})
    cache.close()
    with sqlite3.connect(folder / FILE_NAME) as connection:
        connection.execute("UPDATE parsed SET documents = x'39' WHERE key = 'a'")
        connection.execute("UPDATE parsed SET key = 'moved' WHERE key = 'b'")
    connection.close()
    again = SqliteDocumentCache(folder)
    assert again.get(["a", "b", "c", "moved"]) == {"c": b"3"}
    again.close()


@pytest.mark.parametrize("content", [b"", b"not a database" * 100, b"SQLite format 3\0" + b"\xff" * 5000])
def test_a_damaged_file_is_thrown_away(folder: Path, content: bytes) -> None:
    folder.mkdir()
    (folder / FILE_NAME).write_bytes(content)
    cache = SqliteDocumentCache(folder)
    assert cache.get(["a"]) == {}
    cache.put({"a": b"1"})
    cache.close()
    for _ in range(2):
        again = SqliteDocumentCache(folder)
        again.put({"a": b"1"})
        found = again.get(["a"])
        again.close()
    assert found == {"a": b"1"}


def test_a_folder_that_cannot_be_made(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    cache = SqliteDocumentCache(tmp_path / "file" / "cache")
    cache.put({"a": b"1"})
    assert cache.get(["a"]) == {}
    cache.close()


def test_another_schema_under_the_same_name(folder: Path) -> None:
    folder.mkdir()
    with sqlite3.connect(folder / FILE_NAME) as connection:
        connection.execute("CREATE TABLE parsed (something TEXT)")
    connection.close()
    cache = SqliteDocumentCache(folder)
    cache.put({"a": b"1"})
    assert cache.get(["a"]) == {}
    cache.close()


def test_a_busy_file_is_waited_for_only_shortly(folder: Path) -> None:
    cache = SqliteDocumentCache(folder)
    cache.put({"a": b"1"})
    other = sqlite3.connect(folder / FILE_NAME, isolation_level=None)
    other.execute("BEGIN EXCLUSIVE")
    cache.put({"b": b"2"})
    other.execute("ROLLBACK")
    other.close()
    assert cache.get(["a", "b"]) == {"a": b"1"}
    cache.put({"b": b"2"})
    assert cache.get(["b"]) == {"b": b"2"}
    cache.close()


def test_it_does_not_grow_for_ever(folder: Path) -> None:
    cache = SqliteDocumentCache(folder, most=10)
    cache.put({f"k{number}": b"v" for number in range(8)})
    cache.put({f"n{number}": b"v" for number in range(8)})
    assert len(cache.get([f"k{number}" for number in range(8)])) == 0
    assert len(cache.get([f"n{number}" for number in range(8)])) == 8
    cache.close()


def test_several_at_once(folder: Path) -> None:
    wrong: list[object] = []

    def work(seed: int) -> None:
        cache = SqliteDocumentCache(folder)
        for round_ in range(20):
            cache.put({f"k{seed}-{round_}": b"%d" % round_})
            for key, value in cache.get([f"k{other}-{round_}" for other in range(4)]).items():
                if value != b"%d" % round_:
                    wrong.append((key, value))
        cache.close()

    threads = [threading.Thread(target=work, args=(seed,)) for seed in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []


ESTATE = {
    "e.yaml": ENVIRONMENT,
    "p.yaml": PROFILE,
    "m.yaml": mailbox(),
    "empty.yaml": "",
    "bad.yaml": mailbox("bad", more="  a: 1\n  a: 2\n"),
}


def test_loading_with_the_cache_reads_clean_files_once(folder: Path) -> None:
    cache = SqliteDocumentCache(folder)
    plain = load_source(Texts(ESTATE))
    first, second = Texts(ESTATE), Texts(ESTATE)
    results = [load_source(source, cache=cache) for source in (first, second)]
    for result in results:
        assert result.findings == plain.findings
        assert result.desired is not None
        assert plain.desired is not None
        assert result.desired.resources == plain.desired.resources
        assert result.desired.held == plain.desired.held
    assert (first.reads["m.yaml"], second.reads.get("m.yaml")) == (1, None)
    assert second.reads["bad.yaml"] == 1
    cache.close()


class Lying:
    """A cache that hands out rubbish under every key."""

    def __init__(self, rubbish: bytes) -> None:
        self._rubbish = rubbish

    def get(self, keys: list[str]) -> dict[str, bytes]:
        return dict.fromkeys(keys, self._rubbish)

    def put(self, entries: dict[str, bytes]) -> None:
        pass


@pytest.mark.parametrize("rubbish", [b"", b"null", b"[]", b"[[1]]", b'[["x", {}]]', b"\xff", b"{"])
def test_entries_of_another_shape_are_read_again(rubbish: bytes) -> None:
    plain, lied = load_source(Texts(ESTATE)), load_source(Texts(ESTATE), cache=Lying(rubbish))  # type: ignore[arg-type]
    assert lied.findings == plain.findings
    assert lied.desired is not None
    assert plain.desired is not None
    assert lied.desired.resources == plain.desired.resources


class Recording:
    """An empty cache that remembers what it was given."""

    def __init__(self) -> None:
        self.kept: list[str] = []

    def get(self, keys: list[str]) -> dict[str, bytes]:
        return {}

    def put(self, entries: dict[str, bytes]) -> None:
        self.kept += entries


def test_only_clean_files_that_have_settled_are_kept(tmp_path: Path) -> None:
    for path, text in ESTATE.items():
        (tmp_path / path).write_text(text, encoding="utf-8")
    fresh, settled = Recording(), Recording()
    load_source(FolderSource(tmp_path, now=time.time), cache=fresh)  # type: ignore[arg-type]
    load_source(FolderSource(tmp_path, now=lambda: time.time() + 60), cache=settled)  # type: ignore[arg-type]
    assert fresh.kept == []
    assert {key.partition(":")[0].partition("-")[0] for key in settled.kept} == {"documents", "checked"}
    assert all(":stat:" in key for key in settled.kept)
