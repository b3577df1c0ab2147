"""GetDelegate, AddDelegate, UpdateDelegate, RemoveDelegate: who may open whose folders."""

from __future__ import annotations

from collections.abc import Sequence

from reconcile.sandbox.ews.call import Call
from reconcile.sandbox.ews.mailbox import Mailbox
from reconcile.sandbox.ews.node import Node
from reconcile.sandbox.ews.response_codes import EwsError


def get_delegate(call: Call) -> Node:
    """All, or those asked for."""
    mailbox = _mailbox(call)
    full = call.request.attributes.get("IncludePermissions") == "true"
    asked = [_address(node) for node in call.request.child("m:UserIds").children] or list(mailbox.delegates)
    messages = [_one(mailbox, address, full=full) for address in asked]
    return _answer(call, mailbox, messages)


def add_delegate(call: Call) -> Node:
    """A delegate must be a mailbox of the sandbox's, and not one yet."""
    return _change(call, known=False)


def update_delegate(call: Call) -> Node:
    """Other permissions for somebody who is a delegate."""
    return _change(call, known=True)


def remove_delegate(call: Call) -> Node:
    """Take the rights away."""
    mailbox = _mailbox(call)
    messages = []
    for node in call.request.child("m:UserIds").children:
        gone = mailbox.delegates.pop(_address(node), None)
        messages.append(_message(None if gone else EwsError("ErrorNotDelegate", "The user is not a delegate for the mailbox.")))
    return _answer(call, mailbox, messages)


def _change(call: Call, *, known: bool) -> Node:
    mailbox = _mailbox(call)
    if (deliver := call.request.find("m:DeliverMeetingRequests")) is not None:
        mailbox.meeting_requests = deliver
    messages = []
    for given in call.request.child("m:DelegateUsers").children:
        address = _address(given.child("t:UserId"))
        if not call.organization.post_office.knows(address):
            messages.append(_message(EwsError("ErrorDelegateNoUser", "The user does not exist.")))
        elif (address in mailbox.delegates) != known:
            code = "ErrorNotDelegate" if known else "ErrorDelegateAlreadyExists"
            text = "The user is not a delegate for the mailbox." if known else "The user is already a delegate for the mailbox."
            messages.append(_message(EwsError(code, text)))
        else:
            mailbox.delegates[address] = given
            messages.append(_one(mailbox, address, full=True))
    return _answer(call, mailbox, messages)


def _mailbox(call: Call) -> Mailbox:
    mailbox = call.open(call.request.text_at("m:Mailbox/t:EmailAddress"))
    root = mailbox.distinguished("root")
    if root is not None:
        call.check_access(mailbox, root, write=True)
    return mailbox


def _address(user: Node) -> str:
    return user.text_at("t:PrimarySmtpAddress").lower()


def _one(mailbox: Mailbox, address: str, *, full: bool) -> Node:
    given = mailbox.delegates.get(address)
    if given is None:
        return _message(EwsError("ErrorNotDelegate", "The user is not a delegate for the mailbox."))
    user = Node("t:UserId", children=(Node("t:PrimarySmtpAddress", address), Node("t:DisplayName", address.partition("@")[0])))
    children = [user]
    if full and (permissions := given.find("t:DelegatePermissions")) is not None:
        children.append(permissions)
    flags = ("ReceiveCopiesOfMeetingMessages", "ViewPrivateItems")
    children += [Node(f"t:{name}", given.text_at(f"t:{name}", "false")) for name in flags]
    return _message(None, Node("m:DelegateUser", children=children))


def _message(error: EwsError | None, *contents: Node) -> Node:
    name = "m:DelegateUserResponseMessageType"
    if error is None:
        return Node(name, children=(Node("m:ResponseCode", "NoError"), *contents), attributes={"ResponseClass": "Success"})
    texts = (("MessageText", error.text), ("ResponseCode", error.code), ("DescriptiveLinkKey", "0"))
    return Node(name, children=[Node(f"m:{element}", text) for element, text in texts], attributes={"ResponseClass": "Error"})


def _answer(call: Call, mailbox: Mailbox, messages: Sequence[Node]) -> Node:
    children = [Node("m:ResponseCode", "NoError")]
    if messages:
        children.append(Node("m:ResponseMessages", children=messages))
    if call.operation == "GetDelegate":
        children.append(mailbox.meeting_requests or Node("m:DeliverMeetingRequests", "DelegatesAndMe"))
    return Node(f"m:{call.operation}Response", children=children, attributes={"ResponseClass": "Success"})
