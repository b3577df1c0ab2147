"""Changing the key that seals while mail is synchronised, with the commands themselves and a real server."""

from __future__ import annotations

import base64
import json
import random
import signal
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from support.dovecot import PASSWORD, running
from support.mail_estate import MAILBOX, MailEstate, ended, wait_until

pytestmark = pytest.mark.servers
NAMES = [f"box{number}" for number in range(3)]
#: Mailboxes that only hold a password: enough of them that resealing takes more than one transaction.
IDLE = [f"idle{number:03d}" for number in range(260)]


def mail(number: int) -> bytes:
    return b"Message-ID: <%d@contoso.example>\r\nSubject: %d\r\n\r\nbody\r\n" % (number, number)


def listed(estate: MailEstate) -> dict[str, int]:
    return {one["id"]: one["records"] for one in estate("key", "list", "-o", "json").document["keys"]}


def declare(estate: MailEstate, name: str, *, generation: int = 1, method: str = "server-side") -> None:
    text = MAILBOX.replace("NAME", name).replace("GENERATION", str(generation)).replace("server-side", method)
    draft = estate.folder / "draft"
    draft.write_text(text)
    draft.replace(estate.estate / f"{name}.yaml")


def keep_logging_in(estate: MailEstate, stopping: threading.Event) -> int:
    """One `sync` after the other; each must succeed (or find the loop at all mailboxes). How many there were."""
    count = 0
    while not stopping.is_set():
        done = estate("sync", "-o", "json", code=None)
        assert done.code in (0, 8), done
        assert [each["error"] for each in done.document["mailboxes"] if each.get("error")] == [], done
        count += 1
    return count


@pytest.mark.slow
def test_a_loop_goes_on_logging_in_while_the_key_changes_again_and_again(tmp_path: Path) -> None:
    with running(users={f"{name}@contoso.example": PASSWORD for name in NAMES}) as dovecot:
        estate = MailEstate(folder=tmp_path, imap=dovecot.imaps, authority=dovecot.authority, password=PASSWORD, names=NAMES)
        for name in IDLE:
            declare(estate, name, method="none")
        estate("apply", "--yes")
        first = listed(estate)
        assert list(first.values()) == [len(NAMES) + len(IDLE)]
        before = (estate.secrets / "reconcile.key").read_text()
        loop = estate.start("run", "--interval", "1", "-o", "json")
        stopping = threading.Event()
        with ThreadPoolExecutor(1) as pool:
            logins = pool.submit(keep_logging_in, estate, stopping)
            try:
                for number in range(4):
                    for name in NAMES:
                        dovecot.deliver(f"{name}@contoso.example", mail(number))
                    # The loop seals these anew, in the middle of it all.
                    declare(estate, "box0", generation=number + 2)
                    rotation = estate("key", "rotate")
                    assert rotation.out.splitlines()[-1].endswith("records on the old key: 0")
                    assert len([line for line in rotation.out.splitlines() if line.startswith("records on the old key: ")]) >= 2
                    assert estate("key", "prune", "--yes").out.startswith("taken out: ")
                wait_until(lambda: estate("plan", "-o", "json").document["plan"]["changes"] == [])
                wait_until(lambda: len(estate("activities", "list", "-o", "json").out.splitlines()) == 4)
            finally:
                stopping.set()
                loop.send_signal(signal.SIGTERM)
                stopped = ended(loop)
            assert logins.result() >= 4
        events = [json.loads(line) for line in stopped.out.splitlines()]
        assert events, stopped
        # While keys are taken out, an apply waits its turn.
        odd = [event for event in events if event["kind"] not in ("settled", "found", "stopped") and "key prune" not in event["message"]]
        assert odd == []
        assert [event for event in events if event.get("failed")] == []
        assert list(listed(estate).values()) == [len(NAMES) + len(IDLE)]
        assert not set(listed(estate)) & set(first)
        # Plans compare keyed digests of the values. Had they looked like other values, the loop would have applied all of them.
        assert 1 <= sum(event.get("applied", 0) for event in events if event["part"] == "configuration") <= 4
        # The next rotation of a value is still seen.
        estate.secret("password", b"another one")
        assert len(estate("plan", "-o", "json", code=4).document["plan"]["changes"]) == len(NAMES) + len(IDLE)
        estate.secret("password", PASSWORD.encode())
        assert estate("sync").code == 0
        (estate.secrets / "reconcile.key").write_text(before)
        assert "was sealed with key" in estate("sync", code=1).out
        # Nothing shows a key.
        assert before.strip() not in rotation.out + rotation.err + stopped.out + stopped.err


@pytest.mark.slow
def test_a_rotation_that_is_killed_is_continued(tmp_path: Path) -> None:
    with running(users={f"{name}@contoso.example": PASSWORD for name in NAMES}) as dovecot:
        estate = MailEstate(folder=tmp_path, imap=dovecot.imaps, authority=dovecot.authority, password=PASSWORD, names=NAMES)
        for name in IDLE:
            declare(estate, name, method="none")
        estate("apply", "--yes")
        dice, moments = random.Random(7), set[str]()
        for number in range(14):
            process = estate.start("key", "rotate")
            # Before the ring was read, at any moment of writing it, or after so many transactions.
            if number % 2:
                time.sleep(dice.random() * 0.4)
            else:
                assert process.stdout is not None
                for _ in range(dice.randint(1, 2)):
                    process.stdout.readline()
            process.kill()
            process.communicate()
            counts = listed(estate)
            assert sum(counts.values()) == len(NAMES) + len(IDLE)
            moments.add("all on one key" if len([one for one in counts.values() if one]) == 1 else "between")
            if number % 3 == 0:
                assert estate("sync", "-o", "json").document["mailboxes"][0]["error"] is None
        assert estate("key", "rotate").out.splitlines()[-1].endswith("records on the old key: 0")
        estate("key", "prune", "--yes")
        assert list(listed(estate).values()) == [len(NAMES) + len(IDLE)]
        assert estate("sync").code == 0
        assert [path.name for path in estate.secrets.iterdir() if path.name.startswith(".reconcile.key.") and path.suffix != ".lock"] == []
        assert moments == {"all on one key", "between"}


def test_values_of_a_key_that_is_lost_are_named_and_nothing_is_pruned(tmp_path: Path) -> None:
    with running(users={f"{name}@contoso.example": PASSWORD for name in NAMES}) as dovecot:
        estate = MailEstate(folder=tmp_path, imap=dovecot.imaps, authority=dovecot.authority, password=PASSWORD, names=NAMES)
        estate("apply", "--yes")
        ring = estate.secrets / "reconcile.key"
        lost = ring.read_text()
        ring.write_text(base64.b64encode(bytes(32)).decode() + "\n")
        done = estate("key", "rotate", "-o", "json", code=1)
        named = sorted((one["resource"], one["path"]) for one in done.document["unopened"])
        assert named == [(f"Mailbox/{name}", "credentials.password") for name in NAMES]
        # A ring in a variable is changed where it is kept; sealing anew what is left needs no more.
        estate.variables = {"RECONCILE_KEY": "env:RING", "RING": ring.read_text() + lost}
        assert estate("key", "rotate").out.splitlines()[-1].endswith("records on the old key: 0")
        refused = estate("key", "rotate", code=1)
        assert "env:RING" in refused.err
        assert "openssl" in refused.err
        assert estate("sync").code == 0
        estate.variables = {}
        ring.write_text(lost + ring.read_text())
        refused = estate("key", "prune", "--yes", code=1)
        assert "3 sealed values are sealed with" in refused.err
        assert "reconcile key rotate" in refused.err
        estate("key", "rotate")
        assert estate("sync").code == 0
        listing = [json.loads(line) for line in estate("history", "-o", "json").out.splitlines()]
        assert "rotate-key" in json.dumps(listing)
