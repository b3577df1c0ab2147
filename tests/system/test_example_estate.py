"""The example estate in desired-state/: right as written, and what the demo relies on."""

from __future__ import annotations

from pathlib import Path

import pytest

from reconcile.errors import UserError
from reconcile.sandbox import example
from reconcile.sandbox.corpus.addresses import MAILBOXES
from reconcile.sandbox.demo.repository import ENVIRONMENT_FILE, with_variables
from reconcile.sandbox.demo.steps import STEPS, Edit

ESTATE = Path(__file__).parents[2] / "desired-state"


def test_every_file_names_a_schema_that_is_there() -> None:
    files = sorted(ESTATE.rglob("*.yaml"))
    assert len(files) == 11
    for file in files:
        first = file.read_text(encoding="utf-8").splitlines()[0]
        assert (file.parent / first.partition("$schema=")[2]).is_file(), file


def test_its_mailboxes_are_those_of_the_sandbox() -> None:
    assert {file.stem for file in (ESTATE / "mailboxes").iterdir()} == set(MAILBOXES)
    for slug, address in MAILBOXES.items():
        text = (ESTATE / "mailboxes" / f"{slug}.yaml").read_text(encoding="utf-8")
        assert f"emailAddress: {address}\n" in text
        assert f"password: file:mailboxes/{slug}.password\n" in text


def test_a_copy_leaves_state_and_secrets_behind(tmp_path: Path) -> None:
    example.copy(example.estate(), tmp_path / "copy")
    assert sorted(path.relative_to(tmp_path / "copy") for path in (tmp_path / "copy").rglob("*.yaml")) == sorted(
        path.relative_to(ESTATE) for path in ESTATE.rglob("*.yaml")
    )
    source = tmp_path / "source"
    (source / ".reconcile").mkdir(parents=True)
    (source / ".reconcile" / "reconcile.key").write_text("key")
    (source / "a.yaml").write_text("")
    example.copy(source, tmp_path / "second")
    assert [path.name for path in (tmp_path / "second").iterdir()] == ["a.yaml"]


def test_variables_are_put_in_and_comments_stay() -> None:
    before = (ESTATE / ENVIRONMENT_FILE).read_text(encoding="utf-8")
    after = with_variables(before, {"imapPort": "4711", "processFrom": '"2026-05-01"'})
    assert set(after.splitlines()) - set(before.splitlines()) == {"    imapPort: 4711", '    processFrom: "2026-05-01"'}
    assert len(after.splitlines()) == len(before.splitlines())
    with pytest.raises(UserError, match="pop3Port"):
        with_variables(before, {"pop3Port": "1"})


def test_the_demo_can_make_its_edits() -> None:
    edits = [step for step in STEPS if isinstance(step, Edit)]
    assert edits
    texts: dict[str, str] = {}
    for edit in edits:
        text = texts.setdefault(edit.file, (ESTATE / edit.file).read_text(encoding="utf-8"))
        assert text.count(edit.before) == 1
        texts[edit.file] = text.replace(edit.before, edit.after)
