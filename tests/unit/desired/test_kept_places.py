"""Places that were looked up before are not looked up again, and never given for another text."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

import pytest

from reconcile.desired.lint import lint
from reconcile.model.finding import Finding, Severity
from reconcile.model.key import Key
from reconcile.model.position import Position
from reconcile.model.resource import DesiredState

ENVIRONMENT = "apiVersion: reconcile/v1alpha2\nkind: Environment\nmetadata: {name: prod}\nspec: {}\n"
MAILBOX = "apiVersion: reconcile/v1alpha2\nkind: Mailbox\nmetadata:\n  name: sales\n  labels: {a.b: x}\nspec:\n  emailAddress: sales@contoso.example\n"


@dataclass(frozen=True)
class File:
    path: str
    content_id: str


@dataclass
class Source:
    """Files by path, and which were read."""

    texts: dict[str, str]
    reads: list[str] = field(default_factory=list)

    def files(self) -> list[File]:
        return [File(path, f"{path}:{hash(text)}") for path, text in self.texts.items()]

    def read(self, files: Iterable[File]) -> Iterator[tuple[File, bytes]]:
        for file in files:
            self.reads.append(file.path)
            yield file, self.texts[file.path].encode()


class Kept(dict[str, bytes]):
    def put(self, entries: dict[str, bytes]) -> None:
        self.update(entries)

    def get(self, keys: list[str]) -> dict[str, bytes]:  # type: ignore[override]
        return {key: self[key] for key in keys if key in self}


def places(source: Source, cache: Kept | None, *paths: str) -> list[Position]:
    found: list[Position] = []

    def checks(desired: DesiredState, others: object) -> list[Finding]:
        found.extend(desired.locate(Key("Mailbox", "sales"), path) for path in paths)
        return [Finding(rule="r", severity=Severity.ERROR, message="m", position=position) for position in found]

    lint(source.files(), [], source.read, environment=None, source="s", revision="r", cache=cache, checks=checks)
    return found


@pytest.fixture
def source() -> Source:
    return Source({"prod.yaml": ENVIRONMENT, "sales.yaml": MAILBOX})


def test_a_second_run_reads_no_file(source: Source) -> None:
    cache = Kept()
    first = places(source, cache, "emailAddress", "incoming", "")
    source.reads.clear()
    assert places(source, cache, "emailAddress", "incoming", "") == first
    assert source.reads == []
    assert first[0] == Position("sales.yaml", 7, 17, 38)


def test_a_changed_file_is_read_again_and_its_new_place_given(source: Source) -> None:
    cache = Kept()
    places(source, cache, "emailAddress")
    source.texts["sales.yaml"] = "# one more line\n" + MAILBOX
    assert places(source, cache, "emailAddress") == [Position("sales.yaml", 8, 17, 38)]


def test_without_a_cache_it_is_the_same(source: Source) -> None:
    assert places(source, None, "emailAddress", "incoming.nothing", "") == places(source, Kept(), "emailAddress", "incoming.nothing", "")


def test_damaged_pages_are_looked_up_again(source: Source) -> None:
    cache = Kept()
    first = places(source, cache, "emailAddress")
    for key in cache:
        if key.startswith("places-"):
            cache[key] = cache[key].replace(b"[7,17,38]", b'["x"]')
    assert places(source, cache, "emailAddress") == first
    for key in [*cache]:
        if key.startswith("places-"):
            cache[key] = b"\xff"
    assert places(source, cache, "emailAddress") == first


def test_names_with_dots_are_no_paths(source: Source) -> None:
    cache = Kept()
    for _ in range(2):
        dotted, nested = places(source, cache, "metadata.labels", "metadata.labels.a.b")
        assert dotted.line == nested.line == 5


def test_what_a_later_layer_begins_to_say_is_found_there() -> None:
    environment = ENVIRONMENT.replace("spec: {}", "spec: {layers: [base, over]}")
    part = "apiVersion: reconcile/v1alpha2\nkind: Mailbox\nmetadata: {name: sales}\nspec:\n"
    source = Source({"base/prod.yaml": environment, "base/sales.yaml": MAILBOX, "over/sales.yaml": f"{part}  type: queue\n"})
    cache = Kept()
    for _ in range(2):
        assert [place.file for place in places(source, cache, "emailAddress")] == ["base/sales.yaml"]
    source.texts["over/sales.yaml"] = f"{part}  emailAddress: other@contoso.example\n"
    assert [place.file for place in places(source, cache, "emailAddress")] == ["over/sales.yaml"]
