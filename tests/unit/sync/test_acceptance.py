"""Whether a message is tracked, as a table."""

from __future__ import annotations

import itertools

import pytest

from reconcile.model.party import PartyRef, PartyType
from reconcile.report.decision_words import WORDS
from reconcile.sync.decide.acceptance import Filter, Known, Recipient, Rules, accept

CONTACT = PartyRef(type=PartyType.CONTACT, id="c", name="Alex")
USER = PartyRef(type=PartyType.USER, id="u", name="Robin")
QUEUE = PartyRef(type=PartyType.QUEUE, id="q", name="Sales")


def box(filter_: str, *, named: bool = True) -> Recipient:
    return Recipient(name="sales", filter=Filter(filter_), processed=True, named=named)


def other(filter_: str, name: str = "other") -> Recipient:
    return Recipient(name=name, filter=Filter(filter_), party=QUEUE)


def known(**more: object) -> Known:
    return Known(sender="customer@fabrikam.example", **more)  # type: ignore[arg-type]


TABLE = [
    # the filter of the mailbox alone
    ("all", known(), Rules(), "all-mail"),
    ("replies", known(), Rules(), "!no-correlation-match"),
    ("replies", known(reply_to="in-reply-to: <1>"), Rules(), "reply"),
    ("known-senders", known(), Rules(), "!unknown-sender"),
    ("known-senders", known(sender_row=CONTACT), Rules(), "known-sender"),
    ("known-senders", known(sender_row=USER), Rules(), "!unknown-sender"),
    ("known-senders", known(reply_to="in-reply-to: <1>"), Rules(), "!unknown-sender"),
    ("email-enabled", known(sender_row=USER), Rules(), "email-enabled-sender"),
    ("email-enabled", known(), Rules(), "!unknown-sender"),
    ("none", known(sender_row=CONTACT, reply_to="x"), Rules(), "!filter-none"),
    # several recipients: the widest filter that takes it
    ("none", known(recipients=[other("all")]), Rules(), "all-mail"),
    ("replies", known(recipients=[other("none"), other("email-enabled")], sender_row=CONTACT), Rules(), "email-enabled-sender"),
    ("none", known(recipients=[other("replies")]), Rules(), "!no-correlation-match"),
    ("none", known(recipients=[other("all")]), Rules(only_processed=True), "!filter-none"),
    # what bars a message whatever the filters say
    ("all", known(own="x"), Rules(), "!own-mail"),
    ("all", known(), Rules(track_by_hand=True), "!no-automatic-tracking"),
    ("all", known(automatic="x"), Rules(), "all-mail"),
    ("all", known(automatic="x"), Rules(ignore_automatic=True), "!automatic-reply"),
    ("all", known(rights_managed="x"), Rules(), "all-mail"),
    ("all", known(rights_managed="x"), Rules(skip_rights_managed=True), "!rights-managed"),
    ("all", known(internal="x"), Rules(), "!internal"),
]


@pytest.mark.parametrize(("filter_", "message", "rules", "expected"), TABLE)
def test_the_table(filter_: str, message: Known, rules: Rules, expected: str) -> None:
    found = accept(box(filter_), message, rules)
    assert ("" if found.accepted else "!") + found.reason == expected
    assert found.reason in WORDS
    assert found.facts[0] == ("mailbox", f"sales, filter {filter_}")
    assert (found.by is not None) is found.accepted


@pytest.mark.parametrize(("filter_", "accepted"), [("all", True), ("replies", False), ("known-senders", False), ("email-enabled", False)])
def test_behind_bcc_and_lists_only_all_mail_is_taken(filter_: str, accepted: bool) -> None:
    found = accept(box(filter_, named=False), known(sender_row=CONTACT, reply_to="x"), Rules())
    assert (found.accepted, found.reason) == (accepted, "all-mail" if accepted else "no-recipient-match")


def test_whoever_takes_it_by_the_widest_filter_is_who_it_is_for() -> None:
    message = known(recipients=[other("replies", "first"), other("known-senders", "second")], sender_row=CONTACT, reply_to="x")
    found = accept(box("none"), message, Rules())
    assert found.by is not None
    assert (found.by.name, found.by.party) == ("second", QUEUE)


def test_every_combination_has_an_answer() -> None:
    """Total: nothing raises, and nobody but a filter `all` takes what nobody knows."""
    for filter_, second, row, reply, named in itertools.product(Filter, [None, *Filter], [None, CONTACT, USER], ["", "x"], [True, False]):
        recipients = [other(second)] if second else []
        found = accept(box(filter_, named=named), known(recipients=recipients, sender_row=row, reply_to=reply), Rules())
        assert found.reason in WORDS
        if row is None and not reply:
            assert found.accepted is (Filter.ALL in (filter_, second))
