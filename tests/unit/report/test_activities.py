"""Tracked e-mail for people and machines, whatever its sender wrote."""

from __future__ import annotations

import json
import unicodedata
from dataclasses import replace

import pytest

from reconcile.model.activity import Activity
from reconcile.model.message import Attachment, MessageHeader, MessageText, Party
from reconcile.report.activities_json import activity_json, text_json
from reconcile.report.activities_text import activities_table, activity_text, marks, size
from reconcile.report.json_text import json_text
from reconcile.report.safe_text import width

_HOSTILE = (
    "\x1b[2J\x1b]0;title\x07",
    "\x9b31m",
    "gnp\u202egpj.exe",
    "a\r\nid:          99",
    "x" * 100_000,
    "e" + "\u0301" * 50_000,
    "漢" * 5_000,
    "\ud800\udfff",
    "",
)


def activity(text: str = "hello", **more: object) -> Activity:
    header = MessageHeader(
        message_id=f"<{text}@x>",
        subject=text,
        sender=Party("a@contoso.example", text),
        to=(Party(text or "b@contoso.example"),),
        cc=(Party("c@contoso.example", text),),
        reply_to=(Party(text),),
        in_reply_to=text,
        references=(text,),
        defects=("no-date",),
    )
    made = Activity(
        id=7,
        mailbox_id="m1",
        mailboxes=("m1", "m2"),
        received="2026-03-01T08:00:00Z",
        tracked_at="2026-03-01T08:00:01Z",
        size=1234,
        raw_digest="ab" * 32,
        header=header,
        conflicting=False,
    )
    return replace(made, **more)  # type: ignore[arg-type]


def _steers(text: str) -> set[str]:
    kinds = {character for character in text if unicodedata.category(character) in ("Cc", "Cs") or character in "\u202e\u2066"}
    return kinds - {"\n", "\t"}


@pytest.mark.parametrize("text", _HOSTILE, ids=range(len(_HOSTILE)))
def test_a_table_row_stays_one_line_of_bounded_width(text: str) -> None:
    shown = activities_table([activity(text), activity()], {"m1": "sales", "m2": "info"})
    assert len(shown.splitlines()) == 3
    assert not _steers(shown)
    assert max(width(line) for line in shown.splitlines()) < 220
    assert max(len(line) for line in shown.splitlines()) < 1000


@pytest.mark.parametrize("text", _HOSTILE, ids=range(len(_HOSTILE)))
def test_what_is_shown_steers_nothing_and_forges_no_field(text: str) -> None:
    attachment = Attachment(part=2, name=f"../../etc/{text}", content_type=text, size=5)
    body = MessageText(text=f"one\ntwo {text}", attachments=(attachment,), defects=("no-date", "charset-unreadable"))
    shown = activity_text(activity(text), body, {"m1": "sales"})
    assert not _steers(shown)
    head = shown.split("\n\nattachments:\n")[0].splitlines()
    assert [line.partition(":")[0] for line in head].count("id") == 1
    assert head[1] == "mailbox:     sales, m2"
    assert "marks:       no-date, charset-unreadable" in head, "each mark once"
    assert "\n\none\ntwo" in shown
    for document in (activity_json(activity(text), {}), text_json(body)):
        written = json_text(document)
        assert not _steers(written)
        assert json.loads(written) == json.loads(json.dumps(document))


def test_what_is_absent_is_left_out_or_null() -> None:
    bare = activity(header=MessageHeader(), conflicting=True)
    shown = activity_text(bare, MessageText(text=""), {})
    assert "from:" not in shown
    assert "message-id:" not in shown
    assert shown.endswith("\n\n(no text)")
    document = activity_json(bare, {})
    assert [document[name] for name in ("from", "sent", "messageId", "inReplyTo")] == [None] * 4
    assert document["mailboxes"] == ["m1", "m2"], "a mailbox that is no longer applied is named by its id"
    assert marks(bare) == "conflicting-message-id"
    assert activities_table([], {}) == "no e-mail is tracked"


@pytest.mark.parametrize(
    ("count", "expected"),
    [(0, "0 B"), (999, "999 B"), (1000, "1.0 kB"), (999_999, "1000.0 kB"), (1_000_000, "1.0 MB"), (364 * 10**6, "364.0 MB")],
)
def test_sizes(count: int, expected: str) -> None:
    assert size(count) == expected
