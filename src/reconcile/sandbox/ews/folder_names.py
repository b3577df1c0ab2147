"""The folders every mailbox is born with: distinguished name, parent, display name, class."""

from __future__ import annotations

from typing import Final

from reconcile.lazy_dataclass import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Distinguished:
    """`parent` is a distinguished name too; root has none."""

    name: str
    parent: str | None
    display: str
    folder_class: str


def _folder(name: str, parent: str | None, display: str, folder_class: str = "IPF.Note") -> Distinguished:
    return Distinguished(name=name, parent=parent, display=display, folder_class=folder_class)


#: Parents come before their children.
DISTINGUISHED: Final = (
    _folder("root", None, "Root", ""),
    _folder("msgfolderroot", "root", "Top of Information Store", ""),
    _folder("inbox", "msgfolderroot", "Inbox"),
    _folder("drafts", "msgfolderroot", "Drafts"),
    _folder("sentitems", "msgfolderroot", "Sent Items"),
    _folder("deleteditems", "msgfolderroot", "Deleted Items"),
    _folder("outbox", "msgfolderroot", "Outbox"),
    _folder("junkemail", "msgfolderroot", "Junk Email"),
    _folder("calendar", "msgfolderroot", "Calendar", "IPF.Appointment"),
    _folder("contacts", "msgfolderroot", "Contacts", "IPF.Contact"),
    _folder("tasks", "msgfolderroot", "Tasks", "IPF.Task"),
    _folder("notes", "msgfolderroot", "Notes", "IPF.StickyNote"),
    _folder("journal", "msgfolderroot", "Journal", "IPF.Journal"),
    _folder("conversationhistory", "msgfolderroot", "Conversation History"),
    _folder("searchfolders", "root", "Finder", ""),
    _folder("recoverableitemsroot", "root", "Recoverable Items", ""),
    _folder("recoverableitemsdeletions", "recoverableitemsroot", "Deletions", ""),
    _folder("recoverableitemspurges", "recoverableitemsroot", "Purges", ""),
    _folder("recoverableitemsversions", "recoverableitemsroot", "Versions", ""),
    _folder("quickcontacts", "contacts", "{06967759-274D-40B2-A3EB-D7F9E73727D7}", "IPF.Contact.MOC.QuickContacts"),
    _folder("recipientcache", "contacts", "Recipient Cache", "IPF.Contact.RecipientCache"),
)

#: Folders whose mail IMAP shows too, under these names.
SHARED_WITH_IMAP: Final = {"inbox": "INBOX", "sentitems": "Sent"}

_ELEMENTS: Final = (
    ("IPF.Appointment", "CalendarFolder"),
    ("IPF.Contact", "ContactsFolder"),
    ("IPF.Task", "TasksFolder"),
)


def folder_element(folder_class: str) -> str:
    """The schema's element (without prefix) for a folder of that class."""
    for prefix, element in _ELEMENTS:
        if folder_class.lower().startswith(prefix.lower()):
            return element
    return "Folder"


def folder_class_of(element: str, given: str) -> str:
    """The class of a folder somebody creates as that element."""
    return given or next((prefix for prefix, name in _ELEMENTS if name == element), "IPF.Note")
