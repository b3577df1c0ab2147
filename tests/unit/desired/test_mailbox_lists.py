"""Mailboxes from a CSV file: what becomes of its lines, and where each field stands."""

from __future__ import annotations

import csv
import io
from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from reconcile.desired.csv_text import BadTable, cells_with_places, lines_of, records
from reconcile.model.key import Key
from reconcile.model.management import OnRemoval
from reconcile.model.resource import DesiredState
from reconcile.source.folder import FolderSource
from support.estate import ENVIRONMENT, PROFILE, load_source, load_texts, mailbox, report

ANNA = Key("Mailbox", "anna-contoso-example")
LIST = """\
apiVersion: reconcile/v1alpha2
kind: MailboxList
metadata: {name: staff}
spec:
  file: staff.csv
  delimiter: ";"
  columns:
    E-Mail: emailAddress
    Name: displayName
    Team: metadata.labels.team
    Note: metadata.annotations.contoso.example/note
    Consent: credentials.allowUse
    Password: credentials.password.ref
    Generation: credentials.password.generation
    Groups: facts.groups
    Gone: management.onRemoval
    Phone: null
  settings:
    profile: contoso
    incoming: server-side
    facts: {location: external}
"""
HEADER = "E-Mail;Name;Team;Note;Consent;Password;Generation;Groups;Gone;Phone\r\n"
FULL = 'anna@contoso.example;"Anna; ""die Erste""";sales;"two\r\nlines";TRUE;env:ANNA;3;field|back office;forget;4711\r\n'
EMPTY = "bert@contoso.example;;;;;;;;;\r\n"


def desired_of(table: str | bytes, **more: str) -> DesiredState:
    files: dict[str, str | bytes] = {"environment.yaml": ENVIRONMENT, "profile.yaml": PROFILE, "people/staff.yaml": LIST}
    result = load_texts({**files, "people/staff.csv": table, **{f"{name}.yaml": text for name, text in more.items()}})
    assert result.desired is not None
    return result.desired


def test_a_line_is_a_mailbox() -> None:
    desired = desired_of(b"\xef\xbb\xbf" + (HEADER + FULL + "\r\n" + EMPTY).encode())
    assert desired.findings == ()
    anna = desired.resources[ANNA]
    assert anna.spec == {
        "credentials.allowUse": True,
        "credentials.password.generation": 3,
        "credentials.password.ref": "env:ANNA",
        "displayName": 'Anna; "die Erste"',
        "emailAddress": "anna@contoso.example",
        "facts.groups": ("back office", "field"),
        "facts.location": "external",
        "incoming": "server-side",
        "profile": "contoso",
    }
    assert (anna.labels, anna.annotations) == ({"team": "sales"}, {"contoso.example/note": "two\r\nlines"})
    assert anna.management.on_removal is OnRemoval.FORGET
    bert = desired.resources[Key("Mailbox", "bert-contoso-example")]
    assert bert.spec == {
        "facts.location": "external",
        "emailAddress": "bert@contoso.example",
        "incoming": "server-side",
        "profile": "contoso",
    }
    assert (bert.position.file, bert.position.line) == ("people/staff.csv", 5)


@pytest.mark.parametrize(
    ("path", "where"),
    [
        ("", "people/staff.csv:2:1"),
        ("emailAddress", "people/staff.csv:2:1"),
        ("displayName", "people/staff.csv:2:22"),
        ("credentials.allowUse", "people/staff.csv:3:8"),
        ("credentials.password.ref", "people/staff.csv:3:13"),
        ("management.onRemoval", "people/staff.csv:3:42"),
        ("profile", "people/staff.yaml:19:14"),
        ("facts.location", "people/staff.yaml:21:23"),
    ],
)
def test_each_cell_is_found_again(path: str, where: str) -> None:
    place = desired_of(b"\xef\xbb\xbf" + (HEADER + FULL).encode()).locate(ANNA, path)
    assert f"{place.file}:{place.line}:{place.column}" == where


def test_a_later_layer_is_laid_over_a_line_and_over_the_list() -> None:
    def environment(name: str) -> str:
        return ENVIRONMENT.replace("name: test", f"name: {name}").replace("spec: {", f"spec: {{layers: [base, {name}], ")

    files: dict[str, str | bytes] = {
        "dev.yaml": environment("dev"),
        "prod.yaml": environment("prod"),
        "base/profile.yaml": PROFILE,
        "base/staff.yaml": LIST,
        "base/staff.csv": HEADER + FULL,
        "dev/staff.yaml": LIST[: LIST.index("spec:")] + "spec: {file: few.csv, settings: {incoming: none}}\n",
        "dev/few.csv": HEADER + FULL.replace("Anna", "Dev"),
        "prod/anna.yaml": "apiVersion: reconcile/v1alpha2\nkind: Mailbox\nmetadata: {name: anna-contoso-example}\n"
        "spec:\n  displayName: Chair\n  incoming: null\n",
    }
    dev, prod = (load_texts(files, environment=name).desired for name in ("dev", "prod"))
    assert dev is not None
    assert prod is not None
    assert (dev.findings, prod.findings) == ((), ())
    assert (dev.resources[ANNA].spec["displayName"], dev.resources[ANNA].spec["incoming"]) == ('Dev; "die Erste"', "none")
    assert (prod.resources[ANNA].spec["displayName"], "incoming" in prod.resources[ANNA].spec) == ("Chair", False)
    places = {
        (name, path): str(desired.locate(ANNA, path))
        for name, desired in (("dev", dev), ("prod", prod))
        for path in ("displayName", "incoming", "profile")
    }
    assert places["dev", "displayName"].startswith("dev/few.csv:2:22")
    assert places["dev", "incoming"].startswith("dev/staff.yaml:4:")
    assert places["dev", "profile"].startswith("base/staff.yaml:19:")
    assert places["prod", "displayName"].startswith("prod/anna.yaml:5:")
    assert places["prod", "profile"].startswith("base/staff.yaml:19:")


def test_a_list_that_cannot_be_used_holds_its_table() -> None:
    desired = desired_of(HEADER + FULL, other=LIST.replace("name: staff", "name: other").replace("staff.csv", "people/staff.csv"))
    assert Key("MailboxList", "staff") in desired.held
    assert {"people/staff.csv", "people/staff.yaml"} <= set(desired.held_files)
    assert [finding.rule for finding in desired.findings] == ["table/missing"]


def test_without_a_column_for_the_slug_a_cell_of_the_address_stands_for_it() -> None:
    (finding,) = desired_of(HEADER + EMPTY, m=mailbox("bert-contoso-example")).findings
    assert finding.rule == "duplicate/resource"
    assert str(finding.position).startswith("people/staff.csv:2:1")


@pytest.mark.parametrize(
    ("cell", "message"),
    [
        ("", "the row has no address"),
        ("  ", "the row has no address"),
        ("отдел@пример.рф", 'no name can be made of the address "отдел@пример.рф"'),
    ],
)
def test_a_row_that_cannot_be_named_is_told_once_at_its_address(cell: str, message: str) -> None:
    swapped = LIST.replace("    E-Mail: emailAddress\n    Name: displayName\n", "    Name: displayName\n    E-Mail: emailAddress\n")
    table = HEADER.replace("E-Mail;Name", "Name;E-Mail") + f"Bert;{cell};sales;;;;;;;\r\n"
    files = {"people/staff": swapped}
    desired = desired_of(table, **files)
    (finding,) = desired.findings
    assert (finding.rule, finding.message, str(finding.position)) == ("table/address", message, "people/staff.csv:2:6")
    assert set(desired.held_files) == {"people/staff.csv"}
    assert desired.resources.keys() & {ANNA} == set()


def test_an_empty_address_of_a_named_row_is_told_at_its_cell() -> None:
    named = LIST.replace("    Phone: null\n", "    Phone: metadata.name\n")
    files = {"people/staff": named}
    desired = desired_of(HEADER.replace("E-Mail;Name", "Name;E-Mail") + "Bert;;sales;;;;;;;bert\r\n", **files)
    (finding,) = desired.findings
    assert (finding.rule, str(finding.position)) == ("schema/missing-field", "people/staff.csv:2:6")
    assert set(desired.held) == {Key("Mailbox", "bert")}


def test_a_table_that_nobody_names_may_be_anything(tmp_path: Path) -> None:
    (tmp_path / "e.yaml").write_text(ENVIRONMENT)
    (tmp_path / "x.csv").write_bytes(b"\xff\x00")
    (tmp_path / "loop.csv").symlink_to("loop.csv")
    assert "no findings" in report(FolderSource(tmp_path))


@pytest.mark.parametrize("make", ["link", "folder", "huge"])
def test_a_table_that_the_source_refuses_says_why(make: str, tmp_path: Path) -> None:
    for name, text in (("e.yaml", ENVIRONMENT), ("p.yaml", PROFILE), ("staff.yaml", LIST)):
        (tmp_path / name).write_text(text)
    table = tmp_path / "staff.csv"
    if make == "link":
        table.symlink_to("/etc/passwd")
    elif make == "folder":
        table.mkdir()
    else:
        with table.open("wb") as file:
            file.truncate(65 * 1024 * 1024)
    found = load_source(FolderSource(tmp_path))
    assert "table/missing" in [finding.rule for finding in found.findings]
    assert found.desired is not None
    assert "staff.csv" in found.desired.held_files


CSV_ISH = st.lists(st.sampled_from([*'ab1;,|\t" \n', "\r\n", "\r", '""', '","', "é", "名"]), max_size=40).map("".join)


@given(CSV_ISH, st.sampled_from(";,\t|"))
@settings(max_examples=1500, deadline=None)
def test_both_readers_see_the_same_cells(text: str, delimiter: str) -> None:
    found = []
    with suppress(BadTable):
        found += records(text, delimiter)
    lines = lines_of(text)
    for record in found:
        again = cells_with_places(lines, record.line, delimiter)
        assert [value for value, _ in again] == [cell.replace("\r\n", "\n").replace("\r", "\n") for cell in record.cells]
        for value, span in again:
            if span.end_column is not None:
                written = lines[span.line - 1][span.column - 1 : span.end_column - 1]
                assert written in (value, '"' + value.replace('"', '""') + '"')


@given(
    st.lists(st.lists(st.text(st.characters(exclude_categories=["Cc", "Cs", "Zl", "Zp"]), max_size=5), min_size=2, max_size=3), max_size=5)
)
@settings(max_examples=300, deadline=None)
def test_what_a_spreadsheet_writes_is_read_back(rows: list[list[str]]) -> None:
    written = io.StringIO()
    csv.writer(written, delimiter=";").writerows(rows)
    assert [[*record.cells] for record in records(written.getvalue(), ";")] == rows
