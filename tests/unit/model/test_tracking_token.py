"""Tokens: their shape, where they stand in a subject, and what is taken for one."""

from __future__ import annotations

import unicodedata

import pytest

from reconcile.model.tracking_token import MOST, TokenFormat, cut, token, tokens_in, with_token, without_tokens

USUAL = TokenFormat()
FAMILY = "\U0001f468\u200d\U0001f469\u200d\U0001f467"
FLAG = "\U0001f1e9\U0001f1ea"


@pytest.mark.parametrize(
    ("form", "ordinal", "count", "expected"),
    [
        (USUAL, 1, 42, "CRM:0001042"),
        (USUAL, 1, 1000, "CRM:0001000"),  # the counter of three digits starts again
        (TokenFormat(maximum_number=49), 1, 50, "CRM:0001000"),
        (TokenFormat(maximum_number=5000), 1, 1000, "CRM:0001000"),  # the digits end it first
        (TokenFormat(base_number=500, user_digits=5, message_digits=6), 2, 7, "CRM:000502000007"),
        (USUAL, 1234, 1, "CRM:01234001"),  # a user number is never cut: two users would share tokens
        (TokenFormat(prefix="Fall-", message_digits=1), 1, 9, "Fall-00019"),
    ],
)
def test_the_shape_of_a_token(form: TokenFormat, ordinal: int, count: int, expected: str) -> None:
    assert token(form, ordinal=ordinal, count=count) == expected
    assert tokens_in(f"x {expected}", form.prefixes) == (expected.lower(),)


@pytest.mark.parametrize(
    "subject",
    [
        "CRM:0001042",
        "RE: Offer CRM:0001042",
        "AW: [EXT] Angebot crm:0001042 ",
        "(CRM:0001042)",
        "Offer CRM:0001042, again",
        "\u300cCRM:0001042\u300d",
    ],
)
def test_a_token_is_found_wherever_it_stands(subject: str) -> None:
    assert tokens_in(subject, USUAL.prefixes) == ("crm:0001042",)


@pytest.mark.parametrize(
    "subject",
    [
        "",
        "CRM:",
        "CRM:12",
        "CRM: 0001042",
        "XCRM:0001042",
        "9CRM:0001042",
        "CRM:0001042x",
        "CRM:0001042_7",
        "CRM:" + "1" * 22,
        "CRM\uff1a0001042",  # a fullwidth colon
        "CRM:\uff10\uff10\uff10\uff11\uff10\uff14\uff12",  # fullwidth digits
        "CRM:0001042\uff12",
        "\u0421RM:0001042",  # a Cyrillic С
        "CR\u200bM:0001042",
        "\ud800CRM:\udfff001042",
    ],
)
def test_what_only_looks_like_a_token_is_none(subject: str) -> None:
    assert tokens_in(subject, USUAL.prefixes) == ()


def test_no_letter_outside_of_ascii_stands_for_one_of_a_prefix() -> None:
    assert tokens_in("\u212aRM:0001042", ("KRM:",)) == ()  # the Kelvin sign
    assert tokens_in("\u017fale:0001042", ("sale:",)) == ()  # the long s
    assert tokens_in("ä:0001042 Ä:0001043", ("Ä:",)) == ("Ä:0001043",)


def test_the_last_of_several_comes_first_and_each_once() -> None:
    assert tokens_in("CRM:0001001 CRM:0001002 crm:0001001", USUAL.prefixes) == ("crm:0001001", "crm:0001002")
    assert len(tokens_in(" ".join(f"CRM:{number:07d}" for number in range(100)), USUAL.prefixes)) == MOST


def test_old_tokens_are_read_after_a_change_of_everything() -> None:
    before = token(TokenFormat(prefix="CRM:", base_number=7, user_digits=2, message_digits=9), ordinal=3, count=12)
    now = TokenFormat(prefix="Case ", former=("CRM:", "CRM:v2-"), user_digits=10, message_digits=1)
    assert tokens_in(f"RE: x {before}", now.prefixes) == (before.lower(),)
    assert tokens_in("RE: x CRM:v2-0001001", now.prefixes) == ("crm:v2-0001001",)


def test_a_new_token_takes_the_place_of_older_ones() -> None:
    form = TokenFormat(former=("OLD:",))
    assert with_token("RE: Offer CRM:0001001 OLD:0009009", "CRM:0001002", form) == "RE: Offer CRM:0001002"
    assert with_token("CRM:0001001", "CRM:0001002", form) == "CRM:0001002"
    assert with_token("", "CRM:0001002", form) == "CRM:0001002"
    assert without_tokens("Offer CRM:12 XCRM:0001001", form) == "Offer CRM:12 XCRM:0001001"


@pytest.mark.parametrize("length", [255, 256, 400])
def test_the_subject_is_cut_and_the_token_is_not(length: int) -> None:
    form = TokenFormat(maximum_subject_length=length)
    made = with_token("a" * 1000, "CRM:0001002", form)
    assert len(made) == length
    assert made.endswith("a CRM:0001002")
    fits = "a" * (length - len(" CRM:0001002"))
    assert with_token(fits, "CRM:0001002", form) == f"{fits} CRM:0001002"


def test_a_token_longer_than_the_limit_is_dropped() -> None:
    assert with_token("a" * 20, "CRM:0001002", TokenFormat(maximum_subject_length=10)) == "a" * 10
    assert with_token("a" * 20, "CRM:0001002", TokenFormat(maximum_subject_length=11)) == "CRM:0001002"


@pytest.mark.parametrize(
    "whole", ["\U0001d54f", "e\u0301", "\u0928\u093f", FAMILY, FLAG, "\U0001f44d\U0001f3fd", "\u2708\ufe0f", "\u05d0\u05b8\u05bc"]
)
def test_nothing_that_people_see_as_one_is_cut_in_two(whole: str) -> None:
    size = len(whole.encode("utf-16-le")) // 2
    for units in range(size * 3 + 1):
        kept = cut(whole * 3, units)
        assert kept == whole * (units // size), (units, [unicodedata.name(one, "?") for one in kept])


def test_length_is_counted_as_mail_servers_of_the_product_count() -> None:
    made = with_token("\U0001d54f" * 300, "CRM:0001002", USUAL)
    assert len(made.encode("utf-16-le")) // 2 <= 255
    assert made == "\U0001d54f" * 121 + " CRM:0001002"
