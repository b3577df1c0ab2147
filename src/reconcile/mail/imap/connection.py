"""Connect, TLS, login: the rare things, which imapclient does.

TLS is never optional and never weakened: certificate and host name are checked, 1.2 at least. With STARTTLS nothing that came in
clear is trusted: a PREAUTH greeting is refused (it would skip STARTTLS), so is data sent before the handshake (RFC 3501 6.2.1,
CVE-2011-0411 and its family), and no credentials leave before TLS stands.
"""

from __future__ import annotations

import contextlib
import ssl
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from reconcile.errors import PermanentError, SettingsError
from reconcile.mail.imap.faults import Broken, translated
from reconcile.model.secret import Secret


@dataclass(frozen=True, slots=True, kw_only=True)
class Endpoint:
    """Where to connect. `tls` is implicit, starttls or none; `authority` the PEM of a private CA (None: the host's own list).

    Timeouts in seconds: until the connection stands, and without a byte.
    """

    host: str
    port: int
    tls: str
    authority: bytes | None = None
    connect_timeout: float = 20.0
    silence_timeout: float = 60.0

    def __str__(self) -> str:
        return f"{self.host}:{self.port}"


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


def _same_tag_everywhere() -> None:
    """imaplib compiles an expression around a random tag for each connection, a tenth of what a poll costs.

    Tags tell the commands of one connection apart (RFC 3501 2.2.1) and protect against nothing.
    """
    import imaplib

    imaplib.Int2AP = lambda _: b"RCNL"  # type: ignore[assignment]


def connect(endpoint: Endpoint, username: str, password: Secret) -> Any:
    """A logged-in IMAPClient. Raises what `translated` says."""
    where = str(endpoint)
    with translated(where):
        from imapclient import IMAPClient, SocketTimeout

        _same_tag_everywhere()
        context = tls_context(endpoint.authority) if endpoint.tls != "none" else None
        client: Any = IMAPClient(
            endpoint.host,
            endpoint.port,
            ssl=endpoint.tls == "implicit",
            ssl_context=context,
            timeout=SocketTimeout(endpoint.connect_timeout, endpoint.silence_timeout),  # type: ignore[arg-type]
        )
        # imapclient hands every line to the logging module; nobody listens, and it costs as much as the poll itself.
        client._imap.debug = 0
    try:
        if client._imap.state == "AUTH":
            raise PermanentError(
                f"{where} greets as already logged in (PREAUTH), which would skip TLS and the credentials",
                hint="Connect to a port that asks for a login.",
            )
        if endpoint.tls == "starttls":
            with translated(where):
                if not client.has_capability("STARTTLS"):
                    raise PermanentError(
                        f"{where} does not offer STARTTLS", hint="Declare tls: implicit with its port; credentials are not sent in clear."
                    )
                client.starttls(_CheckedBeforeHandshake(context, client) if context is not None else None)
        _log_in(client, where, username, password)
    except BaseException:
        _drop(client)
        raise
    return client


def _log_in(client: Any, where: str, username: str, password: Secret) -> None:
    secret = password.text()
    with translated(where, login=True, secrets=(secret,)):
        plain = f"{username}{secret}"
        if "\x00" in plain:
            raise PermanentError("user name or password holds a NUL character", hint="Mend the secret.")
        # A quoted string of RFC 3501 takes neither line breaks nor 8-bit characters; SASL PLAIN takes both.
        if plain.isascii() and plain.isprintable():
            client.login(username, secret)
        else:
            client.plain_login(username, secret)


def _drop(client: Any) -> None:
    # Why the connection is given up is already being raised.
    with contextlib.suppress(Exception):
        client.shutdown()
