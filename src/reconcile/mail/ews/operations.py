"""Requests to Exchange Web Services, as bytes: templates in the order the schema wants, with every value escaped."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from typing import Final
from xml.sax.saxutils import escape

from reconcile.model.mailbox_access import MailboxAccess

#: The oldest that has everything asked for here (streaming notifications); every later server takes it, up to Exchange SE.
VERSION: Final = "Exchange2010_SP1"
#: Our named properties: a property set of our own, so that no other program's names are met.
PROPERTY_SET: Final = "9e6f5bb2-4c1b-4f0e-9d0a-6f2a1c7d3e58"

_ENVELOPE: Final = (
    '<?xml version="1.0" encoding="utf-8"?>\n'
    '<s:Envelope xmlns:s="http://schemas.xmlsoap.org/soap/envelope/"'
    ' xmlns:t="http://schemas.microsoft.com/exchange/services/2006/types"'
    ' xmlns:m="http://schemas.microsoft.com/exchange/services/2006/messages">'
    '<s:Header><t:RequestServerVersion Version="%s"/>%s</s:Header><s:Body>%s</s:Body></s:Envelope>'
)
_IMPERSONATION: Final = (
    "<t:ExchangeImpersonation><t:ConnectingSID><t:PrimarySmtpAddress>%s</t:PrimarySmtpAddress></t:ConnectingSID></t:ExchangeImpersonation>"
)


def text(value: str) -> str:
    """Escaped for an element or a quoted attribute; what XML 1.0 has no way to say is left out."""
    allowed = "".join(c for c in value if c in "\t\n\r" or " " <= c <= "\ud7ff" or "\ue000" <= c <= "\ufffd" or c > "\uffff")
    return escape(allowed, {'"': "&quot;", "\r": "&#13;"})


def moment(at: datetime) -> str:
    """UTC, whole seconds."""
    return at.astimezone(UTC).replace(microsecond=0, tzinfo=None).isoformat() + "Z"


class Requests:
    """For one mailbox and one right: impersonation stands in the header, delegation names the mailbox in each well-known folder."""

    def __init__(self, address: str, access: MailboxAccess) -> None:
        self._header = _IMPERSONATION % text(address) if access is MailboxAccess.IMPERSONATION else ""
        owner = f"<t:Mailbox><t:EmailAddress>{text(address)}</t:EmailAddress></t:Mailbox>"
        self._owner = owner if access is MailboxAccess.DELEGATION else ""

    def envelope(self, body: str) -> bytes:
        """A whole request."""
        return (_ENVELOPE % (VERSION, self._header, body)).encode()

    def folder(self, name: str) -> str:
        """A well-known folder ("inbox", "drafts", "sentitems", "msgfolderroot") of the mailbox."""
        if self._owner:
            return f'<t:DistinguishedFolderId Id="{text(name)}">{self._owner}</t:DistinguishedFolderId>'
        return f'<t:DistinguishedFolderId Id="{text(name)}"/>'

    def get_folder(self, *names: str) -> bytes:
        """Ids of well-known folders and how many items they hold, one answer each."""
        return self.envelope(
            f"<m:GetFolder><m:FolderShape><t:BaseShape>Default</t:BaseShape></m:FolderShape>"
            f"<m:FolderIds>{''.join(map(self.folder, names))}</m:FolderIds></m:GetFolder>"
        )

    def sync_items(self, folder: str, state: str, most: int) -> bytes:
        """What changed in a folder (its id as XML) since `state` ("" for everything), `most` changes at a time (at most 512)."""
        known = f"<m:SyncState>{text(state)}</m:SyncState>" if state else ""
        return self.envelope(
            f"<m:SyncFolderItems><m:ItemShape><t:BaseShape>IdOnly</t:BaseShape><t:AdditionalProperties>"
            f'<t:FieldURI FieldURI="item:DateTimeReceived"/><t:FieldURI FieldURI="item:Size"/></t:AdditionalProperties></m:ItemShape>'
            f"<m:SyncFolderId>{folder}</m:SyncFolderId>{known}"
            f"<m:MaxChangesReturned>{most}</m:MaxChangesReturned><m:SyncScope>NormalItems</m:SyncScope></m:SyncFolderItems>"
        )

    def get_items(
        self,
        ids: Iterable[str],
        *,
        mime: bool = False,
        fields: Sequence[str] = (),
        tags: Sequence[tuple[str, str]] = (),
        own: Sequence[str] = (),
    ) -> bytes:
        """`fields` are URIs ("item:Size"), `tags` MAPI properties by tag and type ("0x007D", "String"), `own` named ones of ours."""
        more = "".join(f'<t:FieldURI FieldURI="{field}"/>' for field in fields)
        more += "".join(tag_field(tag, kind) for tag, kind in tags)
        more += "".join(own_field(name) for name in own)
        shape = "<t:BaseShape>IdOnly</t:BaseShape>" + ("<t:IncludeMimeContent>true</t:IncludeMimeContent>" if mime else "")
        shape += f"<t:AdditionalProperties>{more}</t:AdditionalProperties>" if more else ""
        return self.envelope(f"<m:GetItem><m:ItemShape>{shape}</m:ItemShape><m:ItemIds>{item_ids(ids)}</m:ItemIds></m:GetItem>")

    def find_items(self, folders: str, restriction: str, *, most: int, fields: Sequence[str] = (), more: str = "") -> bytes:
        """`folders` are folder ids as XML (one answer for each), `restriction` one condition as XML or "", `more` other fields as XML."""
        more = "".join(f'<t:FieldURI FieldURI="{field}"/>' for field in fields) + more
        shape = "<t:BaseShape>IdOnly</t:BaseShape>" + (f"<t:AdditionalProperties>{more}</t:AdditionalProperties>" if more else "")
        condition = f"<m:Restriction>{restriction}</m:Restriction>" if restriction else ""
        return self.envelope(
            f'<m:FindItem Traversal="Shallow"><m:ItemShape>{shape}</m:ItemShape>'
            f'<m:IndexedPageItemView MaxEntriesReturned="{most}" Offset="0" BasePoint="Beginning"/>{condition}'
            f"<m:ParentFolderIds>{folders}</m:ParentFolderIds></m:FindItem>"
        )

    def find_folders(self, parent: str, *, deep: bool, offset: int, most: int, fields: Sequence[str] = ("folder:DisplayName",)) -> bytes:
        """Folders below a well-known one."""
        more = "".join(f'<t:FieldURI FieldURI="{field}"/>' for field in fields)
        return self.envelope(
            f'<m:FindFolder Traversal="{"Deep" if deep else "Shallow"}"><m:FolderShape><t:BaseShape>IdOnly</t:BaseShape>'
            f"<t:AdditionalProperties>{more}</t:AdditionalProperties></m:FolderShape>"
            f'<m:IndexedPageFolderView MaxEntriesReturned="{most}" Offset="{offset}" BasePoint="Beginning"/>'
            f"<m:ParentFolderIds>{self.folder(parent)}</m:ParentFolderIds></m:FindFolder>"
        )

    def create_folder(self, parent: str, name: str) -> bytes:
        """A folder for mail."""
        return self.envelope(
            f"<m:CreateFolder><m:ParentFolderId>{self.folder(parent)}</m:ParentFolderId>"
            f"<m:Folders><t:Folder><t:FolderClass>IPF.Note</t:FolderClass><t:DisplayName>{text(name)}</t:DisplayName></t:Folder></m:Folders>"
            f"</m:CreateFolder>"
        )

    def create_message(self, folder: str, message: str) -> bytes:
        """`message` is the content of a t:Message; it is kept in a well-known folder, and not sent."""
        return self.envelope(
            f'<m:CreateItem MessageDisposition="SaveOnly"><m:SavedItemFolderId>{self.folder(folder)}</m:SavedItemFolderId>'
            f"<m:Items><t:Message>{message}</t:Message></m:Items></m:CreateItem>"
        )

    def send_item(self, item: tuple[str, str], folder: str) -> bytes:
        """By id and change key; a copy goes into a well-known folder."""
        return self.envelope(
            f'<m:SendItem SaveItemToFolder="true"><m:ItemIds>{item_id(*item)}</m:ItemIds>'
            f"<m:SavedItemFolderId>{self.folder(folder)}</m:SavedItemFolderId></m:SendItem>"
        )

    def set_categories(self, items: Iterable[tuple[str, str, Sequence[str]]]) -> bytes:
        """Of each item, by id and change key: all its categories from now on. Refused where somebody changed it meanwhile."""
        changes = "".join(
            f'<t:ItemChange>{item_id(name, key)}<t:Updates><t:SetItemField><t:FieldURI FieldURI="item:Categories"/><t:Message>'
            f"<t:Categories>{''.join(f'<t:String>{text(one)}</t:String>' for one in categories)}</t:Categories>"
            f"</t:Message></t:SetItemField></t:Updates></t:ItemChange>"
            for name, key, categories in items
        )
        return self.envelope(
            '<m:UpdateItem MessageDisposition="SaveOnly" ConflictResolution="NeverOverwrite">'
            f"<m:ItemChanges>{changes}</m:ItemChanges></m:UpdateItem>"
        )

    def move_items(self, ids: Iterable[str], folder_id: str) -> bytes:
        """To a folder by its id."""
        return self.envelope(
            f'<m:MoveItem><m:ToFolderId><t:FolderId Id="{text(folder_id)}"/></m:ToFolderId>'
            f"<m:ItemIds>{item_ids(ids)}</m:ItemIds></m:MoveItem>"
        )

    def delete_items(self, ids: Iterable[str]) -> bytes:
        """For good: not into the folder for deleted items."""
        return self.envelope(f'<m:DeleteItem DeleteType="HardDelete"><m:ItemIds>{item_ids(ids)}</m:ItemIds></m:DeleteItem>')

    def subscribe(self, folders: str, kinds: Iterable[str]) -> bytes:
        """To events of these kinds in `folders` (folder ids as XML), told over a stream."""
        told = "".join(f"<t:EventType>{kind}</t:EventType>" for kind in kinds)
        return self.envelope(
            f"<m:Subscribe><m:StreamingSubscriptionRequest><t:FolderIds>{folders}</t:FolderIds>"
            f"<t:EventTypes>{told}</t:EventTypes></m:StreamingSubscriptionRequest></m:Subscribe>"
        )

    def streaming_events(self, subscription: str, minutes: int) -> bytes:
        """One answer that lasts so many minutes (1 to 30)."""
        return self.envelope(
            f"<m:GetStreamingEvents><m:SubscriptionIds><t:SubscriptionId>{text(subscription)}</t:SubscriptionId></m:SubscriptionIds>"
            f"<m:ConnectionTimeout>{minutes}</m:ConnectionTimeout></m:GetStreamingEvents>"
        )

    def unsubscribe(self, subscription: str) -> bytes:
        return self.envelope(f"<m:Unsubscribe><m:SubscriptionId>{text(subscription)}</m:SubscriptionId></m:Unsubscribe>")


def item_id(name: str, change_key: str = "") -> str:
    """An item by its id."""
    key = f' ChangeKey="{text(change_key)}"' if change_key else ""
    return f'<t:ItemId Id="{text(name)}"{key}/>'


def item_ids(ids: Iterable[str]) -> str:
    return "".join(item_id(name) for name in ids)


def folder_id(name: str) -> str:
    """A folder by its id."""
    return f'<t:FolderId Id="{text(name)}"/>'


def field_equals(field: str, value: str) -> str:
    """A restriction: a field by its URI has exactly this value."""
    return _equals(f'<t:FieldURI FieldURI="{field}"/>', value)


def own_field(name: str) -> str:
    """One of our named properties, as a path."""
    return f'<t:ExtendedFieldURI PropertySetId="{PROPERTY_SET}" PropertyName="{text(name)}" PropertyType="String"/>'


def own_equals(name: str, value: str) -> str:
    """A restriction: one of our named properties has exactly this value."""
    return _equals(own_field(name), value)


def tag_field(tag: str, kind: str) -> str:
    """A MAPI property by tag and type, as a path."""
    return f'<t:ExtendedFieldURI PropertyTag="{tag}" PropertyType="{kind}"/>'


def tag_equals(tag: str, kind: str, value: str) -> str:
    """A restriction: it has exactly this value (base64 where it is binary)."""
    return _equals(tag_field(tag, kind), value)


def own_property(name: str, value: str) -> str:
    """One of our named properties, as it stands in an item."""
    return f"<t:ExtendedProperty>{own_field(name)}<t:Value>{text(value)}</t:Value></t:ExtendedProperty>"


def either(one: str, other: str) -> str:
    """A restriction."""
    return f"<t:Or>{one}{other}</t:Or>"


def any_of(conditions: Sequence[str]) -> str:
    """A restriction: one of them at least."""
    return conditions[0] if len(conditions) == 1 else f"<t:Or>{''.join(conditions)}</t:Or>"


def received_between(since: datetime | None, before: datetime | None) -> str:
    """A restriction on when a message came; "" without bounds."""
    parts = []
    for name, at in (("IsGreaterThanOrEqualTo", since), ("IsLessThan", before)):
        if at is not None:
            value = f'<t:FieldURIOrConstant><t:Constant Value="{moment(at)}"/></t:FieldURIOrConstant>'
            parts.append(f'<t:{name}><t:FieldURI FieldURI="item:DateTimeReceived"/>{value}</t:{name}>')
    return f"<t:And>{''.join(parts)}</t:And>" if len(parts) == 2 else "".join(parts)


def _equals(path: str, value: str) -> str:
    constant = f'<t:FieldURIOrConstant><t:Constant Value="{text(value)}"/></t:FieldURIOrConstant>'
    return f"<t:IsEqualTo>{path}{constant}</t:IsEqualTo>"
