"""Where documents that are taken over go: names that are free, files that a source still reads."""

from __future__ import annotations

import pytest

from reconcile.desired.yaml import read_values
from reconcile.model.key import Key
from reconcile.plan.takeover.declare import Draft
from reconcile.report.estate_files import EstateFile, Layout, estate_files
from reconcile.source.entries import LARGEST_FILE


class Tree:
    """An estate with some files."""

    def __init__(self, **there: bytes) -> None:
        self.there = {path.replace("__", "/") + ".yaml": content for path, content in there.items()}

    def exists(self, path: str) -> bool:
        return path in self.there

    def holds(self, path: str, content: bytes) -> bool:
        return self.there.get(path) == content


def mailboxes(number: int, domain: str = "x.example", name: str = "Name") -> list[Draft]:
    keys = (Key("Mailbox", f"m-{index}") for index in range(number))
    return [Draft(key=key, spec={"displayName": name, "emailAddress": f"{key.name}@{domain}"}, external_id="1") for key in keys]


def files(drafts: list[Draft], tree: Tree | None = None, *, layout: Layout | None = None, folder: str = "") -> list[EstateFile]:
    return list(estate_files(drafts, tree or Tree(), layout=layout, folder=folder, origin="e.json"))


@pytest.mark.parametrize(
    ("number", "layout", "wanted"), [(200, None, 200), (201, None, 1), (3, "grouped", 1), (300, "files", 300), (3, "csv", 2)]
)
def test_the_number_of_mailboxes_decides_unless_asked_otherwise(number: int, layout: Layout | None, wanted: int) -> None:
    made = files(mailboxes(number), layout=layout)
    assert len(made) == wanted
    assert [draft for file in made for draft in file.drafts] == mailboxes(number)


def test_names_that_are_taken_get_a_number() -> None:
    made = files(
        mailboxes(2), Tree(base__mailboxes__m__0=b"", **{"base__mailboxes__m-1": b"", "base__mailboxes__m-1-2": b""}), folder="base/"
    )
    assert [file.path for file in made] == ["base/mailboxes/m-0.yaml", "base/mailboxes/m-1-3.yaml"]


def test_domains_that_look_alike_have_files_of_their_own() -> None:
    drafts = mailboxes(1, "büro.example") + mailboxes(1, "buero.example")
    assert [file.path for file in files(drafts, layout="grouped")] == ["mailboxes/buero-example.yaml", "mailboxes/buero-example-2.yaml"]


@pytest.mark.parametrize("name", ["Name", "\U000e0001" * 200])
def test_no_file_is_larger_than_a_source_reads(name: str) -> None:
    made = files(mailboxes(1_200, name=name), layout="grouped")
    assert sum(len(file.drafts) for file in made) == 1_200
    assert max(len(file.content) for file in made) < LARGEST_FILE
    assert all(len(read_values(file.content) or ()) == len(file.drafts) for file in made)
