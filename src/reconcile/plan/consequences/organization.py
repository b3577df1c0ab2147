"""What a changed field of the organization means for the mail."""

from __future__ import annotations

from reconcile.model.tracking_token import token_format
from reconcile.plan.consequences.words import Before, Rule, Words


def _approval(path: str, whom: str) -> Words:
    def words(b: Before) -> str:
        old, new = b.words(path, "false")
        if old == new:
            return ""
        if new == "true":
            return f"mail of {whom} waits until their address is approved"
        return f"mail of {whom} moves without approval" if b.old else ""

    return words


def _test(b: Before) -> str:
    old, new = b.words("approval.requireTest", "false")
    if old == new:
        return ""
    if new == "true":
        return "mail of a mailbox waits until it was tested and enabled"
    return "a mailbox is enabled by being applied" if b.old else ""


def _non_ssl(b: Before) -> str:
    old, new = b.words("deploymentSettings.allowNonSslEmail", "false")
    if old == new:
        return ""
    return "profiles may connect without encryption" if new == "true" else "profiles without encryption no longer connect"


def _correlation(b: Before) -> str:
    return "which mail is tracked, and to what it is attached, changes from now on" if b.old else ""


def _token(b: Before) -> str:
    """On our own engine: the product keeps a list of its former prefixes by itself, and always writes tokens."""
    if not b.around.engine:
        return ""
    old, new = token_format(b.old), token_format(b.new)
    if old is None or new is None:
        if new is not None:
            return "subjects of outgoing mail end with a tracking token"
        return "subjects get no tracking token, and none is read" if old is not None else ""
    lost = [prefix for prefix in old.prefixes if prefix not in new.prefixes]
    if not lost:
        return ""
    return f"replies are no longer recognised by tokens with {', '.join(lost)}; tracking.token.formerPrefixes would keep them"


def _new_mailboxes(b: Before) -> str:
    return "new mailboxes start with other settings; existing ones stay" if b.old else ""


def _always(words: str) -> Words:
    return lambda b: words if b.old else ""


def _domains(b: Before) -> str:
    both = b.moved("ownedDomains")
    return f"mail of {both[1] or 'no domain'} counts as the organization's own" if both else ""


def _own_address(b: Before) -> str:
    old, new = b.words("approval.requirePrivilegeForOwnAddress", "false")
    if not b.old or old == new:
        return ""
    return "approving one's own address needs the privilege" if new == "true" else "everybody may approve their own address"


def _insecure_entry(b: Before) -> str:
    old, new = b.words("deploymentSettings.allowCredentialsEntryViaNonSecureChannels", "false")
    if old == new:
        return ""
    return "user names and passwords may be entered unencrypted" if new == "true" else "user names and passwords are entered encrypted only"


def _logical_deletes(b: Before) -> str:
    old, new = b.words("linkedItems.unlinkOnLogicalDelete", "false")
    if old == new:
        return ""
    if new == "true":
        return "appointments, contacts and tasks whose row leaves the sync filter stay at Exchange"
    return "appointments, contacts and tasks whose row leaves the sync filter are deleted at Exchange, and meetings are cancelled"


def _contact_addresses(b: Before) -> str:
    old, new = b.words("linkedItems.oneMailingAddress", "true")
    if old == new:
        return ""
    if new == "true":
        return "only the mailing address of each linked contact is synchronised; what was overwritten among the other two stays so"
    if b.around.engine:
        return (
            "home and other address of linked contacts go both ways: nothing is moved now, and from the next edit of one of them on it"
            " takes the place of what the other side has there"
        )
    return "addresses of linked contacts are mapped anew, to three, and may be lost on the way"


def _largest(b: Before) -> str:
    both = b.moved("attachments.maximumSize")
    return f"attachments above {_bytes(both[1])} are refused instead of {_bytes(both[0])}" if both else ""


def _bytes(words: str) -> str:
    return f"{int(words):,} bytes" if words.isdecimal() else "no limit of ours"


ORGANIZATION: tuple[Rule, ...] = (
    (("approval.requireForUsers",), _approval("approval.requireForUsers", "users")),
    (("approval.requireForQueues",), _approval("approval.requireForQueues", "queues")),
    (("approval.requireTest",), _test),
    (("deploymentSettings.allowNonSslEmail",), _non_ssl),
    (("tracking.*", "smartMatching.*"), _correlation),
    (("tracking.token.*",), _token),
    (("defaults.*",), _new_mailboxes),
    (("approval.requirePrivilegeForOwnAddress",), _own_address),
    (("deploymentSettings.allowCredentialsEntryViaNonSecureChannels",), _insecure_entry),
    (("ownedDomains",), _domains),
    (("linkedItems.unlinkOnLogicalDelete",), _logical_deletes),
    (("linkedItems.oneMailingAddress",), _contact_addresses),
    (("linkedItems.filters",), _always("which appointments, contacts and tasks go to mailboxes is decided anew")),
    (("linkedItems.directions",), _always("fields of appointments, contacts and tasks go other ways from now on")),
    (
        tuple(
            f"linkedItems.{name}"
            for name in (
                "trackFromNonOrganizer",
                "trackCategorizedContacts",
                "updatePastMeetings",
                "propagateCancellations",
                "taskDeletion",
                "privateFromMailbox",
                "appointmentAttachments",
            )
        ),
        _always("what becomes of appointments, contacts and tasks on the other side changes from now on"),
    ),
    (("addressResolution.*",), _always("to whom addresses of new mail are resolved changes from now on")),
    (("queues.*",), _always("which queues get an item for new mail changes from now on")),
    (("sending.*",), _always("how mail leaves, and what of it is kept at the server, changes from now on")),
    (("attachments.maximumSize",), _largest),
    (
        ("attachments.blockedExtensions", "attachments.blockedMimeTypes", "attachments.allowedMimeTypes"),
        _always("which attachments are refused changes from now on"),
    ),
    (("alerts.*",), _always("which alerts are written, for whom, and how long they are kept changes")),
    (("processing.*",), _always("how mailboxes are worked through, and what is kept of it, changes from the next cycle on")),
)
