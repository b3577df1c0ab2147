"""Which mailboxes may send, over which account, and why the others may not. Works from applied state."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import field

from reconcile.lazy_dataclass import dataclass
from reconcile.model.canonical import Leaf
from reconcile.model.condition import Condition, Health
from reconcile.model.defaults import derived
from reconcile.model.enablement import Direction
from reconcile.model.mail_address import is_allowed, mailbox_identity
from reconcile.model.mailbox_access import MailboxAccess
from reconcile.model.outgoing import OutboxEntry
from reconcile.model.sending_limits import NO_LIMITS, SendingLimits
from reconcile.model.sign_in import SignInPlan
from reconcile.ports.target import AppliedResource
from reconcile.ports.tls import Tls
from reconcile.sync.decide.attachment_rules import NO_RULES, AttachmentRules, attachment_rules
from reconcile.sync.decide.correlation_rules import CorrelationRules, correlation_rules
from reconcile.sync.decide.exchange import access_of, service_of
from reconcile.sync.decide.found_server import server_of
from reconcile.sync.decide.permitted import NOTHING_SAID, Permits, withheld
from reconcile.sync.decide.row import Refused, Row
from reconcile.sync.decide.sign_in import planned


@dataclass(frozen=True, slots=True, kw_only=True)
class SendingMailbox:
    """A mailbox that may send. `authority` is a reference to a PEM ("" for the system's authorities); `sign_in` is how its account
    proves itself. `connections` is the profile's limit. `send_as` are the slugs of mailboxes that may write as this one. Of `limits`,
    `recipients_per_message` and `message_size` (octets), None means none. `sent_copy`: sent mail is copied into its folder for it.
    `delivery_reports` are the events to ask reports of, None where the server decides. `protocol` is smtp or ews; then `path` is that of
    the service, and `access` says by what right its account opens the mailbox."""

    mailbox_id: str
    name: str
    address: str
    profile: str
    server: str
    port: int
    tls: Tls
    authority: str
    sign_in: SignInPlan
    connections: int
    display_name: str = ""
    send_as: tuple[str, ...] = ()
    limits: SendingLimits = NO_LIMITS
    recipients_per_message: int | None = None
    message_size: int | None = None
    sent_copy: bool = False
    delivery_reports: frozenset[str] | None = None
    protocol: str = "smtp"
    path: str = ""
    access: MailboxAccess = MailboxAccess.OWN


@dataclass(frozen=True, slots=True, kw_only=True)
class SilentMailbox:
    """A mailbox that may not send, and why. `health` is what that makes of a mailbox that is declared to send; None where sending is
    off by declaration, which is no news."""

    mailbox_id: str
    name: str
    condition: Condition
    health: Health | None = None
    address: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class SendingSetup:
    """`mailboxes` by external id; `allowed` the applied Environment's allow-list (empty: nobody). Without
    `unresolved`, every recipient must be somebody whom the directory knows."""

    mailboxes: Mapping[str, SendingMailbox | SilentMailbox]
    allowed: tuple[str, ...]
    correlation: CorrelationRules = field(default_factory=CorrelationRules)
    attachments: AttachmentRules = NO_RULES
    unresolved: bool = True
    _names: dict[str, SendingMailbox | SilentMailbox] = field(default_factory=dict, init=False, repr=False, compare=False)
    _addresses: dict[str, list[SendingMailbox | SilentMailbox]] = field(default_factory=dict, init=False, repr=False, compare=False)

    def named(self, word: str) -> SendingMailbox | SilentMailbox | None:
        """By slug, external id or address."""
        if not self._names:
            # Once: a batch of mail may name as many mailboxes as there are.
            for mailbox in self.mailboxes.values():
                for name in (mailbox.name, mailbox.mailbox_id):
                    self._names.setdefault(name, mailbox)
                for address in {mailbox.address, mailbox_identity(mailbox.address)}:
                    self._addresses.setdefault(address, []).append(mailbox)
        if word in self._names or "@" not in word:
            return self._names.get(word)
        found = [one for one in self._addresses.get(word, []) if one.address == word] or self._addresses.get(mailbox_identity(word), [])
        return found[0] if len(found) == 1 else None


def not_consented(setup: SendingSetup, mailbox: SendingMailbox, submitter_id: str) -> str:
    """Why the mailbox that asked may not write as this one by what is applied now; "" when it may, or when nobody else asked."""
    if not submitter_id or submitter_id == mailbox.mailbox_id:
        return ""
    submitter = setup.mailboxes.get(submitter_id)
    if submitter is None:
        return f"the mailbox that wrote as {mailbox.name} is no longer applied"
    if submitter.name not in mailbox.send_as:
        return f"mailbox {submitter.name} may no longer send as {mailbox.name}: sendAs of {mailbox.name} does not name it"
    return ""


def oversized(entry: OutboxEntry, mailbox: SendingMailbox) -> str:
    """Why the mail is too large for its server by what is applied now, "" when it is not."""
    limit = mailbox.message_size
    if limit is None or entry.size <= limit:
        return ""
    return f"the mail has {entry.size:,} octets, outgoing.messageSize of profile {mailbox.profile} is {limit:,}"


def sending_setup(resources: Sequence[AppliedResource], *, now: str, permits: Permits = NOTHING_SAID) -> SendingSetup:
    """Decide for every applied mailbox. `now` is UTC RFC 3339, for the conditions."""
    profiles = {one.name: one for one in resources if one.kind == "EmailServerProfile"}
    organization = next((one for one in resources if one.kind == "Organization"), None)
    environment = next((one for one in resources if one.kind == "Environment"), None)
    mailboxes: dict[str, SendingMailbox | SilentMailbox] = {}
    for one in resources:
        if one.kind == "Mailbox":
            try:
                mailboxes[one.external_id] = _sending(one, profiles, organization, environment, now, permits)
            except Refused as refused:
                mailboxes[one.external_id] = SilentMailbox(
                    mailbox_id=one.external_id,
                    name=one.name,
                    condition=refused.condition,
                    health=_health(refused),
                    address=str(one.spec.get("emailAddress", "")),
                )
    allowed = environment.spec.get("allowedRecipients") if environment else None
    settings = organization.spec if organization is not None else {}
    return SendingSetup(
        mailboxes=mailboxes,
        allowed=allowed if isinstance(allowed, tuple) else (),
        correlation=correlation_rules(settings),
        attachments=attachment_rules(settings),
        unresolved=settings.get("addressResolution.allowUnresolvedRecipients") is not False,
    )


def _health(refused: Refused) -> Health | None:
    if refused.condition.type == "Off" and refused.condition.reason != "SenderNotAllowed":
        return None
    return Health.WAITING if refused.waiting else Health.STALLED if not refused.off else Health.OFF


def _check_sender(mailbox: AppliedResource, environment: AppliedResource | None, organization: AppliedResource | None, now: str) -> None:
    """Whom the environment does not let send, and a way to send that is not built."""
    senders = environment.spec.get("allowedSenders") if environment is not None else None
    address = str(mailbox.spec.get("emailAddress", ""))
    if environment is not None and isinstance(senders, tuple) and not is_allowed(address, tuple(map(str, senders))):
        words = f"{address} is not in allowedSenders of the applied environment"
        raise Refused(_refusing(environment, now)("Off", "SenderNotAllowed", words, "allowedSenders").condition, off=True)
    if organization is not None and organization.spec.get("sending.sendFromSubmitter") is True:
        words = "sending.sendFromSubmitter is not built: a mail leaves from the mailbox it was added for"
        raise _refusing(organization, now)("Unsupported", "SendFromSubmitter", words, "sending.sendFromSubmitter")


def _sending(
    mailbox: AppliedResource,
    profiles: Mapping[str, AppliedResource],
    organization: AppliedResource | None,
    environment: AppliedResource | None,
    now: str,
    permits: Permits,
) -> SendingMailbox:
    refuse = _refusing(mailbox, now)
    defaults = organization.spec if organization else {}
    method = mailbox.spec.get("outgoing") or defaults.get("defaults.outgoing") or "none"
    if mailbox.spec.get("type") == "forward":
        raise refuse("Off", "ForwardMailbox", "a forward mailbox sends nothing", "type")
    if method != "server-side":
        raise refuse("Off", "NotServerSide", f"outgoing is {method}: this mailbox does not send from here", "outgoing")
    if mailbox.spec.get("state") == "inactive":
        raise refuse("Off", "Inactive", "the mailbox is inactive", "state")
    _check_sender(mailbox, environment, organization, now)
    if organization is not None and defaults.get("processing.connectionChannel") == "email-router":
        words = "processing.connectionChannel is email-router, which sends the mail itself"
        raise _refusing(organization, now)("Off", "EmailRouter", words, "processing.connectionChannel")
    held_back = withheld(mailbox, organization, Direction.OUTGOING, permits, now=now)
    if held_back is not None:
        raise Refused(held_back.condition, off=held_back.health is Health.OFF, waiting=held_back.health is Health.WAITING)
    slug = mailbox.spec.get("profile") or defaults.get("defaults.profile")
    profile = profiles.get(str(slug)) if slug else None
    if profile is None:
        why = f"profile {slug} is not applied" if slug else "no profile is declared"
        raise refuse("Ready", "NoProfile", f"{why}, so there is no server to send over", "profile")
    return _over(mailbox, profile, organization, now, permits)


def _over(
    mailbox: AppliedResource, profile: AppliedResource, organization: AppliedResource | None, now: str, permits: Permits
) -> SendingMailbox:
    refuse = _refusing(profile, now)
    spec: dict[str, Leaf] = {**derived("EmailServerProfile", profile.spec), **{p: v for p, v in profile.spec.items() if v is not None}}
    if spec.get("state") == "inactive":
        raise refuse("Off", "ProfileInactive", f"profile {profile.name} is inactive", "state")
    protocol = spec.get("outgoing.protocol")
    if protocol not in ("smtp", "ews"):
        field = "outgoing.protocol" if "outgoing.protocol" in profile.spec else "serverType"
        raise refuse("Unsupported", "Protocol", f"sending over {spec.get('outgoing.protocol')} is not built yet", field)
    if spec.get("encodingCodePage") not in (None, "utf-8", "UTF-8", "65001"):
        raise refuse("Unsupported", "CodePage", "mail is written in UTF-8; another code page is not built", "encodingCodePage")
    if spec.get("outgoing.autoGrantDelegateAccess") is True:
        words = "outgoing.autoGrantDelegateAccess is not built: give the account its rights at the server"
        raise refuse("Unsupported", "Impersonation", words, "outgoing.autoGrantDelegateAccess")
    place = "outgoing"
    if protocol == "ews" and spec.get("outgoing.server") is None:
        # It is one service for both directions, so it is declared once.
        place = "incoming"
        spec |= {"outgoing.tls": spec.get("incoming.tls") or "implicit", "outgoing.caCertificate": spec.get("incoming.caCertificate")}
    server, path, access = server_of(Row(mailbox, mailbox.spec, now), Row(profile, spec, now), place, permits), "", MailboxAccess.OWN
    tls, port = Tls(str(spec.get("outgoing.tls"))), spec.get("outgoing.port")
    assert isinstance(port, int), port
    # No field of a mailbox that signing in looks at follows from another one.
    sign_in = planned(Row(mailbox, mailbox.spec, now), Row(profile, spec, now), "outgoing")
    if tls is Tls.NONE:
        permitted = (
            organization is not None
            and organization.spec.get("deployment") == "on-premises"
            and organization.spec.get("deploymentSettings.allowNonSslEmail") is True
        )
        if not permitted:
            words = "tls: none needs an on-premises Organization with deploymentSettings.allowNonSslEmail: true"
            raise refuse("Ready", "TlsRequired", words, "outgoing.tls")
        if sign_in.password is not None and protocol != "ews":
            raise refuse("Ready", "TlsRequired", "no password is sent without TLS: use starttls, implicit, or anonymous", "outgoing.tls")
    if protocol == "ews":
        service = service_of(Row(profile, spec, now), server, place)
        server, port, path = service.host, service.port, service.path
        access = access_of(Row(profile, spec, now), "outgoing", sign_in, server)
    limit = spec.get("maxConcurrentConnections")
    address = mailbox.spec.get("emailAddress")
    assert isinstance(address, str), mailbox.name
    return SendingMailbox(
        mailbox_id=mailbox.external_id,
        name=mailbox.name,
        address=address,
        profile=profile.name,
        server=server,
        port=port,
        tls=tls,
        authority=str(spec.get("outgoing.caCertificate") or ""),
        sign_in=sign_in,
        connections=limit if isinstance(limit, int) else 10,
        display_name="" if (shown := str(mailbox.spec.get("displayName") or "")) == address else shown,
        send_as=tuple(map(str, named)) if isinstance(named := mailbox.spec.get("sendAs"), tuple) else (),
        limits=SendingLimits(
            # Who signs in is who is counted; without signing in it is the address.
            account=f"{server.lower()} {mailbox_identity(sign_in.username or address)}",
            per_minute=_number(spec.get("outgoing.messagesPerMinute")),
            per_day=_number(spec.get("outgoing.messagesPerDay")),
        ),
        # At an Exchange server the people of a mail are part of it: it is not sent in several parts.
        recipients_per_message=_number(spec.get("outgoing.recipientsPerMessage")) if protocol == "smtp" else None,
        message_size=_number(spec.get("outgoing.messageSize")),
        # An Exchange server keeps a copy itself.
        sent_copy=spec.get("outgoing.sentCopy") == "append" and protocol == "smtp",
        delivery_reports=frozenset(map(str, named)) if isinstance(named := spec.get("outgoing.deliveryReports"), tuple) else None,
        protocol=str(protocol),
        path=path,
        access=access,
    )


def _number(leaf: Leaf) -> int | None:
    return leaf if isinstance(leaf, int) and not isinstance(leaf, bool) else None


def _refusing(resource: AppliedResource, now: str) -> Callable[[str, str, str, str], Refused]:
    def refused(type_: str, reason: str, message: str, field: str) -> Refused:
        origin = resource.origins.get(field) or resource.origins.get("", "")
        return Refused(
            Condition(type=type_, status=type_ != "Ready", reason=reason, message=message, since=now, field=field, origin=origin)
        )

    return refused
