"""How one well-formed message of the sandbox is put together: the same letter gives the same octets."""

from __future__ import annotations

from dataclasses import field
from datetime import datetime
from email.header import Header
from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import format_datetime

from reconcile.lazy_dataclass import dataclass
from reconcile.sandbox.corpus.addresses import Correspondent

_PLACEHOLDER = "subject-of-the-letter"


@dataclass(frozen=True, slots=True, kw_only=True)
class Letter:
    """Everything one message needs. `sent` is aware and may be in any zone; `boundary` is unique within the corpus."""

    sender: Correspondent
    recipient: str
    subject: str
    text: str
    sent: datetime
    message_id: str
    boundary: str
    references: tuple[str, ...] = ()
    html: bool = False
    attachment: str = ""
    number: int = 0
    extra: dict[str, str] = field(default_factory=dict)

    def build(self) -> bytes:
        """The message with CRLF line ends; headers outside ASCII are encoded words (RFC 2047)."""
        message = EmailMessage(policy=SMTP)
        message["From"] = Address(display_name=self.sender.name, addr_spec=self.sender.address)
        message["To"] = self.recipient
        message["Subject"] = _PLACEHOLDER
        message["Date"] = format_datetime(self.sent)
        message["Message-ID"] = self.message_id
        if self.references:
            message["In-Reply-To"] = self.references[-1]
            message["References"] = " ".join(self.references)
        for name, value in self.extra.items():
            message[name] = value
        greeting = "Guten Tag,\r\n\r\n" if any(sign in self.text for sign in "äöüß") else "Hello,\r\n\r\n"
        message.set_content(f"{greeting}{self.text}\r\n\r\n-- \r\n{self.sender.name}\r\n{self.sender.address}\r\n", cte="quoted-printable")
        if self.html:
            message.add_alternative(
                f"<html><body><p>{self.text}</p><p><b>{self.sender.name}</b></p></body></html>\r\n", subtype="html", cte="quoted-printable"
            )
        match self.attachment:
            case "pdf":
                message.add_attachment(tiny_pdf(self.subject), maintype="application", subtype="pdf", filename=f"Beleg-{self.number}.pdf")
            case "csv":
                table = f"Position;Menge;Stückpreis\r\n1;{self.number};12,50\r\n2;4;199,00\r\n".encode()
                message.add_attachment(table, maintype="text", subtype="csv", filename=f"Übersicht-{self.number}.csv")
            case _:
                pass
        self._set_boundaries(message)
        # Python 3.11 loses a space where it folds a subject between two encoded words (RFC 2047, section 6.2): encoded here instead.
        subject = self.subject if self.subject.isascii() else Header(self.subject, "utf-8", header_name="Subject").encode(linesep="\r\n")
        return message.as_bytes().replace(_PLACEHOLDER.encode(), subject.encode("ascii"), 1)

    def _set_boundaries(self, message: EmailMessage) -> None:
        """The library would draw them from a generator of its own."""
        for number, part in enumerate(message.walk()):
            if part.is_multipart():
                part.set_boundary(f"{self.boundary}-{number}")


def tiny_pdf(title: str) -> bytes:
    """A valid one-page PDF of a few hundred octets with the title in its information dictionary."""
    text = title.encode("ascii", "replace").replace(b"\\", b"").replace(b"(", b"").replace(b")", b"")
    objects = (
        b"<</Type/Catalog/Pages 2 0 R>>",
        b"<</Type/Pages/Kids[3 0 R]/Count 1>>",
        b"<</Type/Page/Parent 2 0 R/MediaBox[0 0 595 842]>>",
        b"<</Title(" + text + b")>>",
    )
    body = bytearray(b"%PDF-1.4\n")
    places = []
    for number, each in enumerate(objects, 1):
        places.append(len(body))
        body += b"%d 0 obj%s endobj\n" % (number, each)
    table = len(body)
    body += b"xref\n0 %d\n0000000000 65535 f \n" % (len(objects) + 1)
    for place in places:
        body += b"%010d 00000 n \n" % place
    body += b"trailer<</Size %d/Root 1 0 R/Info 4 0 R>>\nstartxref\n%d\n%%%%EOF\n" % (len(objects) + 1, table)
    return bytes(body)
