"""What refusals, HTTP statuses and broken connections mean for the caller. The only place that translates them."""

from __future__ import annotations

import re
import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from email.utils import parsedate_to_datetime
from typing import Final

from reconcile.errors import (
    About,
    AuthenticationRejected,
    BlockedByTenant,
    CursorInvalid,
    MailboxRefused,
    PermanentError,
    PermissionDenied,
    ReconcileError,
    Throttled,
    TimedOut,
    Unavailable,
    Unsupported,
)
from reconcile.mail.ews.answers import Answer, Fault
from reconcile.mail.ews.codes import BUSY, Kind, kind_of
from reconcile.mail.ews.pace import TooSlow
from reconcile.mail.tls import handshake_refused
from reconcile.model.exchange_online import END, is_exchange_online

#: Where a busy server names no pause (seconds).
PAUSE: Final = 60.0
_LONGEST: Final = 300
_REACH: Final = "It is tried again by itself; check server, port, tls and the network if it stays so."
_AGAIN: Final = "It is tried again by itself."
_PAUSED: Final = "It is tried again by itself after the pause; where it comes often, lower maxConcurrentConnections of the profile."
_IMPERSONATION: Final = frozenset({"ErrorImpersonateUserDenied", "ErrorImpersonationDenied", "ErrorImpersonationFailed"})
_ACCOUNT: Final = frozenset({"ErrorAccountDisabled", "ErrorPasswordExpired", "ErrorPasswordChangeRequired"})
_VERSION: Final = frozenset(
    {
        "ErrorInvalidServerVersion",
        "ErrorIncorrectSchemaVersion",
        "ErrorInvalidSchemaVersionForMailboxVersion",
        "ErrorWrongServerVersion",
        "ErrorWrongServerVersionDelegate",
    }
)
_DENIED: Final = re.compile(r"Access|Denied|NotDelegate|License|Compliance")
_HINTS: Final = {
    "ErrorNonExistentMailbox": "Check emailAddress: it is the mailbox's primary address, and the mailbox is at this server.",
    "ErrorNonPrimarySmtpAddress": "Declare the mailbox's primary address.",
    "ErrorQuotaExceeded": "The mailbox is full: make room in it, or have its quota raised.",
    "ErrorSendAsDenied": "Have the server let the account send as this mailbox.",
    "ErrorAccessDenied": "Have the server give the account the right to this mailbox: impersonation, or rights on its folders.",
    "ErrorFolderNotFound": "The account sees no such folder; with delegation it needs rights on it.",
}


def server_words(text: str) -> str:
    """A server's text, short, on one line."""
    return " ".join("".join(character if character.isprintable() else " " for character in text).split())[:_LONGEST]


def refusal(answer: Answer, where: str, *, fault: bool = False) -> ReconcileError:
    """A refused request or response message, as what the caller must do."""
    code, words = answer.code, server_words(answer.text)
    told = f"{where} answers {code}" + (f": {words}" if words else "")
    if code in BUSY or answer.pause is not None:
        pause = PAUSE if answer.pause is None else answer.pause
        return Throttled(f"{where} asks for a pause ({code or 'it names no reason'})", retry_after=pause, hint=_PAUSED)
    if code == "ErrorInvalidSyncStateData":
        return CursorInvalid(told, hint="The mailbox is listed again; nothing is imported twice.")
    if code == "ErrorOrganizationAccessBlocked":
        return blocked(where, words)
    if code in _IMPERSONATION:
        hint = "Give the profile's account the role ApplicationImpersonation, with a scope that covers this mailbox, or use delegation."
        return PermissionDenied(told, hint=hint)
    if code in _ACCOUNT:
        return AuthenticationRejected(told, hint="Have the account enabled, or give it a password that holds.")
    if code in _VERSION:
        return Unsupported(told, field="serverType", hint="Exchange 2010 with Service Pack 1 is the oldest that is spoken to.")
    about: About | None = None
    match kind_of(code, fault=fault):
        case Kind.TRANSIENT:
            about = "server" if code in ("ErrorServiceUnavailable", "ErrorADUnavailable") else None
            return Unavailable(told, hint=_AGAIN, about=about)
        case Kind.PROFILE:
            return PermanentError(told, hint="Look at the profile's account and its rights at the server.", about="profile")
        case Kind.MAILBOX if _DENIED.search(code):
            return PermissionDenied(told, hint=_HINTS.get(code, _HINTS["ErrorAccessDenied"]))
        case Kind.MAILBOX:
            return MailboxRefused(told, hint=_HINTS.get(code, "Look at this mailbox at the server."))
        case _:
            return PermanentError(told, hint="The server will not do this, however often it is asked. Please report it with the code.")


def blocked(where: str, words: str = "") -> BlockedByTenant:
    """The tenant does not let anybody, or not this application, use Exchange Web Services."""
    told = f": {words}" if words else ""
    return BlockedByTenant(
        f"{where}: Exchange Web Services are blocked for this tenant or application{told}; they end there on {END}",
        hint="The tenant's administrator sets EWSEnabled to True and lists the application in EWSAllowedAppIDs; that takes up to 24 hours.",
    )


def status_refusal(status: int, headers: dict[str, str], where: str, *, host: str) -> ReconcileError:
    """An HTTP status that is neither 200 nor the 500 of a fault. `headers` by lower-case name."""
    retry = retry_after(headers.get("retry-after", ""), headers.get("date", ""))
    if status in (429, 503):
        if retry is not None:
            about: About | None = "server" if status == 503 else None
            return Throttled(f"{where} asks for a pause (HTTP {status})", retry_after=retry, hint=_PAUSED, about=about)
        if status == 429:
            return Throttled(f"{where} asks for a pause (HTTP 429)", retry_after=PAUSE, hint=_PAUSED)
        return Unavailable(f"{where} cannot serve now (HTTP 503)", hint=_AGAIN, about="server")
    if status == 403 and is_exchange_online(host):
        return blocked(where)
    if status == 403:
        hint = "Check that Exchange Web Services are switched on for this account and mailbox, and that no gateway holds the request back."
        return PermissionDenied(f"{where} does not allow it (HTTP 403)", hint=hint)
    if status in (301, 302, 303, 307, 308):
        target = server_words(headers.get("location", ""))
        if "genericerrorpage" in target.lower():
            return Unavailable(f"{where} shows its error page", hint=_AGAIN, about="server")
        hint = "Declare the address of Exchange Web Services itself. A redirect is never followed: it would get the credentials."
        return PermanentError(f"{where} redirects to {target.partition('?')[0] or 'somewhere else'}", hint=hint, about="profile")
    if status in (404, 405, 410):
        hint = "Check the path; it is usually /EWS/Exchange.asmx."
        return PermanentError(f"{where} has no Exchange Web Services at this address (HTTP {status})", hint=hint, about="profile")
    if status == 413:
        return PermanentError(f"{where} does not take a request of this size (HTTP 413)", hint="Send less, or have the limit raised.")
    if status >= 500:
        return Unavailable(f"{where} answers HTTP {status}", hint=_AGAIN, about="server")
    return PermanentError(f"{where} answers HTTP {status}", hint="Check the address of Exchange Web Services.", about="profile")


def retry_after(value: str, date: str) -> float | None:
    """Seconds (RFC 9110, 10.2.3), at least 1 and at most a day; None where there is none. A date is compared with the server's own."""
    if re.fullmatch(r"\s*\d{1,9}\s*", value):
        seconds = float(value)
    else:
        try:
            seconds = (parsedate_to_datetime(value) - parsedate_to_datetime(date)).total_seconds()
        except (ValueError, TypeError, OverflowError):
            return None
    return min(max(seconds, 1.0), 86400.0)


@contextmanager
def translated(where: str) -> Iterator[None]:
    """Around a conversation: what requests, urllib3 and the socket raise, and faults that nobody took."""
    try:
        yield
    except ReconcileError:
        raise
    except Fault as fault:
        raise refusal(fault.answer, where, fault=True) from None
    except OSError as error:
        # requests derives all of its errors from OSError, and hides what happened some causes deep.
        raise _broken(error, where) from error


def _broken(error: BaseException, where: str) -> ReconcileError:
    chain = [*_causes(error)]
    for one in chain:
        if isinstance(one, ssl.SSLError):
            return handshake_refused(one, where)
    if any(isinstance(one, TooSlow) for one in chain):
        return TimedOut(f"{where} takes too long to answer", hint=_REACH)
    if any(isinstance(one, TimeoutError) or "timeout" in type(one).__name__.lower() for one in chain):
        return TimedOut(f"{where} was silent for too long", hint=_REACH)
    words = next((one.strerror for one in chain if isinstance(one, OSError) and isinstance(one.strerror, str)), "")
    told = f": {server_words(words)}" if words else ""
    if never_asked(error):
        return Unavailable(f"{where} cannot be reached{told}", hint=_REACH, about="server")
    return Unavailable(f"{where}: the connection ended before the answer was whole{told}", hint=_REACH)


def never_asked(error: BaseException) -> bool:
    """Whether the connection did not stand: nothing of the request can have reached the server."""
    names = {type(one).__name__ for one in _causes(error)}
    handshake = any(isinstance(one, ssl.SSLError) for one in _causes(error)) and "MaxRetryError" in names
    return handshake or bool(names & {"NewConnectionError", "ConnectTimeout", "ConnectTimeoutError", "NameResolutionError"})


def _causes(error: BaseException) -> Iterator[BaseException]:
    seen: set[int] = set()
    todo: list[object] = [error]
    while todo:
        one = todo.pop(0)
        if not isinstance(one, BaseException) or id(one) in seen:
            continue
        seen.add(id(one))
        yield one
        todo += [*one.args, getattr(one, "reason", None), one.__cause__]
        todo += [] if one.__suppress_context__ else [one.__context__]
