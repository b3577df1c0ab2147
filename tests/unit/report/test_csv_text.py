"""CSV that a spreadsheet opens as what it is."""

from __future__ import annotations

import csv
import io

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reconcile.report.csv_text import csv_octets


def cells(octets: bytes, delimiter: str = ",") -> list[list[str]]:
    assert octets.startswith(b"\xef\xbb\xbf")
    return [*csv.reader(io.StringIO(octets[3:].decode(), newline=""), delimiter=delimiter)]


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        ("sales", "sales"),
        ("=1+1", "'=1+1"),
        ("+49 30 1234", "'+49 30 1234"),
        ("-2+3+cmd|' /C calc'!A0", "'-2+3+cmd|' /C calc'!A0"),
        ("@SUM(A1)", "'@SUM(A1)"),
        (" =1+1", "' =1+1"),
        ("\u00a0=1+1", "'\u00a0=1+1"),
        ("\uff1d1+1", "'\uff1d1+1"),
        ("\t=1+1", "\\x09=1+1"),
        ("\r=1+1", "\\x0d=1+1"),
        ("a\nb", "a\\x0ab"),
        ('say "x", or y; z', 'say "x", or y; z'),
        ("Verkauf Süd 株式会社", "Verkauf Süd 株式会社"),
        ("\u202ecod.exe", "\\u202ecod.exe"),
        ("\ud800", "\\ud800"),
        (None, ""),
        ("", ""),
        (-5, "-5"),
        (0.5, "0.5"),
        (True, "True"),
        ("2026-01-04T09:12:33Z", "2026-01-04T09:12:33Z"),
    ],
)
def test_a_cell(value: object, shown: str) -> None:
    assert cells(csv_octets(["name"], [[value]])) in ([["name"], [shown]], [["name"], [shown] if shown else []])


def test_the_form_of_the_file() -> None:
    octets = csv_octets(["a", "b"], [["x;y", 1], ['"', None]], delimiter=";")
    assert octets == b'\xef\xbb\xbfa;b\r\n"x;y";1\r\n"""";\r\n'


@given(st.lists(st.lists(st.text(), min_size=2, max_size=2)), st.sampled_from([",", ";", "\t"]))
def test_no_text_breaks_a_row_or_becomes_a_formula(rows: list[list[str]], delimiter: str) -> None:
    octets = csv_octets(["a", "b"], rows, delimiter=delimiter)
    found = cells(octets, delimiter)
    assert len(found) == len(rows) + 1
    assert octets.count(b"\r\n") == octets.count(b"\n") == len(rows) + 1
    for row in found:
        assert len(row) == 2
        assert not any(cell.lstrip()[:1] in tuple("=+-@\t\r") and cell for cell in row if cell.lstrip())
