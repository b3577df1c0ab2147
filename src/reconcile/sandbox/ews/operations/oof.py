"""GetUserOofSettings and SetUserOofSettings."""

from __future__ import annotations

from reconcile.sandbox.ews.absence import set_absence
from reconcile.sandbox.ews.call import Call
from reconcile.sandbox.ews.mailbox import Mailbox
from reconcile.sandbox.ews.node import Node
from reconcile.sandbox.ews.response_codes import EwsError
from reconcile.sandbox.ews.times import moment, stamp


def get_user_oof_settings(call: Call) -> Node:
    """Off, unless somebody set it."""
    mailbox, error = _mailbox(call)
    if mailbox is None:
        return Node("m:GetUserOofSettingsResponse", children=(_message(error),))
    children = (_message(None), mailbox.absence or _off(mailbox), Node("m:AllowExternalOof", "All"))
    return Node("m:GetUserOofSettingsResponse", children=children)


def set_user_oof_settings(call: Call) -> Node:
    """As the request says."""
    mailbox, error = _mailbox(call)
    given = call.request.child("t:UserOofSettings")
    if mailbox is not None:
        children = []
        for child in given.children:
            if child.local == "Duration":
                times = [Node(time.name, stamp(moment(time.text))) for time in child.children]
                if times[0].text >= times[-1].text:
                    error = EwsError("ErrorInvalidOofParameter", "The end of the duration is not after its start.")
                children.append(Node("t:Duration", children=times))
            else:
                children.append(child)
        if error is None:
            set_absence(mailbox, Node("t:OofSettings", children=children))
    return Node("m:SetUserOofSettingsResponse", children=(_message(error),))


def _mailbox(call: Call) -> tuple[Mailbox | None, EwsError | None]:
    try:
        call.faults.spoil_item(call.operation, call.acting_as, 0)
        mailbox = call.open(call.request.text_at("t:Mailbox/t:Address"))
        root = mailbox.distinguished("root")
        if root is not None:
            call.check_access(mailbox, root, write=True)
    except EwsError as error:
        return None, error
    return mailbox, None


def _message(error: EwsError | None) -> Node:
    if error is None:
        return Node("m:ResponseMessage", children=(Node("m:ResponseCode", "NoError"),), attributes={"ResponseClass": "Success"})
    texts = (("MessageText", error.text), ("ResponseCode", error.code), ("DescriptiveLinkKey", "0"))
    return Node("m:ResponseMessage", children=[Node(f"m:{name}", text) for name, text in texts], attributes={"ResponseClass": "Error"})


def _off(mailbox: Mailbox) -> Node:
    today = stamp(mailbox.now().replace(hour=0, minute=0, second=0))
    return Node(
        "t:OofSettings",
        children=(
            Node("t:OofState", "Disabled"),
            Node("t:ExternalAudience", "All"),
            Node("t:Duration", children=(Node("t:StartTime", today), Node("t:EndTime", today))),
            Node("t:InternalReply", children=(Node("t:Message"),)),
            Node("t:ExternalReply", children=(Node("t:Message"),)),
        ),
    )
