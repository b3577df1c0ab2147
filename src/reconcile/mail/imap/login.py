"""Log in: the careful way for a first visit, and the short way for a poll, where LOGIN and STATUS leave in one write.

The short way is for what needs no negotiation: TLS stands from the first byte (or clear text is declared), the greeting is a plain
OK, the credentials fit a quoted string. Wherever something is unusual the careful way is taken over a new connection. Commands in
one write are RFC 3501 5.5; some proxies lose what comes behind LOGIN, so a server that does is asked one by one for an hour.
"""

from __future__ import annotations

import time

from reconcile.errors import PermanentError
from reconcile.mail.imap.connection import Endpoint, Link, connect, dial, drop, link_of, preauth
from reconcile.mail.imap.faults import Broken, Refused, translated
from reconcile.mail.imap.stream import Request, Stream
from reconcile.model.secret import Secret

_ONE_BY_ONE_SECONDS = 3600.0
#: Endpoints that lost a command behind LOGIN, and until when (monotonic) they are asked one by one.
_one_by_one: dict[str, float] = {}


def open_stream(endpoint: Endpoint, username: str, password: Secret) -> Stream:
    """A logged-in connection. Raises what `translated` says."""
    where, secret = str(endpoint), _text(password)
    _check(username, secret)
    with translated(where):
        client = connect(endpoint)
    try:
        with translated(where, login=True, secrets=(secret,)):
            # Before STARTTLS it is what a good server says; behind it only the answer to LOGIN can be trusted.
            disabled = endpoint.tls != "starttls" and "LOGINDISABLED" in client._imap.capabilities
            if disabled and endpoint.tls == "none":
                raise PermanentError(f"{where} wants TLS before login", hint="Declare tls: implicit or starttls.")
            if disabled or not _fits_quoted(username, secret):
                client.plain_login(username, secret)
                return Stream(link_of(client))
            stream = Stream(link_of(client))
            stream.finish(stream.ask(_login(username, secret)))
            return stream
    except BaseException:
        drop(client)
        raise


def open_with_status(endpoint: Endpoint, username: str, password: Secret) -> Stream:
    """A logged-in connection whose INBOX was asked for its STATUS. Raises what `translated` says."""
    where, secret = str(endpoint), _text(password)
    lost = False
    if endpoint.tls != "starttls" and _fits_quoted(username, secret) and _one_by_one.get(where, 0.0) <= time.monotonic():
        with translated(where, login=True, secrets=(secret,)):
            link = dial(endpoint)
            try:
                stream = _greeted(link, endpoint)
                if stream is not None:
                    login, status = stream.ask_both(_login(username, secret), stream.status_command())
                    stream.finish(login)
                    if _answered(stream, status):
                        return stream
                    lost = True
            except BaseException:
                link.close()
                raise
        link.close()
    stream = open_stream(endpoint, username, password)
    try:
        with translated(where):
            stream.finish(stream.ask_status())
    except BaseException:
        stream.close()
        raise
    if lost:
        # Asked alone it answers, so it was the one write, not this mailbox.
        _one_by_one[where] = time.monotonic() + _ONE_BY_ONE_SECONDS
    return stream


def _greeted(link: Link, endpoint: Endpoint) -> Stream | None:
    """None when something is to be negotiated."""
    stream = Stream(link)
    greeting = stream.greeting()
    kind = greeting[:10].upper()
    if kind.startswith(b"* PREAUTH"):
        raise preauth(endpoint)
    if kind.startswith(b"* BYE"):
        raise Broken("the server said goodbye: " + greeting[6:].decode("utf-8", "replace"))
    if not kind.startswith(b"* OK"):
        return None
    capabilities = stream.capabilities_in(greeting)
    if capabilities is None and endpoint.tls == "none":
        # RFC 3501 6.2.3: no LOGIN in clear to a server that says LOGINDISABLED.
        capabilities = stream.capabilities()
    return None if capabilities is not None and b"LOGINDISABLED" in capabilities else stream


def _answered(stream: Stream, status: Request) -> bool:
    try:
        stream.finish(status)
    except (Broken, Refused, OSError):
        return False
    return True


def _text(password: Secret) -> str:
    try:
        return password.text()
    except UnicodeDecodeError:
        raise PermanentError("the password is no UTF-8 text", hint="Mend the secret.") from None


def _check(username: str, secret: str) -> None:
    if "\x00" in username or "\x00" in secret:
        raise PermanentError("user name or password holds a NUL character", hint="Mend the secret.")


def _fits_quoted(username: str, secret: str) -> bool:
    """A quoted string of RFC 3501 takes neither line breaks nor 8-bit characters; SASL PLAIN takes both."""
    plain = username + secret
    return plain.isascii() and plain.isprintable()


def _login(username: str, secret: str) -> bytes:
    return b"LOGIN %s %s" % (_quoted(username), _quoted(secret))


def _quoted(text: str) -> bytes:
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'.encode("ascii")
