"""Meetings."""

from __future__ import annotations

from collections.abc import Sequence

from reconcile.sandbox.ews.mailbox import Mailbox
from reconcile.sandbox.ews.organization import Organization
from reconcile.sandbox.ews.stored import Item


def created(organization: Organization, mailbox: Mailbox, item: Item, invitations: str) -> None:
    """A new appointment: invite whom the request wants invited."""


def changed(organization: Organization, mailbox: Mailbox, item: Item, touched: Sequence[str], updates: str) -> None:
    """A changed appointment: tell whom the request wants told."""


def deleted(organization: Organization, mailbox: Mailbox, item: Item, cancellations: str) -> None:
    """An appointment that goes: tell whom the request wants told."""
