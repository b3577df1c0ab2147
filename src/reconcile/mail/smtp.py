"""Submitting mail over SMTP (RFC 6409, RFC 5321), with TLS that cannot be talked away.

The order on the wire is MAIL, RCPT one by one, `begin`, DATA, the bytes, the end of data, the reply. Before the end of data is sent
the connection is asked whether the server left or spoke out of turn: then the end stays here and the mail was surely not taken.
From the first octet of the end on, silence means that nobody knows.
"""

from __future__ import annotations

import re
import smtplib
import socket
import ssl
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import assert_never

from reconcile.errors import AuthenticationRejected, PermanentError, TimedOut, Unavailable
from reconcile.mail.smtp_connection import Plain, Tls, dot_stuffed
from reconcile.ports import sender as port
from reconcile.ports.sender import Account, Broken, Delivery, Envelope, Refused, Reply, Taken, Unanswered
from reconcile.ports.tls import Tls as Protection

_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f]+")
_END_OF_DATA = b".\r\n"
#: Replies that say "log in first" rather than anything about this mail (RFC 4954, section 6).
_LOGIN_WANTED = (530, 538)


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
        with translated(account):
            try:
                connection = self._connect(account)
            except UnicodeError as error:
                raise PermanentError("that is no host name", hint="Mend outgoing.server.") from error
        session = SmtpSession(connection, account, self.silence_timeout, self.answer_timeout)
        try:
            with translated(account):
                self._prepare(connection, account)
            yield session
        finally:
            session.close()

    def _connect(self, account: Account) -> Plain | Tls:
        match account.tls:
            case Protection.IMPLICIT:
                return Tls(account.server, account.port, timeout=self.connect_timeout, context=_context(account))
            case Protection.STARTTLS | Protection.NONE:
                if account.tls is Protection.NONE and account.password is not None:
                    raise PermanentError("no password is sent without TLS", hint="Set tls to starttls or implicit.")
                return Plain(account.server, account.port, timeout=self.connect_timeout)
            case _:
                assert_never(account.tls)

    def _prepare(self, connection: Plain | Tls, account: Account) -> None:
        assert connection.sock is not None
        connection.sock.settimeout(self.silence_timeout)
        connection.reply_seconds = self.silence_timeout
        connection.local_hostname = _own_name(connection.sock)
        _ehlo(connection)
        if account.tls is Protection.STARTTLS:
            if not connection.has_extn("starttls"):
                raise PermanentError(
                    "the server does not offer STARTTLS", hint="Use tls: implicit, or ask its administrator. TLS is required."
                )
            connection.starttls(context=_context(account))
            _ehlo(connection)
        if account.username or account.password is not None:
            self._log_in(connection, account)

    @staticmethod
    def _log_in(connection: Plain | Tls, account: Account) -> None:
        if account.password is None or not account.username:
            raise AuthenticationRejected("user name or password is missing", hint="Declare both, or credentials: anonymous.")
        if b"\0" in account.password.reveal() or "\0" in account.username:
            raise AuthenticationRejected("user name or password contains a NUL character", hint="Look at the secret's file.")
        mechanisms = str(connection.esmtp_features.get("auth", ""))
        if not {"PLAIN", "LOGIN"} & set(mechanisms.upper().split()):
            offers = f"offers only {_one_line(mechanisms)}" if mechanisms.strip() else "offers no login"
            raise PermanentError(f"the server {offers} here, not PLAIN or LOGIN", hint="Try another port, or credentials: anonymous.")
        code, text = connection.log_in(account.username, account.password, mechanisms)
        reply = _reply(code, text, account)
        if 400 <= code <= 499:
            raise Unavailable(f"the server cannot check the login now: {reply}")
        if not reply.is_positive:
            raise AuthenticationRejected(
                f"the server refused the login of {account.username}: {reply}", hint="Check user name and password."
            )


class SmtpSession:
    """One connection. Not for several threads at once."""

    def __init__(self, connection: Plain | Tls, account: Account, silence_timeout: float, answer_timeout: float) -> None:
        self._connection = connection
        self._account = account
        self._silence_timeout = silence_timeout
        self._answer_timeout = answer_timeout
        self._used = False

    @property
    def is_usable(self) -> bool:
        return self._connection.sock is not None

    def send(self, envelope: Envelope, *, begin: Callable[[Sequence[str]], None]) -> Delivery:
        """See `Session.send`."""
        replies: dict[str, Reply] = {}
        end = self._address(envelope, replies)
        accepted = [address for address, reply in replies.items() if reply.is_positive]
        if end is not None or not accepted:
            return Delivery(recipients=replies, end=end)
        try:
            begin(accepted)
        except BaseException:
            # The server waits for DATA; it gets RSET with the next mail, or QUIT.
            self._used = True
            raise
        return Delivery(recipients=replies, end=self._hand_over(envelope.content))

    def _address(self, envelope: Envelope, replies: dict[str, Reply]) -> Refused | Broken | None:
        """MAIL and RCPT. None when the server waits for DATA (or took nobody)."""
        step = "MAIL"
        try:
            if self._used:
                code, text = self._command("RSET")
                if code != 250:
                    return self._gone(step, f"RSET was answered with {self._said(code, text)}")
            self._used = True
            options, obstacle = self._options(envelope)
            if obstacle:
                return Refused(step="EHLO", permanent=True, why=obstacle)
            code, text = self._command("MAIL", f"FROM:<{envelope.sender}>{options}")
            reply = self._said(code, text)
            if code in _LOGIN_WANTED:
                raise AuthenticationRejected(f"the server wants a login: {reply}", hint="Declare credentials for outgoing mail.")
            if code == 421:
                return self._gone(step, str(reply))
            if not reply.is_positive:
                return Refused(step=step, permanent=reply.is_permanent, why=str(reply))
            step = "RCPT"
            for address in envelope.recipients:
                code, text = self._command("RCPT", f"TO:<{address}>")
                if code == 421:
                    return self._gone(step, str(self._said(code, text)))
                replies[address] = self._said(code, text)
        except (OSError, smtplib.SMTPException) as error:
            return self._gone(step, _why(error))
        return None

    def _options(self, envelope: Envelope) -> tuple[str, str]:
        """Parameters of MAIL, and why this server cannot carry this mail ("" when it can)."""
        connection, options = self._connection, ""
        header_end = envelope.content.find(b"\r\n\r\n")
        header = envelope.content if header_end < 0 else envelope.content[:header_end]
        if connection.has_extn("size"):
            options += f" SIZE={len(envelope.content)}"
            limit = str(connection.esmtp_features.get("size", "")).strip()
            if limit.isdigit() and 0 < int(limit) < len(envelope.content):
                return "", f"the mail has {len(envelope.content):,} octets, the server takes at most {int(limit):,}"
        if not envelope.content.isascii():
            if not connection.has_extn("8bitmime"):
                return "", "the mail has 8-bit characters and the server does not offer 8BITMIME"
            options += " BODY=8BITMIME"
        if not header.isascii() or not envelope.sender.isascii() or not all(address.isascii() for address in envelope.recipients):
            if not connection.has_extn("smtputf8"):
                return "", "the mail has addresses or headers in UTF-8 and the server does not offer SMTPUTF8"
            options += " SMTPUTF8"
            connection.command_encoding = "utf-8"
        return options, ""

    def _hand_over(self, content: bytes) -> Taken | Refused | Broken | Unanswered:
        connection, end_may_have_left = self._connection, False
        try:
            code, text = self._command("DATA")
            if code != 354:
                reply = self._said(code, text)
                if code == 421 or not 400 <= code <= 599:
                    return self._gone("DATA", str(reply))
                return Refused(step="DATA", permanent=reply.is_permanent, why=str(reply))
            connection.send_all(dot_stuffed(content))
            if connection.spoke_early():
                return self._gone("DATA", "the server interrupted the mail before its end")
            end_may_have_left = True
            connection.send_all(_END_OF_DATA)
            connection.reply_seconds = self._answer_timeout
            code, text = connection.getreply()
            connection.reply_seconds = self._silence_timeout
        except (OSError, smtplib.SMTPException) as error:
            gone = self._gone("DATA", _why(error))
            return Unanswered(why=gone.why) if end_may_have_left else gone
        reply = self._said(code, text)
        if reply.is_positive:
            return Taken(reply=reply)
        if 400 <= code <= 599:
            return Refused(step="end of data", permanent=reply.is_permanent, why=str(reply))
        self._gone("end of data", "")
        return Unanswered(why=f"the server answered the end of data with {reply}, which says nothing")

    def _command(self, command: str, arguments: str = "") -> tuple[int, bytes]:
        return self._connection.docmd(command, arguments)

    def _said(self, code: int, text: bytes) -> Reply:
        return _reply(code, text, self._account)

    def _gone(self, step: str, why: str) -> Broken:
        self._connection.close()
        return Broken(step=step, why=_without_secrets(why, self._account))

    def close(self) -> None:
        """QUIT where that still works. Raises nothing."""
        with suppress(OSError, smtplib.SMTPException, ValueError):
            if self._connection.sock is not None:
                self._connection.reply_seconds = 2.0
                self._connection.docmd("QUIT")
        self._connection.close()


@contextmanager
def translated(account: Account) -> Iterator[None]:
    """Errors of smtplib, ssl and socket as ours. The text never contains the credentials, and no library error that could
    hold them stays in the chain."""
    where = f"{account.server}:{account.port}"
    try:
        yield
    except ssl.SSLCertVerificationError as error:
        raise PermanentError(
            f"{where}: the server's certificate does not hold: {_one_line(error.verify_message)}",
            hint="Name the server as in its certificate, or declare outgoing.caCertificate.",
        ) from error
    except ssl.SSLError as error:
        raise Unavailable(f"{where}: TLS could not be set up: {_one_line(error.reason or str(error))}") from error
    except TimeoutError as error:
        raise TimedOut(f"{where}: no answer in time") from error
    except smtplib.SMTPResponseException as error:
        reply = _reply(error.smtp_code, error.smtp_error if isinstance(error.smtp_error, bytes) else error.smtp_error.encode(), account)
        kind = PermanentError if reply.is_permanent else Unavailable
        raise kind(f"{where}: the server refuses the connection: {reply}") from None
    except smtplib.SMTPException as error:
        raise Unavailable(f"{where}: {_without_secrets(_why(error), account)}") from None
    except OSError as error:
        raise Unavailable(f"{where}: {_why(error)}", hint="Check server and port, and that it is reachable from here.") from error
    except PermanentError as error:
        error.message = f"{where}: {error.message}"
        error.args = (error.message,)
        raise


def _ehlo(connection: Plain | Tls) -> None:
    code, text = connection.ehlo()
    if code != 250:
        raise smtplib.SMTPResponseException(code, text)


def _context(account: Account) -> ssl.SSLContext:
    if account.authority is None:
        return ssl.create_default_context()
    try:
        return ssl.create_default_context(cadata=account.authority.decode("ascii"))
    except (ssl.SSLError, ValueError) as error:
        raise PermanentError("the authority's certificate cannot be read", hint="It must be in PEM form.") from error


def _own_name(connected: socket.socket) -> str:
    """What EHLO says: an address literal (RFC 5321, 4.1.3), which is always true, unlike the host's idea of its name."""
    address = connected.getsockname()[0]
    return f"[IPv6:{address}]" if ":" in address else f"[{address}]"


def _reply(code: int, text: bytes, account: Account) -> Reply:
    return Reply(code=code, text=_without_secrets(_one_line(text.decode("utf-8", "replace")), account))


def _one_line(text: str) -> str:
    return _CONTROL.sub(" ", text).strip()[:400]


def _without_secrets(text: str, account: Account) -> str:
    """A server may repeat what it was sent."""
    if account.password is None:
        return text
    word = account.password.reveal()
    user = account.username.encode()
    from base64 import b64encode

    for secret in (b64encode(b"\0" + user + b"\0" + word).decode(), b64encode(word).decode(), word.decode("utf-8", "replace")):
        if secret:
            text = text.replace(secret, "***")
    return text


def _why(error: BaseException) -> str:
    if isinstance(error, TimeoutError):
        return "no answer in time"
    if isinstance(error, OSError) and error.strerror:
        return _one_line(error.strerror)
    return _one_line(str(error)) or type(error).__name__
