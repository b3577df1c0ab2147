"""Mail as it also arrives: automatic, undeliverable, malformed, repeated. Each function answers octets as a server keeps them."""

from __future__ import annotations

from datetime import datetime
from email.utils import format_datetime

from reconcile.sandbox.corpus.addresses import CORRESPONDENTS
from reconcile.sandbox.corpus.letters import Letter


def automatic_reply(recipient: str, sent: datetime, token: str) -> bytes:
    """An out-of-office note (RFC 3834)."""
    return Letter(
        sender=CORRESPONDENTS[2],
        recipient=recipient,
        subject="Automatische Antwort: Büro über die Feiertage geschlossen",
        text="unser Büro ist geschlossen. Ihre Nachricht wird nicht weitergeleitet.",
        sent=sent,
        message_id=f"<auto-{token}@tailspin.example>",
        boundary=f"auto-{token}",
        references=(f"<sent-{token}@contoso.example>",),
        extra={"Auto-Submitted": "auto-replied", "X-Auto-Response-Suppress": "All", "Precedence": "bulk"},
    ).build()


def delivery_status(recipient: str, sent: datetime, token: str) -> bytes:
    """A failed delivery (RFC 3464), from the empty sender."""
    lines = f"""Return-Path: <>
From: Mail Delivery System <mailer-daemon@fabrikam.example>
To: {recipient}
Subject: Undelivered Mail Returned to Sender
Date: {format_datetime(sent)}
Message-ID: <dsn-{token}@fabrikam.example>
Auto-Submitted: auto-replied
MIME-Version: 1.0
Content-Type: multipart/report; report-type=delivery-status; boundary="dsn-{token}"

--dsn-{token}
Content-Type: text/plain; charset=us-ascii

The mailbox <closed@fabrikam.example> does not exist.

--dsn-{token}
Content-Type: message/delivery-status

Reporting-MTA: dns; mx.fabrikam.example
Arrival-Date: {format_datetime(sent)}

Final-Recipient: rfc822; closed@fabrikam.example
Action: failed
Status: 5.1.1
Diagnostic-Code: smtp; 550 5.1.1 no such user

--dsn-{token}
Content-Type: message/rfc822

From: {recipient}
To: closed@fabrikam.example
Subject: Your request
Message-ID: <sent-dsn-{token}@contoso.example>

Hello,

--dsn-{token}--
"""
    return _crlf(lines)


def without_message_id(recipient: str, sent: datetime, token: str) -> bytes:
    """A scanner that never learnt RFC 5322."""
    return _crlf(
        f"From: scanner@contoso.example\nTo: {recipient}\nSubject: Scan {token}\nDate: {format_datetime(sent)}\n\nOne page was scanned.\n"
    )


def with_bad_date(recipient: str, sent: datetime, token: str) -> bytes:
    """A date that is none."""
    return _crlf(
        f"From: reports@northwind.example\nTo: {recipient}\nSubject: Report {token}\nDate: 31/02/{sent.year} 25:61 Uhr\n"
        f"Message-ID: <report-{token}@northwind.example>\n\nAll parcels arrived.\n"
    )


def with_raw_header(recipient: str, sent: datetime, token: str) -> bytes:
    """A subject in Latin-1 without encoding, as old shops still send it."""
    return _crlf(
        f"From: shop@adventure-works.example\nTo: {recipient}\nDate: {format_datetime(sent)}\n"
        f"Message-ID: <raw-{token}@adventure-works.example>\nSubject: Größenänderung für Artikel {token}\n"
        "Content-Type: text/plain; charset=iso-8859-1\nContent-Transfer-Encoding: 8bit\n\nGröße geändert: 42 → siehe Anlage\n".replace(
            "→", "->"
        ),
        encoding="latin-1",
    )


def headers_only(recipient: str, sent: datetime, token: str) -> bytes:
    """Ends within its header: no empty line, no body."""
    return _crlf(
        f"From: monitor@litware.example\nTo: {recipient}\nSubject: heartbeat {token}\nDate: {format_datetime(sent)}\n"
        f"Message-ID: <beat-{token}@litware.example>\n"
    )


def unfinished_multipart(recipient: str, sent: datetime, token: str) -> bytes:
    """The closing boundary was cut off on the way, and the charset does not exist."""
    return _crlf(
        f"From: fax@wingtip.example\nTo: {recipient}\nSubject: =?x-unknown?Q?Fax_{token}?=\nDate: {format_datetime(sent)}\n"
        f'Message-ID: <fax-{token}@wingtip.example>\nMIME-Version: 1.0\nContent-Type: multipart/mixed; boundary="fax"\n\n'
        "--fax\nContent-Type: text/plain; charset=x-unknown\n\nPage 1 of 2\n--fax\nContent-Type: image/tiff\n"
        "Content-Transfer-Encoding: base64\n\nSUkqAAgAAAA*\n"
    )


def with_terminal_codes(recipient: str, sent: datetime, token: str) -> bytes:
    """A subject that would recolour the reader's terminal if it were printed as it is."""
    return _crlf(
        f"From: promo@litware.example\nTo: {recipient}\nSubject: =?utf-8?q?Offer_=1B=5B31m{token}=1B=5B0m_=E2=80=AE_today?=\n"
        f"Date: {format_datetime(sent)}\nMessage-ID: <promo-{token}@litware.example>\n\nRead me.\n"
    )


#: One of each goes into every mailbox.
EVERYWHERE = (
    automatic_reply,
    delivery_status,
    without_message_id,
    with_bad_date,
    with_raw_header,
    headers_only,
    unfinished_multipart,
    with_terminal_codes,
)


def traced(raw: bytes, recipient: str, received: datetime, token: str) -> bytes:
    """The same content with the trace headers of another delivery in front."""
    trace = (
        f"Return-Path: <bounce@mailer.fabrikam.example>\r\nDelivered-To: {recipient}\r\n"
        f"Received: from mx.fabrikam.example by mail.contoso.example with ESMTPS id {token}\r\n"
        f"\tfor <{recipient}>; {format_datetime(received)}\r\n"
    )
    return trace.encode() + raw


def _crlf(text: str, encoding: str = "utf-8") -> bytes:
    return text.replace("\n", "\r\n").encode(encoding)
