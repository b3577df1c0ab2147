"""What a POP3 server's refusals and a broken socket mean for the caller. The only place that translates them."""

from __future__ import annotations

import re
import ssl
from collections.abc import Collection, Iterator
from contextlib import contextmanager

from reconcile.errors import AuthenticationRejected, PermanentError, ReconcileError, Throttled, TimedOut, Unavailable
from reconcile.mail.tls import handshake_refused

_CODE = re.compile(r"\[([A-Z0-9/_-]+)[^\]]*\]", re.IGNORECASE)
_LONGEST = 200
_REACH = "It is tried again by itself; check server, port, tls and the network if it stays so."
_AGAIN = "It is tried again by itself."
#: How servers without response codes say that it is not about the password.
_NOT_NOW = ("lock", "in use", "busy", "try again", "try later", "too many", "temporar", "unavailable", "already")
#: Seconds to wait for a server that wants a pause and does not say how long (RFC 2449, 6.5 leaves it open).
_PAUSE = 300.0


class Refused(Exception):
    """An answer of -ERR: `text` is the server's, from the code on."""

    def __init__(self, text: str) -> None:
        super().__init__(text)
        self.text = text


class Broken(Exception):
    """The connection ended, or what came over it is no POP3."""


def server_words(text: object, secrets: Collection[str] = ()) -> str:
    """A server's text, short, on one line, without credentials it may echo."""
    words = text.decode("utf-8", "replace") if isinstance(text, bytes) else str(text)
    for secret in secrets:
        if secret:
            words = words.replace(secret, "***")
    return " ".join("".join(character if character.isprintable() else " " for character in words).split())[:_LONGEST]


def refusal(
    text: str, where: str, *, login: bool = False, secrets: Collection[str] = (), pause: float | None = None, codes_told: bool = False
) -> ReconcileError:
    """A -ERR as what the caller must do (response codes: RFC 2449, section 8; RFC 3206; RFC 6856, section 7).

    `pause` is the LOGIN-DELAY the server announced, in seconds. `codes_told`: it announced AUTH-RESP-CODE, so that a refused login
    without a code is not about the credentials.
    """
    words = server_words(text, secrets)
    code = match[1].upper() if (match := _CODE.match(text.strip())) else ""
    if code == "LOGIN-DELAY":
        return Throttled(f"{where} wants a pause between two logins: {words}", retry_after=pause or _PAUSE)
    if code == "IN-USE":
        return Unavailable(f"the mailbox is open elsewhere, and {where} opens it once only: {words}", hint=_AGAIN)
    if code == "SYS/TEMP":
        return Unavailable(f"{where} refuses for now: {words}", hint=_AGAIN)
    if code == "SYS/PERM":
        return PermanentError(
            f"{where} does not open this mailbox: {words}", hint="Have POP3 switched on for the account, or ask the server's administrator."
        )
    if code == "AUTH" or (login and not code and not codes_told and not any(word in text.lower() for word in _NOT_NOW)):
        return AuthenticationRejected(
            f"{where} refused the credentials: {words}", hint="Check user name and password; `reconcile apply` hands a new one over."
        )
    return Unavailable(f"{where} answered: {words}", hint=_AGAIN)


@contextmanager
def translated(
    where: str, *, login: bool = False, secrets: Collection[str] = (), pause: float | None = None, codes_told: bool = False
) -> Iterator[None]:
    """`where` names the server as host:port."""
    try:
        yield
    except ReconcileError:
        raise
    except Refused as error:
        raise refusal(error.text, where, login=login, secrets=secrets, pause=pause, codes_told=codes_told) from None
    except Broken as error:
        raise Unavailable(f"{where}: {server_words(error, secrets)}", hint=_AGAIN) from None
    except TimeoutError as error:
        raise TimedOut(f"{where} was silent for too long", hint=_REACH) from error
    except ssl.SSLError as error:
        raise handshake_refused(error, where) from error
    except OSError as error:
        raise Unavailable(f"{where} cannot be reached: {server_words(error.strerror or error)}", hint=_REACH) from error
