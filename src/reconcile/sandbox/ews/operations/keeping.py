"""How new, changed and sent items get into their folders."""

from __future__ import annotations

from collections.abc import Sequence

from reconcile.sandbox.ews.call import Call
from reconcile.sandbox.ews.compose import mime_of
from reconcile.sandbox.ews.mailbox import Mailbox
from reconcile.sandbox.ews.node import Node
from reconcile.sandbox.ews.occurrences import keep_exception
from reconcile.sandbox.ews.sending import send
from reconcile.sandbox.ews.stored import Folder, Item


def keep(mailbox: Mailbox, item: Item) -> None:
    """A new item comes into its folder; what IMAP shows as well gets its MIME."""
    if mailbox.folders[item.folder].imap_name and item.raw is None and item.kind == "Message":
        item.replace_raw(mime_of(mailbox, item))
        item.mime_attachments_read = True
    mailbox.put(item)


def file_new(call: Call, mailbox: Mailbox, item: Item) -> None:
    """A new item into the folder the request names, else into Drafts."""
    target = call.request.find("m:SavedItemFolderId")
    folder = call.folder(target.children[0], write=True)[1] if target and target.children else mailbox.distinguished("drafts")
    if folder is not None:
        item.folder = folder.number
        keep(mailbox, item)


def send_and_keep(call: Call, mailbox: Mailbox, item: Item, *, keep: bool) -> None:
    """Send a new item; its copy goes to the folder the request names, else to Sent Items."""
    target = call.request.find("m:SavedItemFolderId")
    folder = call.folder(target.children[0])[1] if target and target.children else mailbox.distinguished("sentitems")
    send(call.organization, mailbox, item)
    if keep and folder is not None:
        file_copy(mailbox, item, folder)


def file_copy(mailbox: Mailbox, item: Item, folder: Folder) -> None:
    """The sent copy: a new item in that folder."""
    item.number = mailbox.next_number()
    item.folder = folder.number
    item.uid = None
    item.properties["IsRead"] = Node("t:IsRead", "true")
    item.written.clear()
    item.modified = mailbox.now()
    keep(mailbox, item)


def save(mailbox: Mailbox, item: Item, touched: Sequence[str]) -> None:
    """Give a changed item its new version."""
    if item.number not in mailbox.items:
        keep_exception(mailbox, item)
        return
    mailbox.touch(item, only_read_flag=set(touched) == {"IsRead"})
    for name in touched:
        item.field_versions[name] = item.version
