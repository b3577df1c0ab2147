"""One request on its way: who asks, as whom, for what; and the lookups every operation needs."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import TypeVar

from reconcile.lazy_dataclass import dataclass
from reconcile.sandbox.ews.access import may_open
from reconcile.sandbox.ews.faults import EwsFaults
from reconcile.sandbox.ews.ids import FOLDER, ITEM, OCCURRENCE, parse_change_key, parse_id
from reconcile.sandbox.ews.mailbox import Mailbox
from reconcile.sandbox.ews.node import Node
from reconcile.sandbox.ews.occurrences import occurrence, occurrence_at
from reconcile.sandbox.ews.organization import Caller, Organization
from reconcile.sandbox.ews.reading import violation
from reconcile.sandbox.ews.response_codes import EwsError
from reconcile.sandbox.ews.stored import Folder, Item

T = TypeVar("T")


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """`acting_as` is the address the request acts as, "" for an account without mailbox that impersonates nobody."""

    organization: Organization
    faults: EwsFaults
    caller: Caller
    acting_as: str
    header: Node
    request: Node

    @property
    def operation(self) -> str:
        """Its name, without "m:"."""
        return self.request.local

    def own_mailbox(self) -> Mailbox:
        """The mailbox of whom the request acts as. Raises EwsError ErrorMissingEmailAddress, ErrorNonExistentMailbox."""
        if not self.acting_as:
            raise EwsError(
                "ErrorMissingEmailAddress",
                "When making a request as an account that does not have a mailbox, "
                "you must specify the mailbox primary SMTP address for any distinguished folder Ids.",
            )
        return self.open(self.acting_as)

    def open(self, address: str) -> Mailbox:
        """The mailbox of an address, if the caller may see any of it."""
        mailbox = self.organization.mailbox(address)
        if mailbox is None:
            raise EwsError("ErrorNonExistentMailbox", values={"SmtpAddress": address})
        return mailbox

    def folder(self, node: Node, *, write: bool = False) -> tuple[Mailbox, Folder]:
        """The folder of a t:FolderId or t:DistinguishedFolderId. Raises EwsError."""
        text = node.attributes.get("Id", "")
        if node.local == "DistinguishedFolderId":
            address = node.text_at("t:Mailbox/t:EmailAddress")
            mailbox = self.open(address) if address else self.own_mailbox()
            found = mailbox.distinguished(text)
        else:
            id_ = parse_id(text)
            if id_.kind != FOLDER:
                raise EwsError("ErrorInvalidFolderId")
            there = self.organization.mailbox_number(id_.mailbox)
            if there is None:
                raise EwsError("ErrorFolderNotFound")
            mailbox, found = there, there.folders.get(id_.number)
        if found is None:
            raise EwsError("ErrorFolderNotFound")
        self.check_access(mailbox, found, write=write)
        return mailbox, found

    def item(self, node: Node, *, write: bool = False, checked: bool = False) -> tuple[Mailbox, Item]:
        """The item of a t:ItemId, t:OccurrenceItemId or t:RecurringMasterItemId; `checked` enforces a change key that is there."""
        text = node.attributes.get("Id") or node.attributes.get("RecurringMasterId") or node.attributes.get("OccurrenceId", "")
        if not text:
            raise EwsError("ErrorInvalidIdEmpty", "Id must be non-empty.")
        id_ = parse_id(text)
        if id_.kind not in (ITEM, OCCURRENCE):
            raise EwsError("ErrorInvalidId")
        mailbox = self.organization.mailbox_number(id_.mailbox)
        found = mailbox.items.get(id_.number) if mailbox is not None else None
        if mailbox is None or found is None:
            raise EwsError("ErrorItemNotFound")
        self.check_access(mailbox, mailbox.folders[found.folder], write=write)
        if node.local == "OccurrenceItemId":
            found = occurrence(mailbox, found, int(node.attributes.get("InstanceIndex", "0")))
        elif id_.kind == OCCURRENCE and node.local != "RecurringMasterItemId":
            found = occurrence_at(mailbox, found, id_.extra)
        key = node.attributes.get("ChangeKey", "")
        if checked and key and parse_change_key(key) != found.version:
            raise EwsError("ErrorIrresolvableConflict")
        return mailbox, found

    def check_access(self, mailbox: Mailbox, folder: Folder, *, write: bool = False) -> None:
        """Raises EwsError ErrorAccessDenied."""
        if mailbox.address.lower() == self.acting_as.lower():
            return
        if self.organization.has_full_access(self.caller.username, mailbox.address):
            return
        if not may_open(mailbox, folder, self.acting_as, write=write):
            raise EwsError("ErrorAccessDenied")

    def batch(self, things: Iterable[T], act: Callable[[T], Sequence[Node]], *, empty: Sequence[Node] = (), name: str = "") -> Node:
        """The answer of an operation on many things: one response message each, in order; what fails carries `empty` and its code.

        Raises EwsError ErrorSchemaValidation where there is none: an answer without a message is not in the schema.
        """
        name = name or self.operation
        messages = []
        for index, thing in enumerate(things):
            try:
                self.faults.spoil_item(self.operation, self.acting_as, index)
                messages.append(success(name, *act(thing)))
            except EwsError as error:
                messages.append(failure(name, error, empty))
        if not messages:
            raise violation(f"{self.operation} names nothing to work on.", 0, 0)
        return answer(name, messages)


def answer(name: str, messages: Sequence[Node]) -> Node:
    """m:NameResponse around response messages."""
    return Node(f"m:{name}Response", children=(Node("m:ResponseMessages", children=messages),))


def success(name: str, *contents: Node) -> Node:
    """A response message that says NoError."""
    code = Node("m:ResponseCode", "NoError")
    return Node(f"m:{name}ResponseMessage", children=(code, *contents), attributes={"ResponseClass": "Success"})


def failure(name: str, error: EwsError, empty: Sequence[Node] = ()) -> Node:
    """A response message that carries an error, in the order real servers send it."""
    children = (
        Node("m:MessageText", error.text),
        Node("m:ResponseCode", error.code),
        Node("m:DescriptiveLinkKey", "0"),
        *error.message_xml("m"),
        *empty,
    )
    kind = "Warning" if error.code in ("ErrorBatchProcessingStopped", "ErrorNameResolutionMultipleResults") else "Error"
    return Node(f"m:{name}ResponseMessage", children=children, attributes={"ResponseClass": kind})
