"""Connections that are kept: looked at again, replaced when they ended, and watched by IDLE, at servers that do odd things."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator

import pytest

from reconcile.errors import ReconcileError, Throttled, TimedOut, Unavailable, Unsupported
from reconcile.mail.endpoint import Endpoint
from reconcile.mail.imap import inbox as inbox_module
from reconcile.mail.imap.idle import ImapWatcher
from reconcile.mail.imap.inbox import ImapInbox
from reconcile.mail.imap.place import ImapPlace
from reconcile.mail.sign_in.password import PasswordSignIn
from reconcile.model.cursor import Cursor
from reconcile.model.remote_id import RemoteId
from reconcile.model.secret import Secret
from reconcile.ports.mail import Listed, Look
from support.dovecot import PASSWORD, Dovecot, running
from support.imap_script import Conversation, Step, expect, reconnect, scripted

pytestmark = pytest.mark.servers
USER = "sales@contoso.example"
CURSOR = ImapPlace(account=f"127.0.0.1/{USER}", validity=1, uid=5, next_uid=6, messages=1).cursor()
QUIET = Look(messages=1, news=False, restarted=False)
NEWS = Look(messages=2, news=True, restarted=False)
HELLO: tuple[Step, ...] = (b"* OK [CAPABILITY IMAP4rev1 AUTH=PLAIN] ready\r\n", expect(b"LOGIN"))


def into(capabilities: bytes) -> tuple[Step, ...]:
    return (*HELLO, b"TAG OK [CAPABILITY IMAP4rev1 %s] in\r\n" % capabilities)


def status(messages: int = 1, next_uid: int = 6) -> tuple[Step, ...]:
    return (expect(b"STATUS"), b"* STATUS INBOX (MESSAGES %d UIDNEXT %d UIDVALIDITY 1)\r\nTAG OK done\r\n" % (messages, next_uid))


def opened(messages: int = 2, next_uid: int = 7) -> tuple[Step, ...]:
    answer = b"* %d EXISTS\r\n* OK [UIDVALIDITY 1] ok\r\n* OK [UIDNEXT %d] ok\r\nTAG OK done\r\n" % (messages, next_uid)
    return (expect(b"EXAMINE"), answer)


def end(conversation: Conversation) -> None:
    """The server ends the connection; whoever connects next is served on."""
    reconnect(conversation)


def looks(count: int, *steps: Step, silence: float = 5) -> tuple[list[object], list[bytes]]:
    """What each look over one inbox gave, and what the server heard."""
    with scripted(*steps) as (port, heard, wrong):
        endpoint = Endpoint(host="127.0.0.1", port=port, tls="none", connect_timeout=5, silence_timeout=silence)
        inbox = ImapInbox(endpoint, PasswordSignIn(USER, Secret(b"pw")))
        found: list[object] = []
        for _ in range(count):
            try:
                found.append(inbox.look(CURSOR))
            except ReconcileError as error:
                found.append(error)
                inbox.close()
        inbox.close()
    assert not wrong, wrong
    return found, heard


def test_a_further_look_is_one_question() -> None:
    found, heard = looks(3, *into(b""), *status(), *status(), *status())
    assert found == [QUIET, QUIET, QUIET]
    assert [line.split()[1] for line in heard][:4] == [b"LOGIN", b"STATUS", b"STATUS", b"STATUS"]


@pytest.mark.parametrize(
    "ending", [(end,), (expect(b"STATUS"), end), (expect(b"STATUS"), b"* BYE idle for too long\r\n", end), (b"* BYE autologout\r\n", end)]
)
def test_a_connection_that_ended_is_replaced_without_an_error(ending: tuple[Step, ...]) -> None:
    found, heard = looks(3, *into(b""), *status(), *ending, *into(b""), *status(), *status())
    assert found == [QUIET, QUIET, QUIET]
    assert sum(b"LOGIN" in line for line in heard) == 2


def test_where_the_next_connection_fails_too_it_is_an_error_and_the_look_after_it_connects_again() -> None:
    found, _ = looks(3, *into(b""), *status(), end, b"* BYE too many\r\n", end, *into(b""), *status())
    assert (found[0], found[2]) == (QUIET, QUIET)
    assert isinstance(found[1], Unavailable)


def test_a_connection_that_a_router_forgot_is_given_up_soon(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(inbox_module, "_KEPT_SECONDS", 0.3)
    begun = time.monotonic()
    found, _ = looks(
        2, *into(b""), *status(), expect(b"STATUS"), lambda conversation: time.sleep(0.5), end, *into(b""), *status(), silence=20
    )
    assert found == [QUIET, QUIET]
    assert time.monotonic() - begun < 5


def test_a_pause_that_the_server_asks_for_is_no_ended_connection() -> None:
    asked = (expect(b"STATUS"), b"TAG NO throttled. Suggested Backoff Time: 5000 milliseconds\r\n")
    found, _ = looks(2, *into(b""), *status(), *asked)
    assert isinstance(found[1], Throttled)


def test_an_open_inbox_is_left_by_unselect() -> None:
    left = (expect(b"UNSELECT"), expect(b"STATUS"))
    answer = b"f4 OK left\r\n* STATUS INBOX (MESSAGES 1 UIDNEXT 6 UIDVALIDITY 1)\r\nTAG OK done\r\n"
    found, heard = looks(2, *into(b"UNSELECT"), *status(2, 7), *opened(), *left, answer)
    assert found == [NEWS, QUIET]
    assert not any(b"CLOSE" in line for line in heard)


def test_without_unselect_it_is_opened_anew() -> None:
    found, heard = looks(3, *into(b""), *status(2, 7), *opened(), *opened(1, 6), *opened(2, 7))
    assert found == [NEWS, QUIET, NEWS]
    assert not any(b"CLOSE" in line for line in heard)


def test_an_open_inbox_whose_connection_ended_is_looked_at_over_another() -> None:
    for capability in (b"", b"UNSELECT"):
        found, _ = looks(2, *into(capability), *status(2, 7), *opened(), end, *into(capability), *status())
        assert found == [NEWS, QUIET]


@pytest.fixture(scope="module")
def dovecot() -> Iterator[Dovecot]:
    users = [f"desk{number}@contoso.example" for number in range(4)]
    with running(users=dict.fromkeys(users, PASSWORD), fresh=iter(users)) as server:
        yield server


def test_after_the_server_was_restarted_everything_goes_on(dovecot: Dovecot) -> None:
    user = next(dovecot.fresh)
    dovecot.deliver(user, b"Subject: 1\r\n\r\n")
    account = PasswordSignIn(user, Secret(PASSWORD.encode()))
    endpoint = Endpoint(host="localhost", port=dovecot.imaps, tls="implicit", authority=dovecot.authority, silence_timeout=5)
    inbox, watcher = ImapInbox(endpoint, account), ImapWatcher(endpoint, account)

    def accept(_: Listed, chunks: Iterator[bytes]) -> None:
        assert b"".join(chunks)

    inbox.look(None)
    (batch,) = inbox.read(None, since=None, retry=(), wanted=lambda _: True, accept=accept)
    assert watcher.wait(0)
    dovecot.stop()
    dovecot.start()
    # The new server has another authority.
    object.__setattr__(endpoint, "authority", dovecot.authority)
    dovecot.deliver(user, b"Subject: 2\r\n\r\n")
    assert inbox.look(batch.cursor) == Look(messages=2, news=True, restarted=False)
    try:
        told = watcher.wait(10)
    except Unavailable:
        told = watcher.wait(10)
    assert told
    inbox.close()
    watcher.close()


IDLING: tuple[Step, ...] = (expect(b"IDLE"), b"+ idling\r\n")
WATCHED: tuple[Step, ...] = (*into(b"IDLE"), *opened(1, 6), *IDLING)
CAREFUL: tuple[Step, ...] = (b"* OK hi\r\n", expect(b"CAPABILITY"), b"* CAPABILITY IMAP4rev1\r\nTAG OK done\r\n", expect(b"LOGIN"))


def watch(work: Callable[[ImapWatcher], object], *steps: Step, renew: float = 60, silence: float = 5) -> tuple[object, list[bytes]]:
    behind = (*CAREFUL, *steps[len(HELLO) :]) if steps[: len(HELLO)] == HELLO else steps
    with scripted(*behind) as (port, heard, wrong):
        endpoint = Endpoint(host="127.0.0.1", port=port, tls="none", connect_timeout=5, silence_timeout=silence)
        watcher = ImapWatcher(endpoint, PasswordSignIn(USER, Secret(b"pw")), renew=renew)
        result: object
        try:
            result = work(watcher)
        except ReconcileError as error:
            result = error
        finally:
            watcher.close()
    assert not wrong, wrong
    return result, heard


def twice(watcher: ImapWatcher) -> object:
    assert watcher.wait(0) is True
    return watcher.wait(3)


@pytest.mark.parametrize(
    "told",
    [
        b"* 2 EXISTS\r\n",
        b"* OK still here\r\n* 1 FETCH (FLAGS (\\Seen))\r\n* 2 EXISTS\r\n",
        b"* 1 EXPUNGE\r\n* 1 EXISTS\r\n",  # as many as before, but another one
    ],
)
def test_what_is_told_while_it_waits_is_news(told: bytes) -> None:
    assert watch(twice, *WATCHED, told)[0] is True


@pytest.mark.parametrize("told", [b"* OK still here\r\n", b"* 1 FETCH (FLAGS (\\Seen))\r\n", b"* 1 EXPUNGE\r\n"])
def test_what_is_no_arrival_is_no_news(told: bytes) -> None:
    def work(watcher: ImapWatcher) -> object:
        watcher.wait(0)
        return watcher.wait(0.3)

    assert watch(work, *WATCHED, told, lambda conversation: time.sleep(0.6))[0] is False


def test_it_is_renewed_before_the_server_ends_it() -> None:
    def work(watcher: ImapWatcher) -> object:
        watcher.wait(0)
        return watcher.wait(3)

    tags: list[bytes] = []

    def remember(conversation: Conversation) -> None:
        tags.append(conversation.tag)

    def done(conversation: Conversation) -> None:
        assert conversation.line().strip() == b"DONE"
        conversation.connection.sendall(tags[-1] + b" OK done\r\n")

    renewed = (remember, done, *IDLING, remember, done, *IDLING, b"* 2 EXISTS\r\n")
    assert watch(work, *WATCHED, *renewed, renew=0.2)[0] is True


def test_a_server_that_ends_it_by_itself_is_asked_again() -> None:
    assert watch(twice, *WATCHED, b"TAG OK that is enough\r\n", *IDLING, b"* 2 EXISTS\r\n")[0] is True


@pytest.mark.parametrize(
    ("steps", "error"),
    [
        ((*WATCHED, b"* BYE shutting down\r\n"), Unavailable),
        (WATCHED, Unavailable),
        ((*into(b"IDLE"), *opened(1, 6), expect(b"IDLE"), b"TAG NO not now\r\n"), Unavailable),
        ((*into(b"IDLE"), *opened(1, 6), expect(b"IDLE"), b"TAG OK done already\r\n"), Unavailable),
        (into(b""), Unsupported),
    ],
)
def test_what_ends_a_wait(steps: tuple[Step, ...], error: type[ReconcileError]) -> None:
    result, _ = watch(twice, *steps)
    assert type(result) is error


def test_a_server_that_falls_silent_is_noticed_when_it_is_renewed() -> None:
    def hear(conversation: Conversation) -> None:
        conversation.line()
        time.sleep(2)

    result, _ = watch(twice, *WATCHED, hear, renew=0.1, silence=0.4)
    assert isinstance(result, TimedOut)


def test_after_an_error_the_next_wait_connects_again() -> None:
    def work(watcher: ImapWatcher) -> object:
        watcher.wait(0)
        with pytest.raises(Unavailable):
            watcher.wait(3)
        return watcher.wait(3)

    again = (reconnect, *CAREFUL, *into(b"IDLE")[len(HELLO) :], *opened(1, 6), *IDLING)
    assert watch(work, *WATCHED, b"* BYE\r\n", *again)[0] is True


@pytest.mark.parametrize("cursor", [CURSOR, None], ids=["from the cursor on", "from the beginning"])
def test_an_inbox_that_is_made_anew_between_the_look_and_the_reading_is_not_read_by_the_old_numbers(cursor: Cursor | None) -> None:
    """STATUS told the old history, EXAMINE tells a new one: what stands behind the cursor now is none of what it means."""
    anew = b"* 3 EXISTS\r\n* OK [UIDVALIDITY 2] ok\r\n* OK [UIDNEXT 9] ok\r\nTAG OK done\r\n"
    with scripted(*into(b""), *status(), expect(b"EXAMINE"), anew) as (port, heard, wrong):
        endpoint = Endpoint(host="127.0.0.1", port=port, tls="none", connect_timeout=5, silence_timeout=5)
        inbox = ImapInbox(endpoint, PasswordSignIn(USER, Secret(b"pw")))
        assert inbox.look(CURSOR) == QUIET
        retry = [RemoteId("imap", "4")] if cursor else []
        with pytest.raises(Unavailable, match="numbers"):
            list(inbox.read(cursor, since=None, retry=retry, wanted=lambda _: True, accept=lambda *_: None))
        inbox.close()
    assert not wrong, wrong
    assert not any(b"FETCH" in line for line in heard)
