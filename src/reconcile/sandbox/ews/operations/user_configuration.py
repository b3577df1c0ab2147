"""GetUserConfiguration (of which the sandbox has one, the options with the time zone) and GetUserPhoto."""

from __future__ import annotations

import base64

from reconcile.sandbox.ews.call import Call, answer, failure, success
from reconcile.sandbox.ews.node import Node
from reconcile.sandbox.ews.response_codes import EwsError

_OPTIONS = "OWA.UserOptions"


def get_user_configuration(call: Call) -> Node:
    """DavMail reads the mailbox's time zone from it."""
    name = call.request.child("m:UserConfigurationName")
    try:
        call.faults.spoil_item(call.operation, call.acting_as, 0)
        mailbox, _ = call.folder(name.children[0])
        if name.attributes.get("Name") != _OPTIONS:
            raise EwsError("ErrorItemNotFound")
    except EwsError as error:
        return answer(call.operation, [failure(call.operation, error)])
    texts = {"timezone": mailbox.time_zone, "dateformat": "yyyy-MM-dd", "timeformat": "HH:mm"}
    entries = [
        Node("t:DictionaryEntry", children=(_typed("t:DictionaryKey", key), _typed("t:DictionaryValue", text)))
        for key, text in texts.items()
    ]
    found = Node(
        "m:UserConfiguration",
        children=(Node("t:UserConfigurationName", "", name.children, name.attributes), Node("t:Dictionary", children=entries)),
    )
    return answer(call.operation, [success(call.operation, found)])


def get_user_photo(call: Call) -> Node:
    """The picture of a mailbox, where somebody gave it one."""
    mailbox = call.organization.mailbox(call.request.text_at("m:Email"))
    texts: tuple[tuple[str, str], ...]
    if mailbox is None or not mailbox.photo:
        error = EwsError("ErrorItemNotFound")
        texts = (("MessageText", error.text), ("ResponseCode", error.code), ("DescriptiveLinkKey", "0"), ("HasChanged", "false"))
        kind = "Error"
    else:
        picture = base64.b64encode(mailbox.photo).decode()
        texts = (("ResponseCode", "NoError"), ("HasChanged", "true"), ("PictureData", picture))
        kind = "Success"
    children = [Node(f"m:{element}", text) for element, text in texts]
    return Node("m:GetUserPhotoResponse", children=children, attributes={"ResponseClass": kind})


def _typed(element: str, text: str) -> Node:
    return Node(element, children=(Node("t:Type", "String"), Node("t:Value", text)))
