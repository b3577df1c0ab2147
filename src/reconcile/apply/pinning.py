"""Servers that Autodiscover named while a plan was made are pinned when it is applied, unless something moved since."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from reconcile.model.change import Plan
from reconcile.model.discovered import Discovered, Pinned
from reconcile.model.discovered_server import DiscoveredServer
from reconcile.model.mail_address import same_address
from reconcile.ports.discovered_servers import DiscoveredServers
from reconcile.ports.target import AppliedResource


def pin_discovered(plan: Plan, resources: Sequence[AppliedResource], servers: DiscoveredServers, *, actor: str) -> tuple[Pinned, ...]:
    """What became of each; `resources` are those that are applied now. A death between the apply and this leaves mailboxes for which
    nobody has asked: applying the same file again pins, and so does `test-mailbox`."""
    return tuple(_pinned(plan, resources, servers, actor)) if plan.discovered else ()


def _pinned(plan: Plan, resources: Sequence[AppliedResource], servers: DiscoveredServers, actor: str) -> Iterator[Pinned]:
    mailboxes = {one.name: one for one in resources if one.kind == "Mailbox"}
    known = servers.discovered()
    for one in plan.discovered:
        mailbox = mailboxes.get(one.key.name)
        before = known.get(mailbox.external_id) if mailbox is not None else None
        if before is not None and before.url == one.url and same_address(before.address, one.address):
            continue
        why = _why_not(one, mailbox, before)
        if not why and mailbox is not None:
            server = DiscoveredServer(
                mailbox_id=mailbox.external_id, address=one.address, url=one.url, method=one.method, at=one.at, by=actor
            )
            servers.pin(server, name=one.key.name)
        yield Pinned(key=one.key, url=one.url, why=why)


def _why_not(one: Discovered, mailbox: AppliedResource | None, before: DiscoveredServer | None) -> str:
    if mailbox is None:
        return "the mailbox is not applied"
    if not same_address(str(mailbox.spec.get("emailAddress", "")), one.address):
        return f"it was named for {one.address}, which is not the mailbox's address now"
    if before is not None and (before.url, before.at) != (one.before, one.before_at):
        return f"{before.url} was pinned by {before.by} since the plan was made; `reconcile test-mailbox {one.key.name}` asks again"
    if one.changed:
        return f"{one.before} is pinned; `reconcile test-mailbox {one.key.name}` tries the new one and pins it"
    return ""
