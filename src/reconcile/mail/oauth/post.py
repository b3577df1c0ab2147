"""One POST of a form over https, as token endpoints take it: to the address that was checked, no redirect, no proxy, all bounded."""

from __future__ import annotations

import http.client
import socket
import ssl
import threading
from collections.abc import Mapping
from dataclasses import field
from typing import Final
from urllib.parse import urlencode, urlsplit

from reconcile.errors import PermanentError, TimedOut, Unavailable
from reconcile.lazy_dataclass import dataclass
from reconcile.mail.oauth.addresses import Resolve, permitted, resolved
from reconcile.mail.oauth.bounded_json import LARGEST
from reconcile.mail.tls import handshake_refused, tls_context

_HEADERS: Final = {
    "Content-Type": "application/x-www-form-urlencoded",
    "Accept": "application/json",
    "Accept-Encoding": "identity",
    "User-Agent": "reconcile",
    "Connection": "close",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """`body` has at most LARGEST octets. `retry_after` as the header says it, "" without."""

    status: int
    body: bytes = field(repr=False)
    retry_after: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Poster:
    """`authority` is the PEM of the endpoint's own authority, None for the host's list; only with one is a private address connected
    to. `seconds` bounds everything from the connection to the last octet."""

    authority: bytes | None = None
    seconds: float = 30.0
    resolve: Resolve = resolved

    def post(self, address: str, form: Mapping[str, str]) -> Answer:
        """Raises TransientError when it cannot be reached or does not answer as HTTP, PermanentError when it must not be connected to."""
        parts = urlsplit(address)
        if parts.scheme != "https" or not parts.hostname:
            raise PermanentError("tokens are asked for over https only", hint="Mend the address of the endpoint in oauth.")
        where = f"{parts.hostname}:{parts.port or 443}"
        connection = _Checked(parts.hostname, parts.port or 443, self)
        # Silence is bounded by the socket; somebody who sends an octet a second is cut off here.
        watch = threading.Timer(self.seconds, connection.cut)
        watch.daemon = True
        watch.start()
        try:
            connection.request("POST", parts.path + (f"?{parts.query}" if parts.query else "") or "/", urlencode(form).encode(), _HEADERS)
            with connection.getresponse() as answer:
                body = answer.read(LARGEST + 1)
            if connection.was_cut:
                raise TimeoutError
        except ssl.SSLError as error:
            if connection.was_cut:
                raise _silent(where) from None
            raise handshake_refused(error, where) from None
        except TimeoutError:
            raise _silent(where) from None
        except (OSError, http.client.HTTPException, ValueError) as error:
            if connection.was_cut:
                raise _silent(where) from None
            # A library's text may hold the request, so only its kind is said.
            words = error.strerror if isinstance(error, OSError) and error.strerror else type(error).__name__
            raise Unavailable(f"the token endpoint {where} cannot be reached: {words}", hint="It is tried again by itself.") from None
        finally:
            watch.cancel()
            connection.close()
        if len(body) > LARGEST:
            raise Unavailable(f"the answer of the token endpoint {where} is too large", hint="Check the address of the endpoint.")
        if answer.headers.get("Content-Encoding", "identity").lower() != "identity":
            raise Unavailable(f"the answer of the token endpoint {where} is compressed, which was not asked for")
        return Answer(status=answer.status, body=body, retry_after=answer.headers.get("Retry-After", ""))


def _silent(where: str) -> TimedOut:
    return TimedOut(f"the token endpoint {where} did not answer in time", hint="It is tried again by itself.")


class _Checked(http.client.HTTPSConnection):
    """Connects to an address that was looked at, and shows the name to TLS."""

    def __init__(self, host: str, port: int, poster: Poster) -> None:
        self._poster = poster
        self._name = host
        self.was_cut = False
        super().__init__(host, port, timeout=poster.seconds, context=tls_context(poster.authority))

    def connect(self) -> None:
        poster = self._poster
        addresses = permitted(self._name, self.port, private=poster.authority is not None, resolve=poster.resolve)
        last: OSError | None = None
        for address in addresses:
            try:
                plain = socket.create_connection((address, self.port), poster.seconds)
            except OSError as error:
                last = error
                continue
            # Kept before the handshake, so that `cut` reaches it; `close` closes it whatever happens.
            self.sock = secured = tls_context(poster.authority).wrap_socket(
                plain, server_hostname=self._name, do_handshake_on_connect=False
            )
            if self.was_cut:
                raise TimeoutError
            secured.do_handshake()
            return
        assert last is not None
        raise last

    def cut(self) -> None:
        """From another thread: whoever reads or writes comes back with an error."""
        self.was_cut = True
        sock = self.sock
        if sock is not None:
            try:
                sock.shutdown(socket.SHUT_RDWR)
            except OSError:
                return
