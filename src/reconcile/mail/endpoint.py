"""Where a mail server is reached, and how the connection is protected."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Endpoint:
    """Where to connect. `tls` is implicit, starttls or none; `authority` the PEM of a private CA (None: the host's own list).

    Timeouts in seconds: until the connection stands, and without a byte.
    """

    host: str
    port: int
    tls: str
    authority: bytes | None = None
    connect_timeout: float = 20.0
    silence_timeout: float = 60.0

    def __str__(self) -> str:
        return f"{self.host}:{self.port}"
