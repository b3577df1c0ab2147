"""The change feed from the command line, as a CRM would read it."""

from __future__ import annotations

from pathlib import Path

import pytest

from support.crm import Desk, letter


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
