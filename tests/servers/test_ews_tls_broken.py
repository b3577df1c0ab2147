"""TLS that breaks after the request was sent: the server may have done what it was asked, so nobody takes it for undone."""

from __future__ import annotations

import socket
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress

import pytest
import trustme

from reconcile.errors import ReconcileError, Unavailable
from reconcile.mail.endpoint import Endpoint
from reconcile.mail.ews.account import ExchangeAccount
from reconcile.mail.ews.link import Link
from reconcile.mail.ews.sessions import Sessions
from reconcile.mail.sign_in.password import PasswordSignIn
from reconcile.model.secret import Secret

SALES = "sales@contoso.example"
_HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: text/xml\r\nContent-Length: 100000\r\n\r\n<s"


@contextmanager
def breaking(authority: trustme.CA, said: bytes, heard: list[bytes]) -> Iterator[int]:
    """Reads a request as a whole, says so much in TLS, and then something that is none."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("localhost").configure_cert(context)
    listener = socket.create_server(("127.0.0.1", 0))

    def serve() -> None:
        with suppress(OSError):
            while True:
                plain, _ = listener.accept()
                with suppress(OSError), plain:
                    plain.settimeout(5)
                    # The ends of the connection in memory, so that what is no TLS can be said beside it.
                    incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
                    tls = context.wrap_bio(incoming, outgoing, server_side=True)

                    def pumped(step, *arguments):  # type: ignore[no-untyped-def]
                        while True:
                            try:
                                found = step(*arguments)
                                plain.sendall(outgoing.read())  # noqa: B023
                                return found
                            except ssl.SSLWantReadError:
                                plain.sendall(outgoing.read())  # noqa: B023
                                incoming.write(plain.recv(65536))  # noqa: B023

                    pumped(tls.do_handshake)
                    request = b""
                    while not request.endswith(b"</s:Envelope>"):
                        request += pumped(tls.read, 65536)
                    heard.append(request)
                    if said:
                        pumped(tls.write, said)
                    plain.sendall(b"\x17\x03\x03\x00\x20" + b"flip" * 8)
                    plain.recv(1)

    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    try:
        yield listener.getsockname()[1]
    finally:
        with suppress(OSError):
            listener.shutdown(socket.SHUT_RDWR)
        listener.close()
        thread.join(10)


@pytest.mark.parametrize("said", [b"", _HEAD], ids=["instead of an answer", "within it"])
def test_what_may_be_done_is_not_called_undone(said: bytes) -> None:
    authority, heard = trustme.CA(), list[bytes]()
    with breaking(authority, said, heard) as port:
        endpoint = Endpoint(
            host="localhost", port=port, tls="implicit", authority=authority.cert_pem.bytes(), silence_timeout=5.0, connect_timeout=5.0
        )
        account = ExchangeAccount(endpoint=endpoint, sign_in=PasswordSignIn(SALES, Secret(b"x")), address=SALES)
        link = Link(account, Sessions())
        with pytest.raises(ReconcileError) as caught:
            link.ask(link.requests.create_message("drafts", ""), again=False)
        assert isinstance(caught.value, Unavailable), caught.value
        assert "before the answer was whole" in caught.value.message
        assert link.maybe_done
    assert len(heard) == 1
