"""Before a pass: which mailboxes are processed, and that they belong to this environment."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import replace

from reconcile.lazy_dataclass import dataclass
from reconcile.ports.target import AppliedResource
from reconcile.sync.decide.eligible import IdleMailbox, ReceivingMailbox, receiving_mailboxes
from reconcile.sync.decide.items_asked import items_asked
from reconcile.sync.decide.permitted import Permits
from reconcile.sync.decide.submission import SendingMailbox, sending_setup

#: Claims these addresses for the environment; returns what other environments hold, by address in lower case.
Claim = Callable[[Collection[str]], Mapping[str, str]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Admitted:
    """`found` answers for each applied mailbox whether it receives; `permits` hold for sending too."""

    found: Sequence[ReceivingMailbox | IdleMailbox]
    permits: Permits


def admitted(resources: Sequence[AppliedResource], permits: Permits, claim: Claim, *, now: str) -> Admitted:
    """Decide, and claim what is processed. What another environment took in the meantime is left to it. `now` is UTC RFC 3339."""
    found = receiving_mailboxes(resources, now=now, permits=permits)
    sending = sending_setup(resources, now=now, permits=permits).mailboxes.values()
    addresses = {one.address for one in (*found, *sending) if isinstance(one, (ReceivingMailbox, SendingMailbox))}
    if items_asked(resources):
        from reconcile.sync.decide.item_mailboxes import KeptInStep, item_mailboxes

        kept = item_mailboxes(resources, now=now, permits=permits)
        addresses |= {one.reach.address for one in kept if isinstance(one, KeptInStep)}
    held = claim(addresses)
    if held == permits.held:
        return Admitted(found=found, permits=permits)
    permits = replace(permits, held=held)
    return Admitted(found=receiving_mailboxes(resources, now=now, permits=permits), permits=permits)
