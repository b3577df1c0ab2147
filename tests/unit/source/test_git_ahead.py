"""A file of a revision that is asked for alone brings those that follow it: one process for many, and never the wrong content."""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

import reconcile.source.git as module
from reconcile.ports.source import SourceFile
from reconcile.source.git import GitSource
from reconcile.source.git_process import Git
from support.repository import new_repository

NUMBER = 250


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """How many objects each process was asked for."""
    numbers: list[int] = []
    objects = Git.objects

    def counted(self: Git, ids: Sequence[str]) -> Iterator[bytes | None]:
        numbers.append(len(ids))
        return objects(self, ids)

    monkeypatch.setattr(Git, "objects", counted)
    return numbers


@pytest.fixture
def source(tmp_path: Path) -> GitSource:
    repository = new_repository(tmp_path / "repository")
    repository.commit("Lay", {f"{number:04}.yaml": f"number: {number}\n" for number in range(NUMBER)} | {"same.yaml": "number: 7\n"})
    return GitSource(repository.root, "HEAD")


def one(source: GitSource, file: SourceFile) -> bytes:
    ((back, content),) = source.read([file])
    assert back == file
    assert isinstance(content, bytes)
    return content


def test_in_order_a_hundred_cost_one_process(source: GitSource, asked: list[int]) -> None:
    files = source.list().files
    asked.clear()
    assert [one(source, file) for file in files] == [f"number: {number}\n".encode() for number in [*range(NUMBER), 7]]
    assert len(asked) <= 1 + NUMBER // 100
    assert max(asked) <= 101


def test_in_any_order_the_content_is_the_right_one(source: GitSource) -> None:
    files = [*source.list().files]
    random.Random(3).shuffle(files)
    for file in files:
        assert one(source, file) == (b"number: 7\n" if file.path == "same.yaml" else f"number: {int(file.path[:4])}\n".encode())


def test_what_is_read_ahead_has_a_limit(source: GitSource, asked: list[int], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_AHEAD_OCTETS", 50)
    first, *_ = source.list().files
    asked.clear()
    one(source, first)
    assert asked == [50 // first.size]


def test_before_a_list_a_file_is_read_alone(source: GitSource, asked: list[int]) -> None:
    file = source.list().files[3]
    fresh = GitSource(source._folder, "HEAD")
    asked.clear()
    assert one(fresh, file) == b"number: 3\n"
    assert asked == [1]


def test_a_missing_object_is_a_finding(source: GitSource) -> None:
    source.list()
    ((_, content),) = source.read([SourceFile("gone.yaml", f"git:{'0' * 40}", 1)])
    assert not isinstance(content, bytes)
