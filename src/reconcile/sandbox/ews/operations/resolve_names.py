"""ResolveNames and ExpandDL: the directory (the sandbox's mailboxes) and the contacts of whom the request acts as."""

from __future__ import annotations

from collections.abc import Iterator

from reconcile.sandbox.ews.call import Call, answer, failure, success
from reconcile.sandbox.ews.contact_values import display_name
from reconcile.sandbox.ews.mailbox import Mailbox
from reconcile.sandbox.ews.node import Node
from reconcile.sandbox.ews.response_codes import EwsError
from reconcile.sandbox.ews.values import item_id_node

_LIMIT = 100


def resolve_names(call: Call) -> Node:
    """People whose name or address begins with, or whose address is, what was asked."""
    entry = call.request.text_at("m:UnresolvedEntry").strip().casefold().removeprefix("smtp:").removeprefix("sip:")
    scope = call.request.attributes.get("SearchScope", "ActiveDirectoryContacts")
    full = call.request.attributes.get("ReturnFullContactData") == "true"
    name = call.operation
    try:
        call.faults.spoil_item(name, call.acting_as, 0)
        found = []
        if scope != "Contacts":
            found += list(_directory(call, entry, full=full))
        if scope != "ActiveDirectory" and call.acting_as:
            found += list(_contacts(call.own_mailbox(), entry))
        if not found:
            raise EwsError("ErrorNameResolutionNoResults")
    except EwsError as error:
        return answer(name, [failure(name, error)])
    attributes = {"TotalItemsInView": str(len(found)), "IncludesLastItemInRange": "true" if len(found) <= _LIMIT else "false"}
    resolved = Node("m:ResolutionSet", children=found[:_LIMIT], attributes=attributes)
    if len(found) == 1:
        return answer(name, [success(name, resolved)])
    return answer(name, [failure(name, EwsError("ErrorNameResolutionMultipleResults"), (resolved,))])


def expand_dl(call: Call) -> Node:
    """The members of a distribution list of the mailbox's contacts."""
    wanted = call.request.child("m:Mailbox")
    name = call.operation
    try:
        call.faults.spoil_item(name, call.acting_as, 0)
        if (id_ := wanted.find("t:ItemId")) is not None:
            _, item = call.item(id_)
            lists = [item]
        else:
            mailbox = call.own_mailbox()
            shown = (wanted.text_at("t:Name") or wanted.text_at("t:EmailAddress")).casefold()
            lists = [item for item in mailbox.items.values() if item.kind == "DistributionList" and display_name(item).casefold() == shown]
        if not lists or lists[0].kind != "DistributionList":
            raise EwsError("ErrorNameResolutionNoResults")
    except EwsError as error:
        return answer(name, [failure(name, error)])
    members = [member.child("t:Mailbox") for member in lists[0].properties.get("Members", Node("")).children]
    attributes = {"TotalItemsInView": str(len(members)), "IncludesLastItemInRange": "true"}
    return answer(name, [success(name, Node("m:DLExpansion", children=members, attributes=attributes))])


def _directory(call: Call, entry: str, *, full: bool) -> Iterator[Node]:
    for address in call.organization.addresses():
        mailbox = call.organization.mailbox(address)
        if mailbox is None:
            continue
        words = [address.casefold(), mailbox.name.casefold(), *mailbox.name.casefold().split()]
        if not entry or any(word.startswith(entry) for word in words):
            children = [_mailbox(mailbox.name, mailbox.address, "Mailbox")]
            if full:
                given, _, surname = mailbox.name.rpartition(" ")
                children.append(_contact(mailbox.name, mailbox.address, given or surname, surname if given else ""))
            yield Node("t:Resolution", children=children)


def _contacts(mailbox: Mailbox, entry: str) -> Iterator[Node]:
    for item in mailbox.items.values():
        if item.kind != "Contact":
            continue
        shown = display_name(item)
        for found in item.properties.get("EmailAddresses", Node("")).children:
            words = [found.text.casefold(), shown.casefold(), *shown.casefold().split()]
            if found.text and any(word.startswith(entry) for word in words):
                node = _mailbox(shown, found.text, "Contact")
                yield Node("t:Resolution", children=(Node(node.name, children=(*node.children, item_id_node(mailbox, item))),))


def _mailbox(name: str, address: str, kind: str) -> Node:
    texts = (("Name", name), ("EmailAddress", address), ("RoutingType", "SMTP"), ("MailboxType", kind))
    return Node("t:Mailbox", children=[Node(f"t:{element}", text) for element, text in texts])


def _contact(name: str, address: str, given: str, surname: str) -> Node:
    entry = Node("t:Entry", f"SMTP:{address}", attributes={"Key": "EmailAddress1"})
    children = [Node("t:DisplayName", name), Node("t:GivenName", given), Node("t:EmailAddresses", children=(entry,))]
    children.append(Node("t:ContactSource", "ActiveDirectory"))
    if surname:
        children.append(Node("t:Surname", surname))
    return Node("t:Contact", children=children)
