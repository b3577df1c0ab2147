"""What the organization gives a new mailbox. Pure."""

from __future__ import annotations

from collections.abc import Mapping

from reconcile.model.canonical import Leaf
from reconcile.model.resource import DesiredState, Resource


def organization_defaults(desired: DesiredState, resource: Resource) -> Mapping[str, Leaf]:
    """Fields of a mailbox that a create takes from the organization: those that neither its document nor an assignment sets.

    Empty for other kinds. Values that do not fit the mailbox's type are left out.
    """
    return {}


def defaults_unknown(desired: DesiredState, resource: Resource) -> str | None:
    """Why the organization's defaults for a mailbox cannot be told (its document has errors): then it is not created. None if they can."""
    return None
