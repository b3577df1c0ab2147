"""Whether a direction of a mailbox may be processed: approved, tested, enabled, not claimed by another environment.

A mailbox about which nothing was said is enabled by being applied. The organization may ask for more: approval of addresses
(`approval.requireForUsers`, `requireForQueues`) and a test of each mailbox (`approval.requireTest`). Waiting for a person is normal.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import field
from typing import Final

from reconcile.lazy_dataclass import dataclass
from reconcile.model.condition import Condition, Health
from reconcile.model.discovered_server import DiscoveredServer
from reconcile.model.enablement import Approval, Direction, Enablement, Leg, TestStatus
from reconcile.model.mail_address import mailbox_identity, same_address
from reconcile.ports.target import AppliedResource


@dataclass(frozen=True, slots=True, kw_only=True)
class Permits:
    """What was said about mailboxes, by id, and which addresses (as `model.mail_address` compares them) another environment holds, by
    that environment's name. `signed_in`: when a person signed in last (UTC RFC 3339), by account. `servers`: what Autodiscover found, by
    mailbox id. `unconditional`: nothing is withheld, for tests that shall find out whether it could work."""

    unconditional: bool = False
    enablements: Mapping[str, Enablement] = field(default_factory=dict)
    held: Mapping[str, str] = field(default_factory=dict)
    signed_in: Mapping[str, str] = field(default_factory=dict)
    servers: Mapping[str, DiscoveredServer] = field(default_factory=dict)


NOTHING_SAID: Final = Permits()
#: Types of the conditions of a withheld direction: what people say, not what is declared.
BY_PEOPLE: Final = frozenset({"Approved", "Enabled", "Claimed"})


@dataclass(frozen=True, slots=True)
class Withheld:
    """Why a direction is not processed, and what a person sees first."""

    condition: Condition
    health: Health


def withheld(
    mailbox: AppliedResource, organization: AppliedResource | None, direction: Direction, permits: Permits, *, now: str
) -> Withheld | None:
    """Why this direction is not processed; None when it may be. `now` is UTC RFC 3339."""
    if permits.unconditional:
        return None
    said = permits.enablements.get(mailbox.external_id) or Enablement(mailbox_id=mailbox.external_id)
    address = str(mailbox.spec.get("emailAddress", ""))

    def refused(
        type_: str, reason: str, message: str, field_: str, health: Health = Health.WAITING, owner: AppliedResource = mailbox
    ) -> Withheld:
        origin = owner.origins.get(field_) or owner.origins.get("", "")
        found = Condition(type=type_, status=False, reason=reason, message=message, since=now, field=field_, origin=origin)
        return Withheld(found, health)

    other = permits.held.get(mailbox_identity(address))
    if other is not None:
        words = f"environment {other} synchronises this address, and a mailbox belongs to one environment"
        return refused("Claimed", "OtherEnvironment", words, "emailAddress", Health.STALLED)
    leg = said.leg(direction)
    if leg.enabled is False:
        health = Health.STALLED if leg.by_failures else Health.OFF
        words = f"{direction} is disabled since {leg.changed_at[:16]}: {leg.why}"
        if leg.status is TestStatus.FAILURE and leg.step:
            words += f"; its test failed at {leg.step} ({leg.tested_at[:16]})"
        return refused("Enabled", "Disabled", words, str(direction), health)
    asked = organization.spec if organization is not None else {}
    whose = "Queues" if mailbox.spec.get("type") == "queue" else "Users"
    if organization is not None and asked.get(f"approval.requireFor{whose}") is True:
        found = _approval(said, address)
        if found is not None:
            health = Health.OFF if found[0] == "Rejected" else Health.WAITING
            return refused("Approved", *found, f"approval.requireFor{whose}", health, organization)
    if organization is not None and asked.get("approval.requireTest") is True and leg.enabled is not True:
        return refused("Enabled", "WaitingForTest", f"waits for its test{_test(leg)}", "approval.requireTest", Health.WAITING, organization)
    return None


def _approval(said: Enablement, address: str) -> tuple[str, str] | None:
    same = bool(said.address) and same_address(said.address, address)
    if said.approval is Approval.APPROVED and same:
        return None
    if said.approval is Approval.REJECTED and same:
        return "Rejected", f"the address was rejected by {said.decided_by} on {said.decided_at[:10]}"
    # The same words for every mailbox: a plan tells them once for ten thousand.
    changed = "it is another one than was approved" if said.address and not same else ""
    return "WaitingForApproval", f"the address waits for approval{f': {changed}' if changed else ''}"


def enabled_at(leg: Leg) -> str:
    """When a person enabled this direction last, or tested it with success (UTC RFC 3339, "" for never): that ends what failed before."""
    enabled = leg.changed_at if leg.enabled else ""
    return max(enabled, leg.tested_at if leg.status is TestStatus.SUCCESS else "")


def _test(leg: Leg) -> str:
    if leg.status is TestStatus.FAILURE:
        return f", which failed at {leg.step}: {leg.why}"
    return ", which succeeded: it only has to be enabled" if leg.status is TestStatus.SUCCESS else ""


def next_step(condition: Condition, name: str) -> str:
    """What a person does about a withheld direction; "" for conditions of other kinds."""
    match condition.reason:
        case "WaitingForApproval":
            return f"Somebody who may approve addresses runs `reconcile approve {name}`."
        case "WaitingForTest" | "Disabled":
            return f"`reconcile enable {name}` tests it and enables it."
        case "NotDiscovered":
            first = f"{condition.hint} " if condition.hint else ""
            return f"{first}`reconcile test-mailbox {name}` asks Autodiscover and remembers the answer."
        case "OtherEnvironment":
            return f"Turn it off there, or take it over with `reconcile enable --take-over {name}`."
        case _:
            return ""
