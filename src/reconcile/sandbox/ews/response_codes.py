"""Response codes, as EWS names them, and the sentences Exchange puts beside them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from reconcile.sandbox.ews.node import Node

#: Message texts as Microsoft's samples and recorded conversations show them; codes not listed here say their own name.
_TEXTS: Mapping[str, str] = {
    "ErrorAccessDenied": "Access is denied. Check credentials and try again.",
    "ErrorBatchProcessingStopped": "Batch processing stopped.",
    "ErrorCannotDeleteObject": "Object cannot be deleted.",
    "ErrorChangeKeyRequired": "The change key is required for this operation.",
    "ErrorChangeKeyRequiredForWriteOperations": "The change key passed in the request is required for write operations.",
    "ErrorDeleteDistinguishedFolder": "Distinguished folders cannot be deleted.",
    "ErrorEventNotFound": "The watermark used for creating this subscription was not found.",
    "ErrorFolderExists": "A folder with the specified name already exists.",
    "ErrorFolderNotFound": "The specified folder could not be found in the store.",
    "ErrorImpersonateUserDenied": "The account does not have permission to impersonate the requested user.",
    "ErrorInternalServerError": "An internal server error occurred. The operation failed.",
    "ErrorInvalidChangeKey": "The change key is invalid.",
    "ErrorInvalidFolderId": "Folder id is invalid.",
    "ErrorInvalidId": "Id is invalid.",
    "ErrorInvalidIdMalformed": "Id is malformed.",
    "ErrorInvalidOperation": "The requested operation is invalid.",
    "ErrorInvalidPropertyRequest": "The property can not be used with this type of request.",
    "ErrorInvalidPropertySet": "Set action is invalid for property.",
    "ErrorInvalidRecipients": "At least one recipient isn't valid.",
    "ErrorInvalidRequest": "The request is invalid.",
    "ErrorInvalidSubscription": "The specified subscription was not found.",
    "ErrorInvalidSyncStateData": "Synchronization state data is corrupt or otherwise invalid.",
    "ErrorIrresolvableConflict": "The send or update operation could not be performed because the change key passed in the request "
    "does not match the current change key for the item.",
    "ErrorItemNotFound": "The specified object was not found in the store.",
    "ErrorMailboxMoveInProgress": "The mailbox is being moved and cannot be accessed at this time.",
    "ErrorMailboxStoreUnavailable": "The mailbox database is temporarily unavailable.",
    "ErrorMessageSizeExceeded": "The message exceeds the maximum supported size.",
    "ErrorNameResolutionMultipleResults": "Multiple results were found.",
    "ErrorNameResolutionNoResults": "No results were found.",
    "ErrorNonExistentMailbox": "The SMTP address has no mailbox associated with it.",
    "ErrorObjectTypeChanged": "The object type changed.",
    "ErrorQuotaExceeded": "The message store has reached its maximum size.",
    "ErrorSchemaValidation": "The request failed schema validation.",
    "ErrorServerBusy": "The server cannot service this request right now. Try again later.",
    "ErrorSubscriptionNotFound": "Subscription is not found in this server.",
}


class EwsError(Exception):
    """What ends a request (then it is a SOAP fault) or one item of it (then it is a response message of class Error).

    `values` become MessageXml/Value elements by name; `details` are further elements of MessageXml.
    """

    def __init__(self, code: str, text: str = "", *, values: Mapping[str, str] | None = None, details: Sequence[Node] = ()) -> None:
        self.code = code
        self.text = text or _TEXTS.get(code, f"The operation failed: {code}.")
        self.values = dict(values or {})
        self.details = tuple(details)
        super().__init__(f"{code}: {self.text}")

    def message_xml(self, prefix: str) -> tuple[Node, ...]:
        """`prefix:MessageXml` where there is something to tell, else nothing."""
        children = [Node("t:Value", value, attributes={"Name": name}) for name, value in self.values.items()]
        children += self.details
        return (Node(f"{prefix}:MessageXml", children=children),) if children else ()


def fault(error: EwsError) -> Node:
    """The soap:Fault of an error, as Exchange words it (Microsoft's SOAP fault samples)."""
    detail = Node(
        "detail",
        children=(
            Node("e:ResponseCode", error.code, attributes={"xmlns:e": "http://schemas.microsoft.com/exchange/services/2006/errors"}),
            Node("e:Message", error.text, attributes={"xmlns:e": "http://schemas.microsoft.com/exchange/services/2006/errors"}),
            *error.message_xml("t"),
        ),
    )
    types = {"xmlns:a": "http://schemas.microsoft.com/exchange/services/2006/types"}
    return Node(
        "soap:Fault",
        children=(
            Node("faultcode", f"a:{error.code}", attributes=types),
            Node("faultstring", error.text, attributes={"xml:lang": "en-US"}),
            detail,
        ),
    )
