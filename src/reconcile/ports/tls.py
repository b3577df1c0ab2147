"""How a connection to a mail server is protected."""

from __future__ import annotations

from enum import StrEnum


class Tls(StrEnum):
    """How the connection is protected."""

    IMPLICIT = "implicit"
    STARTTLS = "starttls"
    NONE = "none"
