"""A server whose certificate is not accepted gets no password, and the person gets the reason and the next step."""

from __future__ import annotations

import socket
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path

import pytest
import trustme

from support.mail_estate import MailEstate

_PASSWORD = "cAnArY-correct-horse"


@contextmanager
def _server(certificate: trustme.LeafCert, heard: list[bytes]) -> Iterator[int]:
    """Takes TLS connections, greets like IMAP, and keeps everything it hears."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    certificate.configure_cert(context)
    listener = socket.create_server(("127.0.0.1", 0))

    def serve() -> None:
        with suppress(OSError):
            while True:
                plain, _ = listener.accept()
                plain.settimeout(5)
                with plain, suppress(OSError), context.wrap_socket(plain, server_side=True) as client:
                    client.sendall(b"* OK [CAPABILITY IMAP4rev1] ready\r\n")
                    while data := client.recv(4096):
                        heard.append(data)

    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    try:
        yield listener.getsockname()[1]
    finally:
        with suppress(OSError):
            listener.shutdown(socket.SHUT_RDWR)
        listener.close()
        thread.join(10)


@pytest.mark.parametrize(
    ("names", "not_after", "ours", "said"),
    [
        (("localhost",), datetime(2020, 1, 1, tzinfo=UTC), True, "expired"),
        (("imap.other.example",), None, True, "localhost"),
        (("localhost",), None, False, "unknown authority"),
    ],
    ids=["expired", "another host's", "another authority's"],
)
def test_no_password_goes_to_a_server_that_is_not_proven(
    names: tuple[str, ...], not_after: datetime | None, ours: bool, said: str, tmp_path: Path
) -> None:
    authority = trustme.CA()
    certificate = authority.issue_cert(*names, not_before=datetime(2019, 1, 1, tzinfo=UTC), not_after=not_after)
    trusted = authority if ours else trustme.CA()
    heard: list[bytes] = []
    with _server(certificate, heard) as port:
        estate = MailEstate(folder=tmp_path / "place", imap=port, authority=trusted.cert_pem.bytes(), password=_PASSWORD)
        estate("apply", "--yes")
        ended = estate("sync", "-o", "json", code=1)
        (row,) = ended.document["mailboxes"]
        status = estate("status").out
    assert row["error"]["kind"] == "PermanentError"
    assert said in row["error"]["message"]
    assert "ertificate" in row["error"]["hint"]
    assert (row["error"]["message"] in status, "stalled: sales" in status) == (True, True)
    assert heard == [], "nothing was said to it"
    assert "cAnArY" not in ended.out + ended.err + status
