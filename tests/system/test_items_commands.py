"""Appointments, contacts and tasks from the command line, without an estate: a store is all they need."""

from __future__ import annotations

import json
import sqlite3
from pathlib import Path

import pytest

from reconcile.cli.activities.items.reading import address_of
from reconcile.errors import UserError
from reconcile.store.sqlite.database import Database
from support.command import Commands, Result

ANNA = "anna@contoso.example"
MEETING = (
    "subject=Budget",
    "scheduledstart=2026-12-10T09:00:00+01:00",
    "scheduledend=2026-12-10T10:00:00+01:00",
    "timezone=Europe/Berlin",
    'requiredattendees=["bob@contoso.example"]',
    'recurrence={"pattern":"monthly","day":31,"occurrences":5}',
)


def items(commands: Commands, *words: str) -> Result:
    return commands.run("activities", "items", *words)


def sets(*settings: str) -> list[str]:
    return [word for setting in settings for word in ("--set", setting)]


def test_an_owner_is_an_address_or_the_slug_of_a_mailbox(commands: Commands, tmp_path: Path) -> None:
    names = {"m1": ("anna", "Anna@contoso.example")}
    assert [address_of(word, names) for word in ("anna", "m1", "Bob@contoso.example", "")] == [ANNA, ANNA, "bob@contoso.example", ""]
    with pytest.raises(UserError, match="no mailbox 'ana' is applied") as caught:
        address_of("ana", names)
    assert "Did you mean anna" in str(caught.value.hint)
    Database.open(commands.state / "production" / "engine.db").close()
    for words in (("add", "task"), ("list",), ("export", "--format", "jsonl")):
        assert "no mailbox 'sales' is applied" in items(commands, *words, "--owner", "sales").err
    lines = tmp_path / "lines.jsonl"
    lines.write_text('{"clientKey": "a", "kind": "task", "owner": "sales"}')
    taken = items(commands, "import", str(lines))
    assert "the owner 'sales' is no address" in taken.out
    assert "sales@contoso.example" in taken.out


def test_files_of_an_appointment(commands: Commands, tmp_path: Path) -> None:
    Database.open(commands.state / "production" / "engine.db").close()
    items(commands, "add", "appointment", "--owner", ANNA, *sets(*MEETING[:4]))
    items(commands, "add", "task", "--owner", ANNA, *sets("subject=x"))
    agenda, odd = tmp_path / "agenda.txt", tmp_path / "\u202egpj.exe"
    agenda.write_bytes(b"one")
    odd.write_bytes(b"MZ")
    done = items(commands, "attach", "1", str(agenda), str(odd))
    assert done.out.startswith("item 1 is at version 2 (edited), with 2 attachments\nthey stay here: linkedItems.appointmentAttachments")
    agenda.write_bytes(b"two")
    assert "version 3 (edited), with 2 attachments" in items(commands, "attach", "1", str(agenda), "--expect", "2").out
    assert "at version 3, not 2" in items(commands, "attach", "1", str(agenda), "--expect", "2").err
    shown = items(commands, "attachments", "1").out
    assert "\u202e" not in shown
    assert "\\u202egpj.exe" in shown
    saved = items(commands, "attachments", "1", "--save", str(tmp_path / "files"))
    assert saved.code == 0
    assert {one.name: one.read_bytes() for one in (tmp_path / "files").iterdir()} == {"agenda.txt": b"two", "gpj.exe": b"MZ"}
    assert "is not empty" in items(commands, "attachments", "1", "--save", str(tmp_path / "files")).err
    listed = json.loads(items(commands, "attachments", "1", "--output", "json").out)["attachments"]
    assert [(one["name"], one["size"]) for one in listed] == [("agenda.txt", 3), ("\u202egpj.exe", 2)]
    assert "only appointments have attachments" in items(commands, "attach", "2", str(agenda)).err
    assert "there is no item 9" in items(commands, "attach", "9", str(agenda)).err
    assert "cannot be read" in items(commands, "attach", "1", str(tmp_path / "none")).err
    assert "It has" in items(commands, "detach", "1", "nothing").err
    assert "with 1 attachment\n" in items(commands, "detach", "1", listed[1]["digest"][:8]).out
    assert "with 0 attachments\n" in items(commands, "detach", "1", "agenda.txt").out
    # In batches: bytes in the line, or a path below the folder that is named.
    (tmp_path / "below").mkdir()
    (tmp_path / "below" / "map.txt").write_bytes(b"map")
    lines = tmp_path / "lines.jsonl"
    sources = [{"filename": "a.txt", "base64": "b25l"}, {"path": "map.txt"}, {"path": "../agenda.txt"}, {"filename": "b", "base64": "!"}]
    edits = [
        {"clientKey": f"f{number}", "kind": "appointment", "id": 1, "set": {"attachments": sources[number : number + 1]}}
        for number in range(len(sources))
    ]
    lines.write_text("\n".join(map(json.dumps, edits)))
    taken = items(commands, "import", str(lines), "--attachments", str(tmp_path / "below"))
    assert taken.out.endswith("4 edits: 2 edited, 2 refused\n")
    assert "lies outside of" in taken.out
    assert "no base64" in taken.out
    assert [one["name"] for one in json.loads(items(commands, "attachments", "1", "--output", "json").out)["attachments"]] == ["map.txt"]
    assert "no files are read here" in items(commands, "import", str(lines)).out


def test_from_adding_to_exporting(commands: Commands, tmp_path: Path) -> None:
    store = commands.state / "production" / "engine.db"
    Database.open(store).close()
    assert items(commands, "add", "appointment", "--owner", ANNA, *sets(*MEETING)).out == "item 1 is at version 1 (added)\n"
    hostile = sets("subject=\x1b[31m=HYPERLINK(1)", "scheduledend=2026-12-11")
    refused = items(commands, "add", "task", "--owner", ANNA, *hostile)
    assert (refused.code, "control character" in refused.err, "next:" in refused.err) == (1, True, True)
    lines = tmp_path / "lines.jsonl"
    lines.write_text(
        "\n".join(
            json.dumps(one)
            for one in (
                {"clientKey": "a", "kind": "task", "owner": ANNA, "set": {"subject": "=HYPERLINK(1)", "scheduledend": "2026-12-11"}},
                {"clientKey": "b", "kind": "contact", "owner": ANNA, "set": {"firstname": "Ada;\\", "description": "a\u202eb\nc"}},
                {"clientKey": "c", "kind": "contact", "owner": ANNA, "set": {"birthdate": "x"}},
            )
        )
    )
    taken = items(commands, "import", str(lines))
    assert taken.code == 6
    assert "lines.jsonl:3:" in taken.out
    assert items(commands, "import", str(lines)).out.endswith("3 edits: 2 already-there, 1 refused\n")
    shown = items(commands, "list").out
    assert "Budget" in shown
    assert "2026-12-10 08:00 …" in shown
    assert "\x1b" not in shown
    assert "a\\u202eb" in items(commands, "show", "3").out
    stale = items(commands, "edit", "2", "--set", "subject=x", "--expect", "9")
    assert (stale.code, "is at version 1, not 9" in stale.err) == (1, True)
    calendar = items(commands, "export", "--format", "ics").out
    assert "RRULE:FREQ=MONTHLY;INTERVAL=1;BYMONTHDAY=28,29,30,31;BYSETPOS=-1;COUNT=5" in calendar
    assert "METHOD" not in calendar
    assert all(len(line.encode()) <= 75 for line in calendar.splitlines())
    assert "'=HYPERLINK(1)" in items(commands, "export", "--format", "csv", "--kind", "task").out
    card = items(commands, "export", "--format", "vcf").out
    assert "N:;Ada\\;\\\\;;;" in card
    assert "NOTE:a\u202eb\\nc" in card
    explained = json.loads(commands.run("explain", "item", "1", "--output", "json").out)
    assert (explained["kind"], explained["mailboxes"]) == ("appointment", [])
    assert explained["why"] == "no applied mailbox with the address of its owner asks for it (appointmentsContactsTasks: server-side)"
    assert explained["why"] in commands.run("explain", "item", "1").out
    assert items(commands, "delete", "1", "--expect", "1").out == "item 1 is deleted\n"
    assert commands.run("explain", "item", "1").code == 1
    with sqlite3.connect(store) as database:
        assert database.execute("SELECT subject, scheduledend FROM task").fetchall() == [("=HYPERLINK(1)", "2026-12-11")]
        assert database.execute("SELECT count(*) FROM appointment").fetchone() == (0,)


def test_one_item_is_purged_by_its_number(commands: Commands) -> None:
    Database.open(commands.state / "production" / "engine.db").close()
    for name in ("Ada", "Bea"):
        items(commands, "add", "contact", "--owner", ANNA, *sets(f"firstname={name}"))
    shown = commands.run("purge", "--item", "1")
    assert shown.out == "would be purged: 1 appointment, contact or task\n"
    assert len(items(commands, "list", "--output", "json").out.splitlines()) == 2
    done = json.loads(commands.run("purge", "--item", "1", "--yes", "--output", "json").out)
    assert (done["done"], done["items"], done["mails"]) == (True, 1, 0)
    assert len(items(commands, "list", "--output", "json").out.splitlines()) == 1
    assert commands.run("purge", "--item", "2", "--mailbox", "x").code == 64
    assert "1 items" in commands.run("history").out


def test_a_number_that_names_nothing_is_not_purged_in_silence(commands: Commands) -> None:
    Database.open(commands.state / "production" / "engine.db").close()
    for option, said in (("--item", "no item 9999"), ("--activity", "no activity 9999"), ("--outgoing", "no mail 9999 in the outbox")):
        result = commands.run("purge", option, "9999")
        assert (result.code, result.out) == (1, "")
        assert f"there is {said}" in result.err
        assert "may have been purged" in result.err
    assert json.loads(commands.run("purge", "--item", "9999", "--yes", "--output", "json").out)["exit"] == "failure"


def test_what_is_left_of_a_deleted_item_can_be_purged(commands: Commands) -> None:
    path = commands.state / "production" / "engine.db"
    Database.open(path).close()
    items(commands, "add", "contact", "--owner", ANNA, *sets("firstname=Ada"))
    with sqlite3.connect(path) as database:
        database.execute(
            "INSERT INTO item_conflict (item_id, kind, mailbox_id, field, ours, theirs, ours_wins, at, resolved_at)"
            " VALUES (1, 'contact', 'm1', 'jobtitle', '\"a\"', '\"b\"', 0, '2026-11-23T00:00:00Z', '')"
        )
    items(commands, "delete", "1")
    assert commands.run("purge", "--item", "1", "--yes").out.startswith("purged: 1 appointment, contact or task;")
    with sqlite3.connect(path) as database:
        assert database.execute("SELECT count(*) FROM item_conflict").fetchone() == (0,)
    assert commands.run("purge", "--item", "1", "--yes").code == 1
