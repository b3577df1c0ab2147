"""Which mailboxes have their appointments, contacts and tasks kept in step, and what is refused by name. Pure.

Only a user's mailbox behind a connector that has folders for them, and that opens mailboxes in its own right: a delegate cannot (Power
Platform: "Supported email service configurations for server-side synchronization").
"""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Mapping, Sequence
from dataclasses import astuple
from datetime import datetime
from typing import Final

from reconcile.lazy_dataclass import dataclass
from reconcile.model.condition import Condition, Health
from reconcile.model.enablement import Direction
from reconcile.model.item_brake import ItemLimit
from reconcile.model.mailbox_access import MailboxAccess
from reconcile.model.retention import retained_from
from reconcile.ports.target import AppliedResource
from reconcile.sync.decide.eligible import ReceivingMailbox, at_server
from reconcile.sync.decide.item_brake import item_limit
from reconcile.sync.decide.items_asked import asking
from reconcile.sync.decide.permitted import NOTHING_SAID, Permits, withheld
from reconcile.sync.decide.row import Refused, Row
from reconcile.sync.decide.row import row as row_of
from reconcile.sync.decide.two_way_rules import TwoWayRules, two_way_rules

FIELD = "appointmentsContactsTasks"
#: Protocols whose connector has folders of items.
CAPABLE: Final = frozenset({"ews"})


@dataclass(frozen=True, slots=True, kw_only=True)
class KeptInStep:
    """`reach` says how its connector opens it; `rules` are the organization's, `fingerprint` changes with them; `limit` is the
    environment's brake on deletions, and `keep_from` what its retention lets in."""

    reach: ReceivingMailbox
    rules: TwoWayRules
    fingerprint: str
    limit: ItemLimit = ItemLimit()
    keep_from: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class NotKept:
    """Asked for, and not done. `waiting`: for a person's word, as it should be."""

    mailbox_id: str
    name: str
    address: str
    condition: Condition
    waiting: bool = False


def item_mailboxes(
    resources: Sequence[AppliedResource], *, now: str, capable: Collection[str] = CAPABLE, permits: Permits = NOTHING_SAID
) -> list[KeptInStep | NotKept]:
    """One answer for each active mailbox that asks for it, by name. `capable` are the protocols whose connector has folders of items."""
    profiles = {one.name: row_of(one, now) for one in resources if one.kind == "EmailServerProfile"}
    organization = next((row_of(one, now) for one in resources if one.kind == "Organization"), None)
    rules = two_way_rules(organization.spec if organization is not None else {})
    environment = next((one for one in resources if one.kind == "Environment"), None)
    limit = item_limit(environment.spec, name=environment.name) if environment is not None else ItemLimit()
    kept = retained_from(environment.spec.get("retention.items"), datetime.fromisoformat(now)) if environment is not None and now else None
    found: list[KeptInStep | NotKept] = []
    for one in asking(resources):
        mailbox = row_of(one, now)
        try:
            reach = _reach(mailbox, profiles, organization, capable, permits)
        except Refused as refused:
            found.append(_not_kept(mailbox, refused.condition, waiting=refused.waiting))
        else:
            found.append(KeptInStep(reach=reach, rules=rules, fingerprint=fingerprint(rules), limit=limit, keep_from=kept))
    return found


def fingerprint(rules: TwoWayRules) -> str:
    """Another one for other rules."""
    words = [repr(getattr(rules, name)) for name in sorted(TwoWayRules.__slots__) if name not in ("directions", "filters", "files")]
    words += [repr(sorted(one) if isinstance(one, frozenset) else one) for one in astuple(rules.files)]
    words += sorted(f"{kind}.{name}={direction}" for (kind, name), direction in rules.directions.items())
    for kind, filters in sorted(rules.filters.items()):
        words += sorted(f"{kind} {one.owned} {sorted(one.states)} {one.regarding_type} {one.type or ''}" for one in filters)
    return hashlib.sha256("\n".join(words).encode()).hexdigest()[:16]


def _not_kept(mailbox: Row, condition: Condition, *, waiting: bool) -> NotKept:
    return NotKept(
        mailbox_id=mailbox.resource.external_id,
        name=mailbox.resource.name,
        address=str(mailbox.spec.get("emailAddress", "")),
        condition=condition,
        waiting=waiting,
    )


def _reach(
    mailbox: Row, profiles: Mapping[str, Row], organization: Row | None, capable: Collection[str], permits: Permits
) -> ReceivingMailbox:
    if mailbox.spec.get("type", "user") != "user":
        raise mailbox.unsupported(FIELD, f"a {mailbox.spec.get('type')} mailbox has no appointments, contacts and tasks")
    slug = mailbox.spec.get("profile") or (organization.spec.get("defaults.profile") if organization is not None else None)
    profile = profiles.get(str(slug)) if slug else None
    if profile is None:
        why = f"profile {slug} is not applied" if slug else "no profile is declared"
        raise mailbox.refuse("Ready", "NoProfile", f"{why}, so there is no server for appointments, contacts and tasks", "profile")
    protocol = str(profile.spec.get("incoming.protocol"))
    if protocol not in capable:
        words = f"appointments, contacts and tasks are not synchronised over {protocol}"
        raise mailbox.unsupported(FIELD, f"{words}: only Exchange has them" if protocol in ("imap", "pop3") else words)
    reach = at_server(mailbox, profile, organization, permits)
    if reach.access is MailboxAccess.DELEGATION:
        words = (
            "a delegate cannot synchronise appointments, contacts and tasks: set incoming.useImpersonation, or give the mailbox credentials"
        )
        raise mailbox.unsupported(FIELD, words)
    held_back = withheld(
        mailbox.resource, organization.resource if organization is not None else None, Direction.INCOMING, permits, now=mailbox.now
    )
    if held_back is not None:
        raise Refused(held_back.condition, off=held_back.health is Health.OFF, waiting=held_back.health is not Health.STALLED)
    return reach
