"""What everything keeps to that waits for mail: the memory twin, our sandbox's Exchange, and Dovecot over IMAP, also compressed."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime

import pytest

from reconcile.errors import Unavailable
from reconcile.mail.endpoint import Endpoint
from reconcile.mail.ews.sessions import Sessions
from reconcile.mail.ews.watcher import EwsWatcher
from reconcile.mail.imap.idle import ImapWatcher
from reconcile.mail.memory_inbox import MemoryMailbox
from reconcile.mail.memory_watcher import MemoryWatcher
from reconcile.mail.sign_in.password import PasswordSignIn
from reconcile.model.secret import Secret
from reconcile.ports.mail import Watcher
from support.dovecot import PASSWORD, Dovecot, running
from support.ews_accounts import account_of
from support.exchange_sandbox import exchange_sandbox

NOW = datetime(2026, 3, 10, 12, 0, tzinfo=UTC)
USERS = [f"desk{number}@contoso.example" for number in range(30)]
COMPRESS = "protocol imap {\n mail_plugins = $mail_plugins imap_zlib\n}\n"


@dataclass
class Post:
    watcher: Callable[[], Watcher]
    deliver: Callable[[], object]


@pytest.fixture(scope="module")
def dovecot() -> Iterator[Dovecot]:
    with running(users=dict.fromkeys(USERS, PASSWORD), extra=COMPRESS, fresh=iter(USERS)) as server:
        yield server


@pytest.fixture
def exchange_post() -> Iterator[Post]:
    with exchange_sandbox((USERS[0],)) as exchange:
        sessions = Sessions()
        yield Post(
            watcher=lambda: EwsWatcher(account_of(exchange, USERS[0]), sessions),
            deliver=lambda: exchange.deliver(b"Subject: 1\r\n\r\n", USERS[0]),
        )


@pytest.fixture(params=["memory", "exchange", "none", "starttls", "implicit", "compressed"])
def post(request: pytest.FixtureRequest) -> Post:
    if request.param == "exchange":
        found: Post = request.getfixturevalue("exchange_post")
        return found
    if request.param == "memory":
        mailbox = MemoryMailbox()
        return Post(watcher=lambda: MemoryWatcher(mailbox), deliver=lambda: mailbox.deliver(b"Subject: 1\r\n\r\n", NOW))
    dovecot: Dovecot = request.getfixturevalue("dovecot")
    user = next(dovecot.fresh)
    dovecot.deliver_all(user, [])
    tls = "implicit" if request.param == "compressed" else request.param
    endpoint = Endpoint(
        host="localhost",
        port=dovecot.imaps if tls == "implicit" else dovecot.imap,
        tls=tls,
        authority=dovecot.authority,
        compress=request.param == "compressed",
        connect_timeout=5,
        silence_timeout=5,
    )
    return Post(
        watcher=lambda: ImapWatcher(endpoint, PasswordSignIn(user, Secret(PASSWORD.encode())), renew=0.3),
        deliver=lambda: dovecot.deliver(user, b"Subject: 1\r\n\r\n"),
    )


@pytest.fixture
def watcher(post: Post) -> Iterator[Watcher]:
    watcher = post.watcher()
    yield watcher
    watcher.close()
    watcher.close()  # twice does no harm


def test_a_new_connection_is_worth_a_look(watcher: Watcher) -> None:
    assert watcher.wait(0) is True
    assert watcher.wait(0) is False


def test_nothing_new_ends_with_the_time(watcher: Watcher) -> None:
    watcher.wait(0)
    begun = time.monotonic()
    # Longer than one IDLE is held here.
    assert watcher.wait(0.5) is False
    assert 0.4 < time.monotonic() - begun < 3


def test_what_arrives_is_told_once(post: Post, watcher: Watcher) -> None:
    watcher.wait(0)
    post.deliver()
    assert watcher.wait(10) is True
    assert watcher.wait(0.1) is False


def test_what_arrived_while_nobody_waited_is_told(post: Post, watcher: Watcher) -> None:
    watcher.wait(0)
    post.deliver()
    time.sleep(0.5)
    assert watcher.wait(5) is True


def test_what_arrives_during_the_wait_ends_it(post: Post, watcher: Watcher) -> None:
    watcher.wait(0)
    timer = threading.Timer(0.2, post.deliver)
    timer.start()
    begun = time.monotonic()
    assert watcher.wait(20) is True
    assert time.monotonic() - begun < 10
    timer.join()


def test_closing_ends_a_wait(watcher: Watcher) -> None:
    watcher.wait(0)
    timer = threading.Timer(0.2, watcher.close)
    timer.start()
    begun = time.monotonic()
    with pytest.raises(Unavailable):
        watcher.wait(20)
    assert time.monotonic() - begun < 10
    timer.join()
    with pytest.raises(Unavailable):
        watcher.wait(0)
