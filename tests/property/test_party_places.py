"""Whatever stands around a wrong cell, its place is where it begins; and whatever the octets are, reading ends in words."""

from __future__ import annotations

import csv
import io
import json

from hypothesis import given, settings
from hypothesis import strategies as st

from reconcile.model.party_import import PartyImported
from reconcile.store.memory.parties import MemoryParties
from reconcile.sync.decide.given_row import UnreadableFile
from reconcile.sync.party_import import import_parties
from support.applied import StillClock

WRONG = "n0b0dy"
NAMES = st.text(st.characters(codec="utf-8", categories=("L", "N", "P", "S", "Zs")), max_size=12)


def take(data: bytes) -> PartyImported:
    return import_parties(MemoryParties(), io.BytesIO(data), StillClock(), skip_invalid=True)


def begins(text: str, line: int, column: int) -> str:
    return text.split("\n")[line - 1][column - 1 :]


@settings(max_examples=60, deadline=None)
@given(names=st.lists(NAMES, min_size=1, max_size=6), at=st.integers(0, 5), delimiter=st.sampled_from(",;\t|"), quoted=st.booleans())
def test_a_wrong_cell_of_a_table(names: list[str], at: int, delimiter: str, quoted: bool) -> None:
    out = io.StringIO()
    writer = csv.writer(out, delimiter=delimiter, lineterminator="\n", quoting=csv.QUOTE_ALL if quoted else csv.QUOTE_MINIMAL)
    writer.writerow(("type", "name", "email", "id"))
    wrong = at % len(names)
    for number, name in enumerate(names):
        writer.writerow(("contact", name, WRONG if number == wrong else "a@fabrikam.example", number))
    (found,) = take(out.getvalue().encode()).wrong
    assert begins(out.getvalue(), found.line, found.column).lstrip('"').startswith(WRONG)


@settings(max_examples=60, deadline=None)
@given(names=st.lists(NAMES, min_size=1, max_size=6), at=st.integers(0, 5), array=st.booleans(), indent=st.sampled_from([None, 2]))
def test_a_wrong_value_of_json(names: list[str], at: int, array: bool, indent: int | None) -> None:
    wrong = at % len(names)
    rows = [
        {"type": "contact", "name": name, "email": WRONG if number == wrong else "a@fabrikam.example", "id": str(number)}
        for number, name in enumerate(names)
    ]
    text = json.dumps(rows, ensure_ascii=False, indent=indent) if array else "\n".join(json.dumps(row, ensure_ascii=False) for row in rows)
    (found,) = take(text.encode()).wrong
    assert begins(text, found.line, found.column).startswith(f'"{WRONG}"')


@settings(max_examples=150, deadline=None)
@given(
    head=st.sampled_from([b"", b"type,id\n", b"type;id;email\n", b"{", b'[{"type":"user","id":"1"},', b"\xef\xbb\xbf"]),
    octets=st.binary(max_size=80),
)
def test_any_octets_end_in_words(head: bytes, octets: bytes) -> None:
    try:
        told = [(each.line, each.column, each.message) for each in take(head + octets).wrong]
    except UnreadableFile as error:
        told = [(error.line, error.column, error.message and error.hint)]
    assert all(line >= 1 and column >= 1 and words for line, column, words in told)
