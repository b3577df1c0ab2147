"""Where a mail server is reached, and how the connection is protected."""

from __future__ import annotations

from reconcile.lazy_dataclass import dataclass
from reconcile.model.secret import Secret


@dataclass(frozen=True, slots=True, kw_only=True)
class Endpoint:
    """Where to connect. `tls` is implicit, starttls or none; `authority` the PEM of a private CA (None: the host's own list), `client`
    one with our own certificate and its key. `compress`: IMAP asks for COMPRESS=DEFLATE (RFC 4978) where it is offered, HTTP for gzip.
    `path` is that of a service over HTTP, "" for its usual one.

    Timeouts in seconds: until the connection stands, and without a byte.
    """

    host: str
    port: int
    tls: str
    authority: bytes | None = None
    client: Secret | None = None
    compress: bool = False
    path: str = ""
    connect_timeout: float = 20.0
    silence_timeout: float = 60.0

    def __str__(self) -> str:
        return f"{self.host}:{self.port}"
