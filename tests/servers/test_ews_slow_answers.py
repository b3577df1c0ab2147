"""Answers of Exchange that come octet by octet, never silent for long: they end in time, and large ones that come steadily are read."""

from __future__ import annotations

import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress

import pytest
import trustme

from reconcile.errors import TimedOut
from reconcile.mail.endpoint import Endpoint
from reconcile.mail.ews import pace
from reconcile.mail.ews.account import ExchangeAccount
from reconcile.mail.ews.link import Link
from reconcile.mail.ews.sessions import Sessions
from reconcile.mail.ews.watcher import EwsWatcher
from reconcile.mail.sign_in.password import PasswordSignIn
from reconcile.model.mailbox_access import MailboxAccess
from reconcile.model.secret import Secret
from support.ews_script import answer, done, envelope

pytestmark = pytest.mark.servers
SILENCE = 0.25
BODY = answer("GetFolder", done('<m:Folders><t:Folder><t:FolderId Id="1" ChangeKey="2"/></t:Folder></m:Folders>')).body
HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: text/xml; charset=utf-8\r\n"
Send = Callable[[Callable[[bytes], None]], None]


@contextmanager
def serving(send: Send, *, tls: bool = False) -> Iterator[Link]:
    """A server that gives each request to `send`, which writes what it likes; and a link to it."""
    authority = trustme.CA()
    listening = socket.create_server(("127.0.0.1", 0))
    over = threading.Event()

    def serve() -> None:
        while not over.is_set():
            with suppress(OSError):
                connection, _ = listening.accept()
                threading.Thread(target=talk, args=(connection,), daemon=True).start()

    context = None
    if tls:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        authority.issue_cert("localhost").configure_cert(context)

    def talk(connection: socket.socket) -> None:
        with suppress(OSError), connection if context is None else context.wrap_socket(connection, server_side=True) as opened:
            while not over.is_set() and request(opened):
                send(opened.sendall)

    threading.Thread(target=serve, daemon=True).start()
    endpoint = Endpoint(
        host="localhost",
        port=listening.getsockname()[1],
        tls="implicit" if tls else "none",
        authority=authority.cert_pem.bytes() if tls else None,
        connect_timeout=5.0,
        silence_timeout=SILENCE,
        path="/EWS/Exchange.asmx",
    )
    account = ExchangeAccount(
        endpoint=endpoint,
        sign_in=PasswordSignIn("sales", Secret(b"secret")),
        address="sales@contoso.example",
        access=MailboxAccess.OWN,
    )
    try:
        yield Link(account, Sessions())
    finally:
        over.set()
        listening.close()


def request(connection: socket.socket) -> bool:
    """Reads one, whole; False at the end of the connection."""
    found = b""
    while b"\r\n\r\n" not in found:
        if not (piece := connection.recv(65536)):
            return False
        found += piece
    head, _, body = found.partition(b"\r\n\r\n")
    length = int(head.lower().partition(b"content-length:")[2].split(b"\r\n")[0])
    while len(body) < length:
        body += connection.recv(65536)
    return True


def dripping(octets: bytes, send: Callable[[bytes], None], *, until: float = 20.0) -> None:
    """One at a time, each long before anybody calls the server silent."""
    begun = time.monotonic()
    for place in range(len(octets)):
        if time.monotonic() - begun > until:
            return
        send(octets[place : place + 1])
        time.sleep(0.015)


def sized(body: bytes) -> bytes:
    return HEAD + b"Content-Length: %d\r\n\r\n" % len(body)


PIECES: dict[str, Send] = {
    "body": lambda send: (send(sized(BODY)), dripping(BODY, send), None)[-1],
    "chunks": lambda send: (
        send(HEAD + b"Transfer-Encoding: chunked\r\n\r\n"),
        dripping(b"".join(b"1\r\n%b\r\n" % BODY[place : place + 1] for place in range(len(BODY))), send),
        None,
    )[-1],
    "head": lambda send: dripping(sized(BODY), send),
    "status": lambda send: dripping(b"HTTP/1.1 " + b"0" * 4000, send),
    "refusal": lambda send: (
        send(b"HTTP/1.1 500 No\r\nContent-Type: text/xml\r\nContent-Length: 4000\r\n\r\n"),
        dripping(b" " * 4000, send),
        None,
    )[-1],
}


@pytest.mark.parametrize(
    ("where", "tls"),
    [
        ("body", False),
        *(pytest.param(where, False, marks=pytest.mark.slow) for where in [*PIECES][1:]),
        *(pytest.param(where, True, marks=pytest.mark.slow) for where in PIECES),
    ],
)
def test_an_answer_octet_by_octet_ends_in_time(where: str, tls: bool) -> None:
    with serving(PIECES[where], tls=tls) as link:
        begun = time.monotonic()
        with pytest.raises(TimedOut, match="takes too long to answer"):
            link.one(link.requests.get_folder("inbox"))
        assert time.monotonic() - begun < 5.0
        assert link.maybe_done


def test_silence_is_still_said_as_silence() -> None:
    with serving(lambda send: send(sized(BODY) + BODY[:40])) as link, pytest.raises(TimedOut, match="silent for too long"):
        link.one(link.requests.get_folder("inbox"))


def test_what_is_slow_but_earns_its_time_is_read(monkeypatch: pytest.MonkeyPatch) -> None:
    """As a huge answer over a thin line: many times the patience, faster than the slowest."""
    monkeypatch.setattr(pace, "SLOWEST", 20_000)
    body = BODY.replace(b"</soap:Envelope>", b"").replace(b"</s:Envelope>", b"")
    padding = b"<!--" + b"x" * 300_000 + b"-->"
    whole = body + padding + BODY[len(body) :]

    def steady(send: Callable[[bytes], None]) -> None:
        send(sized(whole))
        for place in range(0, len(whole), 6_000):
            send(whole[place : place + 6_000])
            time.sleep(0.03)  # 200,000 octets a second

    with serving(steady) as link:
        begun = time.monotonic()
        link.one(link.requests.get_folder("inbox"))
        assert time.monotonic() - begun > 3 * SILENCE + 0.5


def test_a_reader_that_takes_its_time_is_not_the_servers_fault() -> None:
    body = BODY + b" " * 500_000
    with serving(lambda send: send(sized(body) + body)) as link, link.stream(link.requests.get_folder("inbox")) as pieces:
        first = len(next(pieces))
        time.sleep(4 * SILENCE)
        assert first + sum(map(len, pieces)) == len(body)


@pytest.mark.slow
def test_an_answer_that_tells_of_events_may_last(monkeypatch: pytest.MonkeyPatch) -> None:
    """It is told a few octets now and then, for half an hour."""
    subscribed = answer("Subscribe", done("<m:SubscriptionId>1</m:SubscriptionId>")).body
    event = "<m:Notifications><m:Notification><t:SubscriptionId>1</t:SubscriptionId>%s</m:Notification></m:Notifications>"
    alive = envelope(
        "<m:GetStreamingEventsResponse><m:ResponseMessages><m:GetStreamingEventsResponseMessage ResponseClass='Success'>"
        "<m:ResponseCode>NoError</m:ResponseCode>"
        + event
        % "<t:StatusEvent/>"
        + "</m:GetStreamingEventsResponseMessage></m:ResponseMessages>"
        "</m:GetStreamingEventsResponse>"
    )
    news = alive.replace(b"<t:StatusEvent/>", b"<t:NewMailEvent/>")
    asked: list[int] = []

    def events(send: Callable[[bytes], None]) -> None:
        asked.append(1)
        if len(asked) == 1:
            send(sized(subscribed) + subscribed)
            return
        send(HEAD + b"Transfer-Encoding: chunked\r\n\r\n")
        for number in range(12):
            time.sleep(SILENCE)
            whole = news if number == 11 else alive
            send(b"%x\r\n%b\r\n" % (len(whole), whole))
        time.sleep(5)

    monkeypatch.setattr("reconcile.mail.ews.watcher._SILENCE", 3 * SILENCE)
    monkeypatch.setattr(pace, "SLOWEST", 10**9)
    with serving(events) as link:
        watcher = EwsWatcher(link.account, Sessions())
        try:
            assert watcher.wait(0)
            begun = time.monotonic()
            assert watcher.wait(10)
            assert time.monotonic() - begun > 9 * SILENCE
        finally:
            watcher.close()
