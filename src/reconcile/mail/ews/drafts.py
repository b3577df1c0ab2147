"""A mail on its way: a draft that bears a token of ours from its first moment, by which it is found again wherever it went.

Creating and sending are not repeated blindly: whoever lost an answer looks for the token in the drafts and in Sent Items first.
"""

from __future__ import annotations

import base64
import email.policy
import hashlib
from collections.abc import Sequence
from email.parser import BytesHeaderParser
from email.utils import getaddresses
from typing import Final

from reconcile.errors import Unavailable
from reconcile.lazy_dataclass import dataclass
from reconcile.mail.ews import operations
from reconcile.mail.ews.answers import Answer, id_of, items_of
from reconcile.mail.ews.faults import refusal
from reconcile.mail.ews.link import Link
from reconcile.model.mail_address import same_address
from reconcile.ports.sender import Envelope

DRAFTS: Final = "drafts"
SENT: Final = "sentitems"
#: Our named properties: which handing over it is, its Message-ID, and the header fields by which its sent copy is known, all as we wrote
#: them: a server may write others.
TOKEN: Final = "Submission"
MESSAGE_ID: Final = "MessageId"
HEADER: Final = "Header"
_NAMES: Final = frozenset({"Message-Id", "From", "Date", "To", "Cc"})
_GONE: Final = frozenset({"ErrorFolderNotFound", "ErrorItemNotFound"})


@dataclass(frozen=True, slots=True)
class Found:
    """`draft` is id and change key of what waits in the drafts; `sent`: a copy is in Sent Items."""

    draft: tuple[str, str] | None
    sent: bool


def token_of(envelope: Envelope) -> str:
    """The same content to the same people is the same handing over, whoever tries it and when."""
    digest = hashlib.sha256(envelope.content)
    for address in sorted(envelope.recipients):
        digest.update(b"\0" + address.encode("utf-8", "surrogatepass"))
    return digest.hexdigest()[:40]


def look_for(link: Link, token: str) -> Found:
    """One request: the drafts and Sent Items."""
    requests = link.requests
    where = requests.folder(DRAFTS) + requests.folder(SENT)
    found = link.ask(requests.find_items(where, operations.own_equals(TOKEN, token), most=2))
    if len(found) != 2:
        raise Unavailable(f"{link.where} gives {len(found)} answers about 2 folders")
    drafts, sent = (_ids(link, answer) for answer in found)
    return Found(draft=drafts[0] if drafts else None, sent=bool(sent))


def _ids(link: Link, answer: Answer) -> list[tuple[str, str]]:
    if answer.code in _GONE:
        return []
    if not answer.done:
        raise refusal(answer, link.where)
    return [found for item in items_of(answer) if (found := id_of(item))[0]]


def message_of(envelope: Envelope, token: str) -> str:
    """The content of a t:Message: the mail as it is, its marks, and exactly the people it is for. Whom the header names beside them gets
    nothing; who is not named gets it as a blind copy."""
    header = BytesHeaderParser(policy=email.policy.compat32).parsebytes(envelope.content)
    left = list(envelope.recipients)
    groups: dict[str, list[tuple[str, str]]] = {}
    for element, name in (("ToRecipients", "To"), ("CcRecipients", "Cc")):
        named = [(shown, address) for shown, address in getaddresses([str(one) for one in header.get_all(name, [])]) if address]
        groups[element] = []
        for shown, address in named:
            match = next((one for one in left if same_address(one, address)), None)
            if match is not None:
                left.remove(match)
                groups[element].append((_shown(shown), match))
    groups["BccRecipients"] = [("", address) for address in left]
    message_id = str(header.get("Message-ID", "")).strip()
    mime = base64.b64encode(envelope.content).decode("ascii")
    return (
        f'<t:MimeContent CharacterSet="UTF-8">{mime}</t:MimeContent>'
        + operations.own_property(TOKEN, token)
        + operations.own_property(MESSAGE_ID, message_id)
        + operations.own_property(HEADER, known_by(envelope.content))
        + "".join(_people(element, people) for element, people in groups.items())
    )


def known_by(content: bytes) -> str:
    """The fields of a mail by which its copy is told from others, as they stand in it."""
    header = BytesHeaderParser(policy=email.policy.compat32).parsebytes(content)
    return "".join(f"{name}: {value}\r\n" for name, value in header.raw_items() if name.title() in _NAMES) + "\r\n"


def _people(element: str, people: Sequence[tuple[str, str]]) -> str:
    inside = "".join(
        f"<t:Mailbox>{f'<t:Name>{operations.text(shown)}</t:Name>' if shown else ''}"
        f"<t:EmailAddress>{operations.text(address)}</t:EmailAddress></t:Mailbox>"
        for shown, address in people
    )
    return f"<t:{element}>{inside}</t:{element}>" if inside else ""


def _shown(encoded: str) -> str:
    """A display name as people read it."""
    from email.header import decode_header, make_header

    try:
        return str(make_header(decode_header(encoded)))
    except (ValueError, LookupError):
        return encoded
