"""Names that strangers wrote, as files of ours."""

from __future__ import annotations

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reconcile.model.file_name import safe_file_name


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("invoice.pdf", "invoice.pdf"),
        ("Übersicht März.pdf", "Übersicht März.pdf"),
        ("../../etc/passwd", "passwd"),
        ("..\\..\\boot.ini", "boot.ini"),
        ("/etc/cron.d/x", "x"),
        ("C:\\x.txt", "x.txt"),
        ("..", "attachment-7"),
        ("", "attachment-7"),
        (" . . ", "attachment-7"),
        ("a\0b.txt", "ab.txt"),
        ("a\r\nb.txt", "ab.txt"),
        ("gpj.\u202eexe", "gpj.exe"),
        ("a\u200bb", "ab"),
        ("CON", "attachment-7-CON"),
        ("nul.txt", "attachment-7-nul.txt"),
        ("COM1.tar.gz", "attachment-7-COM1.tar.gz"),
        ("console.log", "console.log"),
        ("a:b|c?.txt", "a_b_c_.txt"),
        ("x" * 4096 + ".pdf", "x" * 196 + ".pdf"),
        ("ä" * 2048, "ä" * 100),
        ("a." + "x" * 4096, "a." + "x" * 198),
        (".bashrc", "bashrc"),
        ("x.exe. . ", "x.exe"),
    ],
)
def test_names(name: str, expected: str) -> None:
    assert safe_file_name(name, number=7) == expected


def test_a_second_file_of_a_name_gets_a_number() -> None:
    taken: list[str] = []
    for name in ("a.txt", "A.TXT", "x/a.txt", "a-2.txt"):
        taken.append(safe_file_name(name, number=1, taken=taken))
    assert taken == ["a.txt", "A-2.TXT", "a-3.txt", "a-2-2.txt"]


@given(st.text(max_size=400), st.lists(st.text(max_size=5), max_size=5))
def test_whatever_a_name_is_it_stays_in_its_folder(name: str, others: list[str]) -> None:
    found = safe_file_name(name, number=3, taken=others)
    assert found
    assert found not in (".", "..")
    assert not set(found) & set('/\\\0:*?"<>|')
    assert len(found.encode()) <= 210
    assert found == found.strip(" .")
    assert not any(unicodedata.category(one) in ("Cc", "Cf", "Cs") for one in found)
    assert found.casefold() not in {one.casefold() for one in others}
