"""The identity a server gives one message."""

from __future__ import annotations

from reconcile.lazy_dataclass import dataclass


@dataclass(frozen=True, slots=True, order=True)
class RemoteId:
    """`value` is opaque: only the connector of `protocol` reads it. It means something inside one generation of one mailbox only."""

    protocol: str
    value: str
