"""Who of this estate is asked about a message: its mailboxes with their filters, and the rules of its organization."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import field

from reconcile.lazy_dataclass import dataclass
from reconcile.model.canonical import Leaf
from reconcile.model.mail_address import comparable
from reconcile.model.party import PartyRow
from reconcile.model.tracked_folder import TrackedFolder, read_folders
from reconcile.ports.target import AppliedResource
from reconcile.sync.decide.acceptance import Filter, Rules
from reconcile.sync.decide.correlation_rules import CorrelationRules, correlation_rules
from reconcile.sync.decide.folder_tracking import FIELD
from reconcile.sync.decide.internal_mail import InternalRules
from reconcile.sync.decide.queue_items import QueueRules
from reconcile.sync.decide.resolution import ResolutionRules, mailbox_rows


@dataclass(frozen=True, slots=True, kw_only=True)
class OwnMailbox:
    """An applied mailbox. `declared` is its filter, None where none is declared; `forwarded`: its mail comes through a forward mailbox.
    `folders` are its tracked folders by their paths, as they are declared."""

    id: str
    name: str
    address: str
    type: str
    declared: Filter | None
    forwarded: bool = False
    folders: Mapping[str, TrackedFolder] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Acceptors:
    """`by_address` has the mailboxes by the comparable form of their address, `addresses` has its keys. `forced` is the filter of every
    user (tracking.forceFilterForUsers), None where each has its own. `domains` are those of the mailboxes, `rows` what they stand for."""

    rules: Rules
    forced: Filter | None
    by_address: Mapping[str, OwnMailbox]
    by_id: Mapping[str, OwnMailbox]
    addresses: frozenset[str]
    domains: frozenset[str]
    has_queues: bool
    rows: Mapping[str, PartyRow]
    resolution: ResolutionRules
    internal: InternalRules
    queues: QueueRules
    correlation: CorrelationRules

    def filter_of(self, mailbox: OwnMailbox, chosen: str = "") -> Filter:
        """`chosen` is what the user or queue chose in the CRM, as the directory has it; "" where it is not known. Where nobody says
        anything, all mail is tracked."""
        if self.forced is not None and mailbox.type == "user":
            return self.forced
        return mailbox.declared or (Filter(chosen) if chosen in list(Filter) else Filter.ALL)


def acceptors(resources: Sequence[AppliedResource]) -> Acceptors:
    """Of everything that is applied."""
    organization = next((one.spec for one in resources if one.kind == "Organization"), {})
    usual = organization.get("defaults.incoming")
    own = [_own(one, usual) for one in resources if one.kind == "Mailbox"]
    by_address = {comparable(mailbox.address): mailbox for mailbox in own}
    forced = organization.get("tracking.forceFilterForUsers")
    return Acceptors(
        rules=Rules(
            only_processed=organization.get("tracking.onlySynchronizingMailboxDecides") is True,
            track_by_hand=organization.get("tracking.doNotAutoTrackEmail") is True,
            ignore_automatic=organization.get("tracking.ignoreAutomaticReplies") is True,
            skip_rights_managed=organization.get("tracking.skipRightsManagedEmail") is True,
        ),
        forced=Filter(str(forced)) if forced not in (None, "off") else None,
        by_address=by_address,
        by_id={mailbox.id: mailbox for mailbox in own},
        addresses=frozenset(by_address),
        has_queues=any(mailbox.type == "queue" for mailbox in own),
        domains=frozenset(comparable(mailbox.address).rpartition("@")[2] for mailbox in own),
        rows=mailbox_rows(resources),
        resolution=ResolutionRules.of(organization),
        internal=InternalRules.of(organization),
        queues=QueueRules.of(organization),
        correlation=correlation_rules(organization),
    )


def _own(mailbox: AppliedResource, usual: Leaf) -> OwnMailbox:
    declared = mailbox.spec.get("filter")
    return OwnMailbox(
        id=mailbox.external_id,
        name=mailbox.name,
        address=str(mailbox.spec.get("emailAddress", "")),
        type=str(mailbox.spec.get("type") or "user"),
        declared=Filter(str(declared)) if declared is not None else None,
        forwarded=(mailbox.spec.get("incoming") or usual) == "forward-mailbox",
        folders={one.path: one for one in read_folders(mailbox.spec.get(FIELD))},
    )
