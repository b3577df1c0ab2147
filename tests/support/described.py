"""A message as it is described where its Message-ID was met before: with the digest of its content."""

from __future__ import annotations

from dataclasses import replace

from reconcile.model.content_digest import content_digest
from reconcile.sync.decide.describe import Description, describe


def described(raw: bytes) -> Description:
    found = describe(raw)
    return replace(found, content=content_digest([raw], found.header_length))
