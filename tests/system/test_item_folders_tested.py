"""`reconcile test-mailbox` opens the folders of appointments, contacts and tasks where they are to be kept in step."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from reconcile.sandbox.ews.faults import EwsFault, FaultKind
from support.exchange_estate import ExchangeEstate
from support.exchange_sandbox import ExchangeSandbox
from support.item_estate import item_estate


@pytest.fixture
def both(tmp_path: Path) -> Iterator[tuple[ExchangeSandbox, ExchangeEstate]]:
    with item_estate(tmp_path) as made:
        yield made


def steps(estate: ExchangeEstate, *, code: int) -> dict[str, tuple[bool, str, str]]:
    (test,) = estate("test-mailbox", "sales", "--output", "json", code=code).document["tests"]
    assert (test["mailbox"], test["direction"], test["ok"]) == ("sales", "items", code == 0)
    return {step["name"]: (step["ok"], step["found"], step["hint"]) for step in test["steps"]}


@pytest.mark.slow
def test_each_folder_is_opened_and_nothing_changes(both: tuple[ExchangeSandbox, ExchangeEstate]) -> None:
    exchange, estate = both
    found = steps(estate, code=0)
    assert list(found) == ["resolve", "connect", "tls", "calendar", "contacts", "tasks"]
    assert found["calendar"][1] == "appointments can be read"
    assert {one.operation for one in exchange.recorder.kept} <= {"GetFolder", "SyncFolderItems"}
    assert "nothing to test" in estate("test-mailbox", "sales", "--only", "incoming", code=1).out
    assert "sales items over localhost" in estate("test-mailbox", "sales", "--only", "items").out


def test_a_folder_that_is_refused_is_named_with_the_reason_and_the_next_step(both: tuple[ExchangeSandbox, ExchangeEstate]) -> None:
    exchange, estate = both
    exchange.faults.add(EwsFault(kind=FaultKind.ITEM, operation="SyncFolderItems", code="ErrorAccessDenied", after=1))
    found = steps(estate, code=1)
    assert [found[name][0] for name in ("calendar", "contacts", "tasks")] == [True, False, True]
    _, words, hint = found["contacts"]
    assert words.startswith("the folder of contacts is refused: ")
    assert "ErrorAccessDenied" in words
    assert "Have the server give the account the right to this mailbox" in hint
    exchange.faults.add(EwsFault(kind=FaultKind.ITEM, operation="SyncFolderItems", code="ErrorAccessDenied", after=2))
    out = estate("test-mailbox", "sales", code=1).out
    assert "failed tasks" in out
    assert "next: Have the server give the account the right" in out


@pytest.mark.slow
def test_without_the_right_to_impersonate_each_folder_says_so(both: tuple[ExchangeSandbox, ExchangeEstate]) -> None:
    exchange, estate = both
    exchange.faults.add(EwsFault(kind=FaultKind.FAULT, code="ErrorImpersonateUserDenied", times=None))
    found = steps(estate, code=1)
    for name in ("calendar", "contacts", "tasks"):
        ok, words, hint = found[name]
        assert (ok, "ErrorImpersonateUserDenied" in words, "ApplicationImpersonation" in hint) == (False, True, True)


@pytest.mark.slow
def test_a_password_that_is_refused_is_shown_once(both: tuple[ExchangeSandbox, ExchangeEstate]) -> None:
    exchange, estate = both
    exchange.faults.add(EwsFault(kind=FaultKind.HTTP, status=401, times=None))
    found = steps(estate, code=1)
    assert list(found) == ["resolve", "connect", "tls", "sign-in"]
    assert "refused the credentials" in found["sign-in"][1]


@pytest.mark.slow
def test_a_delegate_is_told_before_anybody_is_asked(tmp_path: Path) -> None:
    with item_estate(tmp_path, impersonates=False) as (exchange, estate):
        found = steps(estate, code=1)
        assert list(found) == ["configuration"]
        assert "a delegate cannot synchronise" in found["configuration"][1]
        assert not exchange.recorder.kept
