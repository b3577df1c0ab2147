"""Any sequence of deliveries, network faults and kills, then two quiet passes: every message exactly once, right cursor, right state.

Over real connections to Dovecot through a proxy that breaks them; a kill is a real one (SIGKILL), at a counted octet of the conversation.
"""

from __future__ import annotations

import os
import random
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TypeAlias

import hypothesis.strategies as st
import pytest
from hypothesis import HealthCheck, given, settings

from support.dovecot import PASSWORD, Dovecot, running
from support.fault_proxy import Fault, FaultProxy, Kind, Way, proxied
from support.receiving import settings_for
from support.receiving_world import World

# When a connection is reset just before the handshake, ssl.SSLSocket._create raises with the new socket unclosed until it is collected.
_LEFT_BY_SSL = pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
pytestmark = [pytest.mark.servers, pytest.mark.slow, _LEFT_BY_SSL]
SILENCE = 1.0
Step: TypeAlias = tuple[str, object]

FAULTS = st.builds(
    lambda kind, way, after: Fault(kind=kind, way=way, after=after),
    st.sampled_from([kind for kind in Kind if kind is not Kind.CALL]),
    st.sampled_from(Way),
    # The handshake, the login, the first listing, the bodies.
    st.one_of(st.integers(0, 400), st.integers(400, 6_000), st.integers(6_000, 200_000)),
)
STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("deliver"), st.integers(1, 30)),
        st.tuples(st.just("sync"), st.lists(FAULTS, min_size=1, max_size=3)),
        st.tuples(st.just("kill"), st.integers(0, 120_000)),
    ),
    min_size=2,
    max_size=6,
)


@pytest.fixture(scope="module")
def dovecot() -> Iterator[Dovecot]:
    with running(users={f"box{number}@contoso.example": PASSWORD for number in range(400)}) as server:
        server.fresh = iter(server.users)
        yield server


def message(number: int) -> bytes:
    dice = random.Random(number)
    name = b"" if number % 5 == 0 else b"Message-ID: <%d@contoso.example>\r\n" % number
    size = 90_000 if number % 9 == 0 else dice.randrange(100, 6_000)
    return name + b"Subject: %d\r\n\r\n" % number + dice.randbytes(size // 2).hex().encode() + b"\r\n"


class Through(World):
    """The estate whose servers are reached through the proxy."""

    def __init__(self, dovecot: Dovecot, folder: Path, proxy: FaultProxy, protocol: str) -> None:
        super().__init__(dovecot, folder)
        self.proxy = proxy
        self.protocol = protocol
        self.me = self.user(protocol)
        self.made = 0

    def options(self) -> dict[str, object]:
        patience = {"timeoutMailboxConnectionAfter": f"{int(SILENCE)}s"}
        kind = {"serverType": "pop3-smtp"} if self.protocol == "pop3" else {}
        return {"port": self.proxy.port, "profile": {**patience, **kind}}

    def look(self) -> object:
        return self.sync(**self.options())[self.me]

    def deliver(self, count: int) -> None:
        numbers = range(self.made, self.made + count)
        self.dovecot.deliver_all(self.me, [(message(number), 1_700_000_000.0 + number) for number in numbers])
        self.made += count

    def kill(self, after: int) -> None:
        """`reconcile sync` in a process of its own, killed when so many octets came from the server."""
        self.sync(**{**self.options(), "port": 9})  # writes the estate; nobody answers there
        from support.receiving import apply_estate

        apply_estate(self.folder, passwords={self.me: PASSWORD}, authority=self.dovecot.authority, **self.options())  # type: ignore[arg-type]
        where = settings_for(self.folder)
        command = [sys.executable, "-m", "reconcile.cli.main", "sync"]
        command += ["--state-dir", str(where.state_directory), "--secrets-dir", str(where.secrets_directory)]
        process = subprocess.Popen(
            command, env={**os.environ, "RECONCILE_SILENCE_TIMEOUT": "2"}, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        self.proxy.plan.append(Fault(kind=Kind.CALL, after=after, call=process.kill))
        try:
            process.wait(60)
        finally:
            process.kill()
            process.wait()
            self.proxy.plan.clear()

    def check(self) -> None:
        quiet = [self.look() for _ in range(3)]
        assert [run.error for run in quiet] == [None] * 3, quiet  # type: ignore[attr-defined]
        assert quiet[-1].received.read == 0, "the cursor stands at the end"  # type: ignore[attr-defined]
        at_server = Counter(self.dovecot.messages(self.me).values())
        kept = Counter(self.bodies())
        assert kept == at_server
        state = self.state(self.me)
        assert (state.missing, state.error_kind) == ((), "")
        assert state.tracked == sum(at_server.values())

    def bodies(self) -> list[bytes]:
        return self.read(
            lambda store, _: [b"".join(store.raw(one.id)) for one in store.activities(mailbox_id=None, since=None, limit=None)]
        )  # type: ignore[return-value]


def run(dovecot: Dovecot, steps: list[Step], protocol: str) -> None:
    port = dovecot.imaps if protocol == "imap" else dovecot.pop3s
    with TemporaryDirectory() as folder, proxied(port) as proxy:
        world = Through(dovecot, Path(folder), proxy, protocol)
        world.deliver(5)
        for name, value in steps:
            match name, value:
                case "deliver", int(count):
                    world.deliver(count)
                case "sync", list(faults):
                    proxy.plan.extend(faults)
                    world.look()
                    proxy.plan.clear()
                case "kill", int(after):
                    world.kill(after)
        world.check()


@given(steps=STEPS)
@settings(max_examples=40, deadline=None, suppress_health_check=list(HealthCheck), derandomize=True, print_blob=True)
def test_imap(dovecot: Dovecot, steps: list[Step]) -> None:
    run(dovecot, steps, "imap")


@given(steps=STEPS)
@settings(max_examples=25, deadline=None, suppress_health_check=list(HealthCheck), derandomize=True, print_blob=True)
def test_pop3(dovecot: Dovecot, steps: list[Step]) -> None:
    run(dovecot, steps, "pop3")


@pytest.mark.parametrize("kind", [kind for kind in Kind if kind is not Kind.CALL])
def test_each_fault_is_met(dovecot: Dovecot, tmp_path: Path, kind: Kind) -> None:
    """The proxy does what its plan says, and the look after it is right."""
    with proxied(dovecot.imaps) as proxy:
        world = Through(dovecot, tmp_path, proxy, "imap")
        for after in (0, 900, 5_000):
            world.deliver(12)
            proxy.plan.append(Fault(kind=kind, after=after))
            world.look()
        assert proxy.met == [kind] * 3
        world.check()
