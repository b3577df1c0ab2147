"""What exchangelib gives: a Protocol, which is a pool of sessions, each one connection to one endpoint. The only module that imports it;
it takes half a second, so it is itself imported where a connection opens.

What of it is not used, and why, stands in docs/adr/0038-what-exchangelib-is-for.md.
"""

from __future__ import annotations

import ssl
from collections.abc import Iterator
from typing import Any, Final

import requests
from exchangelib.configuration import Configuration
from exchangelib.protocol import FailFast, Protocol
from exchangelib.transport import DEFAULT_HEADERS, NOAUTH
from exchangelib.version import EXCHANGE_2010_SP1, Version
from exchangelib.winzone import IANA_TO_MS_TIMEZONE_MAP, MS_TIMEZONE_TO_IANA_MAP
from requests.adapters import HTTPAdapter
from urllib3 import HTTPConnectionPool, HTTPSConnectionPool
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.response import HTTPResponse

from reconcile.mail.ews.account import ExchangeAccount
from reconcile.mail.ews.pace import PacedResponse
from reconcile.mail.tls import is_about_our_certificate, tls_context

#: Octets that are read from a connection at a time.
PIECE: Final = 64 * 1024
#: Sessions of one account. How many are in use is limited by who asks (sync/connections.py).
_MOST: Final = 300
#: Seconds for what a server said before it closed a connection: it is there already.
_LAST_WORDS: Final = 2.0
_BROKEN: Final = "what came is not what was sent"


class PiecewiseResponse(requests.Response):
    """exchangelib iterates over answers without a size, which means byte by byte: a hundred times slower."""

    def iter_content(self, chunk_size: int | None = 1, decode_unicode: bool = False) -> Iterator[Any]:
        try:
            yield from super().iter_content(max(chunk_size or 0, PIECE), decode_unicode)  # type: ignore[call-overload]
        except requests.exceptions.SSLError:
            raise requests.exceptions.ConnectionError(_BROKEN) from None


class OurPlainConnection(HTTPConnection):
    """Without TLS, as where a gateway on this machine has it."""

    response_class = PacedResponse


class OurConnection(HTTPSConnection):
    """Tells a handshake that was refused from a connection that broke afterwards, when the server may have done what it was asked.

    Under TLS 1.3 a server says what it thinks of our certificate once our side of the handshake is over: it is told to who reads, and
    who still writes finds the connection closed. So what the server said last is read before that is raised.
    """

    response_class = PacedResponse

    def send(self, data: Any) -> None:
        try:
            super().send(data)
        except OSError:
            if isinstance(self.sock, ssl.SSLSocket):
                self.sock.settimeout(_LAST_WORDS)
                self.sock.recv(1)
            raise

    def getresponse(self) -> HTTPResponse:  # type: ignore[override]
        try:
            return super().getresponse()
        except ssl.SSLError as error:
            if is_about_our_certificate(error):
                raise
            raise ConnectionError(_BROKEN) from None


class OurPool(HTTPSConnectionPool):
    """Of these."""

    ConnectionCls = OurConnection


class OurPlainPool(HTTPConnectionPool):
    """Of those without TLS."""

    ConnectionCls = OurPlainConnection


class OurAdapter(HTTPAdapter):
    """TLS as everywhere else in this program, and answers in large pieces."""

    def __init__(self, context: ssl.SSLContext | None) -> None:
        self._context = context
        super().__init__(pool_connections=1, pool_maxsize=1, max_retries=0, pool_block=True)

    def init_poolmanager(self, *arguments: Any, **options: Any) -> None:
        super().init_poolmanager(*arguments, **options, ssl_context=self._context)
        self.poolmanager.pool_classes_by_scheme = {"http": OurPlainPool, "https": OurPool}

    def cert_verify(self, conn: Any, url: str, verify: Any, cert: Any) -> None:
        """The context says what is trusted; requests would add its own list of authorities to it."""
        if verify is not True:
            raise AssertionError("certificates are always checked")

    def build_response(self, req: Any, resp: Any) -> requests.Response:
        response = super().build_response(req, resp)
        response.__class__ = PiecewiseResponse
        return response


class EwsProtocol(Protocol):
    """The endpoint as one account uses it. Version and authentication are given, so that nothing is asked to find them out."""

    def create_session(self) -> requests.Session:
        """One connection. Who signs in is said with each request, or once for each connection (`Authorization`)."""
        session = requests.Session()
        # No proxy, no .netrc, no certificate bundle of the environment.
        session.trust_env = False
        session.headers.update(DEFAULT_HEADERS)
        session.headers["User-Agent"] = "reconcile"
        session.headers["Accept-Encoding"] = "gzip, deflate" if self.compressed else "identity"
        session.mount(self.service_endpoint, OurAdapter(self.context))
        session.session_id, session.usage_count = id(session), 0  # type: ignore[attr-defined]
        return session

    def decrease_poolsize(self) -> None:
        """Nothing. exchangelib shrinks the pool at each ErrorServerBusy, and waits for a session under the lock that giving one back needs:
        with every session out, all threads of the account wait for ever."""

    context: ssl.SSLContext | None = None
    compressed: bool = False


def ews_protocol(account: ExchangeAccount) -> EwsProtocol:
    """Of its own: exchangelib would keep one for each endpoint and credential for as long as the process lives, with the credential."""
    configuration = Configuration(  # type: ignore[no-untyped-call]
        service_endpoint=account.url,
        auth_type=NOAUTH,
        version=Version(build=EXCHANGE_2010_SP1),  # type: ignore[no-untyped-call]
        retry_policy=FailFast(),
        max_connections=_MOST,
    )
    protocol: EwsProtocol = type.__call__(EwsProtocol, config=configuration)
    endpoint = account.endpoint
    protocol.context = tls_context(endpoint.authority, endpoint.client) if endpoint.tls != "none" else None
    protocol.compressed = endpoint.compress
    return protocol


#: Time zones: IANA's names and Windows'.
IANA_TO_WINDOWS: Final = {name: pair[0] for name, pair in IANA_TO_MS_TIMEZONE_MAP.items()}
WINDOWS_TO_IANA: Final = MS_TIMEZONE_TO_IANA_MAP
