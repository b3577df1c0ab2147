"""Whose approval a plan waits for, in words."""

from __future__ import annotations

import pytest

from reconcile.model.judgement import ANYBODY, Approved, Asked, NotApproved
from reconcile.report.plan_rules import approval_words

LEAD, DESK = (NotApproved(name=name, why="did not sign") for name in ("mail-lead", "security-desk"))
GIVEN = Approved(name="audit", how="signed commit 1a2b3c")


@pytest.mark.parametrize(
    ("asked", "words"),
    [
        (Asked(rule="r", names=(ANYBODY,), missing=(LEAD,)), "needs an approval by mail-lead"),
        (Asked(rule="r", names=(ANYBODY,), missing=(LEAD, DESK)), "needs an approval by any of mail-lead, security-desk"),
        (Asked(rule="r", names=("mail-lead",), missing=(LEAD,)), "needs an approval by mail-lead"),
        (Asked(rule="r", names=(ANYBODY,), minimum=2, given=(GIVEN,), missing=(LEAD, DESK)), "needs 1 more approval by any of mail-lead, security-desk"),
        (Asked(rule="r", names=(ANYBODY,), minimum=2, given=(GIVEN,)), "needs 1 more approval by whoever may approve"),
    ],
)  # fmt: skip
def test_who_could_approve_is_named(asked: Asked, words: str) -> None:
    assert next(said for said in approval_words(asked) if said.startswith("needs")) == words


def test_of_very_many_the_first_are_named() -> None:
    many = tuple(NotApproved(name=f"approver-{number:04}", why="did not sign") for number in range(2_000))
    needs, *each = approval_words(Asked(rule="r", names=(ANYBODY,), missing=many))
    assert needs.endswith("approver-0005 and 1,994 more")
    assert len(each) == 7
