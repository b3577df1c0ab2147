"""Which mailboxes receive, from where, and why the others do not. Works from applied state.

What is declared but not built is a condition with field and file:line, never silently left out. A mailbox still receives
beside such a condition only where leaving that part out can do no harm (`HARMLESS`): otherwise it would track what nobody asked for.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime, timedelta

from reconcile.errors import PermanentError
from reconcile.lazy_dataclass import dataclass
from reconcile.model import duration
from reconcile.model.canonical import Leaf, digest
from reconcile.model.condition import Condition, Health
from reconcile.model.enablement import Direction
from reconcile.model.mail_address import mailbox_identity
from reconcile.model.mailbox_access import MailboxAccess
from reconcile.model.protocols import usual_port
from reconcile.model.removal import MarkAction
from reconcile.model.retention import retention_of
from reconcile.model.sign_in import SignInPlan
from reconcile.ports.target import AppliedResource
from reconcile.sync.decide.exchange import access_of, service_of
from reconcile.sync.decide.floor import floor
from reconcile.sync.decide.folder_tracking import folder_tracking
from reconcile.sync.decide.found_server import server_of
from reconcile.sync.decide.items_asked import asks_for_items
from reconcile.sync.decide.permitted import NOTHING_SAID, Permits, enabled_at, withheld
from reconcile.sync.decide.row import Refused, Row
from reconcile.sync.decide.row import row as row_of
from reconcile.sync.decide.sign_in import planned

#: What leaving out harms nobody: mail is still tracked as declared.
HARMLESS = {
    "moveUndeliveredEmails": "POP3 has no folders; undelivered mail stays where it is",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class ReceivingMailbox:
    """A mailbox that receives. `authority` is a reference to a PEM ("" for the system's authorities); `sign_in` is how its
    account proves itself. `account_group` shares `connections`. `fingerprint` changes with configuration and credentials.
    `marks` are what is done at the server to mail that is kept or given up; `compress` asks the server to pack what it sends;
    `advancing`: the floor moves with the mail; `enabled_at` is when a person enabled or tested it last (UTC RFC 3339, "" for never);
    `backs_off`: it is looked at less often while it is quiet; `idle`: a connection waits for its news. `path` is that of a service over
    HTTP, and `access` says by what right its account opens the mailbox. `items`: its appointments, contacts and tasks are kept in step."""

    mailbox_id: str
    name: str
    address: str
    protocol: str
    server: str
    port: int
    tls: str
    authority: str
    sign_in: SignInPlan
    account_group: str
    connections: int
    floor: datetime | None
    polling_interval: timedelta
    silence: float | None
    fingerprint: str
    conditions: tuple[Condition, ...]
    marks: frozenset[MarkAction] = frozenset()
    advancing: bool = False
    profile: str = ""
    profile_id: str = ""
    enabled_at: str = ""
    backs_off: bool = False
    idle: bool = False
    compress: bool = False
    path: str = ""
    access: MailboxAccess = MailboxAccess.OWN
    folders: tuple[str, ...] = ()
    items: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class IdleMailbox:
    """A mailbox that does not receive here. The first condition says why, others what else is asked for and left out. `off` by
    declaration, `waiting` for a person's word as it should be; otherwise something must be done."""

    mailbox_id: str
    name: str
    address: str
    off: bool
    conditions: tuple[Condition, ...]
    waiting: bool = False


def receiving_mailboxes(
    resources: Sequence[AppliedResource], *, now: str, permits: Permits = NOTHING_SAID
) -> list[ReceivingMailbox | IdleMailbox]:
    """One answer for each applied mailbox, sorted by name. `now` is UTC RFC 3339, for the conditions.

    Raises PermanentError when the environment's target synchronises mail itself: two engines on one mailbox would track twice.
    """
    environment = next((one for one in resources if one.kind == "Environment"), None)
    target = environment.spec.get("target.type") if environment else None
    if target not in (None, "engine"):
        raise PermanentError(
            f"this environment's target is {target}, which synchronises mail itself",
            hint="Synchronise only environments whose target is the engine.",
        )
    profiles = {one.name: row_of(one, now) for one in resources if one.kind == "EmailServerProfile"}
    organization = next((row_of(one, now) for one in resources if one.kind == "Organization"), None)
    kept_from = retention_of(environment.spec if environment else {}, datetime.fromisoformat(now))[0] if now else None
    digests: dict[str, str] = {}
    found = [_decide(one, profiles, organization, now, kept_from, permits, digests) for one in resources if one.kind == "Mailbox"]
    return sorted(found, key=lambda mailbox: mailbox.name)


def _decide(
    mailbox: AppliedResource,
    profiles: Mapping[str, Row],
    organization: Row | None,
    now: str,
    kept_from: datetime | None,
    permits: Permits,
    digests: dict[str, str],
) -> ReceivingMailbox | IdleMailbox:
    row = row_of(mailbox, now)
    try:
        receiving = at_server(row, _profile(row, profiles, organization), organization, permits, kept_from=kept_from, digests=digests)
        held_back = withheld(mailbox, organization.resource if organization else None, Direction.INCOMING, permits, now=now)
        if held_back is not None:
            raise Refused(held_back.condition, off=held_back.health is Health.OFF, waiting=held_back.health is Health.WAITING)
        return receiving
    except Refused as refused:
        slug = row.spec.get("profile") or (organization.spec.get("defaults.profile") if organization else None)
        others = () if row.spec.get("state") == "inactive" else _harmless(row, profiles.get(str(slug)))
        return IdleMailbox(
            mailbox_id=mailbox.external_id,
            name=mailbox.name,
            address=str(row.spec.get("emailAddress", "")),
            off=refused.off,
            waiting=refused.waiting,
            conditions=(refused.condition, *others),
        )


def _profile(mailbox: Row, profiles: Mapping[str, Row], organization: Row | None) -> Row:
    """Over which it receives. Raises Refused where it does not."""
    spec = mailbox.spec
    defaults: Mapping[str, Leaf] = organization.spec if organization else {}
    method = spec.get("incoming") or defaults.get("defaults.incoming") or "none"
    if spec.get("state") == "inactive":
        raise mailbox.refuse("Off", "Inactive", "the mailbox is inactive", "state", off=True)
    if method == "forward-mailbox":
        words = "its mail comes through a forward mailbox, which is read instead"
        raise mailbox.refuse("Off", "ForwardMailbox", words, "incoming", off=True)
    if method != "server-side":
        raise mailbox.refuse("Off", "NotServerSide", f"incoming is {method}: this mailbox does not receive from here", "incoming", off=True)
    _check_tracking(organization)
    slug = spec.get("profile") or defaults.get("defaults.profile")
    profile = profiles.get(str(slug)) if slug else None
    if profile is None:
        why = f"profile {slug} is not applied" if slug else "no profile is declared"
        raise mailbox.refuse("Ready", "NoProfile", f"{why}, so there is no server to receive from", "profile")
    return profile


def _check_tracking(organization: Row | None) -> None:
    if organization is not None and organization.spec.get("processing.connectionChannel") == "email-router":
        words = "processing.connectionChannel is email-router, which synchronises the mail itself"
        raise organization.refuse("Off", "EmailRouter", words, "processing.connectionChannel", off=True)


def at_server(
    mailbox: Row,
    profile: Row,
    organization: Row | None,
    permits: Permits,
    *,
    kept_from: datetime | None = None,
    digests: dict[str, str] | None = None,
) -> ReceivingMailbox:
    """How a mailbox is reached over its profile, whatever is received there. Nothing older than `kept_from` is brought in: it would be
    purged at once. `digests` remembers those of profiles, by id, for the next mailbox. Raises Refused."""
    spec = profile.spec
    if spec.get("state") == "inactive":
        raise profile.refuse("Off", "ProfileInactive", f"profile {profile.resource.name} is inactive", "state", off=True)
    protocol = spec.get("incoming.protocol")
    if protocol not in ("imap", "pop3", "ews"):
        field = "incoming.protocol" if "incoming.protocol" in profile.resource.spec else "serverType"
        raise profile.unsupported(field, f"receiving over {protocol} is not built yet")
    server, port = server_of(mailbox, profile, "incoming", permits), spec.get("incoming.port")
    tls = str(spec.get("incoming.tls") or "implicit")
    if tls == "none" and not _clear_text_allowed(organization):
        raise profile.refuse(
            "Ready",
            "TlsRequired",
            "tls: none needs an on-premises Organization with deploymentSettings.allowNonSslEmail: true",
            "incoming.tls",
        )
    sign_in, path, access = planned(mailbox, profile, "incoming"), "", MailboxAccess.OWN
    if protocol == "ews":
        service = service_of(profile, server, "incoming")
        server, port, path = service.host, service.port, service.path
        access = access_of(profile, "incoming", sign_in, server)
    folders, without = folder_tracking(mailbox, organization, protocol)
    connections = spec.get("maxConcurrentConnections")
    address = str(mailbox.spec.get("emailAddress", ""))
    lowest = floor(spec.get("processEmailFrom"), mailbox.spec.get("processEmailFrom"))
    return ReceivingMailbox(
        mailbox_id=mailbox.resource.external_id,
        name=mailbox.resource.name,
        address=address,
        protocol=protocol,
        server=server,
        port=port if isinstance(port, int) else usual_port(protocol, tls),
        tls=tls,
        authority=str(spec.get("incoming.caCertificate") or ""),
        sign_in=sign_in,
        # Counted for each account: that is the mailbox's own where its credentials are used, and the profile's where those are.
        account_group=f"{server.lower()}/{mailbox_identity(sign_in.username)}" if sign_in.username else mailbox.resource.external_id,
        connections=connections if isinstance(connections, int) else 10,
        floor=lowest if kept_from is None else kept_from if lowest is None else max(lowest, kept_from),
        polling_interval=_span(spec.get("minPollingInterval"), timedelta(minutes=5)),
        silence=_span(spec.get("timeoutMailboxConnectionAfter"), timedelta(0)).total_seconds() or None
        if spec.get("timeoutMailboxConnection") is not False
        else None,
        fingerprint=_fingerprint(mailbox.resource, profile.resource, {} if digests is None else digests),
        conditions=(*_harmless(mailbox, profile), *without),
        marks=_marks(mailbox.spec, spec, protocol),
        advancing=organization is not None and organization.spec.get("processing.advancingDate") is True,
        profile=profile.resource.name,
        profile_id=profile.resource.external_id,
        enabled_at=_enabled_at(mailbox, sign_in, permits),
        backs_off=organization is not None and organization.spec.get("processing.inactiveBackoff") is True,
        idle=protocol in ("imap", "ews") and spec.get("incoming.idle") is True,
        compress=protocol in ("imap", "ews") and spec.get("incoming.compression") is True,
        path=path,
        access=access,
        folders=tuple(one.path for one in folders),
        items=protocol == "ews"
        and access is not MailboxAccess.DELEGATION
        and mailbox.spec.get("type", "user") == "user"
        and asks_for_items(mailbox.spec, organization.spec if organization is not None else None),
    )


def _marks(mailbox: Mapping[str, Leaf], profile: Mapping[str, Leaf], protocol: str) -> frozenset[MarkAction]:
    """Mail of a user is never deleted; POP3 can delete, and nothing else."""
    found = set[MarkAction]()
    if mailbox.get("deleteAfterProcessing") is True and mailbox.get("type") in ("queue", "forward"):
        found.add(MarkAction.DELETE)
    if protocol in ("imap", "ews") and profile.get("incoming.keywords") is True:
        found |= {MarkAction.TRACKED, MarkAction.UNDELIVERABLE}
    if protocol in ("imap", "ews") and profile.get("moveUndeliveredEmails") is True:
        found.add(MarkAction.MOVE)
    return frozenset(found)


def _clear_text_allowed(organization: Row | None) -> bool:
    return (
        organization is not None
        and organization.spec.get("deployment") == "on-premises"
        and organization.spec.get("deploymentSettings.allowNonSslEmail") is True
    )


def _span(leaf: Leaf, default: timedelta) -> timedelta:
    return duration.parse(leaf) if isinstance(leaf, str) else default


def _enabled_at(mailbox: Row, sign_in: SignInPlan, permits: Permits) -> str:
    said = permits.enablements.get(mailbox.resource.external_id)
    # A person's sign-in ends what failed before, as enabling does.
    signed_in = permits.signed_in.get(sign_in.oauth.account, "") if sign_in.oauth is not None else ""
    return max(signed_in, enabled_at(said.incoming) if said is not None else "")


def _fingerprint(mailbox: AppliedResource, profile: AppliedResource, digests: dict[str, str]) -> str:
    """With the tokens of their last writes: a new password behind the same reference is no other spec."""
    of_profile = digests.get(profile.external_id)
    if of_profile is None:
        of_profile = digests[profile.external_id] = f"{digest(profile.spec)}{profile.written}"
    return hashlib.sha256(f"{digest(mailbox.spec)}{mailbox.written}{of_profile}".encode()).hexdigest()[:16]


def _harmless(mailbox: Row, profile: Row | None) -> tuple[Condition, ...]:
    return tuple(
        Row(owner, {}, mailbox.now).condition("Unsupported", "NotBuilt", message, path)
        for owner, path, message in left_out(profile.resource if profile else None)
    )


def left_out(profile: AppliedResource | None) -> Iterator[tuple[AppliedResource, str, str]]:
    """(whose, field, what happens instead) of what is asked for and left out without harm, whether mail comes in or not."""
    asked: list[tuple[AppliedResource, str, object]] = []
    if profile is not None and (profile.spec.get("incoming.protocol") or profile.spec.get("serverType")) in ("pop3", "pop3-smtp"):
        asked.append((profile, "moveUndeliveredEmails", True))
    for owner, path, value in asked:
        if owner.spec.get(path) == value:
            yield owner, path, HARMLESS[path]
