"""What everything keeps to that waits for mail: the memory twin, our sandbox's Exchange, and Dovecot over IMAP, also compressed."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta

import pytest

from reconcile.errors import AuthenticationRejected, Unavailable
from reconcile.mail.endpoint import Endpoint
from reconcile.mail.ews.collection import EwsCollection
from reconcile.mail.ews.sessions import Sessions
from reconcile.mail.ews.watcher import EwsWatcher
from reconcile.mail.imap.idle import ImapWatcher
from reconcile.mail.memory_inbox import MemoryMailbox
from reconcile.mail.memory_watcher import MemoryWatcher
from reconcile.mail.sign_in.password import PasswordSignIn
from reconcile.model.item import Appointment, Contact, Item, ItemKind, Task
from reconcile.model.secret import Secret
from reconcile.ports.mail import Watcher
from support.dovecot import PASSWORD, Dovecot, running
from support.ews_accounts import account_of
from support.exchange_folders import make_folder, move
from support.exchange_sandbox import ExchangeSandbox, exchange_sandbox

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


# Folders of Exchange beside the inbox


@dataclass
class Folders:
    """Somebody's mailbox, what was told of its items, and a watcher of the tracked folder Projects and of the items."""

    exchange: ExchangeSandbox
    told: list[frozenset[ItemKind]]
    changed: threading.Semaphore

    def watcher(self, *, items: bool = True) -> EwsWatcher:
        def tell(kinds: frozenset[ItemKind]) -> None:
            self.told.append(kinds)
            self.changed.release()

        return EwsWatcher(account_of(self.exchange, USERS[0]), Sessions(), ("Projects",), tell if items else None)

    def new(self) -> frozenset[ItemKind]:
        """What was told next."""
        assert self.changed.acquire(timeout=10)
        return self.told.pop(0)


@pytest.fixture
def folders() -> Iterator[Folders]:
    with exchange_sandbox((USERS[0],)) as exchange:
        make_folder(exchange, "Projects", USERS[0])
        yield Folders(exchange, [], threading.Semaphore(0))


@pytest.fixture
def both(folders: Folders) -> Iterator[EwsWatcher]:
    watcher = folders.watcher()
    yield watcher
    watcher.close()


def test_a_mail_that_is_filed_in_a_tracked_folder_is_told(folders: Folders, both: EwsWatcher) -> None:
    both.wait(0)
    folders.exchange.deliver(b"Subject: 1\r\n\r\n", USERS[0])
    assert both.wait(10) is True
    while both.wait(0.3):
        pass
    asked = folders.exchange.recorder.kept
    subscribed = [one for one in asked if one.operation == "Subscribe"]
    assert [one.request.count(b"FolderId Id=") for one in subscribed] == [5]
    move(folders.exchange, "1", "Projects", USERS[0])
    assert both.wait(10) is True


def test_items_that_are_made_changed_and_deleted_are_told_by_their_kind(folders: Folders, both: EwsWatcher) -> None:
    both.wait(0)
    assert folders.new() == frozenset(ItemKind), "what came before the connection nobody tells"
    begin = datetime(2026, 3, 11, 9, 0, tzinfo=UTC)
    made: list[Item] = [
        Appointment(subject="Review", scheduledstart=begin, scheduledend=begin + timedelta(hours=1)),
        Contact(firstname="Sales", lastname="Desk"),
        Task(subject="Call back"),
    ]
    for item in made:
        kind = ItemKind(type(item).__name__.lower())
        collection = EwsCollection(account_of(folders.exchange, USERS[0]), Sessions(), kind, None)
        there = collection.create("", item, invite=False, contents=lambda _: b"")
        assert folders.new() == {kind}
        while folders.changed.acquire(timeout=0.3):
            assert folders.told.pop(0) == {kind}
        collection.delete(there.remote_id, there.version, cancel=False)
        assert folders.new() == {kind}
        while folders.changed.acquire(timeout=0.3):
            assert folders.told.pop(0) == {kind}
        collection.close()
    assert both.wait(0.2) is False, "none of that is mail"


def test_without_items_only_mail_is_watched(folders: Folders) -> None:
    watcher = folders.watcher(items=False)
    try:
        watcher.wait(0)
        (one,) = [one for one in folders.exchange.recorder.kept if one.operation == "Subscribe"]
        assert (one.request.count(b"FolderId Id="), b"ModifiedEvent" in one.request) == (2, False)
        assert folders.told == []
    finally:
        watcher.close()


def test_what_is_done_to_mail_that_is_there_wakes_nobody(folders: Folders, both: EwsWatcher) -> None:
    folders.exchange.deliver(b"Subject: 1\r\n\r\n", USERS[0])
    both.wait(0)
    folders.exchange.post_office.set_flags(USERS[0], "INBOX", 1, ("\\Seen",))
    folders.exchange.mailbox(USERS[0])
    assert both.wait(1) is False


def test_where_the_other_folders_are_refused_the_inbox_is_watched(folders: Folders, both: EwsWatcher) -> None:
    folders.exchange.faults.refuse("ErrorAccessDenied", "Subscribe")
    both.wait(0)
    requests = [one.request.count(b"FolderId Id=") for one in folders.exchange.recorder.kept if one.operation == "Subscribe"]
    assert requests == [5, 1]
    folders.exchange.deliver(b"Subject: 1\r\n\r\n", USERS[0])
    assert both.wait(10) is True
    assert folders.told == []


def test_refused_credentials_are_shown_once(folders: Folders, monkeypatch: pytest.MonkeyPatch) -> None:
    organization, shown = folders.exchange.organization, list[str]()
    monkeypatch.setattr(organization, "sign_in", lambda username, _: shown.append(username))
    account = account_of(folders.exchange, USERS[0])
    wrong = replace(account, sign_in=PasswordSignIn(USERS[0], Secret(b"not the password")))
    watcher = EwsWatcher(wrong, Sessions(), ("Projects",), folders.told.append)
    try:
        with pytest.raises(AuthenticationRejected):
            watcher.wait(5)
    finally:
        watcher.close()
    assert shown == [USERS[0]]
