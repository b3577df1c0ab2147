"""Appointments, contacts and tasks with an Exchange server, from the command line."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from reconcile.sandbox.ews.operations.move_items import discard
from support.item_estate import OFFICE, SALES, files_there, hand_in, hang_on, item_estate, records, there

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
        # Somebody deletes the contact there, and somebody wants it back.
        mailbox = exchange.mailbox(SALES)
        with exchange.organization.lock:
            (contact,) = mailbox.distinguished("contacts").items.values()
            discard(mailbox, contact, "MoveToDeletedItems")
        assert "1 parted" in estate("sync").out
        assert "`reconcile activities items relink 2 --anew" in estate("explain", "item", "2").out
        apart = estate("activities", "items", "list", "--apart").out.splitlines()
        assert (apart[0], len(apart)) == ("2  contact, open: Ada Byron", 2)
        assert "sales (sales@contoso.example): apart: deleted in the mailbox" in apart[1]
        (listed,) = map(json.loads, estate("activities", "items", "list", "--apart", "--output", "json").out.splitlines())
        assert (listed["id"], listed["apart"][0]["mailbox"], listed["apart"][0]["state"]) == (2, "sales", "parted")
        assert estate("activities", "items", "relink", "2", "--anew").out == "item 2: 1 mailbox to be tied again\n"
        assert "1 made there" in estate("sync").out
        assert len(there(exchange, "contacts")) == 1
        assert estate("activities", "items", "list", "--apart").out == "nothing is apart from its mailbox\n"


FILES = "{linkedItems: {appointmentAttachments: true}, attachments: {maximumSize: 2000, blockedExtensions: [exe]}}"


@pytest.mark.slow
def test_files_go_both_ways_and_nobody_hears_of_them(tmp_path: Path) -> None:
    with item_estate(tmp_path, organization=FILES) as (exchange, estate):
        agenda, plan = tmp_path / "agenda.txt", tmp_path / "plan.txt"
        agenda.write_bytes(b"agenda")
        plan.write_bytes(bytes(range(256)))
        hand_in(estate, "edits", [{"clientKey": "1", "kind": "appointment", "owner": SALES, "set": MEETING}])
        estate("activities", "items", "attach", "1", str(agenda))
        estate("sync")
        assert files_there(exchange) == {"agenda.txt": b"agenda"}
        assert len(there(exchange, "inbox", OFFICE)) == 1
        # Here, one more; there, one of each kind: wanted, blocked, too large.
        estate("activities", "items", "attach", "1", str(plan))
        estate("sync")
        assert files_there(exchange) == {"agenda.txt": b"agenda", "plan.txt": plan.read_bytes()}
        hang_on(exchange, {"../notes.txt": b"notes", "setup.exe": b"MZ", "large.bin": bytes(3000)})
        estate("activities", "items", "detach", "1", "agenda.txt")
        asked = len(exchange.recorder.kept)
        estate("sync")
        answers = [one.answer for one in exchange.recorder.kept[asked:] if one.operation == "GetAttachment"]
        assert b"notes.txt" in b"".join(answers)
        assert not any(name in b"".join(answers) for name in (b"setup.exe", b"large.bin"))
        assert sorted(files_there(exchange)) == ["../notes.txt", "large.bin", "plan.txt", "setup.exe"]
        out = tmp_path / "out"
        estate("activities", "items", "attachments", "1", "--save", str(out))
        assert {one.name: one.read_bytes() for one in out.iterdir()} == {"notes.txt": b"notes", "plan.txt": plan.read_bytes()}
        explained = estate("explain", "item", "1").out
        assert "'setup.exe' ends in .exe, which attachments.blockedExtensions names" in explained
        assert "'large.bin' has 3,000 octets" in explained
        for refused in ("setup.exe", "large.bin"):
            (tmp_path / refused).write_bytes(bytes(3000))
            assert "attachments." in estate("activities", "items", "attach", "1", str(tmp_path / refused), code=1).err
        estate("sync")
        asked = len(exchange.recorder.kept)
        estate("sync")
        assert [one.operation for one in exchange.recorder.kept[asked:]] == ["SyncFolderItems"] * 3
        # One invitation, and nothing else, whatever became of the files.
        assert len(there(exchange, "inbox", OFFICE)) == 1


@pytest.mark.slow
def test_a_delegate_is_refused_by_name(tmp_path: Path) -> None:
    with item_estate(tmp_path, impersonates=False) as (exchange, estate):
        out = estate("sync", code=None).out
        assert "appointmentsContactsTasks" in out
        assert "a delegate cannot synchronise" in out
        assert "a delegate cannot synchronise" in estate("status").out
        assert not exchange.recorder.kept
