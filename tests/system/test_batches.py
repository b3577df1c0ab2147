"""Batches from the command line: outcomes, exit codes, streams, and the edits a person makes."""

from __future__ import annotations

import io
import json
import sys
from pathlib import Path

import pytest

from reconcile.store.sqlite.database import Database
from reconcile.store.sqlite.schema import migrations
from support.crm import Desk, letter
from support.older_store import make_older


@pytest.fixture
def desk(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Desk:
    desk = Desk(tmp_path, capsys)
    desk.deliver(letter(1), letter(2))
    return desk


def write(desk: Desk, *documents: object) -> str:
    path = desk.folder / "batch.jsonl"
    path.write_text("".join(json.dumps(document) + "\n" for document in documents))
    return str(path)


def mail(key: str, **fields: object) -> dict[str, object]:
    return {"clientKey": key, "from": "sales", "to": ["a@contoso.example"], "text": "x", **fields}


def test_mails_with_outcomes_and_exit_codes(desk: Desk) -> None:
    file = write(desk, mail("1"), mail("2"))
    assert "2 mails: 2 added" in desk("outbox", "import", file)[0]
    assert "2 mails: 2 already-there" in desk("outbox", "import", file)[0]
    file = write(desk, mail("1", text="other"), mail("3", to=["x@evil.example"]), mail("4"))
    out, _ = desk("outbox", "import", file, code=6)
    assert f"{file}:1:15: refused, key-used" in out
    column = json.dumps(mail("3", to=["x@evil.example"])).index('"x@evil') + 1
    assert f"{file}:2:{column}: refused, not-allowed" in out
    assert out.count("  next: ") == 2
    *outcomes, last = desk.lines("outbox", "import", file, "-o", "json", code=6)
    assert [one["outcome"] for one in outcomes] == ["refused", "refused", "already-there"]
    assert (last["counts"]["refused"], last["exit"]) == (2, "partly-applied")
    assert desk.lines("outbox", "import", write(desk, {}), "-o", "json", code=1)[-1]["exit"] == "failure"
    assert "no mails" in desk("outbox", "import", write(desk))[0]


def test_from_standard_input_and_from_what_is_no_batch(desk: Desk, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(json.dumps(mail("1")).encode())))
    assert "1 added" in desk("outbox", "import", "-")[0]
    (tmp_path / "image.png").write_bytes(b"\x89PNG\r\n\x1a\n\0\0" + bytes(range(256)) * 50)
    assert "refused" in desk("outbox", "import", str(tmp_path / "image.png"), code=1)[0]
    (tmp_path / "utf16.jsonl").write_bytes(json.dumps(mail("2")).encode("utf-16"))
    assert "no UTF-8 (octet 1)" in desk("activities", "import", str(tmp_path / "utf16.jsonl"), code=1)[0]
    assert "there is no file" in desk("outbox", "import", str(tmp_path / "missing"), code=1)[1]
    assert "is a folder" in desk("outbox", "import", str(tmp_path), code=64)[1]
    assert "there is no folder" in desk("outbox", "import", write(desk, mail("3")), "--attachments", str(tmp_path / "none"), code=1)[1]


def test_what_strangers_wrote_cannot_steer_the_terminal(desk: Desk) -> None:
    out, _ = desk("outbox", "import", write(desk, mail("k\u202e", to=["\x1b[31m@contoso.example"])), code=1)
    assert "\x1b" not in out
    assert "\u202e" not in out


def test_edits_by_hand(desk: Desk) -> None:
    out, _ = desk(
        "activities", "edit", "1", "--regarding", "account:4711:Fabrikam: Süd", "--owner", "desk", "--category", "a", "--category", "b"
    )
    assert "activity 1 is at version 2 (edited)" in out
    assert desk.lines("activities", "edit", "1", "--state", "completed", "--note", "x", "-o", "json")[0]["version"] == 3
    shown = desk("activities", "show", "1")[0]
    assert "Fabrikam: Süd (account 4711)" in shown
    assert "categories:  a, b" in shown
    (one,) = desk.lines("activities", "list", "--state", "completed", "-o", "json")
    assert (one["regarding"], one["owner"], one["note"]) == ({"type": "account", "id": "4711", "name": "Fabrikam: Süd"}, "desk", "x")
    assert [line["id"] for line in desk.lines("activities", "list", "--regarding", "account:4711", "-o", "json")] == [1]
    assert [line["id"] for line in desk.lines("activities", "list", "--state", "open", "-o", "json")] == [2]
    desk("activities", "edit", "1", "--regarding", "", "--owner", "", "--category", "")
    (one,) = desk.lines("activities", "list", "--state", "completed", "-o", "json")
    assert (one["regarding"], one["owner"], one["categories"], one["version"]) == (None, None, [], 4)
    desk("activities", "export", str(desk.folder / "out"), "--state", "completed")
    (exported,) = [json.loads(line) for line in (desk.folder / "out" / "activities.jsonl").read_text().splitlines()]
    assert (exported["id"], exported["state"]) == (1, "completed")
    assert (desk.folder / "out" / "00000001.eml").read_bytes() == letter(1)


@pytest.mark.parametrize(
    ("words", "code", "message"),
    [
        (("9", "--note", "x"), 1, "no activity 9"),
        (("1", "--note", "x", "--expect", "7"), 1, "is at version 1, not 7"),
        (("1",), 64, "say what to set"),
        (("1", "--state", "done"), 64, "done"),
        (("1", "--regarding", "account"), 64, "TYPE:ID"),
        (("1", "--owner", "a\nb"), 1, "control character"),
        (("1", "--category", "a", "--category", ""), 1, "categories.1"),
        (("1", "--note", "x" * 10_001), 1, "10000"),
        (("1", "--note", "x", "--key", "k" * 201), 1, "clientKey"),
        (("0", "--note", "x"), 64, "0"),
    ],
)
def test_edits_that_are_refused_say_the_next_step(desk: Desk, words: tuple[str, ...], code: int, message: str) -> None:
    _, err = desk("activities", "edit", *words, code=code)
    assert message in err
    assert "next:" in err


def test_a_key_edits_once(desk: Desk) -> None:
    words = ("activities", "edit", "1", "--note", "x", "--key", "k")
    assert "(edited)" in desk(*words)[0]
    assert "version 2 (already-there)" in desk(*words)[0]
    assert "used for another edit" in desk("activities", "edit", "2", "--note", "x", "--key", "k", code=1)[1]


def test_a_store_of_before_the_feed_has_everything_in_it(desk: Desk) -> None:
    desk("outbox", "add", "--from", "sales", "--to", "a@contoso.example", "--text", "x")
    desk("outbox", "withdraw", "1")
    before = desk.lines("activities", "feed")
    path = desk.state / "test" / "engine.db"
    older = next(number for number, name, _ in migrations() if "feed" in name) - 1
    make_older(path, older)
    assert "older version" in desk("activities", "feed", code=1)[1]
    Database.open(path).close()
    after = desk.lines("activities", "feed")
    told = [(line["kind"], line["action"], line["id"], line["row"]) for line in after[:-1]]
    assert told == [(line["kind"], line["action"], line["id"], line["row"]) for line in before[:-1]]
    assert len(told) == 4
    # Another history: what was read before is not of it.
    assert "CursorInvalid" in desk("activities", "feed", "--after", before[-1]["cursor"], "-o", "json", code=1)[0]


def test_cursors_that_are_refused(desk: Desk) -> None:
    for cursor in ("x", ""):
        _, err = desk("activities", "feed", "--after", cursor, code=1)
        assert "no cursor" in err
    assert "none of email, outbox" in desk("activities", "feed", "--kinds", "email,calendar", code=64)[1]
