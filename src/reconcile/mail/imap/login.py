"""Sign in: the careful way for a first visit, and the short way for a poll, where LOGIN and STATUS leave in one write.

The short way is for what needs no negotiation: TLS stands from the first byte (or clear text is declared), the greeting is a plain
OK, a password fits a quoted string, nothing is compressed. Wherever something is unusual the careful way is taken over a new
connection. Commands in one write are RFC 3501 5.5; some proxies lose what comes behind LOGIN, so a server that does is asked one by
one for an hour.
"""

from __future__ import annotations

import time

from reconcile.errors import AuthenticationRejected, PermanentError
from reconcile.mail.concerning import concerning
from reconcile.mail.endpoint import Endpoint
from reconcile.mail.imap.authenticate import authenticate
from reconcile.mail.imap.connection import connect, dial, greeted
from reconcile.mail.imap.faults import Broken, Refused, refusal, translated
from reconcile.mail.imap.stream import Request, Stream
from reconcile.mail.sign_in.explained import explained
from reconcile.model.sign_in import SignInKind
from reconcile.ports.sign_in import SignIn

_ONE_BY_ONE_SECONDS = 3600.0
#: Endpoints that lost a command behind LOGIN, and until when (monotonic) they are asked one by one.
_one_by_one: dict[str, float] = {}


def open_stream(endpoint: Endpoint, sign_in: SignIn) -> Stream:
    """A signed-in connection. Refused, it tries once more over another one when the account has something else to show (a new
    token). Raises what `translated` says, and what the account's `mechanism` raises."""
    try:
        return _opened(endpoint, sign_in)
    except _SignInRefused as refused:
        if not refused.again:
            raise refused.error from refused.error.__cause__
    try:
        return _opened(endpoint, sign_in)
    except _SignInRefused as refused:
        raise refused.error from refused.error.__cause__


class _SignInRefused(Exception):
    """`again`: the account has something else to show."""

    def __init__(self, error: AuthenticationRejected, *, again: bool) -> None:
        super().__init__()
        self.error = error
        self.again = again


def _opened(endpoint: Endpoint, sign_in: SignIn) -> Stream:
    where = str(endpoint)
    with concerning("server"), translated(where):
        stream = connect(endpoint)
    try:
        _sign_in(stream, endpoint, sign_in)
        if endpoint.compress:
            from reconcile.mail.imap.deflate import compress

            with translated(where):
                compress(stream, where)
    except BaseException:
        stream.drop()
        raise
    return stream


def _sign_in(stream: Stream, endpoint: Endpoint, sign_in: SignIn) -> None:
    where = str(endpoint)
    with translated(where):
        offered = stream.capabilities()
    # Before STARTTLS it is what a good server says; behind it only the answer to LOGIN can be trusted.
    disabled = endpoint.tls != "starttls" and b"LOGINDISABLED" in offered
    if disabled and endpoint.tls == "none":
        raise PermanentError(f"{where} wants TLS before login", hint="Declare tls: implicit or starttls.")
    login = None if disabled else _login(sign_in)
    if login is not None:
        command, secrets = login
        stream.forget_capabilities()
        with translated(where, secrets=secrets), sign_in.showing(), _judged(sign_in), _answers(where, secrets):
            stream.finish(stream.ask(command))
        return
    names = {name[5:].decode("ascii", "replace") for name in offered if name.startswith(b"AUTH=")}
    if sign_in.kind is SignInKind.PASSWORD:
        # All servers have it (RFC 3501, 6.2.2), some do not say so.
        names = names or {"PLAIN"}
    mechanism = sign_in.mechanism(protocol="imap", host=endpoint.host, offered=names)
    secrets = tuple(mechanism.secrets)
    with translated(where, secrets=secrets), sign_in.showing(), _judged(sign_in), explained(sign_in, mechanism), _answers(where, secrets):
        authenticate(stream, mechanism, at_once=b"SASL-IR" in offered)


class _answers:
    """What a NO or BAD to the exchange means; a connection that breaks is left to whoever stands around: nobody knows what it means."""

    def __init__(self, where: str, secrets: tuple[str, ...]) -> None:
        self._where = where
        self._secrets = secrets

    def __enter__(self) -> None:
        pass

    def __exit__(self, _: object, error: BaseException | None, __: object) -> None:
        if isinstance(error, Refused):
            raise refusal(error.text, self._where, login=True, secrets=self._secrets) from None


class _judged:
    """Tells a refusal by the server from every other error on the way."""

    def __init__(self, sign_in: SignIn) -> None:
        self._sign_in = sign_in

    def __enter__(self) -> None:
        pass

    def __exit__(self, _: object, error: BaseException | None, __: object) -> None:
        if isinstance(error, AuthenticationRejected):
            raise _SignInRefused(error, again=self._sign_in.refused())


def open_with_status(endpoint: Endpoint, sign_in: SignIn) -> Stream:
    """A signed-in connection whose INBOX was asked for its STATUS. Raises as `open_stream`."""
    where = str(endpoint)
    lost = False
    login = None if endpoint.tls == "starttls" or endpoint.compress else _login(sign_in)
    if login is not None and _one_by_one.get(where, 0.0) <= time.monotonic():
        command, secrets = login
        with translated(where, secrets=secrets):
            with concerning("server"), translated(where):
                link = dial(endpoint)
            try:
                stream = Stream(link)
                with concerning("server"), translated(where):
                    takes = greeted(stream, endpoint) and _takes_login(stream, endpoint)
                if takes:
                    stream.forget_capabilities()
                    with sign_in.showing(), _judged(sign_in), _answers(where, secrets):
                        asked, status = stream.ask_both(command, stream.status_command())
                        stream.finish(asked)
                    if _answered(stream, status):
                        return stream
                    lost = True
            except BaseException as error:
                link.close()
                if isinstance(error, _SignInRefused):
                    raise error.error from error.error.__cause__
                raise
        link.close()
    stream = open_stream(endpoint, sign_in)
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


def _takes_login(stream: Stream, endpoint: Endpoint) -> bool:
    """False when something is to be negotiated. RFC 3501 6.2.3: no LOGIN in clear to a server that says LOGINDISABLED."""
    if endpoint.tls == "none" or stream.told_capabilities():
        return b"LOGINDISABLED" not in stream.capabilities()
    return True


def _answered(stream: Stream, status: Request) -> bool:
    try:
        stream.finish(status)
    except (Broken, Refused, OSError):
        return False
    return True


def _login(sign_in: SignIn) -> tuple[bytes, tuple[str, ...]] | None:
    """The command, and what must stand in no error; None where this is no way to sign in.

    A quoted string of RFC 3501 takes neither line breaks nor 8-bit characters; SASL PLAIN takes both.
    """
    if sign_in.password is None:
        return None
    secret = sign_in.password.text()
    plain = sign_in.username + secret
    if not (plain.isascii() and plain.isprintable()):
        return None
    return b"LOGIN %s %s" % (quoted(sign_in.username), quoted(secret)), (secret,)


def quoted(text: str) -> bytes:
    """A quoted string; the text must be printable ASCII."""
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'.encode("ascii")
