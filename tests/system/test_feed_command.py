"""The change feed from the command line, as a CRM would read it."""

from __future__ import annotations

import base64
import json
import signal
import subprocess
import unicodedata
from pathlib import Path

import jsonschema
import pytest

from support.command import Commands
from support.crm import Desk, letter
from support.hostile import HOSTILE
from support.tree import ROOT


def _meet(desk: Desk) -> None:
    """A mailbox brings another subject for item 1, which was edited here, too."""
    from datetime import UTC, datetime

    from reconcile.model.item import ItemKind, Task
    from reconcile.model.item_conflict import NewConflict
    from reconcile.model.item_record import ItemState
    from reconcile.ports.item_store import PairChange, RecordChange
    from reconcile.store.sqlite.items import SqliteItems

    met = NewConflict(field="subject", ours='["\\u202eours"]', theirs='["theirs"]', ours_wins=False)
    after = RecordChange(item=Task(subject="\u202etheirs"), owner="anna@contoso.example", state=ItemState.OPEN, expected=2)
    with desk.database() as database:
        at = datetime(2026, 3, 1, tzinfo=UTC)
        change = PairChange(record_id=1, record=after, conflicts=(met,))
        SqliteItems(database).commit("box1", ItemKind.TASK, [change], at=at, by="mailbox sales@contoso.example")


@pytest.fixture
def desk(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Desk:
    return Desk(tmp_path, capsys)


def test_an_empty_feed_still_tells_where_to_go_on(desk: Desk) -> None:
    (only,) = desk.lines("activities", "feed")
    assert (only["type"], only["more"]) == ("cursor", False)
    desk.deliver(letter(1))
    change, last = desk.lines("activities", "feed", "--after", only["cursor"])
    assert (change["kind"], change["action"], change["id"], change["row"]["subject"]) == ("email", "created", 1, "letter 1")
    assert last["cursor"] == change["cursor"]
    assert desk.lines("activities", "feed", "--after", last["cursor"]) == [last]


def test_what_happens_is_told_in_order(desk: Desk) -> None:
    desk.deliver(letter(1), letter(2))
    desk("activities", "edit", "2", "--regarding", "account:4711:Fabrikam", "--state", "completed")
    desk("outbox", "add", "--from", "sales", "--to", "desk@contoso.example", "--subject", "Hello", "--text", "x")
    desk.deliver(letter(1), mailbox="box2")
    desk("outbox", "withdraw", "1")
    lines = desk.lines("activities", "feed")
    assert [(line["kind"], line["action"], line["id"]) for line in lines[:-1]] == [
        ("email", "created", 1),
        ("email", "created", 2),
        ("email", "edited", 2),
        ("outbox", "created", 1),
        ("email", "changed", 1),
        ("outbox", "changed", 1),
    ]
    assert lines[0]["row"]["mailboxes"] == ["sales", "box2"]
    assert lines[2]["row"]["regarding"] == {"type": "account", "id": "4711", "name": "Fabrikam"}
    assert (lines[5]["transition"]["from"], lines[5]["transition"]["to"]) == ("pending-send", "failed")
    assert [line["id"] for line in desk.lines("activities", "feed", "--kinds", "outbox")[:-1]] == [1, 1]
    assert desk.lines("activities", "feed", "--kinds", "outbox")[-1]["cursor"] == lines[-1]["cursor"]


def test_items_are_told_with_who_did_what(desk: Desk) -> None:
    desk("activities", "items", "add", "task", "--owner", "anna@contoso.example", "--set", "subject=Call back")
    desk("activities", "items", "edit", "1", "--set", "subject=Call at once")
    _meet(desk)
    desk("activities", "items", "resolve", "1", "--ours")
    desk("activities", "items", "add", "contact", "--owner", "anna@contoso.example", "--set", "firstname=Ada")
    desk("activities", "items", "delete", "1")
    *lines, end = desk.lines("activities", "feed")
    assert [(line["kind"], line["action"], line["id"]) for line in lines] == [
        ("task", "created", 1),
        ("task", "edited", 1),
        ("task", "changed", 1),
        ("task", "conflict", 1),
        ("task", "edited", 1),
        ("task", "resolved", 1),
        ("contact", "created", 2),
        ("task", "deleted", 1),
    ]
    assert lines[2]["by"] == "mailbox sales@contoso.example"
    assert lines[0]["by"] == lines[5]["by"] == lines[7]["by"] != lines[2]["by"]
    assert (lines[3]["conflict"]["mailbox"], lines[3]["conflict"]["theirs"]) == ("sales", ["theirs"])
    assert lines[6]["row"]["set"]["firstname"] == "Ada"
    schema = json.loads((ROOT / "docs" / "feed.schema.json").read_text("utf-8"))
    for line in [*lines, end]:
        jsonschema.Draft202012Validator(schema).validate(line)
    assert [line["id"] for line in desk.lines("activities", "feed", "--kinds", "contact")[:-1]] == [2]
    assert "is none of email, outbox, appointment" in desk("activities", "feed", "--kinds", "mail", code=64)[1]
    assert "\u202e" not in desk("activities", "feed")[0]


def test_a_limit_cuts_it_and_the_cursor_goes_on(desk: Desk) -> None:
    desk.deliver(*(letter(number) for number in range(7)))
    seen, after = [], []
    while True:
        *changes, last = desk.lines("activities", "feed", "--limit", "3", *after)
        seen += [change["id"] for change in changes]
        after = ["--after", last["cursor"]]
        if not last["more"]:
            break
    assert seen == [1, 2, 3, 4, 5, 6, 7]


def test_following_tells_what_comes_until_it_is_interrupted(desk: Desk, tmp_path: Path) -> None:
    desk.deliver(letter(1))
    commands = Commands(state=desk.state, cache=tmp_path / "cache")
    words = commands.arguments("activities", "feed", "--follow", "--interval", "0.05")
    process = subprocess.Popen(words, env=commands.environment(), stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True)
    try:
        assert process.stdout is not None
        first, place = json.loads(process.stdout.readline()), json.loads(process.stdout.readline())
        assert (first["id"], place["type"], place["cursor"]) == (1, "cursor", first["cursor"])
        for number in (2, 3):
            desk.deliver(letter(number), first=number)
            change, place = json.loads(process.stdout.readline()), json.loads(process.stdout.readline())
            assert (change["id"], place["cursor"], place["more"]) == (number, change["cursor"], False)
        process.send_signal(signal.SIGINT)
        process.communicate(timeout=15)
        assert process.returncode == 130
    finally:
        if process.poll() is None:
            process.kill()
            process.communicate()


def test_every_line_is_one_of_the_published_schema(desk: Desk) -> None:
    schema = json.loads((ROOT / "docs" / "feed.schema.json").read_text("utf-8"))
    jsonschema.Draft202012Validator.check_schema(schema)
    desk.deliver(*(raw for _, raw in HOSTILE))
    desk.deliver(letter(1), mailbox="box2")
    desk(
        "outbox",
        "add",
        "--from",
        "sales",
        "--to",
        "A <a@contoso.example>",
        "--bcc",
        "b@contoso.example",
        "--subject",
        "Hello",
        "--text",
        "x",
        "--key",
        "k",
    )
    desk("outbox", "withdraw", "1")
    desk("outbox", "retry", "1")
    desk(
        "activities",
        "edit",
        "3",
        "--regarding",
        "account:1",
        "--category",
        "a",
        "--state",
        "canceled",
        "--note",
        "\u202e\x1b[31m",
        "--owner",
        "o",
    )
    lines = desk.lines("activities", "feed")
    assert len(lines) == len(HOSTILE) + 1 + 1 + 3 + 1
    for line in lines:
        jsonschema.Draft202012Validator(schema).validate(line)
    out = desk("activities", "feed")[0]
    assert not [character for character in out if unicodedata.category(character) in ("Cc", "Cs") and character != "\n"]
    assert "\u202e" not in out
    broken = {**lines[0], "row": {**lines[0]["row"], "more": 1}}
    assert list(jsonschema.Draft202012Validator(schema).iter_errors(broken)) != []


def test_what_is_purged_is_told_and_shown_nowhere(desk: Desk) -> None:
    desk.deliver(letter(1), letter(2))
    desk("activities", "edit", "1", "--note", "words of somebody")
    desk("purge", "--activity", "1", "--yes")
    lines = desk.lines("activities", "feed")
    assert [(line["action"], line["id"]) for line in lines[:-1]] == [("created", 1), ("created", 2), ("edited", 1), ("deleted", 1)]
    assert [line["row"] for line in lines[:-1] if line["id"] == 1] == [None, None, None]
    assert b"words of somebody" not in (desk.state / "test" / "engine.db").read_bytes()


def test_a_restored_store_begins_a_history_of_its_own(desk: Desk, tmp_path: Path) -> None:
    (desk.state / "secrets").mkdir()
    (desk.state / "secrets" / "reconcile.key").write_text(base64.b64encode(bytes(32)).decode())
    (desk.state / "secrets" / "reconcile.key").chmod(0o600)
    desk.deliver(letter(1))
    old = desk.lines("activities", "feed")[-1]["cursor"]
    desk("backup", str(tmp_path / "backup.tar"))
    desk.deliver(letter(2), first=2)
    later = desk.lines("activities", "feed")[-1]["cursor"]
    commands = Commands(state=desk.state, cache=tmp_path / "cache")
    words = commands.arguments("activities", "feed", "--follow", "--interval", "0.05", "--after", later)
    follower = subprocess.Popen(
        words, env=commands.environment(), stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    try:
        assert follower.stdout is not None
        assert json.loads(follower.stdout.readline())["cursor"] == later
        desk("restore", str(tmp_path / "backup.tar"), "--replace", "--yes")
        _, err = follower.communicate(timeout=15)
        # Whoever followed the old store is told, and does not wait for ever for what happens in another file.
        assert follower.returncode == 1
        assert "before it was restored from a backup" in err
    finally:
        if follower.poll() is None:
            follower.kill()
            follower.communicate()
    for cursor in (old, later):
        assert "CursorInvalid" in desk("activities", "feed", "--after", cursor, "-o", "json", code=1)[0]
    desk.deliver(letter(3), first=2)
    assert [line["row"]["subject"] for line in desk.lines("activities", "feed")[:-1]] == ["letter 1", "letter 3"]
