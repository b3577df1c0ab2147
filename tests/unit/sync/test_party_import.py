"""Files of parties, good, wrong and hostile."""

from __future__ import annotations

import io
import json
import tracemalloc
from collections.abc import Iterator

import pytest

from reconcile.model.exit_code import ExitCode
from reconcile.model.party import PartyRow
from reconcile.model.party_import import DirectoryImport, PartyImported
from reconcile.store.memory.parties import MemoryParties
from reconcile.sync.decide.given_row import UnreadableFile
from reconcile.sync.party_import import import_parties, removal_limit
from support.applied import StillClock
from support.parties import party

HEAD = "type,id,name,email1,email2,active,owner,writesEmail,filter\n"


def take(data: str | bytes, store: MemoryParties | None = None, **options: object) -> PartyImported:
    octets = data.encode() if isinstance(data, str) else data
    return import_parties(store or MemoryParties(), io.BytesIO(octets), StillClock(), **options)  # type: ignore[arg-type]


def rows(data: str | bytes, **options: object) -> list[PartyRow]:
    store = MemoryParties()
    result = take(data, store, **options)
    assert result.code == ExitCode.NOTHING_TO_DO, result.wrong
    return list(store.parties())


def places(result: PartyImported) -> list[str]:
    assert result.done is None
    return [f"{each.line}:{each.column}: {each.message}" for each in result.wrong]


FULL = party(
    "user:7",
    name="Sales, south",
    addresses=("a@fabrikam.example", "b@fabrikam.example"),
    active=False,
    owner="9",
    writes_email=False,
    filter="all",
)


@pytest.mark.parametrize(
    "data",
    [
        HEAD + 'user,7,"Sales, south",A@fabrikam.example,b@fabrikam.example,false,9,no,all\n',
        "\ufeff" + HEAD.replace(",", ";") + "user;7;Sales, south;A@fabrikam.example;b@fabrikam.example;FALSCH;9;0;all",
        HEAD.replace(",", "\t") + "user\t7\tSales, south\ta@fabrikam.example\tb@fabrikam.example\tFaux\t9\tFALSE\tALL\r\n",
        "\n\nID|Type|Name|Addresses|Active|Owner|writes_email|Filter\n\n7|SystemUser|Sales, south|a@fabrikam.example, b@fabrikam.example|no|9|no|all\n\n",
        (
            '{"type":"user","id":"7","name":"Sales, south","addresses":["a@fabrikam.example","B@fabrikam.example"],"active":false,"owner":"9",'
            '"writesEmail":false,"filter":"all"}\n\n'
        ),
        (
            '[{"type":"user","id":"7","name":"Sales, south","addresses":"a@fabrikam.example;b@fabrikam.example","active":"no",\n"owner":"9",'
            '"writesEmail":false,"filter":"all"}]'
        ),
    ],
    ids=["comma", "semicolon with BOM", "tab", "pipe with empty lines", "JSON lines", "JSON array"],
)
def test_every_form_says_the_same(data: str) -> None:
    assert rows(data) == [FULL]


def test_what_is_left_out_has_a_default() -> None:
    assert rows("type,id\ncontact,1\n") == [party("contact:1")]
    assert rows('{"type":"contact","id":"1","name":null,"addresses":null,"active":null}') == [party("contact:1")]


def test_a_delimiter_and_a_form_can_be_given() -> None:
    assert rows("type;id\ncontact;1\n", delimiter=";", form="csv") == [party("contact:1")]
    with pytest.raises(UnreadableFile, match="no column 'type;id'"):
        take("type;id\ncontact;1\n", delimiter=",")


def test_text_stays_text() -> None:
    """Formulas, quotes and line breaks in quotes are nothing special, except in what has one line."""
    found = rows('type,id,name,owner\ncontact,=1+1,"=HYPERLINK(""http://x.example"")",@SUM(A1)\n')
    assert [(row.ref.id, row.ref.name, row.owner) for row in found] == [("=1+1", '=HYPERLINK("http://x.example")', "@SUM(A1)")]


def test_a_punycode_address_is_the_same_as_its_domain() -> None:
    assert rows("type,id,addresses\ncontact,1,info@Bücher.example info@xn--bcher-kva.example\n")[0].addresses == (
        "info@xn--bcher-kva.example",
    )


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        (
            HEAD + "person,1,,,,,,,\n",
            "2:1: 'person' is no type: user, queue, contact, account, lead, equipment, team, business-unit, other",
        ),
        (HEAD + ",1,,,,,,,\n", "2:1: a row needs a type: user, queue, contact, account, lead, equipment, team, business-unit, other"),
        (HEAD + "contact,,Name,,,,,,\n", "2:9: a row needs an id: its key in the CRM"),
        (HEAD + "contact,1,Näme,nobody,,,,,\n", "2:16: 'nobody' is no mail address (expected local@domain)"),
        (HEAD + "contact,1,,,a@b@c,,,,\n", "2:13: 'a@b@c' is no mail address (expected local@domain)"),
        (HEAD + "contact,1,,,,perhaps,,,\n", "2:14: active is true or false, not 'perhaps'"),
        (HEAD + "user,1,,,,,,,some\n", "2:14: 'some' is no filter: all, replies, known-senders, email-enabled, none, or nothing"),
        (HEAD + "contact,1,,,,,,,all\n", "2:17: only users and queues have a filter, a contact has none"),
        (HEAD + "contact,1,Bell \x07,,,,,,\n", "2:11: name contains a control character"),
        (HEAD + 'contact,1,"two\nlines",,,,,,\n', "2:11: name contains a control character"),
        (HEAD + f"contact,{'x' * 201},,,,,,,\n", "2:9: id has 201 characters, at most 200 fit"),
        (HEAD + "contact,1\n", "2:9: 2 cells, but the header has 9 columns"),
        (HEAD + "contact,1,,,,,,,,,\n", "2:17: 11 cells, but the header has 9 columns"),
        (HEAD + "contact,1,,,,,,,\naccount,1,,,,,,,\ncontact,1,x,,,,,,\n", "4:9: contact '1' is given twice, first as number 2"),
        ("type,id,removed\ncontact,1,yes\n", "2:11: a row is marked as removed only with --incremental; else leave it out"),
        ('{"type":"contact","id":7}\n', "1:24: id is text, not a number"),
        ('{"type":"contact","id":"1","actve":true}\n', "1:36: there is no field 'actve'"),
        ('{"type":"contact","id":"1","ID":"2"}\n', "1:33: 'ID' stands for the same as 'id'"),
        ('{"type":"contact","id":"1","addresses":[1]}\n', "1:40: addresses is text or a list of texts, not a list"),
        ('{"type":"contact","id":"1","active":"perhaps"}\n', "1:37: active is true or false, not 'perhaps'"),
        ('{"type":"contact","id":"1"}\n{"type":"contact"\n', "2:19: this is no JSON: Expecting ',' delimiter"),
        ('{"type":"contact","id":"1"}\n["contact"]\n', "2:1: a line holds one JSON object"),
        (
            '[\n {"type":"contact","id":"1"},\n {"type":"contact","id":"2","email":"nobody"}]',
            "3:37: 'nobody' is no mail address (expected local@domain)",
        ),
        ('[\n {"type":"contact","id":"1"},\n  7]', "3:3: a line holds one JSON object"),
        ('[\n {"type":"contact","id":"1"},\n {"type":"contact","id":"1"}]', "3:25: contact '1' is given twice, first as number 1"),
    ],
)
def test_a_wrong_row_is_told_with_its_place_and_stops_everything(data: str, expected: str) -> None:
    store = MemoryParties()
    store.take_in([party("lead:kept")], whole=lambda: True, at="")
    result = take(data, store)
    assert places(result) == [expected]
    assert result.code == ExitCode.FAILURE
    assert [row.ref.id for row in store.parties()] == ["kept"]


@pytest.mark.parametrize(
    ("data", "place", "words"),
    [
        (b"", (1, 1), "nothing in it"),
        (b"\xef\xbb\xbf \r\n\n", (1, 1), "nothing in it"),
        ("type,id\ncontact,1\n".encode("utf-16"), (1, 1), "UTF-16"),
        (b"PK\x03\x04\x14\x00", (1, 1), "workbook"),
        (b"\x00\x01\x02\x03", (1, 1), "NUL"),
        (b"type,id\ncontact,\x001\n", (2, 9), "NUL"),
        ("type,id\ncontact,Müller\n".encode("latin-1"), (2, 10), "no UTF-8"),
        (b'type,id\ncontact,"1\n', (2, 1), "never closed"),
        (b'type,id\ncontact,"1"2\n', (2, 1), "closing quote"),
        (b"type,id\rcontact,1\r", (1, 1), "CR alone"),
        (b"type,name\ncontact,1\n", (1, 1), "no column id"),
        (b"type,id,actve\ncontact,1,\n", (1, 9), "no column 'actve'"),
        (b"type,id,email,Email\ncontact,1,,\n", (1, 15), "the column email stands twice"),
        (b"type,id\ncontact," + b"x" * 1_100_000 + b"\n", (2, 1), "octets"),
        (b'[{"type":"contact","id":"1"}', (1, 29), "neither goes on nor ends"),
        (b'[{"type":"contact","id":"1"},\n oops]', (2, 2), "no JSON"),
        (b"[" + b" " * 33_600_000 + b"]", (1, 1), "JSON lines"),
    ],
    ids=lambda value: None if isinstance(value, bytes) else str(value),
)
def test_what_cannot_be_read_is_told_with_its_place(data: bytes, place: tuple[int, int], words: str) -> None:
    store = MemoryParties()
    store.take_in([party("lead:kept")], whole=lambda: True, at="")
    with pytest.raises(UnreadableFile) as caught:
        take(data, store, skip_invalid=True)
    assert (caught.value.line, caught.value.column) == place
    assert words in caught.value.message + caught.value.hint
    assert [row.ref.id for row in store.parties()] == ["kept"]


def test_many_wrong_rows_are_counted_and_the_first_are_told() -> None:
    result = take("type,id\n" + "contact,\n" * 250)
    assert (result.wrong_count, len(result.wrong), result.wrong[-1].line) == (250, 100, 101)


def test_wrong_rows_are_left_out_on_demand_and_then_nothing_is_removed() -> None:
    store = MemoryParties()
    store.take_in([party("contact:1"), party("contact:2")], whole=lambda: True, at="")
    result = take("type,id,email\ncontact,1,\ncontact,2,broken\ncontact,3,\n", store, skip_invalid=True)
    assert result.code == ExitCode.PARTLY_APPLIED
    assert result.kept_rest
    assert result.done == DirectoryImport(added=1, changed=0, unchanged=1, removed=0)
    assert [row.ref.id for row in store.parties()] == ["1", "2", "3"]
    clean = take("type,id,email\ncontact,1,\ncontact,3,\n", store, skip_invalid=True)
    assert (clean.done, clean.code) == (DirectoryImport(added=0, changed=0, unchanged=2, removed=1), ExitCode.NOTHING_TO_DO)


def test_of_a_key_given_twice_the_first_is_taken() -> None:
    store = MemoryParties()
    result = take("type,id,name\ncontact,1,first\ncontact,1,second\n", store, skip_invalid=True)
    assert (result.wrong_count, [row.ref.name for row in store.parties()]) == (1, ["first"])


def test_changes_remove_what_they_mark() -> None:
    store = MemoryParties()
    take("type,id,name\ncontact,1,a\ncontact,2,b\n", store)
    result = take('{"type":"contact","id":"2","removed":true}\n{"type":"contact","id":"3"}\n', store, incremental=True)
    assert result.done == DirectoryImport(added=1, changed=0, unchanged=0, removed=1)
    assert [row.ref.id for row in store.parties()] == ["1", "3"]


def test_the_brake_holds_a_file_that_was_cut_off() -> None:
    store = MemoryParties()
    take("type,id\n" + "".join(f"contact,{number}\n" for number in range(50)), store)
    cut = "type,id\n" + "".join(f"contact,{number}\n" for number in range(44))
    result = take(cut, store)
    assert (result.code, result.removals, result.rows_before, result.done) == (ExitCode.BRAKE, 6, 50, None)
    assert store.count() == {"contact": 50}
    assert take(cut, store, allow_removals=True).code == ExitCode.NOTHING_TO_DO
    assert store.count() == {"contact": 44}


def test_the_brake_lets_three_rows_or_a_tenth_go() -> None:
    assert [removal_limit(rows) for rows in (0, 3, 39, 40, 100_000)] == [3, 3, 3, 4, 10_000]


def test_memory_stays_small_however_long_the_file() -> None:
    class Counting(MemoryParties):
        def take_in(self, parties: Iterator[PartyRow], **_: object) -> DirectoryImport:  # type: ignore[override]
            return DirectoryImport(added=sum(1 for _ in parties), changed=0, unchanged=0, removed=0)

    line = json.dumps({"type": "contact", "id": "%08d", "email": "p@fabrikam.example"}) + "\n"
    data = "".join(line % number for number in range(4000)).encode()
    tracemalloc.start()
    try:
        assert take(data, Counting()).done == DirectoryImport(added=4000, changed=0, unchanged=0, removed=0)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    # What is remembered of a row is its key's hash and line.
    assert peak < 4000 * 250
