"""What each response code of Exchange Web Services means for the caller: one class for each of the schema's ResponseCodeType, a rule for
those that the schema does not know (Microsoft: "ResponseCode", EWS schema V2018_01_08; meanings: "EWS reference for Exchange").

Codes are the truth, not the classes of a library: a newer server has codes that no library knows. They stand without their "Error".
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from enum import StrEnum
from typing import Final


class Kind(StrEnum):
    """Whom an answer concerns, and whether it changes by itself."""

    DONE = "done"
    TRANSIENT = "transient"  # the server cannot now; it is tried again by itself
    ITEM = "item"  # about what was asked for by its id: the others go on
    MAILBOX = "mailbox"  # about this mailbox; a person must act
    PROFILE = "profile"  # about the account or the version that all mailboxes of the profile share; a person must act
    PERMANENT = "permanent"  # the request as such is refused, and will be


_TABLE: Final[Mapping[Kind, str]] = {
    Kind.TRANSIENT: """
        ADOperation ADUnavailable AutoDiscoverFailed BatchProcessingStopped ClientDisconnected ClientIntentNotFound ConnectionFailed
        CrossSiteRequest DataSourceOperation EventNotFound ExceededConnectionCount ExceededMessageLimit ExceededMessageLimitShowTierUpgrade
        ExceededSubscriptionCount ExpiredSubscription FreeBusyGenerationFailed GetServerSecurityDescriptorFailed InstantSearchSessionExpired
        InstantSearchTimeout InsufficientResources InternalServerError InternalServerTransientError InvalidPullSubscriptionId
        InvalidSubscription InvalidSyncStateData InvalidWatermark LocalServerObjectNotFound LocationServicesRequestTimedOut
        LogonAsNetworkServiceFailed MailboxFailover MailboxLogonFailed MailboxMoveInProgress MailboxStoreUnavailable
        MessageTrackingTransientError MissedNotificationEvents NewEventStreamConnectionOpened NoApplicableProxyCASServersAvailable
        NoOAuthServerAvailableForRequest NoPublicFolderReplicaAvailable NoPublicFolderServerAvailable NoRespondingCASInDestinationSite
        NotEnoughMemory ParsingXMLResponse ProxiedSubscriptionCallFailure ProxyCallFailed ProxyRequestProcessingFailed
        ProxyServiceDiscoveryFailed ProxySoapException ProxyTokenExpired PublicFolderMailboxDiscoveryFailed
        PublicFolderRequestProcessingFailed PublicFolderSyncException ReadEventsFailed RequestAborted SearchFolderNotInitialized ServerBusy
        ServiceDiscoveryFailed ServiceUnavailable SharingSynchronizationFailed SubmissionQuotaExceeded SubscriptionNotFound
        SubscriptionUnsubscribed TimeoutExpired TooManyObjectsOpened UMServerUnavailable UnifiedGroupMailboxUpdateDelayed
        WebRequestInInvalidState Win32InteropError
    """,
    Kind.PROFILE: """
        ADSessionFilter AccessModeSpecified AccountDisabled CallerIsInvalidADAccount DuplicateSOAPHeader ImpersonateUserDenied
        ImpersonationDenied ImpersonationFailed IncorrectSchemaVersion InvalidAuthorizationContext InvalidClientAccessTokenRequest
        InvalidClientSecurityContext InvalidCrossForestCredentials InvalidExchangeImpersonationHeaderData InvalidLogonType
        InvalidManagementRoleHeader InvalidNetworkServiceContext InvalidProxySecurityContext InvalidSchemaVersionForMailboxVersion
        InvalidSerializedAccessToken InvalidServerVersion MoreThanOneAccessModeSpecified NoDestinationCASDueToKerberosRequirements
        NoDestinationCASDueToSSLRequirements NoDestinationCASDueToVersionMismatch OrganizationAccessBlocked OrganizationNotFederated
        PasswordChangeRequired PasswordExpired ProxyGroupSidLimitExceeded ProxyRequestNotAllowed TokenSerializationDenied
        UnauthorizedClientAccessTokenRequest UserNotAllowedByPolicy WrongServerVersion WrongServerVersionDelegate
    """,
    Kind.MAILBOX: """
        AccessDenied AccessDeniedDueToCompliance AccountSuspend AccountSuspendShowTierUpgrade ArchiveMailboxNotEnabled CannotFindUser
        CreateItemAccessDenied CreateSubfolderAccessDenied DelegateMissingConfiguration DistinguishedUserNotSupported
        DuplicateLegacyDistinguishedName FolderCorrupt FolderNotFound FolderPropertRequestFailed FolderSave FolderSaveFailed
        FolderSavePropertyError IndividualMailboxLimitReached InvalidLicense InvalidMailbox InvalidSid InvalidSmtpAddress
        InvalidUserPrincipalName InvalidUserSid InvalidUserSidMissingUPN MailboxConfiguration ManagedFolderNotFound
        ManagedFoldersRootFailure MessagePerFolderCountReceiveQuotaExceeded MessageSubmissionBlocked MissingEmailAddress
        MissingExchangePrincipal MultiLegacyMailboxAccess NoCalendar NoFreeBusyAccess NonExistentMailbox NonPrimarySmtpAddress NotDelegate
        ParentFolderNotFound QuotaExceeded QuotaExceededOnDelete RecoverableItemsAccessDenied RulesOverQuota SavedItemFolderNotFound
        SendAsDenied SubscriptionAccessDenied SubscriptionDelegateAccessNotSupported SubscriptionsDisabledForGroup SyncFolderNotFound
        ToFolderNotFound UserWithoutFederatedProxyAddress
    """,
    Kind.ITEM: """
        AffectedTaskOccurrencesRequired ApplyConversationActionFailed AttachmentNestLevelLimitExceeded AttachmentSizeLimitExceeded
        CalendarCannotMoveOrCopyOccurrence CalendarCannotUpdateDeletedItem CalendarCannotUseIdForOccurrenceId
        CalendarCannotUseIdForRecurringMasterId CalendarDurationIsTooLong CalendarEndDateIsEarlierThanStartDate
        CalendarFolderIsInvalidForCalendarView CalendarForwardActionNotAllowed CalendarInvalidAttributeValue
        CalendarInvalidDayForTimeChangePattern CalendarInvalidDayForWeeklyRecurrence CalendarInvalidPropertyState
        CalendarInvalidPropertyValue CalendarInvalidRecurrence CalendarInvalidTimeZone CalendarIsCancelledForAccept
        CalendarIsCancelledForDecline CalendarIsCancelledForRemove CalendarIsCancelledForTentative CalendarIsDelegatedForAccept
        CalendarIsDelegatedForDecline CalendarIsDelegatedForRemove CalendarIsDelegatedForTentative CalendarIsGroupMailboxForAccept
        CalendarIsGroupMailboxForDecline CalendarIsGroupMailboxForSuppressReadReceipt CalendarIsGroupMailboxForTentative
        CalendarIsNotOrganizer CalendarIsOrganizerForAccept CalendarIsOrganizerForDecline CalendarIsOrganizerForRemove
        CalendarIsOrganizerForTentative CalendarMeetingRequestIsOutOfDate CalendarOccurrenceIndexIsOutOfRecurrenceRange
        CalendarOccurrenceIsDeletedFromRecurrence CalendarOutOfRange CalendarSeekToConditionNotSupported CalendarViewRangeTooBig
        CannotCreateCalendarItemInNonCalendarFolder CannotCreateContactInNonContactFolder CannotCreatePostItemInNonMailFolder
        CannotCreateTaskInNonTaskFolder CannotDeleteObject CannotDeleteTaskOccurrence CannotFindFileAttachment CannotOpenFileAttachment
        ChangeKeyRequired ChangeKeyRequiredForWriteOperations ContentConversionFailed CorruptData DataSizeLimitExceeded DeleteItemsFailed
        DistributionListMemberNotExist DuplicateTransactionId EmailAddressMismatch ExceededMaxRecipientLimit ExceededMaxRecipientLimitBlock
        ExceededMaxRecipientLimitShowTierUpgrade FolderExists IncorrectUpdatePropertyCount InvalidAttachmentId InvalidAttachmentSubfilter
        InvalidAttachmentSubfilterTextFilter InvalidChangeKey InvalidCompleteDate InvalidContactEmailAddress InvalidContactEmailIndex
        InvalidExtendedPropertyValue InvalidFolderId InvalidId InvalidIdEmpty InvalidIdMalformed InvalidIdMalformedEwsLegacyIdFormat
        InvalidIdMonikerTooLong InvalidIdNotAnItemAttachmentId InvalidIdReturnedByResolveNames InvalidIdStoreObjectIdTooLong
        InvalidIdTooManyAttachmentLevels InvalidIdXml InvalidItemForOperationAcceptItem InvalidItemForOperationArchiveItem
        InvalidItemForOperationCancelItem InvalidItemForOperationCreateItem InvalidItemForOperationCreateItemAttachment
        InvalidItemForOperationDeclineItem InvalidItemForOperationExpandDL InvalidItemForOperationRemoveItem InvalidItemForOperationSendItem
        InvalidItemForOperationTentative InvalidPercentCompleteValue InvalidPropertySet InvalidPropertyUpdateSentMessage InvalidRecipients
        InvalidReferenceItem InvalidRoutingType InvalidSharingData InvalidSharingMessage InvalidValueForProperty IrresolvableConflict
        ItemCorrupt ItemNotFound ItemPropertyRequestFailed ItemSave ItemSavePropertyError MailRecipientNotFound MessageBlocked
        MessageSizeExceeded MimeContentConversionFailed MimeContentInvalid MimeContentInvalidBase64String MissingInformationEmailAddress
        MissingRecipients MoveCopyFailed NameResolutionMultipleResults NameResolutionNoMailbox NameResolutionNoResults
        NotSupportedSharingMessage ObjectTypeChanged OccurrenceCrossingBoundary OccurrenceTimeSpanTooBig PropertyUpdate
        PropertyValidationFailure ReadReceiptNotPending RecipientNotFound RecurrenceEndDateTooBig RecurrenceHasNoOccurrence
        RequestStreamTooBig RequiredPropertyMissing SentMeetingRequestUpdate SentTaskRequestUpdate StaleObject TimeZone
        UnsupportedMapiPropertyType UnsupportedMimeConversion UnsupportedRecurrence UnsupportedTypeForConversion UpdatePropertyMismatch
        ValueOutOfRange VirusDetected VirusMessageDeleted
    """,
    Kind.PERMANENT: """
        AccessingPartialCreatedUnifiedGroup AddDelegatesFailed AddressSpaceNotFound ArchiveFolderPathCreation ArchiveMailboxSearchFailed
        ArchiveMailboxServiceDiscoveryFailed AvailabilityConfigNotFound CannotAccessDeletedPublicFolder
        CannotArchiveCalendarContactTaskFolderException CannotArchiveItemsInArchiveMailbox CannotArchiveItemsInPublicFolders
        CannotDisableMandatoryExtension CannotDownloadExtensionManifest CannotEmptyFolder CannotGetExternalEcpUrl CannotGetSourceFolderPath
        CannotSetCalendarPermissionOnNonCalendarFolder CannotSetNonCalendarPermissionOnCalendarFolder CannotSetPermissionUnknownEntries
        CannotSpecifySearchFolderAsSourceFolder CannotUninstallProvidedExtensions CannotUseFolderIdForItemId CannotUseItemIdForFolderId
        ClientIntentInvalidStateDefinition ContainsFilterWrongType ContentIndexingNotEnabled CreateManagedFolderPartialCompletion
        CrossMailboxMoveCopy DelegateAlreadyExists DelegateCannotAddOwner DelegateNoUser DelegateValidationFailed DeleteDistinguishedFolder
        DeleteUnifiedMessagingPromptFailed DiscoverySearchesDisabled DuplicateExtendedKeywordDefinition DuplicateInputFolderNames
        DuplicateSenderRestrictionsInputFound DuplicateUserIdsSpecified ExceededFindCountLimit ExportRemoteArchiveItemsFailed
        ExtensionAlreadyInstalledForOrg ExtensionNotFound ExtensionsNotAuthorized FindRemoteArchiveFolderFailed FreeBusyDLLimitReached
        GetRemoteArchiveFolderFailed GetRemoteArchiveItemFailed IPGatewayNotFound ImContactLimitReached ImGroupDisplayNameAlreadyExists
        ImGroupLimitReached InboxRulesValidationError InstantSearchFailed InvalidAccessLevel InvalidArgument InvalidBulkActionType
        InvalidDelegatePermission InvalidDelegateUserId InvalidExcludesRestriction InvalidExpressionTypeForSubFilter InvalidExtendedProperty
        InvalidExtensionId InvalidExternalSharingInitiator InvalidExternalSharingSubscriber InvalidFederatedOrganizationId
        InvalidFederationOrganizationIdentifier InvalidFolderTypeForOperation InvalidFractionalPagingParameters InvalidFreeBusyViewType
        InvalidGetSharingFolderRequest InvalidImContactId InvalidImDistributionGroupSmtpAddress InvalidImGroupId
        InvalidIndexedPagingParameters InvalidInternetHeaderChildNodes InvalidInternetWebProxyOnLocalServer InvalidKeepNCount
        InvalidKeepNType InvalidLatitude InvalidLikeRequest InvalidLongitude InvalidManagedFolderProperty InvalidManagedFolderQuota
        InvalidManagedFolderSize InvalidMergedFreeBusyInterval InvalidNameForNameResolution InvalidOofParameter InvalidOperation
        InvalidOrganizationRelationshipForFreeBusy InvalidPagingMaxRows InvalidParentFolder InvalidPermissionSettings InvalidPhoneCallId
        InvalidPhoneNumber InvalidPhotoSize InvalidPropertyAppend InvalidPropertyDelete InvalidPropertyForExists InvalidPropertyForOperation
        InvalidPropertyRequest InvalidPushSubscriptionUrl InvalidRecipientSubfilter InvalidRecipientSubfilterComparison
        InvalidRecipientSubfilterOrder InvalidRecipientSubfilterTextFilter InvalidReportMessageActionType InvalidRequest InvalidRestriction
        InvalidRetentionTagIdGuid InvalidRetentionTagInheritance InvalidRetentionTagInvisible InvalidRetentionTagNone
        InvalidRetentionTagTypeMismatch InvalidSIPUri InvalidScheduledOofDuration InvalidSecurityDescriptor InvalidSendItemSaveSettings
        InvalidSubfilterType InvalidSubfilterTypeNotAttendeeType InvalidSubfilterTypeNotRecipientType InvalidSubscriptionRequest
        InvalidSweepRule InvalidSweepRuleOperationType InvalidTimeInterval InvalidUserInfo InvalidUserOofSettings InvalidValueForFilter
        LegacyMailboxFreeBusyViewTypeNotMerged LocationServicesDisabled LocationServicesInvalidRequest LocationServicesRequestFailed
        MailTipsDisabled MailboxDataArrayEmpty MailboxDataArrayTooBig MailboxHoldNotFound MailboxScopeNotAllowedWithoutQueryString
        ManagedFolderAlreadyExists MarketPlaceExtensionAlreadyInstalledForOrg MeetingSuggestionGenerationFailed MessageDispositionRequired
        MessageTrackingNoSuchDomain MessageTrackingPermanentError MissingArgument MissingEmailAddressForManagedFolder
        MissingInformationReferenceItemId MissingInformationSharingFolderId MissingItemForCreateItemAttachment MissingManagedFolderId
        MissingUserIdInformation MoveDistinguishedFolder MoveUnifiedGroupPropertyFailed NewerExtensionAlreadyInstalled
        NewerMarketPlaceExtensionAlreadyInstalled NoFolderClassOverride NoPropertyTagForCustomProperties
        NoRbacPermissionToInstallMarketPlaceExtensions NoRbacPermissionToInstallReadWriteMailboxExtensions
        NoSenderRestrictionsSettingsFoundInRequest NoSpeechDetected NotAllowedExternalSharingByPolicy
        OperationNotAllowedWithPublicFolderRoot OutlookRuleBlobExists ParentFolderIdRequired PermissionNotAllowedByPolicy
        PhoneNumberNotDialable PromptPublishingOperationFailed PublicFolderOperationFailed PublicFolderServerNotFound QueryFilterTooLong
        RecognizerNotInstalled RemoveDelegatesFailed ResolveNamesInvalidFolderType ResolveNamesOnlyOneContactsFolderAllowed
        ResponseSchemaValidation RestrictionTooComplex RestrictionTooLong ResultSetTooBig SchemaValidation SearchQueryHasTooManyKeywords
        SearchTooManyMailboxes SendMeetingCancellationsRequired SendMeetingInvitationsOrCancellationsRequired SendMeetingInvitationsRequired
        SenderRestrictionsUpdateFailed SharingNoExternalEwsAvailable SpeechGrammarError TargetDomainNotSupported
        TeamMailboxActiveToPendingDelete TeamMailboxErrorUnknown TeamMailboxFailedSendingNotifications TeamMailboxNotAuthorizedOwner
        TeamMailboxNotFound TeamMailboxNotLinkedToSharePoint TeamMailboxUrlValidationFailed TimeIntervalTooBig UnableToGetUserOofSettings
        UnableToRemoveImContactFromGroup UnexpectedUnifiedGroupsCount UnifiedGroupAadAuthorizationRequestDenied
        UnifiedGroupAliasNamingPolicy UnifiedGroupAlreadyExists UnifiedGroupCreationDisabled UnifiedGroupMailboxAADCreationFailed
        UnifiedGroupMailboxAADDeleteFailed UnifiedGroupMailboxDeleteFailed UnifiedGroupMailboxNamingPolicy UnifiedGroupMailboxNotFound
        UnifiedGroupMailboxProvisionFailed UnifiedGroupMailboxUpdateFailed UnifiedGroupMailboxUpdatedPartialProperties
        UnifiedMessagingDialPlanNotFound UnifiedMessagingPromptNotFound UnifiedMessagingReportDataNotFound UnifiedMessagingRequestFailed
        UnifiedMessagingServerNotFound UnsupportedCulture UnsupportedPathForQuery UnsupportedPathForSortGroup UnsupportedPropertyDefinition
        UnsupportedQueryFilter UnsupportedSubFilter UnsupportedUserForExecuteSearch UpdateDelegatesFailed UserNotUnifiedMessagingEnabled
        VoiceMailNotImplemented WeatherServiceDisabled WorkingHoursSaveFailed WorkingHoursXmlMalformed
    """,
}

#: "Error" and a name, to its class.
KINDS: Final[Mapping[str, Kind]] = {f"Error{name}": kind for kind, names in _TABLE.items() for name in names.split()} | {
    "NoError": Kind.DONE
}

#: The server is busy or at a limit of the account: a pause helps, also where it names none ("EWS throttling in Exchange").
BUSY: Final = frozenset(
    {
        "ErrorServerBusy",
        "ErrorExceededConnectionCount",
        "ErrorExceededSubscriptionCount",
        "ErrorInsufficientResources",
        "ErrorTooManyObjectsOpened",
        "ErrorNotEnoughMemory",
        "ErrorSubmissionQuotaExceeded",
        "ErrorExceededMessageLimit",
        "ErrorExceededMessageLimitShowTierUpgrade",
    }
)
#: What was named by an id is not there (any more).
GONE: Final = frozenset({"ErrorItemNotFound", "ErrorVirusMessageDeleted"})
#: The server may have done it all the same before it said so.
AMBIGUOUS: Final = frozenset(
    {
        "ErrorTimeoutExpired",
        "ErrorInternalServerError",
        "ErrorInternalServerTransientError",
        "ErrorConnectionFailed",
        "ErrorClientDisconnected",
        "ErrorRequestAborted",
        "ErrorProxyCallFailed",
        "ErrorProxySoapException",
        "ErrorProxyRequestProcessingFailed",
        "ErrorMailboxFailover",
    }
)

_LATER: Final = re.compile(r"Busy|Transient|Unavailable|Timeout|TimedOut|Throttl|Limit(?!.*Recipient)|Failover|Retry")
_DENIED: Final = re.compile(r"Access|Denied|NotAllowed|Mailbox|License")


def kind_of(code: str, *, fault: bool = False) -> Kind:
    """The class of a code. One that nobody knows: by its words; else about the item where the answer is about one, and to be tried
    again where the request as a whole failed: that is counted, so it comes to a person in the end."""
    known = KINDS.get(code)
    if known is not None:
        return known
    if _LATER.search(code):
        return Kind.TRANSIENT
    if not fault:
        return Kind.ITEM
    return Kind.MAILBOX if _DENIED.search(code) else Kind.TRANSIENT
