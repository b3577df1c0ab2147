"""The mark of what is still to be filled in: found where a writer left it, and in no real value."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import NamedTuple

import pytest

from reconcile.desired.documents import read_documents
from reconcile.desired.to_fill_in import to_fill_in
from reconcile.model.finding import Finding

MARKED = [
    ("a value", "server: CHANGE-ME", "server is still to be filled in", 9),
    ("a value in quotes", 'title: "CHANGE-ME: where the rule comes from"', "title is still to be filled in: where the rule comes from", 9),
    ("a comment behind a value", "  port: 993 # CHANGE-ME: the port", "port is still to be filled in: the port", 15),
    ("a comment behind an entry", "  - a@contoso.example # CHANGE-ME", "this is still to be filled in", 25),
    ("a comment of its own", "#CHANGE-ME", "this is still to be filled in", 2),
    ("a folded text", "    CHANGE-ME: why.", "this is still to be filled in: why", 5),
    ("an entry", "- CHANGE-ME", "this is still to be filled in", 3),
    (
        "a secret beside it",
        "a: b # CHANGE-ME: ghp_0123456789abcdefghijABCDEFGHIJ",
        "a is still to be filled in: a value that is not shown",
        8,
    ),
]


@pytest.mark.parametrize(("line", "message", "column"), [case[1:] for case in MARKED], ids=[case[0] for case in MARKED])
def test_a_mark_is_found_where_it_stands(line: str, message: str, column: int) -> None:
    (found,) = to_fill_in(f"# of ours\n{line}\n".encode(), file="a.yaml")
    assert (found.message, found.position.line, found.position.column) == (message, 2, column)


@pytest.mark.parametrize(
    "line",
    [
        "displayName: The CHANGE-ME desk",
        "name: CHANGE-MENT",
        "name: CHANGE-ME-TEAM",
        "# search for CHANGE-ME before you begin",
        "description: see ticket#CHANGE-ME",
        "name: change-me",
    ],
)
def test_a_text_that_only_tells_of_it_is_none(line: str) -> None:
    assert to_fill_in(f"{line}\n".encode(), file="a.yaml") == []


def test_what_is_no_text_is_left_to_those_who_say_so() -> None:
    assert to_fill_in(b"a: CHANGE-ME\xff", file="a.yaml") == []


def test_a_hostile_line_costs_no_time() -> None:
    assert to_fill_in(b"- " * 250_000 + b"CHANGE-ME " * 50_000, file="a.yaml") != []


class File(NamedTuple):
    path: str
    content_id: str


class Cache:
    def __init__(self) -> None:
        self.kept: dict[str, bytes] = {}

    def get(self, keys: Sequence[str]) -> Mapping[str, bytes]:
        return {key: self.kept[key] for key in keys if key in self.kept}

    def put(self, entries: Mapping[str, bytes]) -> None:
        self.kept.update(entries)


def test_it_is_told_in_every_run_though_parsed_files_are_kept() -> None:
    files = [File(path="a.yaml", content_id="sha1:1"), File(path="b.yaml", content_id="sha1:2")]
    texts = {"a.yaml": b"kind: Mailbox # CHANGE-ME\n", "b.yaml": b"kind: Mailbox\n"}

    def read(wanted: Iterable[File]) -> Iterator[tuple[File, bytes | Finding]]:
        return ((file, texts[file.path]) for file in wanted)

    cache = Cache()
    for _ in range(2):
        result = read_documents(files, read, cache=cache)
        assert [str(one.position) for one in result.findings] == ["a.yaml:1:17"]
        assert len(result.documents) == 2
    assert cache.kept
