"""The commands about mail, used wrongly, on hostile mail, and on a store that is damaged: an answer each time, never a traceback."""

from __future__ import annotations

import json
import shutil
import sqlite3
import unicodedata
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from reconcile.cli.main import run
from support.dovecot import Dovecot, running
from support.mail_estate import MailEstate

pytestmark = pytest.mark.servers
#: Nothing that is printed or kept in clear may hold it.
CANARY = 'cAnArY-7f3a; "{x}" %'
NAMES = ("sales", "info")

_ATTACHED = b"""\
From: "\x1b]0;title\x07" <a@contoso.example>\r
Subject: attached\r
Message-ID: <../../../../etc/passwd@contoso.example>\r
MIME-Version: 1.0\r
Content-Type: multipart/mixed; boundary=x\r
\r
--x\r
Content-Type: text/plain\r
\r
two\r
lines\r
--x\r
Content-Type: application/octet-stream\r
Content-Disposition: attachment; filename="../../../../tmp/evil\x1b[31m.exe"\r
\r
xx\r
--x--\r
"""
HOSTILE = (
    _ATTACHED,
    b"Subject: =?utf-8?b?G1szMW1yZWQbWzBtIOKArmV2aWw=?=\r\n\r\nbody \x1b[2J\r\n",
    b"Subject: =?utf-8?q?=C2=9B31mC1?=\r\nMessage-ID: <surrogate-\xff@contoso.example>\r\n\r\n\xff\xfe\r\n",
    b"Subject: \xed\xa0\x80 \xf0\x9f\x98\x80 \xff\r\n\r\nx\r\n",
    b"Subject: =?utf-7?q?+2AA-?= =?unicode-escape?q?=5Cud800?=\r\n\r\nx\r\n",
    b"Subject: " + b"A" * 200_000 + b"\r\n\r\nlong\r\n",
    b"Subject: =?utf-8?q?e" + b"=CC=81" * 20_000 + b"?=\r\n\r\nmarks\r\n",
    b"Subject: =?utf-8?q?=EF=BC=B7=EF=BC=A9=EF=BC=A4=EF=BC=A5=E6=BC=A2=E5=AD=97?=\r\n\r\nwide\r\n",
    b"",
    b"\0\0\0\r\n\r\n\0",
)


@dataclass(frozen=True, kw_only=True)
class Ground:
    """An estate whose hostile mail was received, and `copy` of its state to damage."""

    estate: MailEstate
    command: Callable[..., tuple[str, str]]
    copy: Path

    def json(self, *words: str, code: int = 0) -> Any:
        return json.loads(self.command(*words, "-o", "json", code=code)[0])


@pytest.fixture(scope="module")
def received(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[MailEstate, Dovecot]]:
    users = [f"{name}@contoso.example" for name in NAMES]
    with running(users=dict.fromkeys(users, CANARY)) as dovecot:
        for user in users:
            dovecot.deliver_all(user, [(message, 1_700_000_000 + number) for number, message in enumerate(HOSTILE)])
        estate = MailEstate(
            folder=tmp_path_factory.mktemp("hostile") / "place",
            imap=dovecot.imaps,
            authority=dovecot.authority,
            password=CANARY,
            names=NAMES,
        )
        estate("apply", "--yes")
        estate("sync")
        yield estate, dovecot


@pytest.fixture
def ground(
    received: tuple[MailEstate, Dovecot], tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> Ground:
    estate, _ = received
    copy = tmp_path / "state"
    shutil.copytree(estate.state, copy)
    monkeypatch.setenv("RECONCILE_CACHE_DIR", str(tmp_path / "cache"))

    def command(*words: str, code: int = 0) -> tuple[str, str]:
        count = 2 if words[0] in ("outbox", "activities") else 1
        places = ["-C", str(estate.estate), "--state-dir", str(copy), "--secrets-dir", str(estate.secrets)]
        capsys.readouterr()
        ended = run([*words[:count], *places, *words[count:]])
        out, err = capsys.readouterr()
        assert ended == code, (words, ended, out, err)
        assert CANARY[:12] not in out + err
        return out, err

    return Ground(estate=estate, command=command, copy=copy)


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (("activities", "show", "9" * 20), 64, "not in the range 1 or more"),
        (("activities", "show", "9" * 5000), 64, "Invalid value"),
        (("activities", "show", "0"), 64, "not in the range"),
        (("activities", "show", str(2**63 - 1)), 1, "there is no activity"),
        (("activities", "list", "--limit", "-1"), 64, "not in the range"),
        (("activities", "list", "--limit", "9" * 20), 64, "not in the range"),
        (("activities", "list", "--since", "2026-13-01"), 64, "is no RFC 3339 date"),
        (("activities", "list", "--since", ""), 64, "is no RFC 3339 date"),
        (("activities", "list", "--since", "0001-01-01T00:00:00+14:00"), 64, "is no RFC 3339 date"),
        (("activities", "list", "--since", "9999-12-31T23:59:59-14:00"), 64, "is no RFC 3339 date"),
        (("activities", "list", "--mailbox", "saels"), 1, "Did you mean sales?"),
        (("activities", "list", "--mailbox", ""), 1, "no mailbox ''"),
        (("activities", "list", "--mailbox", "x\x1b[31m"), 1, "no mailbox 'x\\x1b[31m'"),
        (("activities", "export", "new", "--mailbox", "saels"), 1, "Did you mean sales?"),
        (("sync", "saels"), 1, "Did you mean sales?"),
        (("outbox", "add", "--from", "saels", "--to", "a@contoso.example", "--text", "x"), 1, "Did you mean sales?"),
        (("outbox", "list", "--mailbox", "saels"), 1, "Did you mean sales?"),
        (("outbox", "show", "9" * 20), 64, "not in the range"),
        (("outbox", "retry", "9" * 20), 64, "not in the range"),
        (("status", "-e", "tset"), 1, "nothing was applied to environment tset"),
        (("mailboxes", "-e", "tset"), 1, "nothing was applied to environment tset"),
        (("activities", "list", "-e", "tset"), 1, "nothing was applied to environment tset"),
        (("outbox", "list", "-e", "../test"), 1, "is no name of an environment"),
        (("run", "--once", "--interval", "nan"), 64, "is no number"),
        (("run", "--once", "--interval", "inf"), 64, "not in the range"),
    ],
)
def test_what_was_typed_wrongly_is_answered(
    ground: Ground, words: tuple[str, ...], code: int, said: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    out, err = ground.command(*words, code=code)
    assert (out, said in err) == ("", True), err
    assert "  next: " in err
    document = ground.json(*words, code=code)
    assert said in document["error"]["message"] + document["error"]["hint"]
    assert not (tmp_path / "new").exists(), "what failed leaves nothing behind"


def test_old_dates_select_everything(ground: Ground) -> None:
    everything = ground.command("activities", "list", "-o", "json")[0].splitlines()
    # Two of them have a Message-ID: one activity for both mailboxes.
    assert len(everything) == 2 * len(HOSTILE) - 2
    for date in ("0999-01-01", "0001-01-01", "1969-07-20T20:17:40Z"):
        assert ground.command("activities", "list", "--since", date, "-o", "json")[0].splitlines() == everything


def test_hostile_mail_steers_nothing(ground: Ground) -> None:
    listed = [json.loads(line) for line in ground.command("activities", "list", "-o", "json")[0].splitlines()]
    shown = [ground.command("activities", "list")[0], ground.command("activities", "list", "-o", "json")[0]]
    for one in listed:
        shown += [
            ground.command("activities", "show", str(one["id"]))[0],
            ground.command("activities", "show", str(one["id"]), "-o", "json")[0],
        ]
    for text in shown:
        steering = {
            character
            for character in text
            if (unicodedata.category(character) in ("Cc", "Cs") and character != "\n")
            or character in "\u202a\u202b\u202c\u202d\u202e\u2066\u2067"
        }
        assert not steering - {"\t"}, steering
    assert max(map(len, shown[0].splitlines())) < 1000


def test_an_export_has_every_byte_and_only_names_of_ours(ground: Ground, received: tuple[MailEstate, Dovecot], tmp_path: Path) -> None:
    folder = tmp_path / "deep" / "export"
    ground.command("activities", "export", str(folder))
    rows = [json.loads(line) for line in (folder / "activities.jsonl").read_text().splitlines()]
    assert sorted(path.name for path in folder.rglob("*")) == sorted([*(row["file"] for row in rows), "activities.jsonl"])
    assert all(row["file"] == f"{row['id']:08d}.eml" for row in rows)
    exported = sorted((folder / row["file"]).read_bytes() for row in rows)
    servers = [received[1].messages(f"{name}@contoso.example", CANARY) for name in NAMES]
    assert sorted({*servers[0].values(), *servers[1].values()}) == sorted(set(exported))
    assert oct(folder.stat().st_mode)[-3:] == "700"
    before = {path: path.read_bytes() for path in folder.iterdir()}
    assert "is not empty" in ground.command("activities", "export", str(folder), code=1)[1]
    assert {path: path.read_bytes() for path in folder.iterdir()} == before
    (tmp_path / "link").symlink_to(tmp_path / "nowhere")
    ground.command("activities", "export", str(tmp_path / "link"), code=1)
    assert not (tmp_path / "nowhere").exists()
    ground.command("activities", "export", str(folder / "activities.jsonl"), code=64)


def _place(state: Path, number: int) -> tuple[Path, int, int]:
    connection = sqlite3.connect(state / "test" / "engine.db")
    pack, offset, size = connection.execute("SELECT pack, offset, size FROM mail_activities WHERE id = ?", (number,)).fetchone()
    connection.close()
    return state / "test" / "packs" / f"{pack:08d}.pack", offset, size


def test_one_damaged_mail_is_named_and_the_rest_is_exported(ground: Ground, tmp_path: Path) -> None:
    pack, offset, size = _place(ground.copy, 2)
    with pack.open("r+b") as file:
        file.seek(offset + size // 2)
        octet = file.read(1)
        file.seek(offset + size // 2)
        file.write(bytes([octet[0] ^ 1]))
    assert "damaged" in ground.command("activities", "show", "2", code=1)[1]
    assert ground.json("activities", "show", "2", code=1)["error"]["kind"] == "PermanentError"
    ground.command("activities", "show", "1")
    _, err = ground.command("activities", "export", str(tmp_path / "one"), code=1)
    assert "e-mail 2 was left out" in err
    document = ground.json("activities", "export", str(tmp_path / "two"), code=1)
    total = len(ground.command("activities", "list", "-o", "json")[0].splitlines())
    assert (document["exported"], [one["id"] for one in document["damaged"]]) == (total - 1, [2])
    rows = [json.loads(line) for line in (tmp_path / "two" / "activities.jsonl").read_text().splitlines()]
    assert [row["id"] for row in rows if row["file"] is None] == [2]
    assert len([*(tmp_path / "two").glob("*.eml")]) == total - 1


@pytest.mark.parametrize("harm", ["cut", "deleted"])
def test_a_pack_that_lacks_bytes_is_said_never_written_over_and_stops_no_new_mail(
    ground: Ground, harm: str, received: tuple[MailEstate, Dovecot], tmp_path: Path
) -> None:
    packs = [*(ground.copy / "test" / "packs").glob("*.pack")]
    for pack in packs:
        if harm == "cut":
            with pack.open("r+b") as file:
                file.truncate(10)
        else:
            pack.unlink()
    # Kept texts can still be read; bytes cannot.
    error = ground.command("activities", "show", "1", code=1)[1]
    assert "pack" in error
    assert "backup" in error or "Check" in error
    assert ground.json("activities", "export", str(tmp_path / "export"), code=1)["exported"] <= len(NAMES), "but for the empty one of each"
    _, dovecot = received
    dovecot.deliver("info@contoso.example", f"Message-ID: <after-{harm}@contoso.example>\r\n\r\nx".encode())
    tracked = ground.json("sync", "info")["mailboxes"][0]["tracked"]
    assert tracked >= 1
    newest = ground.command("activities", "list", "--limit", str(tracked), "-o", "json")[0].splitlines()
    raw = [ground.command("activities", "show", str(json.loads(line)["id"]), "--raw")[0] for line in newest]
    assert any(f"after-{harm}" in each for each in raw)
    if harm == "cut":
        assert [pack.stat().st_size for pack in packs] == [10] * len(packs)
    ground.command("activities", "show", "1", code=1)


def test_the_password_shows_nowhere(ground: Ground, received: tuple[MailEstate, Dovecot], tmp_path: Path) -> None:
    estate, _ = received
    for words in (("status",), ("mailboxes",), ("sync",), ("history",), ("run", "--once")):
        ground.command(*words)
        ground.command(*words, "-o", "json")
    canary = CANARY[:12].encode()
    held = [
        path for folder in (ground.copy, estate.state, tmp_path, estate.folder / "cache") for path in folder.rglob("*") if path.is_file()
    ]
    assert len(held) > 5
    assert not [path for path in held if canary in path.read_bytes()]
    assert canary in (estate.secrets / "password").read_bytes(), "the search finds what is there"
