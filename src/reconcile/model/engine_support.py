"""What our own engine does with each declared field: acts on it, takes it as description, or cannot do it yet. One table.

What the schema accepts but the engine cannot do is named to people with field and place, never silently ignored: plan notes it
before it is applied, status shows it afterwards. Where leaving a setting out could do harm (more mail tracked than was
asked for), the mailbox does not run at all; that is decided in `sync.decide`, and such fields are `ACTS` here. A test holds that
every field of every kind stands in exactly one of the three.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import lru_cache
from typing import Final

from reconcile.lazy_dataclass import dataclass
from reconcile.model.canonical import Leaf, Spec, same


@dataclass(frozen=True, slots=True)
class NotBuilt:
    """`instead` says what happens without it. A value in `neutral` asks for nothing beyond that, so nothing is said of it."""

    instead: str
    neutral: tuple[Leaf, ...] = (None, False)


#: The engine does what these say, or refuses by name what it cannot do of them.
ACTS: Final[Mapping[str, frozenset[str]]] = {
    "Environment": frozenset(
        {
            "target.type",
            "target.path",
            "organizationId",
            "timeZone",
            "variables",
            "layers",
            "allowedRecipients",
            "allowedSenders",
            "retention.mail",
            "retention.outgoing",
            "retention.items",
            *(f"ignore.{kind}" for kind in ("Mailbox", "EmailServerProfile", "Organization")),
            *(f"brakes.{brake}.{limit}" for brake in ("bulkDelete", "bulkUpdate", "itemDeletions") for limit in ("count", "percent")),
        }
    ),
    "EmailServerProfile": frozenset(
        {
            "state",
            "serverType",
            "autodiscover",
            *(f"discovery.{name}" for name in ("hosts", "privateNetworks", "rootDomain", "plainHttp")),
            "encodingCodePage",
            *(
                f"{direction}.{field}"
                for direction in ("incoming", "outgoing")
                for field in (
                    "server",
                    "port",
                    "tls",
                    "caCertificate",
                    "clientCertificate",
                    "certificateSignIn",
                    "authentication",
                    "credentials",
                    "useImpersonation",
                    "protocol",
                )
            ),
            "incoming.idle",
            "incoming.username",
            "incoming.password",
            "outgoing.username",
            "outgoing.password",
            "outgoing.autoGrantDelegateAccess",
            *(
                f"outgoing.{name}"
                for name in ("sentCopy", "deliveryReports", "messagesPerMinute", "messagesPerDay", "recipientsPerMessage", "messageSize")
            ),
            *(
                f"oauth.{field}"
                for field in (
                    "clientId",
                    "clientSecret",
                    "tenantId",
                    "serverAuthority",
                    "grant",
                    "tokenEndpoint",
                    "authorizationEndpoint",
                    "deviceEndpoint",
                    "revocationEndpoint",
                    "scopes",
                    "caCertificate",
                )
            ),
            "useSameSettingsForOutgoing",
            "processEmailFrom",
            "maxConcurrentConnections",
            "minPollingInterval",
            "moveUndeliveredEmails",
            "sendEmailAlert",
            "incoming.compression",
            "incoming.keywords",
            "timeoutMailboxConnection",
            "timeoutMailboxConnectionAfter",
        }
    ),
    "Organization": frozenset(
        {
            "deployment",
            "approval.requireForUsers",
            "approval.requireForQueues",
            "approval.requirePrivilegeForOwnAddress",
            "approval.requireTest",
            "defaults.profile",
            "defaults.incoming",
            "defaults.outgoing",
            "tracking.doNotAutoTrackEmail",
            "tracking.forceFilterForUsers",
            "tracking.skipRightsManagedEmail",
            "tracking.ignoreAutomaticReplies",
            "tracking.onlySynchronizingMailboxDecides",
            "tracking.folderTracking",
            "tracking.maximumFolderMappings",
            "queues.itemForSynchronizingMailbox",
            "queues.itemsForAcceptingRecipients",
            "queues.additionalItemsForTrackedEmail",
            "addressResolution.createContactForUnknownSender",
            "tracking.correlation",
            "tracking.correlateByReferences",
            "tracking.ignoreInternalEmail",
            "tracking.doNotIgnoreInternalEmailToQueues",
            "tracking.ignoreInternalEmailFromQueues",
            "tracking.improvedInternalEmailDetection",
            "tracking.ignoreThreadHeaders",
            "tracking.doNotCorrelateForwardsAsReplies",
            "smartMatching.enabled",
            "smartMatching.disabledByEnvironment",
            "smartMatching.disableHashCreation",
            "smartMatching.subjectFilter",
            "smartMatching.maximumHashes",
            "smartMatching.minimumRecipients",
            "smartMatching.subjectDifference",
            "addressResolution.unresolveRecipientsOnMultipleMatch",
            "addressResolution.unresolveSenderOnMultipleMatch",
            "addressResolution.resolveForInactive",
            *(f"tracking.token.{name}" for name in ("enabled", "prefix", "formerPrefixes", "baseNumber", "userDigits", "messageDigits")),
            "tracking.token.maximumNumber",
            "tracking.token.maximumSubjectLength",
            "addressResolution.allowUnresolvedRecipients",
            "sending.sendFromSubmitter",
            *(f"attachments.{name}" for name in ("maximumSize", "blockedExtensions", "blockedMimeTypes", "allowedMimeTypes")),
            "processing.connectionChannel",
            "processing.inactiveBackoff",
            *(f"alerts.{name}" for name in ("errors", "warnings", "information", "notifyMailboxOwners", "retention")),
            *(f"alerts.{name}" for name in ("sender", "recipients")),
            "processing.advancingDate",
            "deploymentSettings.allowNonSslEmail",
            "defaults.appointmentsContactsTasks",
            "tracking.trackCategorizedItems",
            "tracking.ignoreCopiedItems",
            *(
                f"linkedItems.{name}"
                for name in (
                    "unlinkOnLogicalDelete",
                    "oneMailingAddress",
                    "filters",
                    "directions",
                    "trackFromNonOrganizer",
                    "trackCategorizedContacts",
                    "updatePastMeetings",
                    "propagateCancellations",
                    "taskDeletion",
                    "privateFromMailbox",
                    "appointmentAttachments",
                )
            ),
        }
    ),
    "Mailbox": frozenset(
        {
            "emailAddress",
            "type",
            "state",
            "profile",
            "incoming",
            "outgoing",
            "appointmentsContactsTasks",
            "credentials.allowUse",
            "credentials.username",
            "credentials.password",
            "credentials.refreshToken",
            "processEmailFrom",
            "deleteAfterProcessing",
            "sendAs",
            "displayName",
            "filter",
            "trackedFolders",
        }
    ),
}

_EXCHANGE_SIGN_IN: Final = "server-to-server, hybrid-modern-auth"

#: What of these the engine cannot do: values as they are declared, and what they are where no list of them ends.
PARTLY: Final[Mapping[str, Mapping[str, str]]] = {
    "Organization": {
        "sending.sendFromSubmitter": "true",
        "defaults.appointmentsContactsTasks": "server-side other than at an Exchange server, or by a delegate",
    },
    "Mailbox": {
        "appointmentsContactsTasks": "server-side other than at an Exchange server, or by a delegate",
        "trackedFolders": "other than at an Exchange server",
    },
    "EmailServerProfile": {
        "autodiscover": "true, other than for Exchange",
        "incoming.authentication": "negotiate, other than with windows-integrated",
        "outgoing.authentication": "negotiate, other than with windows-integrated",
        "incoming.credentials": f"{_EXCHANGE_SIGN_IN}; for receiving also anonymous, and profile over IMAP and POP3",
        "outgoing.credentials": _EXCHANGE_SIGN_IN,
        "incoming.useImpersonation": "true over IMAP and POP3, and with user-or-queue",
        "outgoing.useImpersonation": "true over SMTP, and with user-or-queue",
        "outgoing.autoGrantDelegateAccess": "true",
        "encodingCodePage": "all but utf-8 (65001)",
    },
}

#: Read while the desired state is made, and shown there; no target is ever told of them, so they are compared with nothing.
STAYS_IN_GIT: Final[Mapping[str, frozenset[str]]] = {"EmailServerProfile": frozenset({"provider"})}

#: Kept and shown, and read by people and rules; there is nothing to do.
DESCRIBES: Final[Mapping[str, frozenset[str]]] = {
    "Environment": frozenset({"tenantId"}),
    "EmailServerProfile": frozenset(
        {
            "displayName",
            "description",
            "owner",
            "ownerEmailAddress",
            "exchangeVersion",
            "facts.serverVersion",
            "facts.mfa",
            "facts.impersonationScope",
            "facts.applicationScope",
            "facts.customProvider",
            "facts.fipsCompliant",
            "facts.bulkMailing",
            "facts.ewsSwitch",
            "facts.ewsAllowed",
            "facts.graphPermissions",
        }
    ),
    "Organization": frozenset(
        {"edition", "cloud", "fips", "fipsEdition", "ownedDomains", "deploymentSettings.allowCredentialsEntryViaNonSecureChannels"}
    ),
    "Mailbox": frozenset(
        {
            "owner",
            "facts.location",
            "facts.mfa",
            "facts.bulkMailing",
            "facts.synchronizedElsewhere",
            "facts.businessUnit",
            "facts.groups",
        }
    ),
}

_OUTLOOK = NotBuilt("there is no tracking by hand in Outlook")
_UPKEEP = NotBuilt("the engine has its own way", neutral=(None, False, True))

NOT_BUILT: Final[Mapping[str, Mapping[str, NotBuilt]]] = {
    "Environment": {},
    "EmailServerProfile": {
        "defaultServerLocation": NotBuilt("incoming.server and outgoing.server count", neutral=(None,)),
        "oauth.useDefaultTenantId": NotBuilt("oauth.tenantId counts", neutral=(None, False, True)),
        "oauth.resourceId": NotBuilt("oauth.scopes say what a token is asked for", neutral=(None,)),
        "oauth.keyVaultReference": NotBuilt("no certificate is fetched from a key vault", neutral=(None,)),
        "oauth.managedIdentity": NotBuilt("no certificate is fetched from a key vault", neutral=(None,)),
    },
    "Organization": {
        "tracking.autoTrackSentItems": NotBuilt("only the inbox is read"),
        "tracking.hideAutoTrackOptions": _OUTLOOK,
        "tracking.hideTrackAllOption": _OUTLOOK,
        "tracking.recipientActivity": NotBuilt("nothing is watched in sent mail"),
        "addressResolution.resolveSimilar": NotBuilt("an address is resolved with each mail, by the directory; nobody resolves it by hand"),
        "addressResolution.validateContact": NotBuilt("a mail is tracked without validating its contacts"),
        "sending.batchSize": NotBuilt("all due mail of a mailbox goes in one run", neutral=(None,)),
        "sending.saveToSentItems": NotBuilt("Exchange keeps a copy in Sent Items; elsewhere outgoing.sentCopy says"),
        "sending.delegateAccess": NotBuilt("there is no delegate access"),
        "alerts.alwaysCheckDeletePrivilege": NotBuilt("alerts end by themselves; nobody deletes them"),
        "processing.contentFiltering": NotBuilt("mail is not filtered by content"),
        "processing.forcedUnlocking": _UPKEEP,
        "processing.exchangeBatchSize": NotBuilt("batches are cut by bytes", neutral=(None,)),
        "processing.useAnchorMailbox": _UPKEEP,
        "processing.itemLevelMonitoring": _UPKEEP,
        "processing.itemFailureRetention": NotBuilt("nothing is deleted by age", neutral=(None,)),
        "processing.statisticsRetention": NotBuilt("nothing is deleted by age", neutral=(None,)),
        "processing.maximumVerboseMailboxes": NotBuilt("there is no verbose logging of single mailboxes", neutral=(None,)),
        "processing.maximumVerboseCycles": NotBuilt("there is no verbose logging of single mailboxes", neutral=(None,)),
    },
    "Mailbox": {},
}


#: The leaves by which a field of `NOT_BUILT` shows itself: ten thousand mailboxes have none of them.
_ASKING: Final[Mapping[str, frozenset[str]]] = {
    kind: frozenset(leaf for path in table for leaf in (path, f"{path}.ref")) for kind, table in NOT_BUILT.items()
}


@lru_cache(maxsize=8)
def unheard(kind: str) -> frozenset[str]:
    """The leaves of a kind from which nothing follows on the engine."""
    table = NOT_BUILT.get(kind, {})
    return frozenset(leaf for path in table for leaf in (path, *(f"{path}.{part}" for part in ("ref", "generation", "expires"))))


def not_built(kind: str, spec: Spec) -> Iterator[tuple[str, str]]:
    """(path, what happens instead) for each declared field that asks for something the engine cannot do yet."""
    table = NOT_BUILT.get(kind, {})
    if _ASKING.get(kind, frozenset()).isdisjoint(spec):
        return
    for path, leaf in spec.items():
        # Secrets stand as three leaves below their path; the reference is the one that asks for something.
        found = table.get(path) or (table.get(path.removesuffix(".ref")) if path.endswith(".ref") else None)
        if found is not None and not any(same(leaf, value) for value in found.neutral):
            yield path, found.instead
