"""Over two hundred hostile messages, from a real server, with everything switched on that looks into mail: kept byte for byte, none fatal,
in bounded memory and time, and every one can be shown."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from reconcile.sync.decide.text import parse_text
from support.dovecot import PASSWORD, Dovecot, running
from support.hostile_corpus import corpus
from support.receiving import apply_estate
from support.receiving_world import World

pytestmark = [pytest.mark.servers, pytest.mark.slow]
#: Everything that looks into mail.
ORGANIZATION = {
    "deployment": "on-premises",
    "deploymentSettings.allowNonSslEmail": True,
    "tracking.correlation": True,
    "tracking.correlateByReferences": True,
    "tracking.ignoreInternalEmail": True,
    "tracking.token.enabled": True,
    "smartMatching.enabled": True,
}
#: The peak in KB, last on stderr. Not ru_maxrss: that counts what the test process had when it made this one.
MEASURE = """
import sys
from reconcile.cli.main import run
code = run(sys.argv[1:])
with open("/proc/self/status") as status:
    print(next(line.split()[1] for line in status if line.startswith("VmHWM")), file=sys.stderr)
raise SystemExit(code)
"""


@pytest.fixture(scope="module")
def dovecot() -> Iterator[Dovecot]:
    with running(users={f"box{number}@contoso.example": PASSWORD for number in range(4)}) as server:
        server.fresh = iter(server.users)
        yield server


def test_there_are_enough_of_them() -> None:
    names = [name for name, _ in corpus()]
    assert len(set(names)) == len(names) >= 200


@pytest.mark.parametrize("protocol", ["imap", "pop3"])
def test_each_is_kept_byte_for_byte_in_bounded_memory(dovecot: Dovecot, tmp_path: Path, protocol: str) -> None:
    world = World(dovecot, tmp_path)
    user = world.user(protocol)
    # Without a single octet there is no header to judge by; such a one is told as missing (tests/contract/test_inbox.py).
    messages = [(name, raw) for name, raw in corpus() if raw]
    dovecot.deliver_all(user, [(raw, 1_700_000_000.0 + number) for number, (_, raw) in enumerate(messages)])
    where = {"port": dovecot.imaps} if protocol == "imap" else {"port": dovecot.pop3s, "profile": {"serverType": "pop3-smtp"}}
    settings = apply_estate(
        tmp_path,
        passwords={user: PASSWORD},
        authority=dovecot.authority,
        organization=ORGANIZATION,
        **where,  # type: ignore[arg-type]
    )
    command = [sys.executable, "-c", MEASURE, "sync", "-o", "json"]
    command += ["--state-dir", str(settings.state_directory), "--secrets-dir", str(settings.secrets_directory)]
    started = time.monotonic()
    done = subprocess.run(command, capture_output=True, timeout=240, check=False)
    (told,) = json.loads(done.stdout)["mailboxes"]
    assert (told["error"], told["tracked"] + told["duplicates"]) == (None, len(messages)), (told, done.stderr[-2000:])
    peak = int(done.stderr.split()[-1]) // 1024
    print(f"{len(messages)} messages over {protocol}: {time.monotonic() - started:.1f} s, peak {peak} MB")
    assert peak < 150
    kept = Counter(
        world.read(lambda store, _: [b"".join(store.raw(one.id)) for one in store.activities(mailbox_id=None, since=None, limit=None)])
    )
    at_server = Counter(dovecot.messages(user).values())
    if protocol == "pop3":
        # What it transports ends with a line end (RFC 1939, section 3). Asked by IMAP, which knows no NUL, Dovecot shows 0x80 for it.
        kept = Counter(raw.replace(b"\0", b"\x80") for raw in kept.elements())
        at_server = Counter(raw if raw.endswith(b"\r\n") else raw + b"\r\n" for raw in at_server.elements())
    assert not kept - at_server
    # The same Message-ID with the same content is one activity; everything else is there.
    assert sum((at_server - kept).values()) == told["duplicates"]


def test_each_can_be_shown_and_parsed_in_time() -> None:
    for name, raw in corpus():
        started = time.process_time()
        text = parse_text(raw)
        assert time.process_time() - started < 5, name
        assert len(text.attachments) <= 1_000, name
