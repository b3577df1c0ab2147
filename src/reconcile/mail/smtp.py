"""Submitting mail over SMTP (RFC 6409, RFC 5321), with TLS that cannot be talked away."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from contextlib import contextmanager
from typing import assert_never

from reconcile.errors import AuthenticationRejected, PermanentError
from reconcile.lazy_dataclass import dataclass
from reconcile.mail.concerning import concerning
from reconcile.mail.sign_in.password import PasswordSignIn
from reconcile.mail.smtp_connection import Connection
from reconcile.mail.smtp_replies import NotServed, translated
from reconcile.mail.smtp_session import SmtpSession
from reconcile.mail.smtp_sign_in import sign_in_over
from reconcile.mail.tls import tls_context
from reconcile.ports import sender as port
from reconcile.ports.sender import Account
from reconcile.ports.sign_in import SignIn
from reconcile.ports.tls import Tls


@dataclass(frozen=True, slots=True, kw_only=True)
class SmtpSender:
    """Opens submission connections. All times in seconds.

    `answer_timeout` bounds the wait after the end of data; RFC 5321, 4.5.3.2.6, wants ten minutes, because giving up earlier
    makes duplicates (or, here, uncertain mails).
    """

    connect_timeout: float = 20.0
    silence_timeout: float = 60.0
    answer_timeout: float = 600.0

    @contextmanager
    def open(self, account: Account) -> Iterator[port.Session]:
        """See `Sender.open`."""
        where = f"{account.server}:{account.port}"
        with translated(where):
            sign_in = _sign_in_of(account)
            if account.tls is Tls.NONE and sign_in is not None:
                raise PermanentError("no password is sent without TLS", hint="Set tls to starttls or implicit.")
        with concerning("server"), translated(where):
            connection = Connection(_dialled(account, self.connect_timeout), reply_seconds=self.connect_timeout)
        try:
            with concerning("server"), translated(where):
                extensions = self._greeted(connection, account)
            with translated(where):
                secrets: tuple[str, ...] = ()
                if sign_in is not None:
                    secrets = sign_in_over(connection, sign_in, host=account.server, offered=extensions.get("AUTH", ""))
            session = SmtpSession(
                connection, extensions, secrets=secrets, silence_timeout=self.silence_timeout, answer_timeout=self.answer_timeout
            )
        except BaseException:
            connection.close()
            raise
        try:
            yield session
        finally:
            session.close()

    def _greeted(self, connection: Connection, account: Account) -> dict[str, str]:
        """Extensions as they are said behind TLS."""
        code, text = connection.reply()
        if code != 220:
            raise NotServed(code, text)
        connection.set_silence(self.silence_timeout)
        extensions = _ehlo(connection)
        if account.tls is not Tls.STARTTLS:
            return extensions
        if "STARTTLS" not in extensions:
            raise PermanentError("the server does not offer STARTTLS", hint="Use tls: implicit, or ask its administrator. TLS is required.")
        code, text = connection.ask(b"STARTTLS")
        if code != 220:
            raise NotServed(code, text)
        if connection.spoke_early():
            # RFC 3207, section 6; CVE-2011-0411 for servers.
            raise PermanentError(
                "the server's answer to STARTTLS was followed by more text in the clear: somebody on the way may have put it there",
                hint="Use tls: implicit, and look who answers on that port.",
            )
        connection.secure(tls_context(account.authority, account.client_certificate), account.server)
        return _ehlo(connection)


def _sign_in_of(account: Account) -> SignIn | None:
    """None where nobody signs in."""
    if account.sign_in is not None:
        return account.sign_in
    if not account.username and account.password is None:
        return None
    if account.password is None or not account.username:
        raise AuthenticationRejected("user name or password is missing", hint="Declare both, or credentials: anonymous.")
    return PasswordSignIn(account.username, account.password)


def _dialled(account: Account, timeout: float) -> socket.socket:
    connected = socket.create_connection((account.server, account.port), timeout)
    try:
        # The end of data goes out in a packet of its own and must not wait for an acknowledgement.
        connected.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        match account.tls:
            case Tls.IMPLICIT:
                context = tls_context(account.authority, account.client_certificate)
                return context.wrap_socket(connected, server_hostname=account.server)
            case Tls.STARTTLS | Tls.NONE:
                return connected
            case _:
                assert_never(account.tls)
    except BaseException:
        connected.close()
        raise


def _ehlo(connection: Connection) -> dict[str, str]:
    code, text = connection.ask(b"EHLO " + connection.own_name.encode("ascii"))
    if code != 250:
        raise NotServed(code, text)
    extensions: dict[str, str] = {}
    for line in text.decode("ascii", "replace").split("\n")[1:]:
        name, _, words = line.replace("=", " ", 1).partition(" ") if line.upper().startswith("AUTH=") else line.partition(" ")
        extensions[name.upper()] = f"{extensions.get(name.upper(), '')} {words}".strip()
    return extensions
