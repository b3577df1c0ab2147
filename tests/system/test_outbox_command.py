"""The outbox from the command line: an estate is applied, mail is added, looked at, sent, tried again."""

from __future__ import annotations

import io
import json
import re
import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from reconcile.cli.main import run
from reconcile.model.outbox_step import Claim, Reserve
from reconcile.ports.outbox_store import Move
from reconcile.store.sqlite.database import Database
from reconcile.store.sqlite.outbox import SqliteOutbox
from reconcile.sync.decide.submission import SendingMailbox, sending_setup
from reconcile.wiring.applied import applied_state
from reconcile.wiring.mail import settled_notes
from support.smtp_fault import Drop, FaultServer, Say

_ENVIRONMENT = """\
apiVersion: reconcile/v1alpha2
kind: Environment
metadata: {name: test}
spec:
  allowedRecipients: ["@contoso.example", "partner@fabrikam.example"]
"""
_PROFILE = """\
apiVersion: reconcile/v1alpha2
kind: EmailServerProfile
metadata: {name: contoso}
spec:
  displayName: Contoso
  serverType: imap-smtp
  useSameSettingsForOutgoing: false
  incoming: {server: localhost}
  outgoing:
    server: localhost
    port: PORT
    tls: starttls
    caCertificate: "file:ca.pem"
    credentials: user-or-queue
"""
_MAILBOX = """\
apiVersion: reconcile/v1alpha2
kind: Mailbox
metadata: {name: NAME}
spec:
  emailAddress: NAME@contoso.example
  profile: contoso
  outgoing: METHOD
  credentials: {allowUse: true, username: NAME@contoso.example, password: "file:password"}
"""


class Desk:
    """One estate and one server, and commands run on them."""

    def __init__(self, folder: Path, server: FaultServer, capsys: pytest.CaptureFixture[str]) -> None:
        self.folder = folder
        self.server = server
        self._capsys = capsys
        (folder / "secrets").mkdir()
        (folder / "secrets" / "ca.pem").write_bytes(server.authority)
        self.password("s3cret")
        self.write("environment.yaml", _ENVIRONMENT)
        self.write("profile.yaml", _PROFILE.replace("PORT", str(server.port)))
        self.write("sales.yaml", _MAILBOX.replace("NAME", "sales").replace("METHOD", "server-side"))
        self.write("info.yaml", _MAILBOX.replace("NAME", "info").replace("METHOD", "none"))
        self.apply()

    def password(self, word: str) -> None:
        path = self.folder / "secrets" / "password"
        path.write_text(word)
        path.chmod(0o600)

    def write(self, name: str, text: str) -> None:
        (self.folder / "estate").mkdir(exist_ok=True)
        (self.folder / "estate" / name).write_text(text)

    def apply(self) -> None:
        self("apply", "--yes", code=0)

    def __call__(self, *arguments: str, code: int | None = 0) -> tuple[str, str]:
        """(stdout, stderr); the exit code must be as given."""
        options = [
            "-C",
            str(self.folder / "estate"),
            "--state-dir",
            str(self.folder / "state"),
            "--secrets-dir",
            str(self.folder / "secrets"),
        ]
        words = 2 if arguments[0] == "outbox" else 1
        self._capsys.readouterr()
        ended = run([*arguments[:words], *options, *arguments[words:]])
        out, err = self._capsys.readouterr()
        assert code is None or ended == code, (arguments, ended, out, err)
        return out, err

    def json(self, *arguments: str, code: int = 0) -> dict:  # type: ignore[type-arg]
        return json.loads(self(*arguments, "--output", "json", code=code)[0])  # type: ignore[no-any-return]


@pytest.fixture
def desk(tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Iterator[Desk]:
    monkeypatch.setenv("RECONCILE_SILENCE_TIMEOUT", "2")
    monkeypatch.setenv("RECONCILE_CACHE_DIR", str(tmp_path / "cache"))
    with FaultServer(logins={"sales@contoso.example": "s3cret"}) as server:
        yield Desk(tmp_path, server, capsys)


def test_added_listed_sent_shown(desk: Desk) -> None:
    out, _ = desk(
        "outbox", "add", "--from", "sales", "--to", "Vertrieb Süd <desk@contoso.example>", "--bcc", "partner@fabrikam.example",
        "--subject", "Grüße", "--text", "Hallo",
    )  # fmt: skip
    assert "mail 1 is pending-send" in out
    assert "pending-send" in desk("outbox", "list")[0]
    assert "1 mail sent" in desk("sync")[0]
    (taken,) = desk.server.taken
    assert taken.recipients == ("desk@contoso.example", "partner@fabrikam.example")
    assert b"partner" not in taken.content
    shown = desk.json("outbox", "show", "1")
    assert (shown["mail"]["state"], shown["mail"]["number"]) == ("sent", 3)
    assert [event["to"] for event in shown["history"]] == ["pending-send", "sending", "sent"]
    assert desk("outbox", "show", "1", "--raw")[0].encode().replace(b"\r\n", b"\n") == taken.content.replace(b"\r\n", b"\n")
    desk("sync")
    assert len(desk.server.taken) == 1


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("--from", "sales", "--to", "stranger@elsewhere.example"), "stranger@elsewhere.example"),
        (("--from", "sales", "--to", "a@contoso.example", "--bcc", "x@sub.contoso.example"), "x@sub.contoso.example"),
        (("--from", "sales", "--to", "a%elsewhere.example@contoso.example"), "% or !"),
        (("--from", "sales", "--to", "a@contoso.example\nBcc: x@y.example"), "control character"),
        (("--from", "sales", "--to", "Eve\r\nBcc: x@y.example <a@contoso.example>"), "control character"),
        (("--from", "sales", "--to", "a@contoso.example", "--subject", "x\r\nBcc: x@y.example"), "line break"),
        (("--from", "sales", "--to", "a@contoso.example", "--in-reply-to", "<a@b>\r\nX: y"), "no Message-ID"),
        (("--from", "sales"), "no recipient"),
        (("--from", "info", "--to", "a@contoso.example"), "outgoing is none"),
        (("--from", "nobody", "--to", "a@contoso.example"), "no mailbox 'nobody'"),
    ],
)
def test_what_must_not_go_out_is_refused_with_its_reason(desk: Desk, arguments: tuple[str, ...], words: str) -> None:
    _, err = desk("outbox", "add", *arguments, "--text", "x", code=1)
    assert words in err
    assert "next:" in err
    assert desk.json("outbox", "list")["mails"] == []


def test_a_key_adds_one_mail(desk: Desk) -> None:
    mail = ("outbox", "add", "--from", "sales", "--to", "a@contoso.example", "--text", "x", "--key", "order-7")
    desk(*mail)
    assert "already mail 1" in desk(*mail)[0]
    assert "used for another mail" in desk(*mail[:-4], "--text", "y", "--key", "order-7", code=1)[1]
    desk("sync")
    assert "already mail 1 (sent)" in desk(*mail)[0]
    desk("sync")
    assert len(desk.server.taken) == 1


def test_text_comes_from_standard_input(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    class Piped(io.TextIOWrapper):
        def isatty(self) -> bool:
            return False

    monkeypatch.setattr(sys, "stdin", Piped(io.BytesIO(b".\nvon der Leitung\n")))
    desk("outbox", "add", "--from", "sales", "--to", "a@contoso.example")
    desk("sync")
    assert desk.server.taken[0].content.endswith(b"\r\n\r\n.\r\nvon der Leitung\r\n")


@pytest.mark.parametrize(("octets", "words"), [(b"a\0b", "has a NUL (character 1)"), (b"\xff\xfe", "not UTF-8 (octet 0)")])
def test_what_is_no_text_is_refused(desk: Desk, monkeypatch: pytest.MonkeyPatch, octets: bytes, words: str) -> None:
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(octets)))
    _, err = desk("outbox", "add", "--from", "sales", "--to", "a@contoso.example", code=1)
    assert words in err
    assert desk.json("outbox", "list")["mails"] == []


@pytest.mark.parametrize("option", ["--attach", "--raw"])
def test_a_file_without_end_is_not_read_for_ever(desk: Desk, monkeypatch: pytest.MonkeyPatch, option: str) -> None:
    monkeypatch.setattr("reconcile.sync.decide.draft.LARGEST", 1_000_000)
    text = () if option == "--raw" else ("--text", "x")
    _, err = desk("outbox", "add", "--from", "sales", "--to", "a@contoso.example", option, "/dev/zero", *text, code=1)
    assert "/dev/zero has more than 1,000,000 octets" in err


def test_the_allow_list_is_asked_again_before_sending(desk: Desk) -> None:
    desk("outbox", "add", "--from", "sales", "--to", "a@contoso.example", "--to", "partner@fabrikam.example", "--text", "x")
    desk.write("environment.yaml", _ENVIRONMENT.replace(', "partner@fabrikam.example"', ""))
    desk.apply()
    out, _ = desk("sync", code=1)
    assert "mail 1 is failed" in out
    assert [one.recipients for one in desk.server.taken] == [("a@contoso.example",)]
    people = {one["address"]: one for one in desk.json("outbox", "show", "1")["mail"]["recipients"]}
    assert people["a@contoso.example"]["state"] == "sent"
    assert "not in allowedRecipients" in people["partner@fabrikam.example"]["reason"]


def test_an_uncertain_mail_needs_a_persons_word(desk: Desk) -> None:
    for kept in (True, False):
        desk.server.plan("end", Drop(kept=kept))
        desk("outbox", "add", "--from", "sales", "--to", "a@contoso.example", "--text", f"kept: {kept}")
        assert "may or may not have been sent" in desk("sync", code=1)[0]
    assert len(desk.server.taken) == 1
    desk("sync")
    assert len(desk.server.taken) == 1
    _, err = desk("outbox", "retry", "2", code=1)
    assert "--i-checked-it-was-not-sent" in err
    desk("outbox", "confirm", "1", "--i-checked-it-was-sent")
    desk("outbox", "retry", "2", "--i-checked-it-was-not-sent")
    desk("sync")
    assert [one["state"] for one in desk.json("outbox", "list")["mails"]] == ["sent", "sent"]
    assert len(desk.server.taken) == 2
    assert "checked that it was not sent" in desk("outbox", "show", "2")[0]


def test_a_failed_mail_is_tried_again_on_request(desk: Desk) -> None:
    desk.server.plan("rcpt", Say("550 5.1.1 no such person"))
    desk("outbox", "add", "--from", "sales", "--to", "a@contoso.example", "--text", "x")
    desk("sync", code=1)
    assert "no such person" in desk("outbox", "list", "--state", "failed")[0]
    desk("outbox", "retry", "1")
    desk("sync")
    assert len(desk.server.taken) == 1


def test_a_wrong_password_holds_the_mail_and_shows_nowhere(desk: Desk) -> None:
    desk.password("wr0ng-one")
    desk.write("sales.yaml", _MAILBOX.replace("NAME", "sales").replace("METHOD", "server-side").replace('"file:password"', '{ref: "file:password", generation: 2}'))  # fmt: skip
    desk.apply()
    desk("outbox", "add", "--from", "sales", "--to", "a@contoso.example", "--text", "x")
    out, err = desk("sync", code=1)
    assert re.search(r"sales: 1 mail waits: .*refused the login.*\n  next: ", out)
    assert "wr0ng" not in out + err
    mail = desk.json("outbox", "show", "1")["mail"]
    assert (mail["state"], mail["attempts"]) == ("pending-send", 0)
    for shown in (desk("sync")[0], desk("status")[0]):
        assert re.search(r"sales: 1 mail waits until .*refused the login", shown)
        assert "next: Check user name and password, or sign in anew. Then, to wait no longer: reconcile outbox retry 1" in shown
    # Mended and applied: nobody has to retry by hand.
    desk.password("s3cret")
    desk.write("sales.yaml", _MAILBOX.replace("NAME", "sales").replace("METHOD", "server-side").replace('"file:password"', '{ref: "file:password", generation: 3}'))  # fmt: skip
    desk.apply()
    assert "1 mail sent" in desk("sync")[0]


def taken_by_a_dead_run(desk: Desk, mails: int) -> str:
    """So many mails that a run had reserved when it was killed, each counted; the account they count for."""
    with Database.open(desk.folder / "state" / "test" / "engine.db") as database:
        outbox, now = SqliteOutbox(database), datetime.now(UTC)
        mailbox = sending_setup(applied_state(database).resources(), now="").named("sales")
        assert isinstance(mailbox, SendingMailbox)
        notes = settled_notes(database)
        assert notes.room("dead")
        reserve = Reserve(owner="dead", limits=mailbox.limits)
        outbox.follow([Move(known=one, steps=(Claim(owner="dead"), reserve), at=now) for one in outbox.entries()])
        notes.leave("dead")
        assert outbox.handed_over(mailbox.limits.account, mails) == now
        return mailbox.limits.account


@pytest.mark.parametrize(
    ("command", "states"),
    [
        (("outbox", "retry", "2"), ["pending-send", "pending-send", "pending-send"]),
        (("outbox", "withdraw", "2"), ["pending-send", "failed", "pending-send"]),
        (("offboard", "sales", "--yes"), ["failed", "failed", "failed"]),
    ],
)
def test_who_decides_about_mail_of_a_dead_run_gives_back_what_it_counted(desk: Desk, command: tuple[str, ...], states: list[str]) -> None:
    desk.write("profile.yaml", _PROFILE.replace("PORT", str(desk.server.port)) + "    messagesPerDay: 9\n")
    desk.apply()
    for number in range(3):
        desk("outbox", "add", "--from", "sales", "--to", "a@contoso.example", "--text", f"{number}")
    account = taken_by_a_dead_run(desk, 3)
    desk(*command)
    with Database.open(desk.folder / "state" / "test" / "engine.db", read_only=True) as database:
        outbox = SqliteOutbox(database)
        assert [str(one.state) for one in outbox.entries()] == states
        assert outbox.handed_over(account, 1) is None


def test_a_mail_from_a_file_goes_out_as_it_is_but_for_bcc(desk: Desk, tmp_path: Path) -> None:
    raw = tmp_path / "mail.eml"
    raw.write_bytes(
        b"From: Sales <sales@contoso.example>\nTo: a@contoso.example\nBcc: partner@fabrikam.example,\n b@contoso.example\n"
        b"Message-ID: <mine@contoso.example>\nDate: Sun, 01 Mar 2026 08:00:00 +0000\nSubject: signed\n\nbody\n.\n"
    )
    desk("outbox", "add", "--from", "sales", "--raw", str(raw))
    desk("sync")
    (taken,) = desk.server.taken
    assert taken.recipients == ("a@contoso.example", "partner@fabrikam.example", "b@contoso.example")
    assert taken.content == (
        b"From: Sales <sales@contoso.example>\r\nTo: a@contoso.example\r\nMessage-ID: <mine@contoso.example>\r\n"
        b"Date: Sun, 01 Mar 2026 08:00:00 +0000\r\nSubject: signed\r\n\r\nbody\r\n.\r\n"
    )
    assert "already in the outbox" in desk("outbox", "add", "--from", "sales", "--raw", str(raw), code=1)[1]


def test_typing_errors_are_usage_errors(desk: Desk) -> None:
    desk("outbox", "confirm", "1", code=64)
    desk("outbox", "show", "zero", code=64)
    desk("outbox", "add", "--to", "a@contoso.example", code=64)
    assert "no mail 9" in desk("outbox", "show", "9", code=1)[1]


def test_a_mail_that_was_withdrawn_is_not_sent(desk: Desk) -> None:
    desk("outbox", "add", "--from", "sales", "--to", "a@contoso.example", "--text", "x")
    assert "mail 1 is withdrawn" in desk("outbox", "withdraw", "1")[0]
    assert "withdrew" not in desk("status")[0]
    desk("sync")
    assert list(desk.server.taken) == []
    assert "withdrew it" in desk("outbox", "show", "1")[0]


def test_a_draft_that_went_out_since_the_backup_is_not_sent_again_by_a_release(desk: Desk) -> None:
    for subject in ("draft", "other"):
        desk("outbox", "add", "--from", "sales", "--to", "a@contoso.example", "--subject", subject, "--text", "x", "--draft")
    desk.server.plan("mail", Say("550 not today"))
    desk("outbox", "add", "--from", "sales", "--to", "a@contoso.example", "--subject", "failed", "--text", "x")
    desk("sync", code=1)
    desk("backup", str(desk.folder / "backup.tar"))
    desk("outbox", "release", "1")
    desk("outbox", "retry", "3")
    desk("sync")
    assert len(desk.server.taken) == 2
    _, err = desk("restore", str(desk.folder / "backup.tar"), "--replace", "--yes")
    assert "3 drafts and failed mails may have been sent since" in err
    for step, mail in (("release", "1"), ("release", "2"), ("retry", "3")):
        _, err = desk("outbox", step, mail, code=1)
        assert "it may have been sent since" in err
        assert "--i-checked-it-was-not-sent" in err
    shown, _ = desk("outbox", "show", "1")
    assert "reconcile outbox release 1 --i-checked-it-was-not-sent" in shown
    desk("outbox", "confirm", "1", "--i-checked-it-was-sent")
    desk("outbox", "confirm", "3", "--i-checked-it-was-sent")
    desk("outbox", "release", "2", "--i-checked-it-was-not-sent")
    desk("sync")
    subjects = sorted(line for mail in desk.server.taken for line in mail.content.split(b"\r\n") if line.startswith(b"Subject:"))
    assert subjects == [b"Subject: draft", b"Subject: failed", b"Subject: other"]
    assert desk.json("outbox", "show", "2")["mail"]["restoredFrom"] is None


def test_a_wrong_instant_is_told_in_which_zone_it_is_read(desk: Desk) -> None:
    _, err = desk("outbox", "add", "--from", "sales", "--to", "a@contoso.example", "--postpone-until", "tomorrow", code=64)
    assert "Without an offset it is UTC." in err
    assert "environment's" not in err
