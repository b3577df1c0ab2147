"""Mailboxes at an Exchange server, from the command line: mail comes in, goes out, and bears its marks."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from support.exchange_estate import ExchangeEstate, exchange_estate
from support.exchange_sandbox import SERVICE_PASSWORD, ExchangeSandbox, letter


def listed(estate: ExchangeEstate, what: str) -> list[dict[str, Any]]:
    out = estate(what, "list", "--output", "json").out
    return [json.loads(line) for line in out.splitlines()]


def categories(exchange: ExchangeSandbox) -> list[list[str]]:
    mailbox = exchange.mailbox("sales@contoso.example")
    with exchange.organization.lock:
        inbox = mailbox.distinguished("inbox")
        assert inbox is not None
        return [[one.text for one in item.properties["Categories"].children] for item in inbox.items.values()]


@pytest.mark.parametrize("impersonates", [True, pytest.param(None, marks=pytest.mark.slow)])
def test_mail_is_tracked_sent_and_marked(tmp_path: Path, impersonates: bool | None) -> None:
    with exchange_estate(tmp_path, impersonates=impersonates) as (exchange, estate):
        exchange.letters(5, "sales@contoso.example")
        estate("sync")
        assert categories(exchange) == [["Tracked to reconcile"]] * 5
        tracked = listed(estate, "activities")
        assert sorted(one["subject"] for one in tracked) == [f"Letter {number}" for number in range(1, 6)]
        mail = ("--from", "sales", "--to", "office@contoso.example", "--subject", "Reply", "--text", "Good afternoon.")
        estate("outbox", "add", *mail)
        estate("sync")
        assert exchange.subjects("inbox", "office@contoso.example") == exchange.subjects("sentitems", "sales@contoso.example")
        assert len(exchange.subjects("inbox", "office@contoso.example")) == 1
        assert exchange.subjects("drafts", "sales@contoso.example") == []
        assert estate("outbox", "list", "--output", "json").out.count('"sent"') >= 1
        # Nothing new: nothing is read, nothing is tracked twice.
        asked = len(exchange.recorder.kept)
        estate("sync")
        assert [one.operation for one in exchange.recorder.kept[asked:]] == ["SyncFolderItems"]
        assert len(listed(estate, "activities")) == 5
        exchange.deliver(letter("Later", to="sales@contoso.example", message_id="<later@elsewhere.example>"), "sales@contoso.example")
        estate("sync")
        assert len(listed(estate, "activities")) == 6


def test_nothing_is_enabled_for_sending_that_the_server_would_refuse(tmp_path: Path) -> None:
    with exchange_estate(tmp_path) as (_, estate):
        estate("disable", "sales", "--reason", "a new password")
        profile = estate.estate / "profile.yaml"
        for generation, password, code in ((2, b"not the password", 1), (3, SERVICE_PASSWORD.encode(), 0)):
            estate.secret("password", password)
            profile.write_text(profile.read_text().replace(f"generation: {generation - 1}", f"generation: {generation}"))
            estate("apply", "--yes")
            shown = estate("enable", "sales", "--only", "outgoing", code=code).out
            assert ("refused the credentials" in shown) is (code == 1), shown
            assert ("takes mail from this account" in shown) is (code == 0), shown
