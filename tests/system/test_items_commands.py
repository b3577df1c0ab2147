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
