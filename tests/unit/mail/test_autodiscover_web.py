"""One connection of Autodiscover: what follows on it goes over TLS to the address that was checked, and none takes longer than it may."""

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
from reconcile.mail.autodiscover.web import Conversation

AUTHORITY = trustme.CA()
REFUSED = b"HTTP/1.1 401 Unauthorized\r\nConnection: close\r\nContent-Length: 0\r\n\r\n"


@contextmanager
def listening(serve: Callable[[socket.socket], None]) -> Iterator[int]:
    """Each connection is handed to `serve`, one after the other."""
    listener = socket.create_server(("127.0.0.1", 0))

    def accept() -> None:
        with suppress(OSError):
            while True:
                connection, _ = listener.accept()
                with connection, suppress(OSError):
                    connection.settimeout(10)
                    serve(connection)

    thread = threading.Thread(target=accept, daemon=True)
    thread.start()
    try:
        yield int(listener.getsockname()[1])
    finally:
        # A thread in accept() is not woken by close() alone.
        with suppress(OSError):
            listener.shutdown(socket.SHUT_RDWR)
        listener.close()
        thread.join(10)


def conversation(url: str, timeout: float = 5.0) -> Conversation:
    authority = AUTHORITY.cert_pem.bytes()
    return Conversation(url, allowed=lambda _: "", resolve=lambda *_: ["127.0.0.1"], timeout=timeout, authority=authority)


def test_a_second_request_goes_over_tls_where_the_server_ended_the_connection() -> None:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    AUTHORITY.issue_cert("localhost").configure_cert(context)
    first, asked = list[bytes](), list[bytes]()

    def serve(connection: socket.socket) -> None:
        first.append(connection.recv(1, socket.MSG_PEEK))
        with context.wrap_socket(connection, server_side=True) as secure:
            asked.append(b"")
            while not asked[-1].endswith(b"\r\n\r\nx"):
                asked[-1] += secure.recv(65536) or b"\r\n\r\nx"
            secure.sendall(REFUSED)

    with listening(serve) as port:
        open_ = conversation(f"https://localhost:{port}/autodiscover")
        for number in range(2):
            assert open_.ask(b"x", {"Authorization": f"Bearer canary-{number}"}).status == 401
        open_.close()
    assert first == [b"\x16", b"\x16"], "a handshake"
    assert [b"canary-1" in one for one in asked] == [False, True]


@pytest.mark.parametrize("secure", [True, False], ids=["in the handshake", "in the answer"])
def test_a_host_that_dribbles_is_left(secure: bool) -> None:
    def serve(connection: socket.socket) -> None:
        # As if a long record, or a long header, were to come.
        for octet in (b"\x16\x03\x03\x40\x00" if secure else b"HTTP/1.1 200 OK\r\nX: ") + b"\x02" * 200:
            connection.sendall(bytes([octet]))
            time.sleep(0.05)

    with listening(serve) as port:
        begun = time.monotonic()
        with pytest.raises(TimedOut):
            conversation(f"{'https' if secure else 'http'}://localhost:{port}/", timeout=0.2).ask(None, {})
        assert time.monotonic() - begun < 3
