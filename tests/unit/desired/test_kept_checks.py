"""What is kept between runs changes nothing but the time it takes."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence

import pytest

from reconcile.desired import check
from reconcile.desired.load import load
from reconcile.desired.pages import pages
from reconcile.model.finding import Finding
from reconcile.ports.source import SourceFile
from support.estate import ENVIRONMENT, PROFILE, load_texts, mailbox

Files = dict[str, str | bytes]
ESTATE: Files = {
    "environment.yaml": ENVIRONMENT,
    "profile.yaml": PROFILE,
    **{f"m{number}.yaml": mailbox(f"m{number}", address=f"m{number}@${{domain}}") for number in range(9)},
    "warned.yaml": mailbox("warned").replace("{name: warned}", "{name: warned, annotations: {apiKey: Battery-Staple}}"),
    "bad.yaml": mailbox("bad", more="  incoming: nope\n"),
    "several.yaml": mailbox("one") + "---\n" + mailbox("two", more="  owner: null\n  processEmailFrom: 2026-07-01\n"),
    "managed.yaml": mailbox("managed").replace(
        "spec:", "management: {protect: true, ignore: [owner], onRemoval: forget, movedFrom: x}\nspec:"
    ),
}

ORGANIZATION = """\
apiVersion: reconcile/v1alpha2
kind: Organization
metadata: {name: all}
spec: {}
"""
ASSIGNMENT = """\
apiVersion: reconcile/v1alpha2
kind: MailboxAssignment
metadata: {name: some}
spec:
  selector: {types: [queue, user]}
  settings: {owner: Sales}
"""


class Memory:
    """A cache that counts."""

    def __init__(self) -> None:
        self.entries: dict[str, bytes] = {}
        self.written: list[str] = []

    def get(self, keys: Sequence[str]) -> Mapping[str, bytes]:
        return {key: self.entries[key] for key in keys if key in self.entries}

    def put(self, entries: Mapping[str, bytes]) -> None:
        self.entries.update(entries)
        self.written += entries


@pytest.fixture
def checked(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Names of the documents that were decoded, in order."""
    names: list[str] = []
    real = check.kinds.decode

    def decode(kind: str, document: Mapping[str, object], *, time_zone: str) -> object:
        metadata = document["metadata"]
        assert isinstance(metadata, dict)
        names.append(metadata["name"])
        return real(kind, document, time_zone=time_zone)

    monkeypatch.setattr(check.kinds, "decode", decode)
    return names


CHANGES: list[tuple[str, Files]] = [
    ("nothing", {}),
    ("a mailbox", {"m3.yaml": mailbox("m3", more="  owner: Sales\n")}),
    ("a new one", {"m33.yaml": mailbox("m33")}),
    ("a bad one mended", {"bad.yaml": mailbox("bad")}),
    ("one spoilt", {"m4.yaml": mailbox("m4", more="  outgoing: nope\n")}),
    ("a variable", {"environment.yaml": ENVIRONMENT.replace("contoso.example", "fabrikam.example")}),
    ("the zone", {"environment.yaml": ENVIRONMENT.replace("Europe/Berlin", "UTC")}),
    ("what others own", {"environment.yaml": ENVIRONMENT.replace("spec: {", "spec: {ignore: {Mailbox: [owner]}, ")}),
    ("a layer", {"environment.yaml": ENVIRONMENT.replace("spec: {", "spec: {layers: [., over], "), "over/m.yaml": mailbox("m5")}),
    ("the profile", {"profile.yaml": PROFILE.replace("name: contoso", "name: other")}),
]


@pytest.mark.parametrize("change", [change for _, change in CHANGES], ids=[name for name, _ in CHANGES])
def test_a_warm_run_says_what_a_cold_one_says(change: Files) -> None:
    cache = Memory()
    load_texts(ESTATE, cache=cache)
    files = {**ESTATE, **change}
    cold, warm, again = load_texts(files), load_texts(files, cache=cache), load_texts(files, cache=cache)
    for other in (warm, again):
        assert other.findings == cold.findings
        assert cold.desired is not None
        assert other.desired is not None
        assert other.desired.resources == cold.desired.resources
        assert (other.desired.held, other.desired.held_files) == (cold.desired.held, cold.desired.held_files)
        for key, resource in cold.desired.resources.items():
            assert list(other.desired.resources[key].spec) == list(resource.spec)
            assert other.desired.locate(key, "emailAddress") == cold.desired.locate(key, "emailAddress")


def test_everything_that_a_document_says_is_kept() -> None:
    files: Files = {
        "environment.yaml": ENVIRONMENT,
        "profile.yaml": PROFILE,
        "labelled.yaml": mailbox("labelled").replace("{name: labelled}", "{name: labelled, labels: {team: sales}}"),
        "noted.yaml": mailbox("noted").replace("{name: noted}", "{name: noted, annotations: {team: sales}}"),
        "organization.yaml": ORGANIZATION,
        "assignment.yaml": ASSIGNMENT,
    }
    cache = Memory()
    cold, _, warm = load_texts(files), load_texts(files, cache=cache), load_texts(files, cache=cache)
    assert cold.desired is not None
    assert warm.desired is not None
    assert cold.findings == warm.findings == ()
    assert len(warm.desired.resources) == 6
    assert warm.desired.resources == cold.desired.resources


def test_a_renamed_file_with_the_same_content_stands_under_its_new_name() -> None:
    """Revisions know a file by its content alone."""
    cache = Memory()

    def positions(name: str) -> set[str]:
        texts = {"environment.yaml": ENVIRONMENT, "profile.yaml": PROFILE, name: mailbox("m")}
        files = [SourceFile(path, f"git:{len(text)}", len(text)) for path, text in texts.items()]

        def read(wanted: Iterable[SourceFile]) -> Iterator[tuple[SourceFile, bytes | Finding]]:
            return ((file, texts[file.path].encode()) for file in wanted)

        found = load(files, (), read, environment=None, source="estate", revision="r", cache=cache)
        assert found.desired is not None
        return {resource.position.file for resource in found.desired.resources.values()}

    assert positions("m.yaml") == {"environment.yaml", "profile.yaml", "m.yaml"}
    assert positions("n.yaml") == {"environment.yaml", "profile.yaml", "n.yaml"}


def test_only_what_changed_is_checked_again(checked: list[str]) -> None:
    cache = Memory()
    load_texts(ESTATE, cache=cache)
    assert len(checked) == 16
    checked.clear()
    load_texts({**ESTATE, "m3.yaml": mailbox("m3")}, cache=cache)
    # What raised a finding is checked each time, and the Environment says under which conditions all else is known.
    assert sorted(checked) == ["bad", "m3", "test", "warned"]
    checked.clear()
    cache.written.clear()
    load_texts({**ESTATE, "m3.yaml": mailbox("m3")}, cache=cache)
    assert sorted(checked) == ["bad", "test", "warned"]
    assert cache.written == []


def test_what_a_variable_brings_in_is_not_kept_when_it_may_be_secret() -> None:
    cache = Memory()
    environment = ENVIRONMENT.replace(
        "port: 993", "port: 993, apiKey: Battery-Staple, entry: 'https://user:Correct-Horse@contoso.example/'"
    )
    files: Files = {"p.yaml": PROFILE, "m.yaml": mailbox(more="  owner: ${apiKey}\n"), "n.yaml": mailbox("n", more="  owner: ${entry}\n")}
    load_texts({"e.yaml": ENVIRONMENT.replace("port: 993", "port: 993, apiKey: Battery-Staple"), **files}, cache=cache)
    assert any(key.startswith("checked:") for key in cache.entries)
    load_texts({"e.yaml": environment, **files}, cache=cache)
    assert b"Correct-Horse" not in b"".join(cache.entries.values())
    assert b"Battery-Staple" not in b"".join(cache.entries.values())


@pytest.mark.parametrize("rubbish", [b"[null]", b"[[1]]", b'[[{},[],{},{},"managed"]]', b'[[{},["x"],{},{},"managed",null]]'])
def test_records_of_another_shape_are_checked_again(rubbish: bytes) -> None:
    cache = Memory()
    load_texts(ESTATE, cache=cache)
    spoilt = 0
    for key, stored in cache.entries.items():
        page = json.loads(stored)
        if key.startswith("checked:") and "m3.yaml" in page:
            page["m3.yaml"][1] = json.loads(rubbish)
            cache.entries[key] = json.dumps(page).encode()
            spoilt += 1
    assert spoilt == 1
    cold, warm = load_texts(ESTATE), load_texts(ESTATE, cache=cache)
    assert cold.desired is not None
    assert warm.desired is not None
    assert warm.desired.resources == cold.desired.resources


def test_a_new_file_changes_one_page() -> None:
    files = [SourceFile(f"mailboxes/m{number:05}.yaml", "stat:1", 1) for number in range(5000)]
    before = dict(pages(files))
    after = dict(pages(sorted([*files, SourceFile("mailboxes/m02500a.yaml", "", 1)], key=lambda file: file.path)))
    assert 8 <= len(before) <= 40
    assert sum(len(page) for page in before.values()) == 5000
    assert len([name for name in before if before[name] != after.get(name)]) <= 1


def test_a_page_keeps_its_name_while_its_first_file_is_unsettled() -> None:
    first, second = SourceFile("a.yaml", "", 1), SourceFile("b.yaml", "stat:1", 1)
    assert [name for name, _ in pages([first, second])] == ["stat:a.yaml"]
