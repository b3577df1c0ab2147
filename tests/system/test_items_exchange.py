"""Appointments, contacts and tasks with an Exchange server, from the command line."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from support.item_estate import OFFICE, SALES, hand_in, item_estate, records, there

MEETING = {
    "subject": "Budget",
    "scheduledstart": "2090-03-06T10:00:00+01:00",
    "scheduledend": "2090-03-06T11:00:00+01:00",
    "timezone": "Europe/Berlin",
    "requiredattendees": [OFFICE],
}


def test_both_ways_from_the_command_line(tmp_path: Path) -> None:
    with item_estate(tmp_path) as (exchange, estate):
        hand_in(
            estate,
            "edits",
            [
                {"clientKey": "1", "kind": "appointment", "owner": SALES, "set": MEETING},
                {"clientKey": "2", "kind": "contact", "owner": SALES, "set": {"firstname": "Ada", "lastname": "Byron"}},
                {"clientKey": "3", "kind": "task", "owner": SALES, "set": {"subject": "Call back"}},
                {"clientKey": "4", "kind": "task", "owner": "boss@contoso.example", "set": {"subject": "Not mine"}},
            ],
        )
        document = json.loads(estate("sync", "--output", "json").out)
        (row,) = document["items"]
        assert (row["mailbox"], row["created"], row["announced"], row["error"]) == ("sales", 3, 1, None)
        assert (there(exchange, "calendar"), there(exchange, "tasks")) == (["Budget"], ["Call back"])
        assert [one for one in there(exchange, "inbox", OFFICE) if "Budget" in one]
        estate("sync")
        asked = len(exchange.recorder.kept)
        estate("sync")
        assert [one.operation for one in exchange.recorder.kept[asked:]] == ["SyncFolderItems"] * 3
        assert "1 appointment, 1 contact, 1 task kept in step in 1 mailbox" in estate("status").out
        assert "sales (sales@contoso.example): kept in step; made from the record" in estate("explain", "item", "1").out
        assert len(there(exchange, "inbox", OFFICE)) == 1
        assert len(records(estate)) == 4


@pytest.mark.slow
def test_a_delegate_is_refused_by_name(tmp_path: Path) -> None:
    with item_estate(tmp_path, impersonates=False) as (exchange, estate):
        out = estate("sync", code=None).out
        assert "appointmentsContactsTasks" in out
        assert "a delegate cannot synchronise" in out
        assert "a delegate cannot synchronise" in estate("status").out
        assert not exchange.recorder.kept
