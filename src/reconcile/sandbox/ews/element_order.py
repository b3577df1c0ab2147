"""Which elements an item of each class has, in the order the schema wants them: the one table of properties.

Each word is a field URI, followed by "=" and its type where it is not text: time (xs:dateTime), int, float, bool, tree (elements below).
A leading "-:" marks an element that no field URI names. Taken from types.xsd of EWS (V2018_01_08).
"""

from __future__ import annotations

from functools import cache
from typing import Final

from reconcile.lazy_dataclass import dataclass

_ITEM: Final = """
item:MimeContent=tree item:ItemId=tree item:ParentFolderId=tree item:ItemClass item:Subject item:Sensitivity item:Body=tree
item:Attachments=tree item:DateTimeReceived=time item:Size=int item:Categories=tree item:Importance item:InReplyTo
item:IsSubmitted=bool item:IsDraft=bool item:IsFromMe=bool item:IsResend=bool item:IsUnmodified=bool
item:InternetMessageHeaders=tree item:DateTimeSent=time item:DateTimeCreated=time item:ResponseObjects=tree
item:ReminderDueBy=time item:ReminderIsSet=bool item:ReminderNextTime=time item:ReminderMinutesBeforeStart=int item:DisplayCc
item:DisplayTo item:DisplayBcc item:HasAttachments=bool -:ExtendedProperty=tree item:Culture item:EffectiveRights=tree
item:LastModifiedName item:LastModifiedTime=time item:IsAssociated=bool item:WebClientReadFormQueryString
item:WebClientEditFormQueryString item:ConversationId=tree item:UniqueBody=tree item:Flag=tree item:StoreEntryId
item:InstanceKey item:NormalizedBody=tree item:EntityExtractionResult=tree item:PolicyTag=tree item:ArchiveTag=tree
item:RetentionDate=time item:Preview item:RightsManagementLicenseData=tree item:PredictedActionReasons=tree
item:IsClutter=bool item:BlockStatus=bool item:HasBlockedImages=bool item:TextBody=tree item:IconIndex -:SearchKey
-:SortKey=int item:Hashtags=tree item:Mentions=tree item:MentionedMe=bool item:MentionsPreview=tree item:MentionsEx=tree
item:AppliedHashtags=tree item:AppliedHashtagsPreview=tree item:Likes=tree item:LikesPreview=tree
item:PendingSocialActivityTagIds=tree item:AtAllMention=bool item:CanDelete=bool item:InferenceClassification
"""
_MESSAGE: Final = """
message:Sender=tree message:ToRecipients=tree message:CcRecipients=tree message:BccRecipients=tree
message:IsReadReceiptRequested=bool message:IsDeliveryReceiptRequested=bool message:ConversationIndex
message:ConversationTopic message:From=tree message:InternetMessageId message:IsRead=bool message:IsResponseRequested=bool
message:References message:ReplyTo=tree message:ReceivedBy=tree message:ReceivedRepresenting=tree
message:ApprovalRequestData=tree message:VotingInformation=tree message:ReminderMessageData=tree message:MessageSafety=tree
-:SenderSMTPAddress=tree -:MailboxGuids -:MailboxGuid message:PublishedCalendarItemIcs message:PublishedCalendarItemName
"""
_CALENDAR: Final = """
calendar:UID calendar:RecurrenceId=time calendar:DateTimeStamp=time calendar:Start=time calendar:End=time
calendar:OriginalStart=time calendar:IsAllDayEvent=bool calendar:LegacyFreeBusyStatus calendar:Location calendar:When
calendar:IsMeeting=bool calendar:IsCancelled=bool calendar:IsRecurring=bool calendar:MeetingRequestWasSent=bool
calendar:IsResponseRequested=bool calendar:CalendarItemType calendar:MyResponseType calendar:Organizer=tree
calendar:RequiredAttendees=tree calendar:OptionalAttendees=tree calendar:Resources=tree calendar:InboxReminders=tree
calendar:ConflictingMeetingCount=int calendar:AdjacentMeetingCount=int calendar:ConflictingMeetings=tree
calendar:AdjacentMeetings=tree calendar:Duration calendar:TimeZone calendar:AppointmentReplyTime=time
calendar:AppointmentSequenceNumber=int calendar:AppointmentState=int calendar:Recurrence=tree calendar:FirstOccurrence=tree
calendar:LastOccurrence=tree calendar:ModifiedOccurrences=tree calendar:DeletedOccurrences=tree calendar:MeetingTimeZone=tree
calendar:StartTimeZone=tree calendar:EndTimeZone=tree calendar:ConferenceType=int calendar:AllowNewTimeProposal=bool
calendar:IsOnlineMeeting=bool calendar:MeetingWorkspaceUrl calendar:NetShowUrl calendar:EnhancedLocation=tree
calendar:StartWallClock=time calendar:EndWallClock=time calendar:StartTimeZoneId calendar:EndTimeZoneId
-:IntendedFreeBusyStatus calendar:JoinOnlineMeetingUrl calendar:OnlineMeetingSettings=tree calendar:IsOrganizer=bool
calendar:CalendarActivityData=tree calendar:DoNotForwardMeeting=bool
"""
_CONTACT: Final = """
contacts:FileAs contacts:FileAsMapping contacts:DisplayName contacts:GivenName contacts:Initials contacts:MiddleName
contacts:Nickname contacts:CompleteName=tree contacts:CompanyName contacts:EmailAddresses=tree
contacts:AbchEmailAddresses=tree contacts:PhysicalAddresses=tree contacts:PhoneNumbers=tree contacts:AssistantName
contacts:Birthday=time contacts:BusinessHomePage contacts:Children=tree contacts:Companies=tree contacts:ContactSource
contacts:Department contacts:Generation contacts:ImAddresses=tree contacts:JobTitle contacts:Manager contacts:Mileage
contacts:OfficeLocation contacts:PostalAddressIndex contacts:Profession contacts:SpouseName contacts:Surname
contacts:WeddingAnniversary=time contacts:HasPicture=bool contacts:PhoneticFullName contacts:PhoneticFirstName
contacts:PhoneticLastName contacts:Alias contacts:Notes contacts:Photo contacts:UserSMIMECertificate=tree
contacts:MSExchangeCertificate=tree contacts:DirectoryId contacts:ManagerMailbox=tree contacts:DirectReports=tree
contacts:AccountName contacts:IsAutoUpdateDisabled=bool contacts:IsMessengerEnabled=bool contacts:Comment
contacts:ContactShortId=int contacts:ContactType contacts:Gender contacts:IsHidden=bool contacts:ObjectId
contacts:PassportId=int contacts:IsPrivate=bool contacts:SourceId contacts:TrustLevel=int contacts:CreatedBy
contacts:Urls=tree contacts:Cid=int contacts:SkypeAuthCertificate contacts:SkypeContext contacts:SkypeId
contacts:SkypeRelationship contacts:YomiNickname contacts:XboxLiveTag contacts:InviteFree=bool
contacts:HidePresenceAndProfile=bool contacts:IsPendingOutbound=bool contacts:SupportGroupFeeds=bool contacts:UserTileHash
contacts:UnifiedInbox=bool contacts:Mris=tree contacts:Wlid contacts:AbchContactId contacts:NotInBirthdayCalendar=bool
contacts:ShellContactType contacts:ImMri contacts:PresenceTrustLevel=int contacts:OtherMri contacts:ProfileLastChanged
contacts:MobileIMEnabled=bool contacts:PartnerNetworkProfilePhotoUrl contacts:PartnerNetworkThumbnailPhotoUrl
contacts:PersonId contacts:ConversationGuid
"""
_TASK: Final = """
task:ActualWork=int task:AssignedTime=time task:BillingInformation task:ChangeCount=int task:Companies=tree
task:CompleteDate=time task:Contacts=tree task:DelegationState task:Delegator task:DueDate=time task:IsAssignmentEditable=int
task:IsComplete=bool task:IsRecurring=bool task:IsTeamTask=bool task:Mileage task:Owner task:PercentComplete=float
task:Recurrence=tree task:StartDate=time task:Status task:StatusDescription task:TotalWork=int
"""
_MEETING: Final = """
meeting:AssociatedCalendarItemId=tree meeting:IsDelegated=bool meeting:IsOutOfDate=bool meeting:HasBeenProcessed=bool
meeting:ResponseType calendar:UID calendar:RecurrenceId=time calendar:DateTimeStamp=time calendar:IsOrganizer=bool
"""
_MEETING_REQUEST: Final = """
meetingRequest:MeetingRequestType meetingRequest:IntendedFreeBusyStatus calendar:Start=time calendar:End=time
calendar:OriginalStart=time calendar:IsAllDayEvent=bool calendar:LegacyFreeBusyStatus calendar:Location calendar:When
calendar:IsMeeting=bool calendar:IsCancelled=bool calendar:IsRecurring=bool calendar:MeetingRequestWasSent=bool
calendar:CalendarItemType calendar:MyResponseType calendar:Organizer=tree calendar:RequiredAttendees=tree
calendar:OptionalAttendees=tree calendar:Resources=tree calendar:ConflictingMeetingCount=int calendar:AdjacentMeetingCount=int
calendar:ConflictingMeetings=tree calendar:AdjacentMeetings=tree calendar:Duration calendar:TimeZone
calendar:AppointmentReplyTime=time calendar:AppointmentSequenceNumber=int calendar:AppointmentState=int
calendar:Recurrence=tree calendar:FirstOccurrence=tree calendar:LastOccurrence=tree calendar:ModifiedOccurrences=tree
calendar:DeletedOccurrences=tree calendar:MeetingTimeZone=tree calendar:StartTimeZone=tree calendar:EndTimeZone=tree
calendar:ConferenceType=int calendar:AllowNewTimeProposal=bool calendar:IsOnlineMeeting=bool calendar:MeetingWorkspaceUrl
calendar:NetShowUrl calendar:EnhancedLocation=tree meetingRequest:ChangeHighlights=tree calendar:StartWallClock=time
calendar:EndWallClock=time calendar:StartTimeZoneId calendar:EndTimeZoneId calendar:DoNotForwardMeeting=bool
"""
_MEETING_RESPONSE: Final = """
calendar:Start=time calendar:End=time calendar:Location calendar:Recurrence=tree calendar:CalendarItemType
meeting:ProposedStart=time meeting:ProposedEnd=time calendar:EnhancedLocation=tree
"""
_MEETING_CANCELLATION: Final = """
calendar:Start=time calendar:End=time calendar:Location calendar:Recurrence=tree calendar:CalendarItemType
calendar:EnhancedLocation=tree calendar:DoNotForwardMeeting=bool
"""
_DISTRIBUTION_LIST: Final = """
contacts:DisplayName contacts:FileAs contacts:ContactSource distributionlist:Members=tree
"""
_POST: Final = """
message:ConversationIndex message:ConversationTopic message:From=tree message:InternetMessageId message:IsRead=bool
postitem:PostedTime=time message:References message:Sender=tree
"""

#: Element of an item -> the words of its class, base first.
_CLASSES: Final = {
    "Item": (_ITEM,),
    "Message": (_ITEM, _MESSAGE),
    "CalendarItem": (_ITEM, _CALENDAR),
    "Contact": (_ITEM, _CONTACT),
    "DistributionList": (_ITEM, _DISTRIBUTION_LIST),
    "MeetingMessage": (_ITEM, _MESSAGE, _MEETING),
    "MeetingRequest": (_ITEM, _MESSAGE, _MEETING, _MEETING_REQUEST),
    "MeetingResponse": (_ITEM, _MESSAGE, _MEETING, _MEETING_RESPONSE),
    "MeetingCancellation": (_ITEM, _MESSAGE, _MEETING, _MEETING_CANCELLATION),
    "Task": (_ITEM, _TASK),
    "PostItem": (_ITEM, _POST),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Property:
    """`element` without prefix; `uri` is its field URI or ""; `type` one of text, time, int, float, bool, tree."""

    element: str
    uri: str
    type: str
    position: int


def words(text: str) -> frozenset[str]:
    """The words of a text: a set of elements that can be read."""
    return frozenset(text.split())


@cache
def properties(kind: str) -> dict[str, Property]:
    """The properties of an item class by element name, in schema order; of Item for a class that is none."""
    found: dict[str, Property] = {}
    for words in _CLASSES.get(kind, (_ITEM,)):
        for word in words.split():
            uri, _, type_ = word.partition("=")
            prefix, _, element = uri.partition(":")
            if element not in found:
                found[element] = Property(element=element, uri="" if prefix == "-" else uri, type=type_ or "text", position=len(found))
    return found


@cache
def element_types() -> dict[str, str]:
    """Field URI -> type, over all classes: what a restriction compares as."""
    return {found.uri: found.type for kind in _CLASSES for found in properties(kind).values() if found.uri}


def is_item_class(element: str) -> bool:
    """Whether an element is an item (without prefix)."""
    return element in _CLASSES
