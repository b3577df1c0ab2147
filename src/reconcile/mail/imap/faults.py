"""What the socket and the server's refusals mean for the caller. The only place that translates them."""

from __future__ import annotations

import re
import ssl

from reconcile.errors import AuthenticationRejected, PermanentError, PermissionDenied, ReconcileError, Throttled, TimedOut, Unavailable
from reconcile.mail.tls import handshake_refused

_PAUSE = re.compile(r"Suggested Backoff Time: (\d+)", re.IGNORECASE)
_CODE = re.compile(r"\[([A-Z-]+)[^\]]*\]")
_LONGEST = 200
_REACH = "It is tried again by itself; check server, port, tls and the network if it stays so."


class Refused(Exception):
    """A tagged NO or BAD: `text` is the server's, from the code on."""

    def __init__(self, kind: str, text: str) -> None:
        super().__init__(text)
        self.kind = kind
        self.text = text


class Broken(Exception):
    """The connection ended, or what came over it is no IMAP."""


def server_words(text: object, *secrets: str) -> str:
    """A server's text, short, on one line, without credentials it may echo."""
    words = text.decode("utf-8", "replace") if isinstance(text, bytes) else str(text)
    for secret in secrets:
        if secret:
            words = words.replace(secret, "***")
    return " ".join("".join(character if character.isprintable() else " " for character in words).split())[:_LONGEST]


def refusal(error: object, where: str, *, login: bool, secrets: tuple[str, ...] = ()) -> ReconcileError:
    """A NO or BAD as what the caller must do (codes: RFC 5530; back-off: Exchange Online)."""
    raw = error.decode("utf-8", "replace") if isinstance(error, bytes) else str(error)
    words = server_words(raw, *secrets)
    pause = _PAUSE.search(raw)
    codes = set(_CODE.findall(raw.upper()))
    if pause:
        return Throttled(f"{where} asks for a pause: {words}", retry_after=min(int(pause.group(1)) / 1000, 86400.0))
    if codes & {"UNAVAILABLE", "INUSE", "SERVERBUG", "CONTACTADMIN", "LIMIT"} or "too many" in raw.lower():
        # At the login it is the server's own affair (RFC 5530): a part of it is down, for everybody.
        down = login and "UNAVAILABLE" in codes
        return Unavailable(f"{where} refuses for now: {words}", hint="It is tried again by itself.", about="server" if down else None)
    if codes & {"AUTHENTICATIONFAILED", "AUTHORIZATIONFAILED", "EXPIRED"} or (login and "PRIVACYREQUIRED" not in codes):
        return AuthenticationRejected(
            f"{where} refused the credentials: {words}", hint="Check user name and password; `reconcile apply` hands a new one over."
        )
    if codes & {"PRIVACYREQUIRED"}:
        return PermanentError(f"{where} wants TLS before login: {words}", hint="Declare tls: implicit or starttls.")
    if codes & {"NOPERM", "ACL"}:
        return PermissionDenied(f"{where} does not allow it: {words}", hint="Give the account the right to read its inbox.")
    return Unavailable(f"{where} answered: {words}")


class translated:
    """`where` names the server as host:port."""

    __slots__ = ("_login", "_secrets", "_where")

    def __init__(self, where: str, *, login: bool = False, secrets: tuple[str, ...] = ()) -> None:
        self._where = where
        self._login = login
        self._secrets = secrets

    def __enter__(self) -> None:
        pass

    def __exit__(self, _: object, error: BaseException | None, __: object) -> None:
        where = self._where
        match error:
            case None | ReconcileError():
                return
            case Refused(text=text):
                raise refusal(text, where, login=self._login, secrets=self._secrets) from None
            case Broken():
                raise Unavailable(f"{where}: {server_words(error, *self._secrets)}") from None
            case TimeoutError():
                raise TimedOut(f"{where} was silent for too long", hint=_REACH) from error
            case ssl.SSLError():
                raise handshake_refused(error, where) from error
            case OSError():
                raise Unavailable(f"{where} cannot be reached: {server_words(error.strerror or error)}", hint=_REACH) from error
