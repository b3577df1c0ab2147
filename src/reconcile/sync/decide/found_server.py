"""The server of a mailbox: the declared one, or what Autodiscover found for it when a person asked last."""

from __future__ import annotations

from reconcile.model.canonical import Leaf
from reconcile.model.mail_address import same_address
from reconcile.sync.decide.permitted import Permits
from reconcile.sync.decide.row import Row


def server_of(mailbox: Row, profile: Row, direction: str, permits: Permits) -> str:
    """`direction` is incoming or outgoing. Raises Refused where there is none."""
    if profile.spec.get("autodiscover") is True:
        return _found(mailbox, profile, direction, permits)
    server: Leaf = profile.spec.get(f"{direction}.server")
    if not isinstance(server, str):
        words = f"profile {profile.resource.name} names no {direction} server"
        raise profile.refuse("Ready", "NoServer", words, f"{direction}.server")
    return server


def _found(mailbox: Row, profile: Row, direction: str, permits: Permits) -> str:
    """Asking takes seconds and shows credentials, so it is never done here."""
    if profile.spec.get(f"{direction}.protocol") != "ews":
        raise profile.unsupported("autodiscover", "Autodiscover finds servers of Exchange only")
    known, address = permits.servers.get(mailbox.resource.external_id), str(mailbox.spec.get("emailAddress", ""))
    if known is None:
        raise profile.refuse("Ready", "NotDiscovered", "nobody has asked Autodiscover for the mailbox's server yet", "autodiscover")
    if not same_address(known.address, address):
        words = f"Autodiscover was asked for {known.address}, not for the address that is applied now"
        raise profile.refuse("Ready", "NotDiscovered", words, "autodiscover")
    return known.url
