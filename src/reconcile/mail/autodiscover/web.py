"""One request of Autodiscover to one host: to an address that was looked at before, over TLS that holds, and no step further.

A redirect is an answer like others: who asked decides about it. Name and address are checked together: the connection goes to the
address that was checked, not to what the name means a moment later.
"""

from __future__ import annotations

import contextlib
import http.client
import socket
import ssl
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import field
from typing import Final, TypeAlias
from urllib.parse import urlsplit

from reconcile.errors import PermanentError, ReconcileError, TimedOut, Unavailable
from reconcile.lazy_dataclass import dataclass
from reconcile.mail.autodiscover.answers import LARGEST
from reconcile.mail.tls import handshake_refused, tls_context
from reconcile.model.secret import Secret

#: (host, port) to IP addresses. Raises OSError.
Resolve: TypeAlias = Callable[[str, int], Sequence[str]]
#: An answer as a whole takes at most so many times what its server may be silent: octet by octet it would never end.
_SILENCES: Final = 3
_HEADERS: Final = {"User-Agent": "reconcile", "Accept-Encoding": "identity"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Reply:
    """`content` is cut after LARGEST octets and one; headers are lower case."""

    status: int
    headers: Mapping[str, str]
    challenges: tuple[str, ...]
    content: bytes = field(repr=False)

    @property
    def location(self) -> str:
        """Where a redirect leads; "" for any other answer."""
        return self.headers.get("location", "") if self.status in (301, 302, 303, 307, 308) else ""


def resolve(host: str, port: int) -> Sequence[str]:
    """What the system says. Raises OSError."""
    return list(dict.fromkeys(str(one[4][0]) for one in socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)))


class Conversation:
    """One connection to the host of `url`; several requests may follow each other on it (NTLM needs that)."""

    def __init__(
        self,
        url: str,
        *,
        allowed: Callable[[str], str],
        resolve: Resolve,
        timeout: float,
        https_port: int = 443,
        http_port: int = 80,
        authority: bytes | None = None,
        client: Secret | None = None,
    ) -> None:
        """`allowed` tells why an IP address may not be connected to. Raises PermanentError, Unavailable."""
        parts = urlsplit(url)
        self._host = parts.hostname or ""
        self._secure = parts.scheme == "https"
        self._port = parts.port or (https_port if self._secure else http_port)
        self._where = f"{self._host}:{self._port}"
        self._path = parts.path + (f"?{parts.query}" if parts.query else "")
        address = self._address(allowed, resolve)
        self._longest = _SILENCES * timeout
        self._connect: Callable[[], socket.socket] = lambda: self._connected(address, timeout, authority, client)
        self._connection = http.client.HTTPConnection(self._host, self._port, timeout=timeout)
        # By itself it would go on without TLS, and to wherever the name leads by then.
        self._connection.auto_open = 0
        self._connection.sock = self._connect()

    def ask(self, body: bytes | None, headers: Mapping[str, str]) -> Reply:
        """POST with a body, GET without. A connection that the server ended is made again. Raises Unavailable, TimedOut, PermanentError."""
        if self._connection.sock is None:
            self._connection.sock = self._connect()
        late = threading.Event()
        timer = threading.Timer(self._longest, _cut, (self._connection.sock, late))
        timer.daemon = True
        timer.start()
        try:
            reply = self._asked(body, headers)
        except ReconcileError as error:
            if not late.is_set():
                raise
            raise TimedOut(f"{self._where} takes too long to answer", hint="Check whether Autodiscover answers there.") from error
        finally:
            timer.cancel()
        if late.is_set():
            raise TimedOut(f"{self._where} takes too long to answer", hint="Check whether Autodiscover answers there.")
        return reply

    def _asked(self, body: bytes | None, headers: Mapping[str, str]) -> Reply:
        try:
            self._connection.request("GET" if body is None else "POST", self._path or "/", body, {**_HEADERS, **headers})
            answer = self._connection.getresponse()
            content = answer.read(LARGEST + 1)
            if not answer.isclosed():
                self.close()
        except TimeoutError as error:
            raise TimedOut(f"{self._where} is silent", hint="Check whether Autodiscover answers there.") from error
        except ssl.SSLError as error:
            raise handshake_refused(error, self._where) from error
        except (OSError, http.client.HTTPException, ValueError) as error:
            raise Unavailable(
                f"{self._where} does not answer as a web server: {type(error).__name__}", hint="Check what listens there."
            ) from error
        if len(content) > LARGEST:
            raise PermanentError(f"{self._where} answers more than {LARGEST:,} octets", hint="That is no answer of Autodiscover.")
        found = {name.lower(): value for name, value in answer.getheaders()}
        return Reply(
            status=answer.status, headers=found, challenges=tuple(answer.headers.get_all("WWW-Authenticate") or ()), content=content
        )

    def close(self) -> None:
        """Raises nothing."""
        with contextlib.suppress(OSError):
            self._connection.close()

    def _address(self, allowed: Callable[[str], str], resolve: Resolve) -> str:
        try:
            found = resolve(self._host, self._port)
        except (OSError, UnicodeError) as error:
            raise Unavailable(f"{self._host} is not found", hint="That is usual for hosts of Autodiscover that do not exist.") from error
        if not found:
            raise Unavailable(f"{self._host} has no address", hint="Check the DNS of this host.")
        for each in found:
            # One bad address among good ones is bad: whoever gave it chose it.
            why = allowed(each)
            if why:
                raise PermanentError(
                    f"{self._host} leads to {why}; nothing is asked there",
                    hint="Declare the network in discovery.privateNetworks if it is yours.",
                )
        return found[0]

    def _connected(self, address: str, timeout: float, authority: bytes | None, client: Secret | None) -> socket.socket:
        try:
            plain = socket.create_connection((address, self._port), timeout)
        except TimeoutError as error:
            raise TimedOut(f"{self._where} does not answer", hint="Check whether a firewall lets this host through.") from error
        except OSError as error:
            raise Unavailable(f"{self._where} cannot be reached: {error.strerror}", hint="Check whether it exists.") from error
        if not self._secure:
            return plain
        try:
            return tls_context(authority, client).wrap_socket(plain, server_hostname=self._host)
        except ssl.SSLError as error:
            plain.close()
            raise handshake_refused(error, self._where) from error
        except TimeoutError as error:
            plain.close()
            raise TimedOut(f"{self._where} is silent during TLS", hint="Check what listens there.") from error
        except OSError as error:
            plain.close()
            raise Unavailable(f"{self._where} ended the connection during TLS", hint="Check what listens there.") from error


def _cut(connection: socket.socket, late: threading.Event) -> None:
    late.set()
    with contextlib.suppress(OSError):
        # Not that of SSLSocket, which would let whoever reads go on without TLS.
        socket.socket.shutdown(connection, socket.SHUT_RDWR)
