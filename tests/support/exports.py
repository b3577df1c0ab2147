"""Exports of the product's tables for tests: single rows as a Web API writes them, and hypothesis strategies for hostile ones."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TypeAlias

from hypothesis import strategies as st

from reconcile.model.column_values import Amount, Encrypted, Joined, Moment, Numbers, Plain
from reconcile.model.columns import COLUMNS, Column, FieldRole

Row: TypeAlias = dict[str, object]


def row_id(number: int) -> str:
    """A GUID that tells its number."""
    return f"{number:08x}-0000-4000-8000-000000000000"


def profile_row(number: int, name: str, **more: object) -> Row:
    """An IMAP profile."""
    cells: Row = {"servertype": 4, "statecode": 0, "incomingserverlocation": "imap.contoso.example", "incomingusessl": True}
    return {"emailserverprofileid": row_id(number), "name": name, "incomingportnumber": 993, **cells, **more}


def mailbox_row(number: int, address: str | None, **more: object) -> Row:
    """A queue's mailbox that is received server-side."""
    cells: Row = {"name": f"Mailbox {number}", "incomingemaildeliverymethod": 2, "outgoingemaildeliverymethod": 2}
    cells |= {"actdeliverymethod": 2, "statecode": 0, "isforwardmailbox": False, "regardingobjecttypecode": "queue"}
    return {"mailboxid": row_id(number), "emailaddress": address, **cells, **more}


def organization_row(number: int = 9_000, **more: object) -> Row:
    """An organization that says little."""
    return {"organizationid": row_id(number), "requireapprovalforuseremail": True, **more}


def write_export(path: Path, *, profiles: Sequence[Row] = (), mailboxes: Sequence[Row] = (), **tables: Sequence[Row]) -> Path:
    """The file of an export with an organization, unless one is given."""
    tables = {"organization": [organization_row()], **tables}
    path.parent.mkdir(parents=True, exist_ok=True)
    whole: Mapping[str, object] = {"exportedAt": "2026-06-30T06:00:00Z", **tables, "emailserverprofile": profiles, "mailbox": mailboxes}
    path.write_text(json.dumps(whole), encoding="utf-8")
    return path


#: Texts that YAML, Markdown, terminals or file systems take for something else.
TRAPS = (
    *(
        "no",
        "Yes",
        "null",
        "~",
        "1e3",
        "0x1F",
        "0o17",
        "12:30",
        "1_000",
        "- x",
        "a: b",
        "a #b",
        "# x",
        "[x",
        "{x}",
        "&a",
        "*a",
        "!t",
        "|",
        ">",
    ),
    *(
        "%x",
        "@x",
        "`x`",
        '"x"',
        "'x'",
        "x ",
        " x",
        "x\ty",
        "---",
        "...",
        "${x}",
        "$${x}",
        "${",
        "=",
        "<<",
        "?",
        "? x",
        "-",
        ":",
        "x:",
        "\\n",
    ),
    *(
        "con",
        "aux.yaml",
        "../x",
        "/x",
        "CON",
        ".",
        "..",
        "Müller & Söhne",
        "日本",
        "😀👩‍👩‍👧",
        "a\u202eb",
        "\ufeffx",
        "x\u2028y",
        "\x85",
        "é",
        "I\u0307",
    ),
    *("x" * 200, "https://user:hunter2@host.example/", "ghp_0123456789abcdefghij0123", "a\nb", "a\r\nb", "\x00", "\x1b[31mred", "", " "),
)

_TEXT = st.one_of(st.sampled_from(TRAPS), st.text(st.characters(exclude_categories=["Cs"]), max_size=20))
_DATE = st.sampled_from(["1900-01-01T00:00:00Z", "2026-01-01T00:00:00Z", "2025-12-31T23:59:59.123Z", "2026-03-01", "soon"])


def cells(column: Column) -> st.SearchStrategy[object]:
    """Any value of a column, now and then one that it cannot have."""
    match column.values:
        case Numbers(numbers=numbers):
            return st.sampled_from([*numbers.values(), *numbers.values(), None, 99])
        case Plain(kind=kind) if kind is str:
            return st.one_of(st.none(), _TEXT)
        case Plain(kind=kind) if kind is bool:
            return st.sampled_from([True, False, None])
        case Encrypted():
            return st.booleans()
        case Moment():
            return _DATE
        case Joined():
            return st.one_of(st.none(), st.lists(st.sampled_from(["exe", "JS", ".bat", "a b", "", "text/html"]), max_size=9).map(";".join))
        case Plain() | Amount():
            return st.sampled_from([0, 1, 5, 25, 143, 443, 993, 60_000, 65_536, -1, 2**40, None])


def rows(kind: str) -> st.SearchStrategy[Row]:
    """Values for some of the desired columns of a table: mostly few, so that the rest of a row can be sound."""
    columns = [column for column in COLUMNS[kind] if column.role is FieldRole.DESIRED and "/" not in column.name]
    every = {column.name: cells(column) for column in columns}
    few = st.lists(st.sampled_from(columns), max_size=4, unique_by=lambda column: column.name).flatmap(
        lambda some: st.fixed_dictionaries({column.name: every[column.name] for column in some})
    )
    return st.one_of(few, few, few, st.fixed_dictionaries({}, optional=every))


@st.composite
def xml_settings(draw: st.DrawFn) -> Row:
    """The two XML columns of an organization, with some of their elements."""
    found: Row = {}
    for bag in ("orgdborgsettings", "defaultemailsettings"):
        columns = [column for column in COLUMNS["Organization"] if column.name.startswith(f"{bag}/")]
        some = draw(st.lists(st.sampled_from(columns), max_size=4, unique_by=lambda column: column.name))
        elements = []
        for column in some:
            value = draw(cells(column))
            text = "" if value is None else str(value).lower()
            name = column.name.removeprefix(f"{bag}/")
            elements.append(f"<{name}>{text}</{name}>" if text.isalnum() else f"<{name}/>")
        found[bag] = f"<settings>{''.join(elements)}</settings>" if some else None
    return found
