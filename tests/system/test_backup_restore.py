"""Backup and restore with the commands themselves: consistent while mail moves, refused when harmed, whole when killed."""

from __future__ import annotations

import base64
import random
import shutil
import subprocess
import sys
import tarfile
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from reconcile.store.sqlite.database import Database
from reconcile.store.sqlite.mail import SqliteMailStore
from support import postfix as post
from support.dovecot import PASSWORD, Dovecot, running
from support.mail_estate import MailEstate, ended

pytestmark = pytest.mark.servers
NAMES = ["sales", "info"]


def mail(number: int, user: str, size: int = 300) -> bytes:
    text = random.Random(number).randbytes(size // 2).hex().encode()
    return b"Message-ID: <%d.%s@contoso.example>\r\nSubject: %d\r\n\r\n%s" % (number, user.encode(), number, text)


def deliver(dovecot: Dovecot, numbers: range, size: int = 300) -> None:
    for name in NAMES:
        user = f"{name}@contoso.example"
        dovecot.deliver_all(user, [(mail(number, name, size), 1_700_000_000 + number) for number in numbers])


def tracked(estate: MailEstate) -> list[bytes]:
    """Every stored mail, byte for byte."""
    with Database.open(estate.state / "test" / "engine.db", read_only=True) as database:
        assert database.reader().execute("PRAGMA integrity_check").fetchone()[0] == "ok"
        store = SqliteMailStore(database, estate.state / "test")
        return sorted(b"".join(store.raw(each.id)) for each in store.activities(mailbox_id=None, since=None, limit=None))


@pytest.fixture(scope="module")
def dovecot() -> Iterator[Dovecot]:
    with running(users={f"{name}@contoso.example": PASSWORD for name in NAMES}) as server:
        yield server


@pytest.fixture
def estate(tmp_path: Path, dovecot: Dovecot) -> MailEstate:
    for name in NAMES:
        shutil.rmtree(dovecot.base / "mail" / f"{name}@contoso.example", ignore_errors=True)
    made = MailEstate(folder=tmp_path, imap=dovecot.imaps, authority=dovecot.authority, password=PASSWORD, names=NAMES)
    made("apply", "--yes")
    return made


def at_server(dovecot: Dovecot) -> list[bytes]:
    return sorted(raw for name in NAMES for raw in dovecot.messages(f"{name}@contoso.example").values())


@pytest.mark.slow
def test_after_an_old_backup_nothing_is_lost_and_nothing_is_sent_twice(tmp_path: Path, dovecot: Dovecot) -> None:
    post.require()
    for name in NAMES:
        shutil.rmtree(dovecot.base / "mail" / f"{name}@contoso.example", ignore_errors=True)
    with post.running() as server:
        estate = MailEstate(
            folder=tmp_path,
            imap=dovecot.imaps,
            authority=dovecot.authority,
            password=PASSWORD,
            names=NAMES,
            smtp=server.submission,
            smtp_authority=server.authority,
        )
        estate("apply", "--yes")
        deliver(dovecot, range(5))
        estate("outbox", "add", "--from", "sales", "--to", "a@contoso.example", "--subject", "before", "--text", "x")
        estate("sync")
        estate("outbox", "add", "--from", "sales", "--to", "b@contoso.example", "--subject", "waiting", "--text", "x")
        estate("backup", str(tmp_path / "b.tar"))
        deliver(dovecot, range(5, 9))
        estate("outbox", "add", "--from", "info", "--to", "c@contoso.example", "--subject", "later", "--text", "x")
        estate("sync")
        assert len(server.wait(3)) == 3
        assert tracked(estate) == at_server(dovecot)
        done = estate("restore", str(tmp_path / "b.tar"), "--replace", "--yes", "-o", "json")
        assert done.document["uncertain"] == 1
        assert len(tracked(estate)) == 10
        estate("sync")
        estate("sync")
        assert tracked(estate) == at_server(dovecot)
        time.sleep(0.5)
        assert sorted(one.recipient for one in server.delivered()) == [f"{one}@contoso.example" for one in "abc"]
        states = {one["subject"]: one["state"] for one in estate("outbox", "list", "-o", "json").document["mails"]}
        assert states == {"before": "sent", "waiting": "uncertain"}
        assert "restored from a backup of" in estate("outbox", "show", "2").out
        # What a person decides then holds.
        estate("outbox", "confirm", "2", "--i-checked-it-was-sent")
        # With --outbox keep it is sent (once more, here), which is why that is asked for by name.
        estate("restore", str(tmp_path / "b.tar"), "--replace", "--yes", "--outbox", "keep")
        estate("sync")
        assert [one.recipient for one in server.wait(4)].count("b@contoso.example") == 2
        assert len([*(estate.state / ".replaced").iterdir()]) == 2
        assert '"restore"' in estate("history", "-o", "json").out


def test_a_backup_made_while_mail_arrives_is_one_moment(estate: MailEstate, dovecot: Dovecot, tmp_path: Path) -> None:
    deliver(dovecot, range(3000), size=8000)
    loop = estate.start("sync")
    files = []
    while loop.poll() is None:
        files.append(tmp_path / f"{len(files)}.tar")
        estate("backup", str(files[-1]))
    ended(loop)
    whole = at_server(dovecot)
    sizes = set()
    for file in files:
        shutil.rmtree(estate.state / "test")
        estate("restore", str(file))
        there = tracked(estate)
        sizes.add(len(there))
        assert set(there) <= set(whole)
        assert len(set(there)) == len(there)
    assert len(sizes) > 1, "no backup was made in the middle"
    estate("sync")
    assert tracked(estate) == whole


def test_a_backup_that_is_killed_leaves_nothing_that_the_next_one_does_not_clear(
    estate: MailEstate, dovecot: Dovecot, tmp_path: Path
) -> None:
    deliver(dovecot, range(20), size=300_000)
    estate("sync")
    whole, file, dice, left = tracked(estate), tmp_path / "b.tar", random.Random(2), 0
    for _ in range(6):
        process = estate.start("backup", str(file))
        deadline = time.monotonic() + 20
        while process.poll() is None and time.monotonic() < deadline and not (tmp_path / ".b.tar.partial").exists():
            pass
        time.sleep(dice.random() * 0.03)
        process.kill()
        process.communicate()
        left += (tmp_path / ".b.tar.partial").exists()
        if file.exists():
            estate("restore", str(file), "--replace", "--yes")
            assert tracked(estate) == whole
            file.unlink()
    assert left > 0
    estate("backup", str(file))
    estate("restore", str(file), "--replace", "--yes")
    assert tracked(estate) == whole
    assert [path.name for path in tmp_path.iterdir() if path.name.startswith(".b")] == []


def test_no_key_and_no_password_is_in_it_and_only_its_owner_reads_it(estate: MailEstate, tmp_path: Path) -> None:
    file = tmp_path / "b.tar"
    estate("backup", str(file))
    content, key = file.read_bytes(), (estate.secrets / "reconcile.key").read_bytes().strip()
    for secret in (key, base64.b64decode(key), PASSWORD.encode()):
        assert secret not in content
    assert file.stat().st_mode & 0o777 == 0o600
    assert "exists" in estate("backup", str(file), code=1).err
    assert [path.name for path in tmp_path.iterdir() if path.name.startswith(".b")] == []


def test_harmed_files_are_refused_and_the_store_stays(estate: MailEstate, dovecot: Dovecot, tmp_path: Path) -> None:
    deliver(dovecot, range(3))
    estate("sync")
    good = tmp_path / "b.tar"
    estate("backup", str(good))
    content, before = good.read_bytes(), tracked(estate)
    harmed = tmp_path / "harmed.tar"
    dice = random.Random(3)
    cases: dict[str, bytes] = {"empty": b"", "text": b"hello\n" * 500, "zeros": bytes(20_000)}
    with tarfile.open(good) as archive:
        data = {member.name: member.offset_data for member in archive}
        sizes = {member.name: member.size for member in archive}
    # Behind the last file a tar is only filled up with zeros.
    end = max(start + sizes[name] for name, start in data.items())
    cases |= {f"cut at {at}": content[:at] for at in (1, 511, 512, 2048, end - 1, *(dice.randrange(end) for _ in range(6)))}
    for name, start in data.items():
        at = start + dice.randrange(sizes[name])
        cases[f"flip in {name}"] = content[:at] + bytes([content[at] ^ 1]) + content[at + 1 :]
    other = tmp_path / "other"
    (other / "sub").mkdir(parents=True)
    with tarfile.open(tmp_path / "foreign.tar", "w") as archive:
        archive.add(other, "other")
    cases["another archive"] = (tmp_path / "foreign.tar").read_bytes()
    cases["newer"] = content.replace(b'"format": 1', b'"format": 9', 1)
    for name, case in cases.items():
        harmed.write_bytes(case)
        done = estate("restore", str(harmed), "--replace", "--yes", code=1)
        assert str(harmed) in done.err, name
        assert "Nothing was changed" in done.err, name
        assert ("newer version" in done.err) == (name == "newer"), name
    assert tracked(estate) == before
    assert not (estate.state / ".replaced").exists()
    assert [path.name for path in estate.state.iterdir()] != []
    assert "no file" in estate("restore", str(tmp_path / "missing.tar"), code=1).err
    assert "holds a store already" in estate("restore", str(good), code=1).err
    assert "of environment test, not of production" in estate("restore", str(good), "-e", "production", "--replace", code=1).err
    declined = estate("restore", str(good), "--replace", code=None, stdin=b"n\n")
    assert declined.code == 1
    assert tracked(estate) == before


@pytest.mark.parametrize("name", ["../escape", "/tmp/escape", "packs/../../escape", "packs/1.pack"])
def test_an_archive_that_writes_elsewhere_is_refused(estate: MailEstate, tmp_path: Path, name: str) -> None:
    good, bad = tmp_path / "b.tar", tmp_path / "bad.tar"
    estate("backup", str(good))
    with tarfile.open(good) as source, tarfile.open(bad, "w") as target:
        for member in source:
            if member.name == "engine.db":
                target.addfile(tarfile.TarInfo(name))
            target.addfile(member, source.extractfile(member))
    assert "which no backup does" in estate("restore", str(bad), "--replace", "--yes", code=1).err
    assert not (tmp_path / "escape").exists()


def test_into_another_ring(estate: MailEstate, dovecot: Dovecot, tmp_path: Path) -> None:
    deliver(dovecot, range(2))
    file, ring = tmp_path / "b.tar", estate.secrets / "reconcile.key"
    estate("backup", str(file))
    ring.rename(estate.secrets / "old.key")
    done = estate("restore", str(file), "--replace", "--yes", "-o", "json", code=6)
    assert sorted(one["resource"] for one in done.document["unopened"]) == ["Mailbox/info", "Mailbox/sales"]
    assert not ring.exists(), "a new key would hide that the right one is missing"
    assert "there is no key" in estate("sync", code=1).out
    # On a host that has none yet, one is made.
    done = estate("restore", str(file), "--replace", "--yes", "--old-key", "file:old.key", "-o", "json")
    assert (done.document["resealed"], done.document["unopened"]) == (2, [])
    (estate.secrets / "old.key").unlink()
    estate("sync")
    assert tracked(estate) == at_server(dovecot)
    listed = estate("key", "list", "-o", "json").document["keys"]
    assert [(one["seals"], one["records"]) for one in listed] == [(True, 2)]


def test_a_store_that_lost_its_database_is_not_begun_anew(estate: MailEstate, dovecot: Dovecot, tmp_path: Path) -> None:
    deliver(dovecot, range(3))
    estate("sync")
    estate("backup", str(tmp_path / "b.tar"))
    database = estate.state / "test" / "engine.db"
    for name in (database, database.with_name("engine.db-wal"), database.with_name("engine.db-shm")):
        name.unlink(missing_ok=True)
    database.touch()
    for words in (("plan",), ("apply", "--yes"), ("sync",)):
        failed = estate(*words, code=1)
        assert f"{database} is empty, but mail that belongs to it lies in" in failed.err, words
        assert "reconcile restore" in failed.err, words
    assert not database.stat().st_size
    estate("restore", str(tmp_path / "b.tar"), "--replace", "--yes")
    estate("sync")
    assert tracked(estate) == at_server(dovecot)


def test_a_restore_waits_for_nobody_and_disturbs_nobody(estate: MailEstate, tmp_path: Path) -> None:
    file = tmp_path / "b.tar"
    estate("backup", str(file))
    with Database.open(estate.state / "test" / "engine.db"):
        done = estate("restore", str(file), "--replace", "--yes", code=8)
        assert "End `reconcile run " in done.err
    estate("restore", str(file), "--replace", "--yes")


@pytest.mark.slow
def test_a_restore_that_is_killed_leaves_the_old_or_the_new(estate: MailEstate, dovecot: Dovecot, tmp_path: Path) -> None:
    deliver(dovecot, range(20), size=200_000)
    estate("sync")
    old = tracked(estate)
    estate("backup", str(tmp_path / "old.tar"))
    deliver(dovecot, range(20, 25))
    estate("sync")
    new = tracked(estate)
    estate("backup", str(tmp_path / "new.tar"))
    dice, moments = random.Random(5), set[str]()
    for number in range(12):
        wanted = ("old", "new")[number % 2]
        process = estate.start("restore", str(tmp_path / f"{wanted}.tar"), "--replace", "--yes")
        deadline = time.monotonic() + 20
        if number == 0:
            pass  # before it has begun
        elif number % 4 == 1:
            while process.poll() is None and time.monotonic() < deadline and not (estate.state / ".restoring-test").exists():
                pass
        elif number % 4 == 3:
            # As soon as the old one was laid aside, or just before.
            count = len([*(estate.state / ".replaced").glob("*")])
            while process.poll() is None and time.monotonic() < deadline and len([*(estate.state / ".replaced").glob("*")]) == count:
                pass
        else:
            time.sleep(0.15 + dice.random() * 0.35)
        process.kill()
        process.communicate()
        there = tracked(estate)
        assert there in (old, new)
        moments.add("unfinished" if (estate.state / ".restoring-test").exists() else "no trace")
    assert moments == {"unfinished", "no trace"}
    estate("restore", str(tmp_path / "new.tar"), "--replace", "--yes")
    assert tracked(estate) == new
    assert not (estate.state / ".restoring-test").exists()
    for aside in (estate.state / ".replaced").iterdir():
        assert (aside / "engine.db").exists()


PEAK = """
from reconcile.cli.main import run
code = run(sys.argv[1:])
print("peak", pathlib.Path("/proc/self/status").read_text().split("VmHWM:")[1].split()[0], file=sys.stderr)
sys.exit(code)
"""


@pytest.mark.slow
def test_a_large_store_needs_little_memory(estate: MailEstate, dovecot: Dovecot, tmp_path: Path) -> None:
    """A pack of 600 MB, most of it a hole, so that it costs no disk and little time."""
    deliver(dovecot, range(1))
    estate("sync")
    pack = min((estate.state / "test" / "packs").glob("*.pack"))
    with pack.open("r+b") as file:
        file.truncate(600 << 20)
    with Database.open(estate.state / "test" / "engine.db") as database:
        database.write(lambda connection: connection.execute("UPDATE mail_packs SET committed = ? WHERE id = 1", (600 << 20,)) and None)
    for words in (("backup", str(tmp_path / "b.tar")), ("restore", str(tmp_path / "b.tar"), "--replace", "--yes")):
        # Not getrusage: its maximum is inherited from the process that started this one.
        program = "import pathlib, sys\n" + PEAK
        command = [sys.executable, "-c", program, *estate.arguments(*words)[3:]]
        done = subprocess.run(command, env=estate.environment(), stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True, check=False)
        assert done.returncode == 0, done.stderr
        used = int(done.stderr.rpartition("peak ")[2])
        assert used < 120_000, f"{words[0]} used {used} KB"
    (tmp_path / "b.tar").unlink()
