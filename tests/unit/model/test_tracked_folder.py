"""One line that declares a tracked folder: read to a path and a record, or refused with what to write."""

from __future__ import annotations

import pytest

from reconcile.model.activity_details import Regarding
from reconcile.model.kinds import decode
from reconcile.model.tracked_folder import TrackedFolder, named_twice, read_folder, read_folders

FABRIKAM = Regarding(type="account", id="4711", name="Fabrikam")


@pytest.mark.parametrize(
    ("line", "path", "regarding"),
    [
        ("Fabrikam", "Fabrikam", None),
        ("  Projekte/Größe & Co.  ", "Projekte/Größe & Co.", None),
        ("A/B = account:4711", "A/B", Regarding(type="account", id="4711")),
        ("A/B = account:4711:Fabrikam", "A/B", FABRIKAM),
        ("Q = incident:7d1d4c9e-0000-4000-8000-000000000001:a = b: c", "Q", None),
        ("1=2", "1=2", None),
    ],
)
def test_what_a_line_says(line: str, path: str, regarding: Regarding | None) -> None:
    found = read_folder(line)
    assert found.path == path
    if line.startswith("Q"):
        assert found.regarding == Regarding(type="incident", id="7d1d4c9e-0000-4000-8000-000000000001", name="a = b: c")
    else:
        assert found.regarding == regarding


@pytest.mark.parametrize(
    "line", ["", " ", "/A", "A/", "A//B", " = account:1", "A = ", "A = account", "A = :1", "A = account:", "A = 1x:1", "A = account:1:"]
)
def test_what_is_no_folder_is_refused(line: str) -> None:
    with pytest.raises(ValueError, match=r"is no (folder|record): write"):
        read_folder(line)


def test_folders_are_sorted_and_known_without_case() -> None:
    lines = ("b = lead:1", "A/x")
    assert [one.path for one in read_folders(lines)] == ["A/x", "b"]
    assert read_folders(None) == ()
    assert named_twice(["b = lead:1", "A", "B"]) == "B"
    assert named_twice(["b", "a/b"]) == ""
    assert str(TrackedFolder(path="A", regarding=FABRIKAM)) == "A (account Fabrikam)"


@pytest.mark.parametrize(
    ("spec", "field"),
    [
        ({"trackedFolders": ["A = account"]}, "trackedFolders"),
        ({"trackedFolders": ["A", "a = lead:1"]}, "trackedFolders"),
        ({"trackedFolders": ["A"], "type": "queue"}, "trackedFolders"),
        ({"trackedFolders": [f"F{number}" for number in range(26)]}, "trackedFolders"),
        ({"trackedFolders": [f"F{number}" for number in range(25)]}, ""),
    ],
)
def test_what_a_mailbox_may_declare(spec: dict[str, object], field: str) -> None:
    from pydantic import ValidationError

    document = {
        "apiVersion": "reconcile/v1alpha2",
        "kind": "Mailbox",
        "metadata": {"name": "a"},
        "spec": {"emailAddress": "a@contoso.example", **spec},
    }
    if not field:
        decode("Mailbox", document, time_zone="UTC")
        return
    with pytest.raises(ValidationError, match=field):
        decode("Mailbox", document, time_zone="UTC")
