"""From an envelope to an answer: who may, as whom, which operation; and the envelope around the answer."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final

from reconcile.sandbox.ews.call import Call
from reconcile.sandbox.ews.node import Node, octets_of, write
from reconcile.sandbox.ews.operations import (
    attachments,
    availability,
    convert_id,
    create_item,
    delegates,
    find_item,
    folder_changes,
    get_folder,
    get_item,
    mark_as_junk,
    move_items,
    notifications,
    oof,
    resolve_names,
    sync,
    update_item,
    user_configuration,
)
from reconcile.sandbox.ews.organization import Caller, Organization
from reconcile.sandbox.ews.response_codes import EwsError, fault

OPERATIONS: Final[Mapping[str, Callable[[Call], Node]]] = {
    "m:AddDelegate": delegates.add_delegate,
    "m:ConvertId": convert_id.convert_id,
    "m:CopyFolder": folder_changes.copy_folder,
    "m:CopyItem": move_items.copy_item,
    "m:CreateAttachment": attachments.create_attachment,
    "m:CreateFolder": folder_changes.create_folder,
    "m:CreateItem": create_item.create_item,
    "m:DeleteAttachment": attachments.delete_attachment,
    "m:DeleteFolder": folder_changes.delete_folder,
    "m:DeleteItem": move_items.delete_item,
    "m:EmptyFolder": folder_changes.empty_folder,
    "m:ExpandDL": resolve_names.expand_dl,
    "m:FindFolder": get_folder.find_folder,
    "m:FindItem": find_item.find_item,
    "m:GetAttachment": attachments.get_attachment,
    "m:GetDelegate": delegates.get_delegate,
    "m:GetEvents": notifications.get_events,
    "m:GetFolder": get_folder.get_folder,
    "m:GetItem": get_item.get_item,
    "m:GetServerTimeZones": availability.get_server_time_zones,
    "m:GetUserAvailabilityRequest": availability.get_user_availability,
    "m:GetUserConfiguration": user_configuration.get_user_configuration,
    "m:GetUserOofSettingsRequest": oof.get_user_oof_settings,
    "m:GetUserPhoto": user_configuration.get_user_photo,
    "m:MarkAllItemsAsRead": folder_changes.mark_all_items_as_read,
    "m:MarkAsJunk": mark_as_junk.mark_as_junk,
    "m:MoveFolder": folder_changes.move_folder,
    "m:MoveItem": move_items.move_item,
    "m:RemoveDelegate": delegates.remove_delegate,
    "m:ResolveNames": resolve_names.resolve_names,
    "m:SendItem": create_item.send_item,
    "m:SetUserOofSettingsRequest": oof.set_user_oof_settings,
    "m:Subscribe": notifications.subscribe,
    "m:SyncFolderHierarchy": sync.sync_folder_hierarchy,
    "m:SyncFolderItems": sync.sync_folder_items,
    "m:Unsubscribe": notifications.unsubscribe,
    "m:UpdateDelegate": delegates.update_delegate,
    "m:UpdateFolder": folder_changes.update_folder,
    "m:UpdateItem": update_item.update_item,
}

_HEAD: Final = (
    '<?xml version="1.0" encoding="utf-8"?><soap:Envelope xmlns:soap="http://schemas.xmlsoap.org/soap/envelope/" '
    'xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance" '
    'xmlns:t="http://schemas.microsoft.com/exchange/services/2006/types" '
    'xmlns:m="http://schemas.microsoft.com/exchange/services/2006/messages">'
    '<soap:Header><t:ServerVersionInfo MajorVersion="15" MinorVersion="2" MajorBuildNumber="1544" MinorBuildNumber="4" '
    'Version="Exchange2016"/></soap:Header><soap:Body>'
)
_TAIL: Final = "</soap:Body></soap:Envelope>"


def acting_as(organization: Organization, caller: Caller, header: Node) -> str:
    """The address a request acts as, ExchangeImpersonation heeded. Raises EwsError."""
    given = header.find("t:ExchangeImpersonation/t:ConnectingSID")
    if given is None:
        return caller.address
    who = given.children[0] if given.children else Node("")
    if who.local not in ("PrimarySmtpAddress", "SmtpAddress", "PrincipalName"):
        raise EwsError("ErrorInvalidUserPrincipalName", "This server knows mailboxes by their SMTP address.")
    return organization.impersonated(caller, who.text.strip())


def answer_to(call: Call) -> Node:
    """The element for soap:Body. Raises EwsError for what becomes a fault."""
    operation = OPERATIONS.get(call.request.name)
    if operation is None:
        raise EwsError("ErrorInvalidRequest", f"The operation {call.operation} is not supported by this server.")
    try:
        return operation(call)
    except (ValueError, LookupError, OverflowError) as error:  # where no schema is at hand, requests come unchecked
        raise EwsError("ErrorInvalidRequest", f"The request is invalid: {type(error).__name__}.") from error


def written(body: Node) -> bytes:
    """The whole envelope."""
    out: list[str | bytes] = [_HEAD]
    write(body, out)
    out.append(_TAIL)
    return octets_of(out)


def written_fault(error: EwsError) -> bytes:
    """An envelope with a fault."""
    return written(fault(error))
