"""What servers and libraries say about a submission, as ours: one line, without credentials."""

from __future__ import annotations

import re
import ssl
from collections.abc import Collection, Iterator
from contextlib import contextmanager

from reconcile.errors import PermanentError, SettingsError, TimedOut, Unavailable
from reconcile.mail.smtp_connection import Disconnected
from reconcile.mail.tls import handshake_refused
from reconcile.ports.sender import Reply

_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f]+")
_LONGEST = 400


class NotServed(Exception):
    """The server refuses the connection itself: its greeting or its answer to EHLO."""

    def __init__(self, code: int, text: bytes) -> None:
        super().__init__(code)
        self.code = code
        self.text = text


def reply_of(code: int, text: bytes, secrets: Collection[str] = ()) -> Reply:
    """A reply for people. A server may repeat what it was sent."""
    return Reply(code=code, text=without_secrets(one_line(text.decode("utf-8", "replace")), secrets))


def one_line(text: str) -> str:
    """Short, without control characters."""
    return _CONTROL.sub(" ", text).strip()[:_LONGEST]


def without_secrets(text: str, secrets: Collection[str]) -> str:
    """The longest first, so that none leaves a rest."""
    for secret in sorted(secrets, key=len, reverse=True):
        if secret:
            text = text.replace(secret, "***")
    return text


def why(error: BaseException) -> str:
    """In words."""
    if isinstance(error, TimeoutError):
        return "no answer in time"
    if isinstance(error, OSError) and error.strerror:
        return one_line(error.strerror)
    return one_line(str(error)) or type(error).__name__


@contextmanager
def translated(where: str) -> Iterator[None]:
    """Errors of ssl, socket and the protocol as ours; `where` names the server as host:port."""
    try:
        yield
    except ssl.SSLError as error:
        raise handshake_refused(error, where) from error
    except TimeoutError as error:
        hint = "Check server, port and TLS: a server that waits for TLS says nothing in clear, and a firewall may swallow the answer."
        raise TimedOut(f"{where}: no answer in time", hint=hint) from error
    except NotServed as error:
        reply = reply_of(error.code, error.text)
        kind = PermanentError if reply.is_permanent else Unavailable
        raise kind(f"{where}: the server refuses the connection: {reply}") from None
    except Disconnected as error:
        raise Unavailable(f"{where}: {why(error)}", hint="Check server and port; its log says why it left.") from None
    except UnicodeError as error:
        raise PermanentError(f"{where}: that is no host name", hint="Mend outgoing.server.") from error
    except OSError as error:
        raise Unavailable(f"{where}: {why(error)}", hint="Check server and port, and that it is reachable from here.") from error
    except (PermanentError, Unavailable, SettingsError) as error:
        if where not in error.message:
            error.message = f"{where}: {error.message}"
            error.args = (error.message,)
        raise
