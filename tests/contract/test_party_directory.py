"""What every directory of parties keeps to: the memory twin, and SQLite."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from reconcile.model.party import MADE_FROM_MAIL, MOST_ROWS, PartyRef, PartyRow, PartyType
from reconcile.model.party_import import DirectoryImport
from reconcile.ports.party_directory import PartyStore, TooManyRemovals
from reconcile.store.memory.parties import MemoryParties
from reconcile.store.sqlite.database import Database
from reconcile.store.sqlite.parties import SqliteParties

AT = "2026-11-22T08:00:00Z"


def whole() -> bool:
    return True


def part() -> bool:
    return False


Reopen = Callable[[], PartyStore]


@pytest.fixture(params=["memory", "sqlite"])
def reopen(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Reopen]:
    """Each call gives the directory as the next process finds it."""
    if request.param == "memory":
        kept = MemoryParties()
        yield lambda: kept
        return
    opened: list[Database] = []

    def open_() -> PartyStore:
        for database in opened:
            database.close()
        opened[:] = [Database.open(tmp_path / "engine.db")]
        return SqliteParties(opened[0])

    yield open_
    for database in opened:
        database.close()


def row(id_: str, *addresses: str, type_: PartyType = PartyType.CONTACT, **fields: object) -> PartyRow:
    return PartyRow(ref=PartyRef(type=type_, id=id_, name=f"name of {id_}"), addresses=addresses, **fields)  # type: ignore[arg-type]


def keys(store: PartyStore) -> list[str]:
    return [each.ref.id for each in store.parties()]


def test_rows_come_back_as_they_were_given(reopen: Reopen) -> None:
    rows = [
        row("2", "b@fabrikam.example", "a@fabrikam.example", active=False, owner="u1", writes_email=False, filter="replies"),
        row("1", "a@fabrikam.example", type_=PartyType.USER),
        row("3"),
    ]
    assert reopen().take_in(rows, whole=whole, at=AT) == DirectoryImport(added=3, changed=0, unchanged=0, removed=0)
    store = reopen()
    assert store.parties() == [rows[0], rows[2], rows[1]]
    assert store.party(PartyRef(type=PartyType.CONTACT, id="2")) == rows[0]
    assert store.party(PartyRef(type=PartyType.LEAD, id="2")) is None
    assert store.count() == {"contact": 2, "user": 1}


def test_an_address_finds_all_its_rows_by_type_and_id(reopen: Reopen) -> None:
    rows = [
        row("2", "x@fabrikam.example"),
        row("1", "y@fabrikam.example", "x@fabrikam.example"),
        row("9", "x@fabrikam.example", type_=PartyType.ACCOUNT),
    ]
    reopen().take_in(rows, whole=whole, at=AT)
    found = reopen().by_address(["X@Fabrikam.example", "nobody@fabrikam.example"])
    assert {address: [(each.ref.type, each.ref.id) for each in rows] for address, rows in found.items()} == {
        "X@Fabrikam.example": [("account", "9"), ("contact", "1"), ("contact", "2")]
    }
    assert reopen().by_address([]) == {}


def test_a_domain_and_its_punycode_are_one(reopen: Reopen) -> None:
    reopen().take_in([row("1", "info@xn--bcher-kva.example")], whole=whole, at=AT)
    asked = ["info@bücher.example", "INFO@BÜCHER.example", "info@xn--bcher-kva.example"]
    assert {address: len(rows) for address, rows in reopen().by_address(asked).items()} == dict.fromkeys(asked, 1)


def test_many_addresses_at_a_time(reopen: Reopen) -> None:
    reopen().take_in((row(f"{number:05}", f"p{number}@fabrikam.example") for number in range(2500)), whole=whole, at=AT)
    found = reopen().by_address([f"p{number}@fabrikam.example" for number in range(2600)])
    assert len(found) == 2500
    assert found["p2499@fabrikam.example"][0].ref.id == "02499"


def test_of_an_address_that_very_many_have_enough_is_told(reopen: Reopen) -> None:
    reopen().take_in((row(f"{number:05}", "none@fabrikam.example") for number in range(150)), whole=whole, at=AT)
    assert len(reopen().by_address(["none@fabrikam.example"])["none@fabrikam.example"]) == MOST_ROWS + 1


def test_repeating_changes_nothing(reopen: Reopen) -> None:
    rows = [row(str(number), f"p{number}@fabrikam.example") for number in range(10)]
    reopen().take_in(rows, whole=whole, at=AT)
    assert reopen().take_in(reversed(rows), whole=whole, at="2027-01-01T00:00:00Z") == DirectoryImport(
        added=0, changed=0, unchanged=10, removed=0
    )


def test_a_whole_import_removes_what_it_does_not_give(reopen: Reopen) -> None:
    reopen().take_in([row("1", "a@fabrikam.example"), row("2", "b@fabrikam.example"), row("3", "c@fabrikam.example")], whole=whole, at=AT)
    done = reopen().take_in([row("2", "new@fabrikam.example"), row("3", "c@fabrikam.example"), row("4")], whole=whole, at=AT)
    assert done == DirectoryImport(added=1, changed=1, unchanged=1, removed=1)
    assert keys(reopen()) == ["2", "3", "4"]
    assert [*reopen().by_address(["a@fabrikam.example", "b@fabrikam.example", "new@fabrikam.example"])] == ["new@fabrikam.example"]


def test_an_incremental_import_removes_what_it_names(reopen: Reopen) -> None:
    reopen().take_in([row("1", "a@fabrikam.example"), row("2", "b@fabrikam.example")], whole=whole, at=AT)
    gone = [PartyRef(type=PartyType.CONTACT, id="1"), PartyRef(type=PartyType.CONTACT, id="unknown")]
    assert reopen().take_in([row("3")], removed=gone, whole=part, at=AT) == DirectoryImport(added=1, changed=0, unchanged=0, removed=1)
    assert keys(reopen()) == ["2", "3"]
    assert reopen().by_address(["a@fabrikam.example"]) == {}


def test_too_many_removals_change_nothing(reopen: Reopen) -> None:
    reopen().take_in([row(str(number)) for number in range(5)], whole=whole, at=AT)
    with pytest.raises(TooManyRemovals) as caught:
        reopen().take_in([row("0"), row("new")], whole=whole, at=AT, most_removals=lambda rows: rows - 2)
    assert (caught.value.removals, caught.value.rows) == (4, 5)
    assert keys(reopen()) == ["0", "1", "2", "3", "4"]
    assert reopen().take_in([row("0")], whole=whole, at=AT, most_removals=lambda rows: rows - 1).removed == 4


def test_what_fails_while_it_is_read_changes_nothing(reopen: Reopen) -> None:
    reopen().take_in([row("1")], whole=whole, at=AT)

    def breaking() -> Iterator[PartyRow]:
        yield row("2")
        raise ValueError("line 2 is wrong")

    with pytest.raises(ValueError, match="line 2"):
        reopen().take_in(breaking(), whole=whole, at=AT)
    assert keys(reopen()) == ["1"]


def test_a_contact_made_from_mail_stays_until_the_crm_has_one(reopen: Reopen) -> None:
    made = row("mail-1", "stranger@fabrikam.example")
    assert reopen().add_from_mail([made], at=AT) == 1
    assert reopen().add_from_mail([made], at=AT) == 0
    reopen().take_in([row("1", "a@fabrikam.example")], whole=whole, at=AT, most_removals=lambda rows: 0)
    assert [(each.ref.id, each.origin) for each in reopen().parties()] == [("1", ""), ("mail-1", MADE_FROM_MAIL)]
    assert [each.ref.id for each in reopen().parties(origin=MADE_FROM_MAIL)] == ["mail-1"]
    done = reopen().take_in(
        [row("1", "a@fabrikam.example"), row("77", "stranger@fabrikam.example")], whole=whole, at=AT, most_removals=lambda rows: 0
    )
    assert done == DirectoryImport(added=1, changed=0, unchanged=1, removed=0, superseded=1)
    assert [each.ref.id for each in reopen().by_address(["stranger@fabrikam.example"])["stranger@fabrikam.example"]] == ["77"]


def test_rows_are_listed_in_pages(reopen: Reopen) -> None:
    reopen().take_in([row(str(number)) for number in range(5)] + [row("0", type_=PartyType.USER)], whole=whole, at=AT)
    store = reopen()
    assert [each.ref.id for each in store.parties(limit=2)] == ["0", "1"]
    assert [(each.ref.type, each.ref.id) for each in store.parties(after=("contact", "3"))] == [("contact", "4"), ("user", "0")]
    assert [each.ref.id for each in store.parties(of_type="user")] == ["0"]


def test_a_missing_store_reads_as_empty() -> None:
    store = SqliteParties(None)
    assert (store.by_address(["a@fabrikam.example"]), store.parties(), store.count()) == ({}, [], {})
    assert store.party(PartyRef(type=PartyType.USER, id="1")) is None
