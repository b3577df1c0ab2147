"""Extended properties that name what an element of the schema holds too: one table, read in both directions.

DavMail works almost only with property tags, Thunderbird flags mail by them. What is not in the table is kept as clients set it.
Names and numbers: MS-OXPROPS. Reading them is in tag_values.py, setting them in assign.py.
"""

from __future__ import annotations

from typing import Final

from reconcile.sandbox.ews.extended import PROPERTY_SETS, ExtendedKey

#: A tag or "set/id or name", then an element of the item, or "element/key/part" of a dictionary.
_TABLE: Final = """
0x0017 Importance
0x001A ItemClass
0x0036 Sensitivity
0x0037 Subject
0x0039 DateTimeSent
0x0070 ConversationTopic
0x007D InternetMessageHeaders
0x0C1A From:name
0x0C1F From:address
0x0C1D From:address
0x5D01 From:address
0x0E02 DisplayBcc
0x0E03 DisplayCc
0x0E04 DisplayTo
0x0E06 DateTimeReceived
0x0E08 Size
0x0E1B HasAttachments
0x0E1D Subject
0x0E69 IsRead
0x1000 Body:Text
0x1013 Body:HTML
0x1035 InternetMessageId
0x1039 References
0x1042 InReplyTo
0x10F3 UrlName
0x3001 DisplayName
0x3007 DateTimeCreated
0x3008 LastModifiedTime
0x3A06 GivenName
0x3A11 Surname
0x3A44 MiddleName
0x3A0A Initials
0x3A05 Generation
0x3A16 CompanyName
0x3A17 JobTitle
0x3A18 Department
0x3A19 OfficeLocation
0x3A46 Profession
0x3A48 SpouseName
0x3A4E Manager
0x3A30 AssistantName
0x3A4F Nickname
0x3A41 WeddingAnniversary
0x3A42 Birthday
0x3A51 BusinessHomePage
0x3A08 PhoneNumbers/BusinessPhone
0x3A1B PhoneNumbers/BusinessPhone2
0x3A09 PhoneNumbers/HomePhone
0x3A2F PhoneNumbers/HomePhone2
0x3A1C PhoneNumbers/MobilePhone
0x3A1D PhoneNumbers/RadioPhone
0x3A1E PhoneNumbers/CarPhone
0x3A1F PhoneNumbers/OtherTelephone
0x3A1A PhoneNumbers/PrimaryPhone
0x3A21 PhoneNumbers/Pager
0x3A23 PhoneNumbers/OtherFax
0x3A24 PhoneNumbers/BusinessFax
0x3A25 PhoneNumbers/HomeFax
0x3A2C PhoneNumbers/Telex
0x3A2D PhoneNumbers/Isdn
0x3A2E PhoneNumbers/AssistantPhone
0x3A02 PhoneNumbers/Callback
0x3A4B PhoneNumbers/TtyTddPhone
0x3A57 PhoneNumbers/CompanyMainPhone
0x3A59 PhysicalAddresses/Home/City
0x3A5A PhysicalAddresses/Home/CountryOrRegion
0x3A5B PhysicalAddresses/Home/PostalCode
0x3A5C PhysicalAddresses/Home/State
0x3A5D PhysicalAddresses/Home/Street
0x3A5F PhysicalAddresses/Other/City
0x3A60 PhysicalAddresses/Other/CountryOrRegion
0x3A61 PhysicalAddresses/Other/PostalCode
0x3A62 PhysicalAddresses/Other/State
0x3A63 PhysicalAddresses/Other/Street
Address/0x8005 FileAs
Address/0x8045 PhysicalAddresses/Business/Street
Address/0x8046 PhysicalAddresses/Business/City
Address/0x8047 PhysicalAddresses/Business/State
Address/0x8048 PhysicalAddresses/Business/PostalCode
Address/0x8049 PhysicalAddresses/Business/CountryOrRegion
Address/0x8062 ImAddresses/ImAddress1
Address/0x8083 EmailAddresses/EmailAddress1
Address/0x8093 EmailAddresses/EmailAddress2
Address/0x80A3 EmailAddresses/EmailAddress3
Appointment/0x8205 LegacyFreeBusyStatus
Appointment/0x8208 Location
Appointment/0x820D Start
Appointment/0x820E End
Appointment/0x8215 IsAllDayEvent
Appointment/0x8217 AppointmentState
Common/0x8501 ReminderMinutesBeforeStart
Common/0x8502 ReminderDueBy
Common/0x8503 ReminderIsSet
Task/0x8101 Status
Task/0x8102 PercentComplete
Task/0x8104 StartDate
Task/0x8105 DueDate
Task/0x810F CompleteDate
Task/0x811C IsComplete
PublicStrings/Keywords Categories
PublicStrings/urn:schemas-microsoft-com:office:office#Keywords Categories
PublicStrings/urn:schemas:calendar:dtstart Start
PublicStrings/urn:schemas:calendar:dtend End
"""
#: Elements whose MAPI value is a number -> the words by number.
WORDS: Final = {
    "Importance": ("Low", "Normal", "High"),
    "Sensitivity": ("Normal", "Personal", "Private", "Confidential"),
    "LegacyFreeBusyStatus": ("Free", "Tentative", "Busy", "OOF", "WorkingElsewhere"),
    "Status": ("NotStarted", "InProgress", "Completed", "WaitingOnOthers", "Deferred"),
}
FLAG_STATUSES: Final = ("NotFlagged", "Complete", "Flagged")


def _key(text: str) -> ExtendedKey:
    set_, slash, name = text.partition("/")
    if not slash:
        return ExtendedKey("", int(text, 16))
    return ExtendedKey(PROPERTY_SETS[set_], int(name, 16) if name.startswith("0x") else name)


PATHS: Final = {_key(line.split()[0]): line.split()[1] for line in _TABLE.split("\n") if line}
#: PidTagRead, which some clients flag mail with.
READ_STATE: Final = ExtendedKey("", 0x0E69)
MESSAGE_FLAGS: Final = ExtendedKey("", 0x0E07)
FLAG_STATUS: Final = ExtendedKey("", 0x1090)
#: PidLidRecurring, and what CDO calls an appointment's kind.
RECURRING: Final = ExtendedKey(PROPERTY_SETS["Appointment"], 0x8223)
INSTANCE_TYPE: Final = ExtendedKey(PROPERTY_SETS["PublicStrings"], "urn:schemas:calendar:instancetype")
INSTANCES: Final = ("Single", "RecurringMaster", "Occurrence", "Exception")
IMAP_UID: Final = ExtendedKey("", 0x0E23)
RECORD_KEYS: Final = (ExtendedKey("", 0x0FF9), ExtendedKey("", 0x0FFF))
SEARCH_KEY: Final = ExtendedKey("", 0x300B)


def touched_by(key: ExtendedKey) -> str:
    """The element that setting it changes; its own name where it stands for none."""
    return "IsRead" if key == READ_STATE else PATHS.get(key) or f"{key.set}/{key.name}"


def word_of(element: str, text: str) -> str:
    """The schema's word for the number a MAPI value is; other text as it is."""
    words = WORDS.get(element)
    if words is None or not text.strip().isdigit():
        return text
    return words[min(int(text), len(words) - 1)]
