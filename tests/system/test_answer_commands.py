"""Answering tracked mail, writing its attachments, and the life of a mail before it is sent, from the command line."""

from __future__ import annotations

import base64
import json
import os
import time
from email import message_from_string, policy
from pathlib import Path

import pytest

from reconcile.model.canonical import Leaf
from reconcile.model.conversation_index import ROOT, new_conversation, text_of_conversation_index
from reconcile.ports.target import AppliedResource
from reconcile.store.sqlite.correlation import SqliteCorrelation
from reconcile.store.sqlite.outbox import SqliteOutbox
from support.applied import START, Applied
from support.crm import Desk, apply_rows, letter

QUESTION = (
    b"Message-ID: <q@fabrikam.example>\r\nReferences: <0@fabrikam.example>\r\n <1@fabrikam.example>\r\nThread-Index: %s\r\n"
    b"Thread-Topic: =?utf-8?q?Gr=C3=BC=C3=9Fe?=\r\nSubject: AW: Hallo\r\nFrom: A <a@fabrikam.example>\r\n\r\n?\r\n"
)


@pytest.fixture
def desk(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Desk:
    found = Desk(tmp_path, capsys)
    spec: dict[str, Leaf] = {"tracking.token.enabled": True, "attachments.blockedExtensions": ("exe",), "attachments.maximumSize": 100_000}
    with found.database() as database:
        apply_rows(database, Applied([AppliedResource(kind="Organization", name="o", external_id="o1", spec=spec)]))
    return found


def test_an_answer_from_the_command_line_leads_both_ways(desk: Desk) -> None:
    parent = new_conversation(b"0123456789abcdef", START)
    desk.deliver(QUESTION % text_of_conversation_index(parent).encode())
    desk("activities", "edit", "1", "--regarding", "account:4711:Fabrikam")
    desk("outbox", "add", "--from", "sales", "--to", "a@contoso.example", "--reply-to", "1", "--subject", "Re: Hallo", "--text", "ja")
    message = message_from_string(desk("outbox", "show", "1", "--raw")[0], policy=policy.default)
    assert message["In-Reply-To"] == "<q@fabrikam.example>"
    assert message["References"].split() == ["<0@fabrikam.example>", "<1@fabrikam.example>", "<q@fabrikam.example>"]
    assert base64.b64decode(message["Thread-Index"])[:ROOT] == parent
    assert message["Thread-Topic"] == "Grüße"
    assert message["Subject"] == "Re: Hallo CRM:0001001"
    mail = json.loads(desk("outbox", "show", "1", "--output", "json")[0])["mail"]
    assert (mail["regarding"]["id"], mail["trackingToken"]) == ("4711", "CRM:0001001")
    assert "regarding:  account 4711 Fabrikam" in desk("outbox", "show", "1")[0]
    # The same by Message-ID, and what we sent may be answered too.
    desk(
        "outbox", "add", "--from", "sales", "--to", "a@contoso.example", "--in-reply-to", mail["messageId"], "--subject", "x", "--text", "y"
    )
    second = message_from_string(desk("outbox", "show", "2", "--raw")[0], policy=policy.default)
    assert second["References"].split()[-1] == mail["messageId"]
    assert len(base64.b64decode(second["Thread-Index"])) == ROOT + 10
    with desk.database() as database:
        lookup = SqliteCorrelation(database)
        assert [one.id for one in lookup.by_token(["crm:0001001"])["crm:0001001"]] == [1]


def test_what_cannot_be_answered_says_so(desk: Desk) -> None:
    desk.deliver(b"Subject: no id\r\nFrom: A <a@fabrikam.example>\r\n\r\nx\r\n")
    base = ("outbox", "add", "--from", "sales", "--to", "a@contoso.example", "--text", "x")
    assert "there is no activity 9 to answer" in desk(*base, "--reply-to", "9", code=1)[1]
    assert "activity 1 has no Message-ID" in desk(*base, "--reply-to", "1", code=1)[1]
    assert "give one of them" in desk(*base, "--reply-to", "1", "--in-reply-to", "<a@b>", code=64)[1]
    assert "no date of the calendar" in desk(*base, "--postpone-until", "2026-02-30", code=64)[1]
    assert "TYPE:ID" in desk(*base, "--regarding", "nonsense", code=64)[1]


def test_a_draft_that_is_postponed_is_released_by_a_person(desk: Desk) -> None:
    base = ("outbox", "add", "--from", "sales", "--to", "a@contoso.example", "--text", "x")
    out, err = desk(*base, "--draft", "--postpone-until", "2999-01-01")
    assert "mail 1 is draft" in out
    assert "reconcile outbox release 1" in err
    assert "mail 1 is pending-send" in desk("outbox", "release", "1")[0]
    assert "2999-01-01 00:00:00" in desk("outbox", "list")[0]
    assert "postponed:  until 2999-01-01 00:00:00Z" in desk("outbox", "show", "1")[0]
    assert "no draft" in desk("outbox", "release", "1", code=1)[1]


def parts(*names: str) -> bytes:
    lines = [b"Message-ID: <a@fabrikam.example>", b"From: A <a@fabrikam.example>", b"Content-Type: multipart/mixed; boundary=b", b""]
    for number, name in enumerate(names):
        word = b"=?utf-8?b?%s?=" % base64.b64encode(name.encode())
        lines += [
            b"--b",
            b"Content-Type: text/plain",
            b'Content-Disposition: attachment; filename="%s"' % word,
            b"",
            b"content %d" % number,
        ]
    return b"\r\n".join([*lines, b"--b--", b""])


HOSTILE_NAMES = ("../../evil.txt", "a\0b.txt", "gpj.\u202etxt", "CON", "x" * 4096 + ".txt", "/etc/passwd", "a.txt", "A.txt", "")


def test_attachments_are_written_into_their_folder_and_nowhere_else(desk: Desk, tmp_path: Path) -> None:
    desk.deliver(parts(*HOSTILE_NAMES, "setup.EXE", "setup.exe. "))
    folder = tmp_path / "files"
    listed = desk("activities", "attachments", "1")[0]
    assert "blocked: ends in .exe, which attachments.blockedExtensions names" in listed
    assert "\u202e" not in listed
    assert not folder.exists()
    document = json.loads(desk("activities", "attachments", "1", "--save", str(folder), "--output", "json", code=1)[0])
    written = {one["file"] for one in document["attachments"] if one["file"]}
    assert sorted(os.listdir(folder)) == sorted(written)
    assert len(written) == len(HOSTILE_NAMES)
    assert {"evil.txt", "passwd", "a\ufffdb.txt", "gpj.txt", "a.txt", "A-2.txt"} <= written
    assert [one["name"] for one in document["attachments"] if one["blocked"]] == ["setup.EXE", "setup.exe. "]
    assert all((folder / name).stat().st_mode & 0o777 == 0o600 for name in written)
    assert sorted(path.name for path in tmp_path.rglob("*.txt") if path.parent != folder) == []
    assert (folder / "evil.txt").read_bytes() == b"content 0"
    assert "is not empty" in desk("activities", "attachments", "1", "--save", str(folder), code=1)[1]
    # The e-mail itself is as it came.
    assert "setup.EXE" not in desk("activities", "show", "1", "--raw")[0]
    desk.deliver(letter(2), first=2)
    assert "no attachments" in desk("activities", "attachments", "2")[0]
    assert "there is no activity 9" in desk("activities", "attachments", "9", code=1)[1]


def test_ten_thousand_attachments_are_listed_soon(desk: Desk) -> None:
    desk.deliver(parts(*(f"{number}.txt" for number in range(10_000))))
    begun = time.process_time()
    assert desk("activities", "attachments", "1")[0].count("\n") <= 1100
    assert time.process_time() - begun < 5


def test_a_refused_mail_uses_up_no_number(desk: Desk) -> None:
    add = ("outbox", "add", "--from", "sales", "--subject", "s", "--text", "x", "--to")
    desk(*add, "a@contoso.example")
    desk(*add, "stranger@elsewhere.example", code=1)
    desk(*add, "a@contoso.example")
    subjects = [line["subject"] for line in json.loads(desk("outbox", "list", "-o", "json")[0])["mails"]]
    assert subjects == ["s CRM:0001001", "s CRM:0001002"]


def test_a_restored_store_gives_no_token_out_again(desk: Desk, tmp_path: Path) -> None:
    add = ("outbox", "add", "--from", "sales", "--to", "a@contoso.example", "--subject", "s", "--text", "x")
    desk(*add)
    desk("backup", str(tmp_path / "backup.tar"))
    desk(*add)
    desk("restore", str(tmp_path / "backup.tar"), "--replace", "--yes")
    desk(*add)
    subjects = [line["subject"] for line in json.loads(desk("outbox", "list", "-o", "json")[0])["mails"]]
    assert subjects == ["s CRM:0001001", "s CRM:0001502"]


@pytest.mark.parametrize("before", [True, False])
def test_a_restored_store_gives_no_mailbox_the_number_of_another(desk: Desk, tmp_path: Path, before: bool) -> None:
    """One that sent its first mail after the backup bears a number in its tokens that the store does not know."""

    def number(mailbox_id: str) -> int:
        with desk.database() as database:
            return SqliteOutbox(database).count_tokens({mailbox_id: 1})[mailbox_id].ordinal

    first = number("m-1") if before else 0
    desk("backup", str(tmp_path / "backup.tar"))
    given = number("m-2")
    for _ in range(2):
        desk("restore", str(tmp_path / "backup.tar"), "--replace", "--yes")
        assert not before or number("m-1") == first
        assert number("m-3") > given + 100
