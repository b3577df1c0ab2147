"""Approvals, tests and what is enabled, each step durable and in the audit trail."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Protocol

from reconcile.model.enablement import Enablement, EnablementStep


class EnablementReader(Protocol):
    """A missing store reads as empty."""

    def enablements(self) -> Mapping[str, Enablement]:
        """By mailbox id, of those about which something was said."""
        ...


class EnablementStore(EnablementReader, Protocol):
    """Writing."""

    def advance(self, mailbox_id: str, step: EnablementStep, *, at: datetime, by: str, name: str) -> Enablement:
        """Take a step (model/enablement.py) in one transaction with its audit record under `Mailbox/name`; durable when it returns. A step
        that changes nothing leaves no record. Raises UserError as `advanced` does."""
        ...
