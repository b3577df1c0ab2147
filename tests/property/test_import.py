"""Import of generated exports: the estate lints clean and plans empty, a second import changes nothing, and no row is lost."""

from __future__ import annotations

import contextlib
import io
import json
import os
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any
from unittest import mock

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from reconcile.cli.main import run
from reconcile.desired.yaml import read_values
from reconcile.desired.yaml_places import read_places
from reconcile.report.yaml_text import comment, items, paragraphs, scalar
from support.exports import TRAPS, Row, mailbox_row, organization_row, profile_row, row_id, rows, write_export, xml_settings

_ANY = st.one_of(st.sampled_from(TRAPS), st.text(st.one_of(st.characters(exclude_categories=["Cs"]), st.sampled_from(" #:-'\"\n\t[]{},&*!|>%@`?=0e1x\\$")), max_size=15))  # fmt: skip


@pytest.fixture(scope="module", autouse=True)
def cache(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """One for all estates: each command would compile the rules otherwise."""
    with mock.patch.dict(os.environ, {"RECONCILE_CACHE_DIR": str(tmp_path_factory.mktemp("cache"))}):
        yield


def reconcile(*words: object) -> tuple[int, Any]:
    """A command line in this process, and the JSON it prints."""
    printed, talk = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(printed), contextlib.redirect_stderr(talk):
        code = run([*map(str, words), "--output", "json"])
    assert printed.getvalue(), talk.getvalue()
    return code, json.loads(printed.getvalue())


def tree(folder: Path) -> dict[str, bytes]:
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


@given(_ANY, st.lists(_ANY, max_size=9))
@settings(max_examples=400, deadline=None)
def test_what_is_written_reads_back_the_same(text: str, several: list[str]) -> None:
    written = {"a": {"b": text, "c": several}, "e": 1}
    document = f"a:\n  b: {scalar(text)}  {comment(text)}\n  c:{(listed := items(tuple(several), '  '))[:0]} {listed}\n"
    if (block := paragraphs(text, "")) is not None:
        document += f"d: {block}\n"
        written["d"] = text
    document = (document + "e: 1\n").encode()
    assert read_values(document) == [(1, written)], (document, read_places(document, file="x").findings)


@st.composite
def _tables(draw: st.DrawFn) -> tuple[list[Row], list[Row], Row]:
    profiles = []
    for number in range(draw(st.integers(0, 3))):
        sound = profile_row(number, f"Profile {number}", servertype=draw(st.integers(0, 4)))
        profiles.append({**sound, **draw(rows("EmailServerProfile"))})
    mailboxes = []
    for number in range(100, 100 + draw(st.integers(0, 6))):
        row = {**mailbox_row(number, f"{number}@x.example"), **draw(rows("Mailbox")), "emailserverprofile": row_id(draw(st.integers(0, 3)))}
        if draw(st.integers(0, 3)) == 0:
            local, domain = (draw(st.sampled_from(words)) for words in (["a", "A", "b.c", "d+e", "jürgen"], ["x.example", "BÜRO.example"]))
            row["emailaddress"] = f"{local}@{domain}"
        row |= draw(st.sampled_from([{"isforwardmailbox": True}, {"regardingobjecttypecode": "queue"}, {"regardingobjecttypecode": 8}, {}]))
        mailboxes.append(row)
    return profiles, mailboxes, {**draw(rows("Organization")), **draw(xml_settings()), "organizationid": row_id(9_000)}


_CLEAN = ([profile_row(1, "One")], [mailbox_row(100, "a@x.example", emailserverprofile=row_id(1))], organization_row())
_ALIKE = (
    [profile_row(1, "One"), profile_row(2, "ONE")],
    [mailbox_row(100, "a@x.example"), mailbox_row(101, "A@X.example")],
    organization_row(),
)
_DANGLING = ([], [mailbox_row(100, "a@x.example", emailserverprofile=row_id(7))], organization_row(defaultemailserverprofileid=row_id(7)))


@pytest.mark.slow
@given(_tables(), st.sampled_from(["files", "grouped", "csv"]))
@example(_CLEAN, "files")
@example(_ALIKE, "grouped")
@example(_DANGLING, "csv")
@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.large_base_example])
def test_the_estate_plans_empty_and_a_second_import_changes_nothing(tables: tuple[list[Row], list[Row], Row], layout: str) -> None:
    profiles, mailboxes, organization = tables
    with tempfile.TemporaryDirectory() as folder:
        estate = Path(folder) / "estate"
        export = write_export(estate / "exports/prod.json", profiles=profiles, mailboxes=mailboxes, organization=[organization])
        words = ["import", "--from", f"snapshot:{export}", "--into", estate, "--layout", layout]
        code, done = reconcile(*words)
        if "error" in done:
            assert "nothing can be imported from" in done["error"]["message"]
            return
        assert code == (7 if done["unknown"] else 0)
        _all_accounted_for(done, [str(row["emailserverprofileid"]) for row in profiles], mailboxes)
        _, findings = reconcile("lint", "-C", estate)
        # What was clicked together may break rules, and then it is said; but every document is sound.
        assert [finding for finding in findings["findings"] if "/" in finding["rule"]] == []
        plan = reconcile("plan", "-C", estate)[1]["plan"]
        assert (plan["changes"], plan["held"]) == ([], []) or done["unknown"], plan
        assert plan["changes"] == []
        before = tree(estate)
        again_code, again = reconcile(*words)
        assert (again_code, again["files"], again["new"]) == (code, [], [])
        assert sorted(again["kept"]) == sorted(done["new"])
        assert (again["differing"], again["vanished"]) == ([], [])
        assert tree(estate) == before


def _all_accounted_for(done: Any, profiles: Sequence[str], mailboxes: Sequence[Row]) -> None:
    told = {row["externalId"] for row in done["leftOut"]} | {
        line.split()[1].rstrip(":") for line in done["unknown"] if line.startswith("row ")
    }
    ids = {*profiles, *(str(row["mailboxid"]) for row in mailboxes), row_id(9_000)}
    assert len(done["new"]) + len(told & ids) == len(ids)
    assert told <= ids


@pytest.mark.parametrize("layout", ["files", "csv"])
@pytest.mark.parametrize("trap", [trap for trap in (*TRAPS, "=1+1", "+49 30 1", "-1", "@x", "a;b,c") if trap])
def test_a_hostile_name_is_kept_or_reported(trap: str, layout: str, tmp_path: Path) -> None:
    estate = tmp_path / "estate"
    named = [profile_row(1, trap), profile_row(2, "Plain", description=trap, incomingusername=trap)]
    export = write_export(estate / "e.json", profiles=named, mailboxes=[mailbox_row(100, "a@x.example", name=trap, username=trap)])
    _, done = reconcile("import", "--from", f"snapshot:{export}", "--into", estate, "--layout", layout)
    plan = reconcile("plan", "-C", estate)[1]["plan"]
    assert (plan["changes"], plan["held"]) == ([], [])
    texts = "".join(text.decode() for path, text in tree(estate).items() if not path.endswith(".json"))
    for everything in (texts, json.dumps(done, ensure_ascii=False)):
        assert "hunter2" not in everything
        assert "ghp_" not in everything
    assert not any(ord(character) < 32 and character not in "\r\n" for character in texts)
    assert {"EmailServerProfile/plain", "Mailbox/a"} <= set(done["new"])
    assert len(done["new"]) == 4 or done["leftOut"]
