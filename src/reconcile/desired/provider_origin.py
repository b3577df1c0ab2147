"""Where a value that a mail provider gives was written: in the estate's document of it, or nowhere when it came with reconcile. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Final

from reconcile.model.key import Key
from reconcile.model.policy_declared import PolicyDeclared
from reconcile.model.position import Position
from reconcile.model.protocols import PROTOCOLS
from reconcile.model.resource import Resource

if TYPE_CHECKING:
    from reconcile.model.mail_provider import MailProviderSpec

_FIELDS: Final[Mapping[str, str]] = {"server": "host", "port": "port", "tls": "tls"}


def provider_place(policies: Mapping[Key, PolicyDeclared], resource: Resource, path: str) -> Position | None:
    """Of a field of a profile that `resource.assigned` says a provider gave; None when it came with reconcile."""
    declared = policies.get(resource.assigned[path])
    spec: MailProviderSpec | None = getattr(declared.document, "spec", None) if declared is not None else None
    if declared is None or spec is None:
        return None
    protocols = next((pair for name, pair in PROTOCOLS.items() if name == resource.spec.get("serverType")), ())
    direction, _, name = path.partition(".")
    protocol = dict(zip(("incoming", "outgoing"), protocols, strict=False)).get(direction, "")
    if path == "maxConcurrentConnections":
        limits = [name for name in (f"{one}Connections" for one in protocols) if name in spec.limits]
        chosen = next((name for name in limits if spec.limits[name].value == resource.spec[path]), None)
        return declared.place(("spec", "limits", chosen, "value")) if chosen is not None else None
    if name == "authentication":
        return declared.place(("spec", "authentication")) if spec.authentication else None
    return declared.place(("spec", "endpoints", protocol, _FIELDS[name])) if protocol in spec.endpoints else None
