"""Writing alerts: what is so now, from applied state, what is remembered, and what this process knows of servers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from types import MappingProxyType

from reconcile.model.alert import Cause
from reconcile.model.canonical import Leaf
from reconcile.model.loop_sign import LoopSign
from reconcile.model.mailbox_state import MailboxState
from reconcile.model.mailbox_status import MailboxStatus
from reconcile.ports.alert_store import AlertStore
from reconcile.ports.target import AppliedResource
from reconcile.sync.admission import server_of
from reconcile.sync.decide.alert_mail import CALM
from reconcile.sync.decide.alerts import PROFILE_FAILING, Watched, alert_rules, causes
from reconcile.sync.decide.eligible import IdleMailbox, ReceivingMailbox
from reconcile.sync.decide.submission import SendingMailbox, SilentMailbox
from reconcile.sync.servers import Outage
from reconcile.sync.status import ItemFinding, mailbox_statuses


def write_alerts(
    alerts: AlertStore,
    found: Sequence[ReceivingMailbox | IdleMailbox],
    states: Mapping[str, MailboxState],
    resources: Sequence[AppliedResource],
    outages: Mapping[str, Outage],
    *,
    loop: LoopSign,
    now: datetime,
    sending: Mapping[str, SendingMailbox | SilentMailbox] = MappingProxyType({}),
    quarantined: Mapping[str, int] = MappingProxyType({}),
    items: Mapping[str, ItemFinding] = MappingProxyType({}),
    declared: Sequence[Cause] = (),
) -> None:
    """Begin, go on and end alerts, and leave a sign of life. `found` answers for each applied mailbox; `sending` says by mailbox id who may
    send, `quarantined` how many messages were given up, `items` what is wrong with appointments, contacts and tasks, `declared` what keeps
    from being carried out what is declared."""
    organization = next((one.spec for one in resources if one.kind == "Organization"), {})
    rules = alert_rules(organization)
    away = {server: (outage.error, outage.hint) for server, outage in outages.items()}
    statuses = mailbox_statuses(
        found,
        states,
        holders={},
        outbox={},
        now=now,
        loop=loop,
        away={server: error for server, (error, _) in away.items()},
        sending=sending,
        quarantined=quarantined,
        items=items,
    )
    watched = _watched(found, statuses, resources)
    lasting = {one.cause.about for one in alerts.alerts(kind="EmailServerProfile") if one.cause.code == PROFILE_FAILING}
    # Of an alarm that has just ended somebody is still to be written.
    keep_from = now - max(rules.retention, 4 * CALM)
    found_now = [*causes(watched, away, rules, now=now, lasting=lasting), *(one for one in declared if rules.wants(one.level))]
    alerts.observe(found_now, now=now, keep_from=keep_from)
    alerts.sign(loop)


def _watched(
    found: Sequence[ReceivingMailbox | IdleMailbox], statuses: Sequence[MailboxStatus], resources: Sequence[AppliedResource]
) -> list[Watched]:
    owners = {one.external_id: _text(one.spec.get("owner")) for one in resources if one.kind == "Mailbox"}
    profiles = {one.external_id: _profile_owner(one.spec) for one in resources if one.kind == "EmailServerProfile"}
    return [
        Watched(
            status=status,
            owner=owners.get(status.mailbox_id, ""),
            server=server_of(mailbox) if isinstance(mailbox, ReceivingMailbox) else "",
            profile=mailbox.profile if isinstance(mailbox, ReceivingMailbox) else "",
            profile_id=mailbox.profile_id if isinstance(mailbox, ReceivingMailbox) else "",
            profile_owner=profiles.get(mailbox.profile_id, "") if isinstance(mailbox, ReceivingMailbox) else "",
        )
        for mailbox, status in zip(found, statuses, strict=True)
    ]


def _profile_owner(spec: Mapping[str, Leaf]) -> str:
    return _text(spec.get("ownerEmailAddress")) or _text(spec.get("owner"))


def _text(leaf: Leaf) -> str:
    return leaf if isinstance(leaf, str) else ""
