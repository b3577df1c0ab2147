"""Paths of findings as reports of other tools want them: relative to the root of the repository, percent-encoded."""

from __future__ import annotations

from urllib.parse import quote


def in_repository(file: str, prefix: str) -> str:
    """`prefix` is the estate's folder inside the repository ("" or "desired-state/"); the estate as a whole is that folder."""
    if file == ".":
        return prefix.rstrip("/") or "."
    return f"{prefix}{file}"


def relative_uri(path: str) -> str:
    """A relative reference (RFC 3986, 4.2): a colon never reads as a scheme, octets that are no UTF-8 keep their value."""
    return quote(path.encode("utf-8", "surrogateescape"), safe="/-._~")
