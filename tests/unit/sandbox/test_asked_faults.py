"""Faults by their words: what is taken, what is refused and how."""

from __future__ import annotations

import pytest

from reconcile.sandbox.asked_faults import KINDS, asked_fault, kinds_text
from reconcile.sandbox.corpus.addresses import MAILBOXES, mailboxes
from reconcile.sandbox.ews.faults import EwsFault, EwsFaults, FaultKind
from reconcile.sandbox.fault_options import FaultWords

ALL = frozenset(FaultKind)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "a fault needs a kind; known: busy"),
        ("bussy", "unknown fault 'bussy'; did you mean busy?"),
        ("busy:", None),
        ("busy:every", "'every' is no NAME=VALUE"),
        ("busy:evry=2", "busy has no option 'evry'; did you mean every?"),
        ("busy:octets=2", "busy has no option 'octets'"),
        ("busy:every=2,every=3", "every stands twice"),
        ("busy:every=0", "every is '0', expected a whole number from 1"),
        ("busy:every=ten", "expected a whole number"),
        ("busy:every=99999999999", "expected a whole number"),
        ("busy:back-off=0", "expected seconds, more than 0"),
        ("busy:back-off=nan", "expected seconds"),
        ("busy:back-off=4000", "at most 3600"),
        ("busy:mailbox=desk", "the sandbox has no mailbox 'desk'"),
        ("busy:operation=GetItms", "no operation 'GetItms'; did you mean GetItem?"),
        ("refused", "refused needs code=…, as in refused:code=ErrorItemCorrupt"),
        ("refused:code=Nonsense", "expected a response code"),
        ("refused:code=ErrorX\u0007", "expected a response code"),
        ("store-unavailable:operation=GetDelegate", "answered as a whole"),
        ("stale-state:operation=GetItem", "only SyncFolderItems and SyncFolderHierarchy"),
        ("cut:operation=GetStreamingEvents", "no end to wait for"),
        ("smtp-refused:recipient=nobody", "expected an address"),
        ("smtp-refused:recipient=a@b.example,reply=250 fine", "expected a reply of SMTP"),
        ("smtp-refused:recipient=a@b.example,reply=550 no\r\n250 yes", "expected a reply of SMTP"),
        ("imap-bye:command=FETCH\r\n", "expected one word"),
    ],
)
def test_what_is_wrong_is_said(text: str, words: str | None) -> None:
    if words is None:
        assert asked_fault(text, MAILBOXES).written == text
        return
    with pytest.raises(FaultWords) as refused:
        asked_fault(text, MAILBOXES)
    assert words in str(refused.value)


def test_every_kind_is_listed() -> None:
    assert [line.split()[0] for line in kinds_text().splitlines()[:-2]] == [*KINDS]


def test_each_nth_goes_wrong_after_those_that_pass() -> None:
    faults = EwsFaults()
    faults.add(EwsFault(kind=FaultKind.FAULT, times=2, after=1, every=3))
    taken = [faults.take(ALL, "GetItem", "sales@contoso.example") is not None for _ in range(12)]
    assert [number for number, one in enumerate(taken, start=1) if one] == [4, 7]


def test_others_are_not_counted() -> None:
    faults = EwsFaults()
    faults.add(EwsFault(kind=FaultKind.FAULT, operation="GetItem", mailbox="sales@contoso.example", times=None, every=2))
    asked = [("GetItem", "sales"), ("FindItem", "sales"), ("GetItem", "info"), ("GetItem", "sales"), ("GetItem", "sales")]
    taken = [faults.take(ALL, operation, f"{name}@contoso.example") is not None for operation, name in asked]
    assert taken == [False, False, False, True, False]


@pytest.mark.parametrize(("count", "last"), [(1, "sales"), (5, "info"), (6, "desk6"), (200, "desk200")])
def test_so_many_mailboxes(count: int, last: str) -> None:
    found = mailboxes(count)
    assert (len(found), [*found][-1], len({*found.values()})) == (count, last, count)
