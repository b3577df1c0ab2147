"""Tables fit the terminal where they can, and never lose a column that must be whole."""

from __future__ import annotations

import pytest

from reconcile.report.counted import counted
from reconcile.report.safe_text import width
from reconcile.report.table import table

HEADERS = ("id", "from", "subject", "state")
ROWS = [
    (1, "sales@contoso.example", "Angebot über 6200 Gehäuse, Lieferung nach Köln", "pending-send"),
    (22, "日本 Woodgrove 営業", "x", "sent"),
]
LIMITS = (None, 40, 60, None)


def widest(text: str) -> int:
    return max(width(line) for line in text.splitlines())


def test_without_a_width_nothing_is_cut_that_its_limit_allows() -> None:
    text = table(HEADERS, ROWS, limits=LIMITS)
    assert "Lieferung nach Köln" in text
    assert text == table(HEADERS, ROWS, limits=LIMITS, fit=200)


@pytest.mark.parametrize("fit", [60, 50, 40, 37])
def test_columns_with_a_limit_give_way_until_the_table_fits(fit: int) -> None:
    text = table(HEADERS, ROWS, limits=LIMITS, fit=fit)
    assert widest(text) <= fit
    assert "pending-send" in text
    assert "…" in text


def test_the_widest_column_gives_way_first() -> None:
    text = table(HEADERS, ROWS, limits=LIMITS, fit=70)
    assert "sales@contoso.example" in text
    assert "Lieferung nach Köln" not in text


def test_what_must_be_whole_stays_whole_even_where_it_does_not_fit() -> None:
    text = table(HEADERS, ROWS, limits=LIMITS, fit=10)
    assert "pending-send" in text
    assert "subject" in text


def test_spare_columns_go_where_they_are_empty_and_where_there_is_no_room() -> None:
    headers, rows = ("id", "subject", "rule", "owner"), [(1, "Budget of next year", "", "anna@contoso.example")]
    limits = (None, 40, None, 40)
    assert table(headers, rows, limits=limits, fit=60, spare=("owner", "rule")).splitlines()[0].split() == ["id", "subject", "owner"]
    narrow = table(headers, rows, limits=limits, fit=16, spare=("owner", "rule"))
    assert narrow.splitlines() == ["id  subject", " 1  Budget of n…"]
    assert "anna@contoso.example" in table(headers, rows, limits=limits, spare=("owner",))


def test_spare_columns_go_before_the_others_get_too_narrow_to_read() -> None:
    headers, rows = ("name", "address", "why"), [("accounting-contoso", "accounting@contoso.example", "the server refused the credentials")]
    limits = (30, 40, 100)
    shown = table(headers, rows, limits=limits, fit=50, spare=("address",), narrowest=16)
    assert shown.splitlines()[1] == "accounting-contoso  the server refused the creden…"
    assert widest(table(headers, rows, limits=limits, fit=24, spare=("address",), narrowest=16)) <= 24


@pytest.mark.parametrize(("number", "text"), [(0, "0 mailboxes"), (1, "1 mailbox"), (2, "2 mailboxes")])
def test_numbers_agree_with_their_noun(number: int, text: str) -> None:
    assert counted(number, "mailbox", "mailboxes") == text
    assert counted(1, "mail") == "1 mail"
    assert counted(3, "mail") == "3 mails"
