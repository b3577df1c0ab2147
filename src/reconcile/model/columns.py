"""The one table of product columns: path of a field ↔ column ↔ how its value is written.

Columns are those of the Dataverse tables Email Server Profile, Mailbox and Organization (table reference, 2023 to 2025).
`orgdborgsettings/NAME` and `defaultemailsettings/NAME` are elements of the XML in that column of Organization, `deployment/NAME`
a property of an on-premises deployment, `filter/NAME` the column NAME of the user's settings or of the queue.

Only columns with the role `desired` take part in `to_columns` and `from_columns`.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from functools import lru_cache
from types import MappingProxyType
from typing import Final

from reconcile.lazy_dataclass import dataclass
from reconcile.model.canonical import Leaf, Spec
from reconcile.model.column_values import Amount, Cell, Encrypted, Joined, Moment, Numbers, Plain, Values
from reconcile.model.protocols import PROTOCOLS


class FieldRole(StrEnum):
    """Only `desired` is compared. `secret` is written and never read, `command` has an effect once, `watermark` is moved by
    the product, `status` (with keys, owners, audit and internals) is only read."""

    DESIRED = "desired"
    SECRET = "secret"
    COMMAND = "command"
    WATERMARK = "watermark"
    STATUS = "status"


@dataclass(frozen=True, slots=True)
class Column:
    """`path` is empty where nothing is declared for the column; then `note` says why, unless it is status."""

    name: str
    path: str
    values: Values
    role: FieldRole = FieldRole.DESIRED
    note: str = ""


_TEXT: Final = Plain(str)
_NUMBER: Final = Plain(int)
_SWITCH: Final = Plain(bool)
_DATE: Final = Moment()
_MINUTES: Final = Amount(60_000)
_DAYS: Final = Amount(86_400_000)
_LIST: Final = Joined()
_STATE: Final = Numbers({"active": 0, "inactive": 1})
_STATUS_REASON: Final = Numbers({"active": 1, "inactive": 2})
_INCOMING: Final = Numbers({"none": 0, "outlook": 1, "server-side": 2, "forward-mailbox": 3})
_OUTGOING: Final = Numbers({"none": 0, "outlook": 1, "server-side": 2})
# Here, and only here, none is 2 and server-side 1.
_ACT: Final = Numbers({"outlook": 0, "server-side": 1, "none": 2})
_FILTER: Final = Numbers({"all": 0, "replies": 1, "known-senders": 2, "email-enabled": 3, "none": 4})
_AUTHENTICATION: Final = Numbers({"auto-detect": 0, "negotiate": 1, "ntlm": 2, "basic": 3, "oauth": 4})
_RETRIEVAL: Final = Numbers(
    {
        "user-or-queue": 0,
        "profile": 1,
        "server-to-server": 2,
        "windows-integrated": 3,
        "anonymous": 4,
        "gmail-oauth": 5,
        "hybrid-modern-auth": 6,
        "entra-oauth": 7,
    }
)
_SERVER_TYPE: Final = Numbers(
    {"exchange-server": 0, "pop3-smtp": 1, "exchange-server-hybrid": 2, "exchange-online-hybrid": 3, "imap-smtp": 4}
)
_EXCHANGE: Final = Numbers(
    {
        "exchange-2007": 0,
        "exchange-2007-sp1": 1,
        "exchange-2010": 2,
        "exchange-2010-sp1": 3,
        "exchange-2010-sp2": 4,
        "exchange-2013": 5,
    }
)
_AUTHORITY: Final = Numbers({"public": 0, "us-government": 1, "china": 2, "automatic": 3})
_TASK_DELETION: Final = Numbers({"delete": 0, "unless-completed": 1, "never": 2})
_CHANNEL: Final = Numbers({"server-side": 0, "email-router": 1})
_FORCED_FILTER: Final = Numbers({"off": -1, **_FILTER.numbers})


def _direction(name: str) -> tuple[Column, ...]:
    return (
        Column(f"{name}serverlocation", f"{name}.server", _TEXT),
        Column(f"{name}portnumber", f"{name}.port", _NUMBER),
        Column(f"{name}usessl", f"{name}.tls", Encrypted()),
        Column(f"{name}authenticationprotocol", f"{name}.authentication", _AUTHENTICATION),
        Column(f"{name}credentialretrieval", f"{name}.credentials", _RETRIEVAL),
        Column(f"{name}username", f"{name}.username", _TEXT),
        Column(f"{name}password", f"{name}.password", _TEXT, FieldRole.SECRET),
        Column(f"{name}useimpersonation", f"{name}.useImpersonation", _SWITCH),
    )


def _status(names: str) -> tuple[Column, ...]:
    return tuple(Column(name, "", _TEXT, FieldRole.STATUS) for name in names.split())


_PROFILE: Final = (
    Column("name", "displayName", _TEXT),
    Column("description", "description", _TEXT),
    Column("statecode", "state", _STATE),
    Column("statuscode", "state", _STATUS_REASON, note="belongs to the state: 1 to active, 2 to inactive"),
    Column("ownerid", "owner", _TEXT),
    Column("owneremailaddress", "ownerEmailAddress", _TEXT),
    Column("sendemailalert", "sendEmailAlert", _SWITCH),
    Column("servertype", "serverType", _SERVER_TYPE),
    Column("exchangeversion", "exchangeVersion", _EXCHANGE),
    Column("useautodiscover", "autodiscover", _SWITCH),
    Column("defaultserverlocation", "defaultServerLocation", _TEXT),
    Column("encodingcodepage", "encodingCodePage", _TEXT),
    *_direction("incoming"),
    *_direction("outgoing"),
    Column("outgoingautograntdelegateaccess", "outgoing.autoGrantDelegateAccess", _SWITCH),
    Column("usesamesettingsforoutgoingconnections", "useSameSettingsForOutgoing", _SWITCH),
    Column("oauthclientid", "oauth.clientId", _TEXT),
    Column("oauthclientsecret", "oauth.clientSecret", _TEXT, FieldRole.SECRET),
    Column("exchangeonlinetenantid", "oauth.tenantId", _TEXT),
    Column("usedefaulttenantid", "oauth.useDefaultTenantId", _SWITCH),
    Column("aadresourceid", "oauth.resourceId", _TEXT),
    Column("serverauthority", "oauth.serverAuthority", _AUTHORITY),
    Column("keyvaultreferenceid", "oauth.keyVaultReference", _TEXT),
    Column("managedidentityid", "oauth.managedIdentity", _TEXT),
    Column("processemailsreceivedafter", "processEmailFrom", _DATE),
    Column("maxconcurrentconnections", "maxConcurrentConnections", _NUMBER),
    Column("minpollingintervalinminutes", "minPollingInterval", _MINUTES),
    Column("moveundeliveredemails", "moveUndeliveredEmails", _SWITCH),
    Column("timeoutmailboxconnection", "timeoutMailboxConnection", _SWITCH),
    Column("timeoutmailboxconnectionafteramount", "timeoutMailboxConnectionAfter", Amount(1)),
    *_status(
        "emailserverprofileid entityimage lastauthorizationstatus lastcrmmessage lasttestexecutionstatus lasttestrequest "
        "lasttestresponse lastteststarttime lasttesttotalexecutiontime lasttestvalidationstatus owneridtype "
        "timezoneruleversionnumber utcconversiontimezonecode createdby createdon createdonbehalfby emailservertypename "
        "incomingpartnerapplication isincomingpasswordset isoauthclientsecretset isoutgoingpasswordset modifiedby modifiedon "
        "modifiedonbehalfby organizationid outgoingpartnerapplication owningbusinessunit owningteam owninguser versionnumber"
    ),
)

_MAILBOX: Final = (
    Column("name", "displayName", _TEXT),
    Column("emailaddress", "emailAddress", _TEXT),
    Column("ownerid", "owner", _TEXT),
    Column("statecode", "state", _STATE),
    Column("statuscode", "state", _STATUS_REASON, note="belongs to the state: 1 to active, 2 to inactive"),
    Column("emailserverprofile", "profile", _TEXT),
    Column("incomingemaildeliverymethod", "incoming", _INCOMING),
    Column("outgoingemaildeliverymethod", "outgoing", _OUTGOING),
    Column("actdeliverymethod", "appointmentsContactsTasks", _ACT),
    Column("allowemailconnectortousecredentials", "credentials.allowUse", _SWITCH),
    Column("username", "credentials.username", _TEXT),
    Column("password", "credentials.password", _TEXT, FieldRole.SECRET),
    Column("oauthrefreshtoken", "credentials.refreshToken", _TEXT, FieldRole.SECRET),
    Column("oauthaccesstoken", "", _TEXT, FieldRole.SECRET, note="made from the refresh token while connecting, never declared"),
    Column("processemailreceivedafter", "processEmailFrom", _DATE, FieldRole.WATERMARK),
    Column("tagemailsafter", "", _DATE, FieldRole.WATERMARK, note="moved by category tagging, never declared"),
    Column("processanddeleteemails", "deleteAfterProcessing", _SWITCH),
    Column("filter/incomingemailfilteringmethod", "filter", _FILTER),
    Column("testemailconfigurationscheduled", "", _SWITCH, FieldRole.COMMAND, note="test and enable"),
    Column("orgmarkedasprimaryforexchangesync", "", _SWITCH, FieldRole.COMMAND, note="claims the mailbox for this organization"),
    Column("officeappsdeploymentscheduled", "", _SWITCH, FieldRole.COMMAND, note="installs the Outlook app"),
    Column("verboseloggingenabled", "", _NUMBER, FieldRole.COMMAND, note="counts down the cycles that are left, so it is no setting"),
    *_status(
        "actstatus emailrouteraccessapproval enabledforact enabledforincomingemail enabledforoutgoingemail entityimage ewsurl "
        "exchangecontactsimportstatus exchangesyncstatexml folderhierarchy incomingemailstatus isactsyncorgflagset "
        "isemailaddressapprovedbyo365admin itemsfailedforlastsync itemsprocessedforlastsync lastautodiscoveredon "
        "lastsuccessfulsynccompletedon lastsyncerror lastsyncerrorcode lastsyncerrorcount lastsyncerrormachinename "
        "lastsyncerroroccurredon lasttaggedmessageid mailboxid mailboxprocessingcontext oauthtokenexpireson "
        "officeappsdeploymentstatus outgoingemailstatus owneridtype postponemailboxprocessinguntil "
        "postponeofficeappsdeploymentuntil postponesendinguntil postponetestemailconfigurationuntil "
        "testemailconfigurationretrycount testmailboxaccesscompletedon timezoneruleversionnumber undeliverablefolder "
        "utcconversiontimezonecode averagetotalduration createdby createdon createdonbehalfby emailaddressapprovedby "
        "emailaddressapprovedon exchangecontactsimportcompletedon exchangesyncstatexmlfileref forcedunlockcount hostid "
        "isexchangecontactsimportscheduled isforwardmailbox isoauthaccesstokenset isoauthrefreshtokenset ispasswordset "
        "isserviceaccount lastactiveon lastduration lastincomingemailsrequestedfromemailserveron "
        "lastmailboxforcedunlockoccurredon lastmessageid lastsyncstartedon lasttagcompletedon lasttagprocessedmaxitems "
        "mailboxstatus modifiedby modifiedon modifiedonbehalfby nextscheduledactsyncinseconds noactcount noemailcount "
        "officeappsdeploymentcompleteon officeappsdeploymenterror organizationid owningbusinessunit owningteam owninguser "
        "processedtimes processinglastattemptedon processingstatecode receivingpostponeduntil receivingpostponeduntilforact "
        "regardingobjectid regardingobjecttypecode testandenablelastattemptedby testandenablelastattemptedon "
        "transientfailurecount versionnumber"
    ),
)


def _switches(group: str, rows: Mapping[str, str]) -> tuple[Column, ...]:
    return tuple(Column(column, f"{group}.{name}", _SWITCH) for name, column in rows.items())


_ORGANIZATION: Final = (
    *_switches(
        "approval",
        {
            "requireForUsers": "requireapprovalforuseremail",
            "requireForQueues": "requireapprovalforqueueemail",
            "requirePrivilegeForOwnAddress": "orgdborgsettings/RequirePrivilegeToSelfApproveEmailAddress",
        },
    ),
    Column("defaultemailserverprofileid", "defaults.profile", _TEXT),
    Column("defaultemailsettings/IncomingEmailDeliveryMethod", "defaults.incoming", _INCOMING),
    Column("defaultemailsettings/OutgoingEmailDeliveryMethod", "defaults.outgoing", _OUTGOING),
    Column("defaultemailsettings/ACTDeliveryMethod", "defaults.appointmentsContactsTasks", _ACT),
    Column("trackingprefix", "tracking.token.prefix", _TEXT),
    Column("trackingtokenidbase", "tracking.token.baseNumber", _NUMBER),
    Column("trackingtokeniddigits", "tracking.token.userDigits", _NUMBER),
    Column("maximumtrackingnumber", "tracking.token.maximumNumber", _NUMBER),
    Column("orgdborgsettings/MaximumSubjectLengthOnMailServer", "tracking.token.maximumSubjectLength", _NUMBER),
    *_switches(
        "tracking",
        {
            "correlation": "emailcorrelationenabled",
            "ignoreInternalEmail": "ignoreinternalemail",
            "doNotIgnoreInternalEmailToQueues": "orgdborgsettings/DoNotIgnoreInternalEmailToQueues",
            "ignoreInternalEmailFromQueues": "orgdborgsettings/IgnoreInternalEmailFromQueues",
            "improvedInternalEmailDetection": "orgdborgsettings/IgnoreInternalEmailDetectionEnhancement",
            "doNotAutoTrackEmail": "orgdborgsettings/DoNotAutoTrackEmail",
            "autoTrackSentItems": "orgdborgsettings/AutoTrackSentFolderItems",
            "trackCategorizedItems": "orgdborgsettings/TrackCategorizedItems",
            "folderTracking": "isfolderbasedtrackingenabled",
            "hideAutoTrackOptions": "orgdborgsettings/HideEmailAutoTrackOptions",
            "hideTrackAllOption": "orgdborgsettings/HideTrackAllOption",
            "ignoreThreadHeaders": "orgdborgsettings/IgnoreConversationIndexAndInReplyToForCorrelation",
            "doNotCorrelateForwardsAsReplies": "orgdborgsettings/DoNotCorrelateForwardedEmailsAsReplies",
            "onlySynchronizingMailboxDecides": "orgdborgsettings/UseFilteringMethodOfSyncingMailboxOnlyForCorrelation",
            "ignoreCopiedItems": "orgdborgsettings/IgnoreCopiedItemsInSSSForMailbox",
            "skipRightsManagedEmail": "orgdborgsettings/RestrictIRMEmailItems",
            "recipientActivity": "isemailmonitoringallowed",
        },
    ),
    Column("maxfolderbasedtrackingmappings", "tracking.maximumFolderMappings", _NUMBER),
    Column("orgdborgsettings/SSSForceFilteringMethodForUserMailboxes", "tracking.forceFilterForUsers", _FORCED_FILTER),
    *_switches(
        "smartMatching",
        {
            "enabled": "enablesmartmatching",
            "disabledByEnvironment": "orgdborgsettings/DisableSmartMatching",
            "disableHashCreation": "orgdborgsettings/DisableSmartMatchingEmailHashCreation",
        },
    ),
    Column("hashfilterkeywords", "smartMatching.subjectFilter", _TEXT),
    Column("hashmaxcount", "smartMatching.maximumHashes", _NUMBER),
    Column("hashminaddresscount", "smartMatching.minimumRecipients", _NUMBER),
    Column("hashdeltasubjectcount", "smartMatching.subjectDifference", _NUMBER),
    *_switches(
        "addressResolution",
        {
            "allowUnresolvedRecipients": "allowunresolvedpartiesonemailsend",
            "resolveSimilar": "resolvesimilarunresolvedemailaddress",
            "unresolveRecipientsOnMultipleMatch": "unresolveemailaddressifmultiplematch",
            "unresolveSenderOnMultipleMatch": "orgdborgsettings/UnresolveSenderInCaseOfMultipleMatch",
            "resolveForInactive": "orgdborgsettings/ResolveForInactiveEntities",
            "createContactForUnknownSender": "orgdborgsettings/AutoCreateContactOnPromote",
            "validateContact": "orgdborgsettings/ValidateContactBeforeTracking",
        },
    ),
    *_switches(
        "queues",
        {
            "itemForSynchronizingMailbox": "orgdborgsettings/CreateQueueItemForSynchronizingMailbox",
            "itemsForAcceptingRecipients": "orgdborgsettings/CreateQueueItemsForAcceptingQueueRecipients",
            "additionalItemsForTrackedEmail": "orgdborgsettings/SSSCreateAdditionalQueueItemsForAlreadyTrackedEmail",
        },
    ),
    Column("orgdborgsettings/BackgroundSendBatchSize", "sending.batchSize", _NUMBER),
    *_switches(
        "sending",
        {
            "sendFromSubmitter": "orgdborgsettings/EnableMailboxDelegationForOutgoingEmail",
            "saveToSentItems": "orgdborgsettings/SSSSaveOutgoingEmailToExchangeSentFolder",
            "delegateAccess": "isdelegateaccessenabled",
        },
    ),
    Column("maxuploadfilesize", "attachments.maximumSize", _NUMBER),
    Column("blockedattachments", "attachments.blockedExtensions", _LIST),
    Column("blockedmimetypes", "attachments.blockedMimeTypes", _LIST),
    Column("allowedmimetypes", "attachments.allowedMimeTypes", _LIST),
    *_switches(
        "alerts",
        {
            "errors": "generatealertsforerrors",
            "warnings": "generatealertsforwarnings",
            "information": "generatealertsforinformation",
            "notifyMailboxOwners": "notifymailboxownerofemailserverlevelalerts",
            "alwaysCheckDeletePrivilege": "orgdborgsettings/AlwaysCheckTraceLogDeletePrivilege",
        },
    ),
    Column("orgdborgsettings/TraceLogPersistenceTimeInDays", "alerts.retention", _DAYS),
    Column("emailconnectionchannel", "processing.connectionChannel", _CHANNEL),
    *_switches(
        "processing",
        {
            "contentFiltering": "isemailserverprofilecontentfilteringenabled",
            "forcedUnlocking": "ismailboxforcedunlockingenabled",
            "inactiveBackoff": "ismailboxinactivebackoffenabled",
            "useAnchorMailbox": "orgdborgsettings/UseXAnchorMailboxInExchangeRequestHeader",
            "itemLevelMonitoring": "orgdborgsettings/EnableSssItemLevelMonitoring",
        },
    ),
    *_switches(
        "linkedItems",
        {
            "unlinkOnLogicalDelete": "orgdborgsettings/DistinctPhysicalAndLogicalDeletesForExchangeSync",
            "oneMailingAddress": "iscontactmailingaddresssyncenabled",
            "trackFromNonOrganizer": "orgdborgsettings/TrackAppointmentsFromNonOrganizer",
            "updatePastMeetings": "orgdborgsettings/SSSUpdatePastMeetingsInNonDraftMode",
            "propagateCancellations": "orgdborgsettings/SSSPropagateAppointmentCancellationsToExchange",
            "privateFromMailbox": "orgdborgsettings/SSSSyncAppointmentIsPrivateFromExchange",
            "appointmentAttachments": "isappointmentattachmentsyncenabled",
        },
    ),
    Column("orgdborgsettings/SSSTaskDeletionSyncBehaviorFromExchange", "linkedItems.taskDeletion", _TASK_DELETION),
    Column("incomingemailexchangeemailretrievalbatchsize", "processing.exchangeBatchSize", _NUMBER),
    Column("orgdborgsettings/ExchangeSyncIdMappingPersistenceTimeInDays", "processing.itemFailureRetention", _DAYS),
    Column("orgdborgsettings/MailboxStatisticsPersistenceTimeInDays", "processing.statisticsRetention", _DAYS),
    Column("maxverboseloggingmailbox", "processing.maximumVerboseMailboxes", _NUMBER),
    Column("maxverboseloggingsynccycles", "processing.maximumVerboseCycles", _NUMBER),
    *_switches(
        "deploymentSettings",
        {
            "allowNonSslEmail": "deployment/AllowNonSSLEmail",
            "allowCredentialsEntryViaNonSecureChannels": "deployment/AllowCredentialsEntryViaNonSecureChannels",
        },
    ),
)

COLUMNS: Final[Mapping[str, tuple[Column, ...]]] = MappingProxyType(
    {
        "EmailServerProfile": _PROFILE,
        "Mailbox": _MAILBOX,
        "Organization": _ORGANIZATION,
        **dict.fromkeys(("Environment", "MailboxAssignment", "MailboxList"), ()),
    }
)


@lru_cache(maxsize=8)
def by_path(kind: str) -> Mapping[str, Column]:
    """The first column of each path, whatever its role."""
    first: dict[str, Column] = {}
    for column in COLUMNS[kind]:
        if column.path:
            first.setdefault(column.path, column)
    return MappingProxyType(first)


@lru_cache(maxsize=8)
def _desired(kind: str) -> tuple[Column, ...]:
    return tuple(column for column in COLUMNS[kind] if column.role is FieldRole.DESIRED)


def to_columns(kind: str, spec: Spec) -> dict[str, Cell]:
    """What a row must hold for the declared fields; None clears. Fields without a column, secrets and watermarks are left out.

    Raises ValueError, naming the path, when a leaf has no form in its column.
    """
    row: dict[str, Cell] = {}
    for column in _desired(kind):
        if column.path in spec:
            leaf = spec[column.path]
            try:
                row[column.name] = None if leaf is None else column.values.write(leaf)
            except ValueError as error:
                raise ValueError(f"{column.path}: {error}") from error
    return row


def from_columns(kind: str, row: Mapping[str, Cell]) -> dict[str, Leaf]:
    """The flat spec a row shows, sorted; unknown columns are ignored.

    Raises ValueError, naming the column, for a value the table does not know: the caller reports the row as unknown.
    """
    spec: dict[str, Leaf] = {}
    for column in _desired(kind):
        if column.name not in row or column.path in spec:
            continue
        cell = row[column.name]
        try:
            match column.values:
                case _ if cell is None:
                    spec[column.path] = None
                case Encrypted() as encrypted:
                    spec[column.path] = encrypted.read(cell, row.get(column.name.replace("usessl", "portnumber")))
                case values:
                    spec[column.path] = values.read(cell)
        except ValueError as error:
            raise ValueError(f"column {column.name}: {error}") from error
    server_type = spec.get("serverType")
    for name, protocols in PROTOCOLS.items():
        if kind == "EmailServerProfile" and server_type == name:
            spec["incoming.protocol"], spec["outgoing.protocol"] = protocols
    return dict(sorted(spec.items()))
