"""Documents that are as small as each kind allows, to be changed by one field at a time."""

from __future__ import annotations

import copy
from collections.abc import Callable, Mapping
from typing import Any

import pytest

SMALLEST: Mapping[str, Mapping[str, object]] = {
    "Environment": {},
    "EmailServerProfile": {"displayName": "Exchange", "serverType": "exchange-server"},
    "Organization": {},
    "MailboxAssignment": {"selector": {"everything": True}, "settings": {"profile": "exchange"}},
    "MailboxList": {"file": "staff.csv", "columns": {"E-Mail": "emailAddress"}},
    "Mailbox": {"emailAddress": "sales@contoso.example"},
}


@pytest.fixture(scope="session")
def document() -> Callable[..., dict[str, Any]]:
    """A document of a kind with the fields given added; a dotted path reaches into groups."""

    def build(kind: str, fields: Mapping[str, object] | None = None, *, name: str = "sales") -> dict[str, Any]:
        spec: dict[str, Any] = copy.deepcopy(dict(SMALLEST[kind]))
        for path, value in (fields or {}).items():
            *groups, last = path.split(".")
            node = spec
            for group in groups:
                node = node.setdefault(group, {})
            node[last] = value
        return {"apiVersion": "reconcile/v1alpha2", "kind": kind, "metadata": {"name": name}, "spec": spec}

    return build
