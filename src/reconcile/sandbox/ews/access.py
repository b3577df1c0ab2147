"""What a delegate may do in a folder of somebody else's mailbox."""

from __future__ import annotations

from reconcile.sandbox.ews.mailbox import Mailbox
from reconcile.sandbox.ews.stored import Folder

_READ = frozenset(("Editor", "Author", "Reviewer", "Custom"))
_WRITE = frozenset(("Editor", "Author"))
#: Permission of a delegate -> the distinguished folder it is about.
PERMISSIONS = {
    "CalendarFolderPermissionLevel": "calendar",
    "TasksFolderPermissionLevel": "tasks",
    "InboxFolderPermissionLevel": "inbox",
    "ContactsFolderPermissionLevel": "contacts",
    "NotesFolderPermissionLevel": "notes",
    "JournalFolderPermissionLevel": "journal",
}


def may_open(mailbox: Mailbox, folder: Folder, address: str, *, write: bool) -> bool:
    """A right on a folder counts for those below it too."""
    rights = mailbox.delegates.get(address.lower())
    here: Folder | None = folder
    while rights is not None and here is not None:
        for permission, name in PERMISSIONS.items():
            if here.distinguished == name:
                return rights.text_at(f"t:DelegatePermissions/t:{permission}", "None") in (_WRITE if write else _READ)
        here = mailbox.folders.get(here.parent) if here.parent is not None else None
    return False
