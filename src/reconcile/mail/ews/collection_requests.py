"""Requests about appointments, contacts and tasks."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Final

from reconcile.mail.ews.operations import Requests, any_of, item_id, item_ids, own_equals, own_field, tag_equals, tag_field, text
from reconcile.model.item import ItemKind
from reconcile.ports.collection import Bearing

#: Our named property that an item bears from its first moment.
TOKEN: Final = "Token"
#: Another, while a new item lacks files, exceptions or its invitation.
UNFINISHED: Final = "Unfinished"
#: PidTagSearchKey: kept when an item is moved, its copies have the same, and no client can set it (MS-OXCPRPT, 2.2.1.9).
TRACE: Final = ("0x300B", "Binary")
_BEARS: Final = own_field(TOKEN) + tag_field(*TRACE)
_LISTED: Final = f'<t:FieldURI FieldURI="item:Categories"/>{_BEARS}'
_TOLD: Final = {True: "SendToAllAndSaveCopy", False: "SendToNone"}


class ItemRequests:
    """For one folder of one mailbox."""

    def __init__(self, requests: Requests, kind: ItemKind, folder: str, element: str, extended: Sequence[str]) -> None:
        self._requests = requests
        self._kind = kind
        self._folder = folder
        self._element = element
        self._more = "".join(extended)

    def sync(self, state: str, most: int) -> bytes:
        known = f"<m:SyncState>{text(state)}</m:SyncState>" if state else ""
        return self._requests.envelope(
            f"<m:SyncFolderItems><m:ItemShape><t:BaseShape>IdOnly</t:BaseShape><t:AdditionalProperties>{_LISTED}</t:AdditionalProperties>"
            f"</m:ItemShape><m:SyncFolderId>{self._requests.folder(self._folder)}</m:SyncFolderId>{known}"
            f"<m:MaxChangesReturned>{most}</m:MaxChangesReturned></m:SyncFolderItems>"
        )

    def get(self, ids: Iterable[str]) -> bytes:
        """Whole items."""
        return self._requests.envelope(
            "<m:GetItem><m:ItemShape><t:BaseShape>AllProperties</t:BaseShape><t:BodyType>Text</t:BodyType>"
            f'<t:AdditionalProperties><t:FieldURI FieldURI="item:ParentFolderId"/>{_LISTED}{self._more}</t:AdditionalProperties>'
            f"</m:ItemShape><m:ItemIds>{item_ids(ids)}</m:ItemIds></m:GetItem>"
        )

    def places(self, ids: Iterable[str]) -> bytes:
        """Where items are, at which version, and their categories."""
        return self._requests.envelope(
            '<m:GetItem><m:ItemShape><t:BaseShape>IdOnly</t:BaseShape><t:AdditionalProperties><t:FieldURI FieldURI="item:ParentFolderId"/>'
            f"{_LISTED}</t:AdditionalProperties></m:ItemShape><m:ItemIds>{item_ids(ids)}</m:ItemIds></m:GetItem>"
        )

    def find(self, folders: str, token: str) -> bytes:
        return self._requests.find_items(folders, own_equals(TOKEN, token), most=20, fields=("item:DateTimeCreated",))

    def bearing(self, folders: str, bearings: Sequence[Bearing], most: int) -> bytes:
        """Items of these folders that bear the token or the trace of one of them, with both."""
        wanted = [own_equals(TOKEN, one.token) for one in bearings if one.token]
        wanted += [tag_equals(*TRACE, one.trace) for one in bearings if one.trace]
        return self._requests.find_items(folders, any_of(wanted), most=most, more=_BEARS)

    def here(self) -> str:
        """The folder, as it is named in requests."""
        return self._requests.folder(self._folder)

    def create(self, content: str, *, invite: bool) -> bytes:
        invitations = f' SendMeetingInvitations="{_TOLD[invite]}"' if self._kind is ItemKind.APPOINTMENT else ""
        return self._requests.envelope(
            f"<m:CreateItem{invitations}><m:SavedItemFolderId>{self.here()}</m:SavedItemFolderId>"
            f"<m:Items><t:{self._element}>{content}</t:{self._element}></m:Items></m:CreateItem>"
        )

    def update(self, name: str, version: str, changes: Sequence[tuple[str, str]], *, invite: bool) -> bytes:
        """`changes` are paths and what is there from now on ("" for nothing)."""
        parts = "".join(
            f"<t:SetItemField>{path}<t:{self._element}>{xml}</t:{self._element}></t:SetItemField>"
            if xml
            else f"<t:DeleteItemField>{path}</t:DeleteItemField>"
            for path, xml in changes
        )
        invitations = f' SendMeetingInvitationsOrCancellations="{_TOLD[invite]}"' if self._kind is ItemKind.APPOINTMENT else ""
        return self._requests.envelope(
            f'<m:UpdateItem ConflictResolution="NeverOverwrite" MessageDisposition="SaveOnly"{invitations}><m:ItemChanges><t:ItemChange>'
            f"{item_id(name, version)}<t:Updates>{parts}</t:Updates></t:ItemChange></m:ItemChanges></m:UpdateItem>"
        )

    def delete(self, name: str, version: str, *, cancel: bool) -> bytes:
        """To the folder for deleted items."""
        more = f' SendMeetingCancellations="{_TOLD[cancel]}"' if self._kind is ItemKind.APPOINTMENT else ""
        more += ' AffectedTaskOccurrences="AllOccurrences"' if self._kind is ItemKind.TASK else ""
        return self._requests.envelope(
            f'<m:DeleteItem DeleteType="MoveToDeletedItems"{more}><m:ItemIds>{item_id(name, version)}</m:ItemIds></m:DeleteItem>'
        )

    def take_back(self, name: str, *, for_good: bool) -> bytes:
        """An item that we made just now, whatever its version; nobody is told. Not `for_good`: to the folder for deleted items."""
        kind = "HardDelete" if for_good else "MoveToDeletedItems"
        return self._requests.envelope(
            f'<m:DeleteItem DeleteType="{kind}" SendMeetingCancellations="SendToNone"><m:ItemIds>{item_id(name)}</m:ItemIds></m:DeleteItem>'
        )

    def attach(self, name: str, version: str, filename: str, mimetype: str, content: str) -> bytes:
        """`content` in base64."""
        return self._requests.envelope(
            f'<m:CreateAttachment><m:ParentItemId Id="{text(name)}" ChangeKey="{text(version)}"/><m:Attachments><t:FileAttachment>'
            f"<t:Name>{text(filename)}</t:Name><t:ContentType>{text(mimetype)}</t:ContentType><t:Content>{content}</t:Content>"
            "</t:FileAttachment></m:Attachments></m:CreateAttachment>"
        )

    def attachments(self, ids: Iterable[str]) -> bytes:
        inside = "".join(f'<t:AttachmentId Id="{text(name)}"/>' for name in ids)
        return self._requests.envelope(
            f"<m:GetAttachment><m:AttachmentShape/><m:AttachmentIds>{inside}</m:AttachmentIds></m:GetAttachment>"
        )

    def detach(self, ids: Iterable[str]) -> bytes:
        inside = "".join(f'<t:AttachmentId Id="{text(name)}"/>' for name in ids)
        return self._requests.envelope(f"<m:DeleteAttachment><m:AttachmentIds>{inside}</m:AttachmentIds></m:DeleteAttachment>")

    def occurrence(self, series: str, index: int) -> str:
        return f'<t:OccurrenceItemId RecurringMasterId="{text(series)}" InstanceIndex="{index}"/>'

    def get_occurrence(self, identified: str) -> bytes:
        return self._requests.envelope(
            "<m:GetItem><m:ItemShape><t:BaseShape>AllProperties</t:BaseShape><t:BodyType>Text</t:BodyType></m:ItemShape>"
            f"<m:ItemIds>{identified}</m:ItemIds></m:GetItem>"
        )

    def delete_occurrence(self, identified: str, *, cancel: bool) -> bytes:
        return self._requests.envelope(
            f'<m:DeleteItem DeleteType="MoveToDeletedItems" SendMeetingCancellations="{_TOLD[cancel]}">'
            f"<m:ItemIds>{identified}</m:ItemIds></m:DeleteItem>"
        )

    def update_occurrence(self, identified: str, changes: Sequence[tuple[str, str]], *, invite: bool) -> bytes:
        parts = "".join(f"<t:SetItemField>{path}<t:CalendarItem>{xml}</t:CalendarItem></t:SetItemField>" for path, xml in changes)
        return self._requests.envelope(
            '<m:UpdateItem ConflictResolution="AlwaysOverwrite" MessageDisposition="SaveOnly"'
            f' SendMeetingInvitationsOrCancellations="{_TOLD[invite]}"><m:ItemChanges><t:ItemChange>{identified}'
            f"<t:Updates>{parts}</t:Updates></t:ItemChange></m:ItemChanges></m:UpdateItem>"
        )
