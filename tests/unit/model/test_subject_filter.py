"""What is cut from the beginning of subjects, and which expressions are taken."""

from __future__ import annotations

import time

import pytest

from reconcile.model.subject_filter import LONGEST, USUAL, check_expression, without_noise

NORDIC = r"^\s*((sv|vs|re)\s?:\s*)+"


@pytest.mark.parametrize(
    ("subject", "expression", "expected"),
    [
        ("RE: Offer", "", "Offer"),
        ("RE: FW : AW:Offer: new", USUAL, "new"),
        ("  Offer", "", "  Offer"),
        ("\u5404\u4f4d: Offer", "", "Offer"),
        ("Sv: RE: Offer: new", NORDIC.replace("(sv", "(?i:sv").replace("re)", "re)"), "Offer: new"),
        ("sv: re: Offer", NORDIC, "Offer"),
        ("x Offer", NORDIC, "x Offer"),
        ("", NORDIC, ""),
    ],
)
def test_noise_is_cut_from_the_beginning(subject: str, expression: str, expected: str) -> None:
    assert without_noise(subject, expression) == expected


@pytest.mark.parametrize("expression", [USUAL, r"^(a+)+$", r"^(a|a)*b", r"^(\w+\s?)*:", r"^(.*)(.*)(.*)(.*)(.*)x"])
def test_no_subject_makes_an_expression_run_wild(expression: str) -> None:
    begun = time.process_time()
    for subject in ("a" * 10_000 + "!", "a a" * 3_000, "a:" * 5_000 + "!"):
        assert len(without_noise(subject, check_expression(expression))) <= LONGEST
    assert time.process_time() - begun < 2


@pytest.mark.parametrize(
    ("expression", "word"),
    [
        (r"^(?=x)a", "look-around"),
        (r"^(a)\1", "backreference"),
        (r"^(a", "unclosed"),
        (r"^(a{1000}){1000}", "size limit"),
        (r"re:", "starts with ^"),
    ],
)
def test_an_expression_that_cannot_be_run_is_refused_with_its_reason(expression: str, word: str) -> None:
    with pytest.raises(ValueError, match=r"regular expression|starts with") as refused:
        check_expression(expression)
    assert word in str(refused.value)


def test_text_that_is_no_unicode_does_no_harm() -> None:
    assert without_noise("re: \ud800x", NORDIC) == "?x"
