"""YAML 1.2 core meanings, places, and what is refused."""

from __future__ import annotations

import pytest

from reconcile.desired.yaml import MAX_DEPTH, MAX_DOCUMENTS, MAX_SCALAR, read_values
from reconcile.desired.yaml_places import look_up, read_places

MEANINGS: list[tuple[str, object]] = [
    ("yes", "yes"),
    ("no", "no"),
    ("on", "on"),
    ("off", "off"),
    ("y", "y"),
    ("true", True),
    ("False", False),
    ("TRUE", True),
    ("tRue", "tRue"),
    ("", None),
    ("~", None),
    ("null", None),
    ("Null", None),
    ("nULL", "nULL"),
    ("010", 10),
    ("0o10", 8),
    ("0x1F", 31),
    ("-0o10", "-0o10"),
    ("+12", 12),
    ("-0", 0),
    ("1_000", "1_000"),
    ("12:30:45", "12:30:45"),
    ("1e3", 1000.0),
    ("1.", 1.0),
    (".5", 0.5),
    ("-.5e-1", -0.05),
    (".", "."),
    ("+", "+"),
    ("-", None),
    ("0b11", "0b11"),
    ("1.2.3", "1.2.3"),
    ("2026-01-02", "2026-01-02"),
    ("9223372036854775807", 2**63 - 1),
    ("-9223372036854775808", -(2**63)),
    ("'true'", "true"),
    ('"12"', "12"),
    ("=", "="),
    ("<<", "<<"),
]


@pytest.mark.parametrize(("written", "meant"), [case for case in MEANINGS if case[0] != "-"])
def test_meaning_of_scalars(written: str, meant: object) -> None:
    data = f"key: {written}\n".encode()
    values = read_values(data)
    assert values is not None
    value = values[0][1]
    assert isinstance(value, dict)
    assert (type(value["key"]), value["key"]) == (type(meant), meant)
    assert [document.value for document in read_places(data, file="f").documents] == [value]


REFUSED: list[tuple[str, str, int, int]] = [
    ("a: 9223372036854775808", "yaml/number", 1, 4),
    ("a: " + "9" * 5000, "yaml/number", 1, 4),
    ("a: 1e999", "yaml/number", 1, 4),
    ("a: .inf", "yaml/number", 1, 4),
    ("a: .NaN", "yaml/number", 1, 4),
    ("1: a", "yaml/key", 1, 1),
    ("x: {true: a}", "yaml/key", 1, 5),
    ("~: a", "yaml/key", 1, 1),
    ("? {a: b}\n: c", "yaml/key", 1, 3),
    ("a: 1\nb: 2\na: 3", "yaml/duplicate-key", 3, 1),
    ("a: 1\n'a': 3", "yaml/duplicate-key", 2, 1),
    ("a: {b: [{c: 1, c: 2}]}", "yaml/duplicate-key", 1, 16),
    ("<<: {a: 1}", "yaml/merge-key", 1, 1),
    ("a: &x 1", "yaml/anchor", 1, 4),
    ("a: *x", "yaml/alias", 1, 4),
    ("*x : a", "yaml/alias", 1, 1),
    ("&x a: 1", "yaml/anchor", 1, 1),
    ("a: !!str 1", "yaml/tag", 1, 4),
    ("!t a: 1", "yaml/tag", 1, 1),
    ("a: ! 1", "yaml/tag", 1, 4),
    ("a: !t [1]", "yaml/tag", 1, 4),
    ("%YAML 1.1\n---\na: 1", "yaml/directive", 1, 1),
    ("%TAG ! tag:x,2026:\n---\na: 1", "yaml/directive", 1, 1),
    ("a: 'x\nb: 1", "yaml/syntax", 1, 4),
    ("a:\n\tb: 1", "yaml/syntax", 2, 1),
    ("a: b: c", "yaml/syntax", 1, 5),
    ("a: [1,\n", "yaml/syntax", 1, 7),
    ("ä: 'x", "yaml/syntax", 1, 4),
    ("a: @x", "yaml/syntax", 1, 4),
    ("[" * (MAX_DEPTH + 1), "yaml/too-deep", 1, MAX_DEPTH + 1),
    ("a: " + "x" * (MAX_SCALAR + 1), "yaml/too-long", 1, 4),
    ("---\na\n" * (MAX_DOCUMENTS + 1), "yaml/too-many-documents", 2 * MAX_DOCUMENTS + 1, 1),
]


@pytest.mark.parametrize(("text", "rule", "line", "column"), REFUSED, ids=[f"{case[1]}-{number}" for number, case in enumerate(REFUSED)])
def test_refused_with_its_place(text: str, rule: str, line: int, column: int) -> None:
    assert read_values(text.encode()) is None
    found = read_places(text.encode(), file="f").findings
    assert [(finding.rule, finding.position.line, finding.position.column) for finding in found] == [(rule, line, column)]


@pytest.mark.parametrize(
    "data",
    [b"", b"\n", b"# nothing\n", b"---\n", b"---\n...\n", b"\xef\xbb\xbf", b"---\n---\n# x\n---\n"],
)
def test_empty_files_declare_nothing(data: bytes) -> None:
    assert read_values(data) == []
    places = read_places(data, file="f")
    assert (places.documents, places.findings, places.complete) == ((), (), True)


def test_everything_wrong_is_said_in_one_run() -> None:
    text = "a: 1\na: 2\nb: &x 1\nc: *x\n1: d\ne: {f: !t g, f: h}\n"
    rules = [finding.rule for finding in read_places(text.encode(), file="f").findings]
    assert rules == ["yaml/duplicate-key", "yaml/anchor", "yaml/alias", "yaml/key", "yaml/tag", "yaml/duplicate-key"]


def test_a_duplicate_names_both_places() -> None:
    (finding,) = read_places(b"a:\n  b: 1\n  c: 2\n  b: 3\n", file="f").findings
    assert (finding.position.line, finding.position.column, finding.position.end_column) == (4, 3, 4)
    assert [(place.line, place.column) for place in finding.related] == [(2, 3)]
    assert finding.path == "a.b"


def test_documents_before_a_syntax_error_are_kept_and_the_loss_is_said() -> None:
    places = read_places(b"kind: A\n---\nkind: B\nx: 'never\n---\nkind: C\n", file="f")
    assert not places.complete
    assert [(document.value, bool(document.broken)) for document in places.documents] == [({"kind": "A"}, False), ({"kind": "B"}, True)]
    assert "rest of the file was not read" in places.findings[0].message


def test_places_of_keys_and_values() -> None:
    text = 'käse: "Süd"\nb:\n  - x\n  - {c: 12, d: [3]}\ne: |\n  text\n'
    (document,) = read_places(text.encode(), file="f").documents
    table = {
        ("käse",): (1, 7, 12),
        ("b",): (2, 1, 2),
        ("b", 0): (3, 5, 6),
        ("b", 1, "c"): (4, 9, 11),
        ("b", 1, "d", 0): (4, 17, 18),
        ("e",): (5, 1, 2),
        ("b", 1, "missing"): (4, 5, None),
        ("missing", "too"): (1, 1, None),
    }
    for path, (line, column, end_column) in table.items():
        span = look_up(document, path)
        assert (span.line, span.column, span.end_column) == (line, column, end_column), path
    key = look_up(document, ("b", 1, "c"), key=True)
    assert (key.line, key.column, key.end_column) == (4, 6, 7)


def test_what_is_not_used_does_not_move_the_places_of_what_is() -> None:
    (document,) = read_places(b'"": {a: 1}\nb: 1\nb: {a: 2}\n? [x]\n: {a: 3}\n', file="f").documents
    assert document.value == {"": {"a": 1}, "b": 1}
    assert (look_up(document, ("", "a")).line, look_up(document, ("b",)).line) == (1, 2)


def test_line_of_each_document() -> None:
    assert read_values(b"# c\n\na: 1\n---\n\n# d\nb: 2\n") == [(3, {"a": 1}), (7, {"b": 2})]


@pytest.mark.parametrize("ending", ["\n", "\r\n", "\r"])
def test_line_endings(ending: str) -> None:
    text = ending.join(["a: 1", "b:", "  c: 2", ""])
    assert read_values(text.encode()) == [(1, {"a": 1, "b": {"c": 2}})]
    (document,) = read_places(text.encode(), file="f").documents
    assert look_up(document, ("b", "c")).line == 3


def test_a_nesting_bomb_costs_nothing() -> None:
    places = read_places(b"[" * 500_000, file="f")
    assert [finding.rule for finding in places.findings] == ["yaml/too-deep"]


def test_findings_of_one_file_are_limited() -> None:
    places = read_places(b"a: *x\n" * 50_000, file="f")
    assert len(places.findings) == 1000
    assert not places.complete
