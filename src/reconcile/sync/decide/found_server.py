"""The server of a mailbox: the declared one, or what Autodiscover found for it when a person asked last."""

from __future__ import annotations

from dataclasses import replace

from reconcile.model.canonical import Leaf
from reconcile.model.enablement import Enablement, Leg, TestStatus
from reconcile.model.mail_address import same_address
from reconcile.sync.decide.permitted import Permits
from reconcile.sync.decide.row import Refused, Row


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
    if known is not None and same_address(known.address, address):
        return known.url
    failed = _failed(permits.enablements.get(mailbox.resource.external_id), since=known.at if known is not None else "")
    if failed is not None:
        words = f"Autodiscover found no server for the mailbox: its last test failed at discover ({failed.tested_at[:16]})"
        # Of a direction that is disabled the hint is that of whoever disabled it.
        hint = failed.hint if failed.enabled is not False else ""
        raise Refused(replace(profile.condition("Ready", "NotDiscovered", words, "autodiscover"), hint=hint))
    if known is not None:
        words = f"Autodiscover was asked for {known.address}, not for the address that is applied now"
        raise profile.refuse("Ready", "NotDiscovered", words, "autodiscover")
    raise profile.refuse("Ready", "NotDiscovered", "nobody has asked Autodiscover for the mailbox's server yet", "autodiscover")


def _failed(said: Enablement | None, *, since: str) -> Leg | None:
    """The direction whose test asked last, and got no server. Both directions have one server, so either tells."""
    legs = [] if said is None else [said.incoming, said.outgoing]
    failed = [leg for leg in legs if leg.status is TestStatus.FAILURE and leg.step == "discover" and leg.tested_at > since]
    return max(failed, key=lambda leg: leg.tested_at, default=None)
