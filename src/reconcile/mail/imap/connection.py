"""Connect, TLS, and the greeting.

TLS is never optional and never weakened (mail/tls.py). With STARTTLS nothing that came in clear is trusted: a PREAUTH greeting is
refused (it would skip STARTTLS), so is data sent before the handshake (RFC 3501 6.2.1, CVE-2011-0411 and its family), capabilities are
asked for again behind it, and no credentials leave before it stands.
"""

from __future__ import annotations

import socket
import ssl

from reconcile.errors import PermanentError, Unavailable
from reconcile.mail.endpoint import Endpoint as Endpoint
from reconcile.mail.imap.faults import Broken, Refused, server_words
from reconcile.mail.imap.link import Link
from reconcile.mail.imap.stream import Stream
from reconcile.mail.tls import handshake_refused, tls_context


def _preauth(where: object) -> PermanentError:
    """The refusal of a greeting that needs no login."""
    return PermanentError(
        f"{where} greets as already logged in (PREAUTH), which would skip TLS and the credentials",
        hint="Connect to a port that asks for a login.",
    )


def connect(endpoint: Endpoint) -> Stream:
    """Behind greeting, TLS and CAPABILITY, not logged in. To be called inside `translated`."""
    stream = Stream(dial(endpoint))
    try:
        if not greeted(stream, endpoint):
            raise Broken("the server's greeting is no IMAP")
        offered = stream.ask_capabilities()
        if endpoint.tls == "starttls":
            if b"STARTTLS" not in offered:
                raise PermanentError(
                    f"{endpoint} does not offer STARTTLS", hint="Declare tls: implicit with its port; credentials are not sent in clear."
                )
            _start_tls(stream, endpoint)
            stream.ask_capabilities()
    except BaseException:
        stream.drop()
        raise
    return stream


def greeted(stream: Stream, endpoint: Endpoint) -> bool:
    """Reads the greeting; False for one that is neither OK, PREAUTH nor BYE. Raises PermanentError, Broken."""
    greeting = stream.greeting()
    kind = greeting[:10].upper()
    if kind.startswith(b"* PREAUTH"):
        raise _preauth(endpoint)
    if kind.startswith(b"* BYE"):
        raise Broken("the server said goodbye: " + greeting[6:].decode("utf-8", "replace"))
    return kind.startswith(b"* OK")


def _start_tls(stream: Stream, endpoint: Endpoint) -> None:
    try:
        stream.finish(stream.ask(b"STARTTLS"))
    except Refused as refused:
        raise Unavailable(f"{endpoint} refuses STARTTLS: {server_words(refused.text)}", hint="Credentials are not sent in clear.") from None
    link = stream.link
    if link.unread():
        raise Broken("data was sent in clear after STARTTLS; somebody may sit in between")
    stream.switch(Link(_wrapped(link.sock, endpoint)))


def _wrapped(sock: socket.socket, endpoint: Endpoint) -> ssl.SSLSocket:
    context = tls_context(endpoint.authority, endpoint.client)
    try:
        return context.wrap_socket(sock, server_hostname=endpoint.host)
    except ssl.SSLError as error:
        raise handshake_refused(error, endpoint) from error


def dial(endpoint: Endpoint) -> Link:
    """Connection and implicit TLS (or none), nothing read yet. To be called inside `translated`."""
    sock = socket.create_connection((endpoint.host, endpoint.port), endpoint.connect_timeout)
    try:
        if endpoint.silence_timeout != endpoint.connect_timeout:
            sock.settimeout(endpoint.silence_timeout)
        if endpoint.tls == "implicit":
            sock = _wrapped(sock, endpoint)
        return Link(sock)
    except BaseException:
        sock.close()
        raise
