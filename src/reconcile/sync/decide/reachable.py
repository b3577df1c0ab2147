"""How the inbox of a mailbox would be reached if it received, whether it does or not. Works from applied state."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from reconcile.ports.target import AppliedResource
from reconcile.sync.decide.eligible import IdleMailbox, ReceivingMailbox, receiving_mailboxes
from reconcile.sync.decide.permitted import Permits

#: What of the organization says how servers may be reached, and which folders are read; the rest says which mail is tracked.
_REACHING = ("deployment", "deploymentSettings.allowNonSslEmail", "tracking.folderTracking", "tracking.maximumFolderMappings")


def reachable(resources: Sequence[AppliedResource], external_id: str, *, now: str) -> ReceivingMailbox | IdleMailbox | None:
    """None for a mailbox that was never applied. `now` as for `receiving_mailboxes`."""
    kept: list[AppliedResource] = []
    found = False
    for one in resources:
        match one.kind:
            case "Mailbox" if one.external_id == external_id:
                found = True
                spec = {path: leaf for path, leaf in one.spec.items() if path != "filter"}
                kept.append(replace(one, spec={**spec, "incoming": "server-side", "state": "active"}))
            case "EmailServerProfile":
                kept.append(replace(one, spec={**one.spec, "state": "active"}))
            case "Organization":
                kept.append(replace(one, spec={path: leaf for path, leaf in one.spec.items() if path in _REACHING}))
            case "Environment":
                kept.append(one)
    return receiving_mailboxes(kept, now=now, permits=Permits(unconditional=True))[0] if found else None
