"""Connect and TLS. imapclient does it wherever something is to be negotiated; a poll needs none of that and goes the short way (login.py).

TLS is never optional and never weakened: certificate and host name are checked, 1.2 at least. With STARTTLS nothing that came in
clear is trusted: a PREAUTH greeting is refused (it would skip STARTTLS), so is data sent before the handshake (RFC 3501 6.2.1,
CVE-2011-0411 and its family), and no credentials leave before TLS stands.
"""

from __future__ import annotations

import contextlib
import socket
import ssl
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from reconcile.errors import PermanentError, SettingsError
from reconcile.mail.endpoint import Endpoint as Endpoint
from reconcile.mail.imap.faults import Broken


@lru_cache(maxsize=64)
def tls_context(authority: bytes | None) -> ssl.SSLContext:
    """One for all connections that trust the same authorities (reading the host's list costs more than a poll).

    Raises SettingsError when the authority is no PEM certificate.
    """
    try:
        context = ssl.create_default_context(ssl.Purpose.SERVER_AUTH, cadata=authority.decode("ascii") if authority is not None else None)
    except (ssl.SSLError, ValueError) as error:
        raise SettingsError("caCertificate holds no certificate in PEM form", hint="Give the CA's certificate, not its key.") from error
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    return context


class _CheckedBeforeHandshake:
    """Stands for an SSLContext: looks, between the server's OK to STARTTLS and the handshake, for bytes sent in clear too early."""

    def __init__(self, context: ssl.SSLContext, client: Any) -> None:
        self._context = context
        self._client = client

    def wrap_socket(self, sock: Any, **options: Any) -> ssl.SSLSocket:
        before = sock.gettimeout()
        sock.settimeout(0)
        try:
            early = self._client._imap.file.peek(1)
        except (BlockingIOError, ssl.SSLWantReadError):
            early = b""
        finally:
            sock.settimeout(before)
        if early:
            raise Broken("data was sent in clear after STARTTLS; somebody may sit in between")
        return self._context.wrap_socket(sock, **options)


@dataclass(frozen=True, slots=True)
class Link:
    """An open connection: its socket, and the one buffered file that everything is read from."""

    sock: socket.socket
    file: Any

    def close(self) -> None:
        """Raises nothing."""
        with contextlib.suppress(Exception):
            self.file.close()
        with contextlib.suppress(Exception):
            self.sock.close()


def preauth(where: object) -> PermanentError:
    """The refusal of a greeting that needs no login."""
    return PermanentError(
        f"{where} greets as already logged in (PREAUTH), which would skip TLS and the credentials",
        hint="Connect to a port that asks for a login.",
    )


def connect(endpoint: Endpoint) -> Any:
    """An IMAPClient behind greeting, TLS and CAPABILITY, not logged in. To be called inside `translated`."""
    from imapclient import IMAPClient, SocketTimeout

    context = tls_context(endpoint.authority) if endpoint.tls != "none" else None
    client: Any = IMAPClient(
        endpoint.host,
        endpoint.port,
        ssl=endpoint.tls == "implicit",
        ssl_context=context,
        timeout=SocketTimeout(endpoint.connect_timeout, endpoint.silence_timeout),  # type: ignore[arg-type]
    )
    try:
        # imapclient hands every line to the logging module; nobody listens.
        client._imap.debug = 0
        if client._imap.state == "AUTH":
            raise preauth(endpoint)
        if endpoint.tls == "starttls":
            if not client.has_capability("STARTTLS"):
                raise PermanentError(
                    f"{endpoint} does not offer STARTTLS", hint="Declare tls: implicit with its port; credentials are not sent in clear."
                )
            client.starttls(_CheckedBeforeHandshake(context, client) if context is not None else None)
    except BaseException:
        drop(client)
        raise
    return client


def link_of(client: Any) -> Link:
    """What goes on without imapclient over the same connection; what it has read already is not lost."""
    return Link(client._imap.sock, client._imap.file)


def dial(endpoint: Endpoint) -> Link:
    """Connection and implicit TLS (or none), nothing read yet. To be called inside `translated`."""
    sock = socket.create_connection((endpoint.host, endpoint.port), endpoint.connect_timeout)
    try:
        if endpoint.silence_timeout != endpoint.connect_timeout:
            sock.settimeout(endpoint.silence_timeout)
        if endpoint.tls != "none":
            sock = tls_context(endpoint.authority).wrap_socket(sock, server_hostname=endpoint.host)
        return Link(sock, sock.makefile("rb"))
    except BaseException:
        sock.close()
        raise


def drop(client: Any) -> None:
    """Raises nothing: why the connection is given up is already being raised."""
    with contextlib.suppress(Exception):
        client.shutdown()
