"""Defaults on create that depend on other fields; the fixed ones stand with their field."""

from __future__ import annotations

from reconcile.model.canonical import Leaf, Spec
from reconcile.model.protocols import PROTOCOLS, ServerType, usual_port


def derived(kind: str, declared: Spec) -> dict[str, Leaf]:
    """For each field whose default depends on others, the value it gets where it is not declared."""
    match kind:
        case "EmailServerProfile":
            return _profile(declared)
        case "Mailbox":
            address = declared.get("emailAddress")
            return {"displayName": address} if isinstance(address, str) else {}
        case _:
            return {}


def _profile(declared: Spec) -> dict[str, Leaf]:
    server_type = declared.get("serverType")
    if server_type not in PROTOCOLS:
        return {}
    fetch, send = PROTOCOLS[_known(server_type)]
    incoming_tls = declared.get("incoming.tls") or "implicit"
    outgoing_tls = declared.get("outgoing.tls") or ("starttls" if send == "smtp" else "implicit")
    values: dict[str, Leaf] = {
        "incoming.protocol": fetch,
        "incoming.port": usual_port(fetch, str(incoming_tls)),
        "outgoing.protocol": send,
        "outgoing.tls": outgoing_tls,
        "outgoing.port": usual_port(send, str(outgoing_tls)),
    }
    if declared.get("useSameSettingsForOutgoing") is False:
        values["outgoing.credentials"] = "user-or-queue"
    return values


def _known(server_type: Leaf) -> ServerType:
    return next(name for name in PROTOCOLS if name == server_type)
