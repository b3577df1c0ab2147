"""The sandbox's Exchange on a free port, for tests: mailboxes, a service account that impersonates, a recorder, a switchboard.

With EWS_SCHEMA_DIR set every request is checked by the server, and `ExchangeSandbox.check` fails on an answer that breaks the schema.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from reconcile.sandbox.accounts import PostOffice
from reconcile.sandbox.certificates import issue
from reconcile.sandbox.ews.exchange import ExchangeServer
from reconcile.sandbox.ews.faults import EwsFaults
from reconcile.sandbox.ews.mailbox import Mailbox
from reconcile.sandbox.ews.organization import Organization
from reconcile.sandbox.ews.recorder import Recorder
from reconcile.sandbox.ews.schema import Schema, load_schema

if TYPE_CHECKING:
    from exchangelib import Account

SALES = "sales@contoso.example"
SUPPORT = "support@contoso.example"
OFFICE = "office@contoso.example"
ADDRESSES = (SALES, SUPPORT, OFFICE)
PASSWORD = "correct horse battery"
SERVICE = "crm-service"
SERVICE_PASSWORD = "service battery horse"


def official_schema() -> Schema | None:
    """The schema of EWS_SCHEMA_DIR; None where the variable is not set."""
    folder = os.environ.get("EWS_SCHEMA_DIR")
    return load_schema(Path(folder)) if folder else None


@dataclass(slots=True, kw_only=True)
class ExchangeSandbox:
    """A running server. `service`/`service_password` impersonates every mailbox; mailboxes sign in with `password`."""

    server: ExchangeServer
    post_office: PostOffice
    certificate: bytes | None
    addresses: Sequence[str] = ADDRESSES
    password: str = PASSWORD
    service: str = SERVICE
    service_password: str = SERVICE_PASSWORD

    @property
    def url(self) -> str:
        """The endpoint."""
        return self.server.url

    @property
    def faults(self) -> EwsFaults:
        """The switchboard."""
        return self.server.faults

    @property
    def recorder(self) -> Recorder:
        """What was asked."""
        return self.server.recorder

    @property
    def organization(self) -> Organization:
        """Who is there and may do what."""
        return self.server.organization

    def mailbox(self, address: str = SALES) -> Mailbox:
        """What the server holds of one, to compare with."""
        with self.organization.lock:
            found = self.organization.mailbox(address)
        assert found is not None
        return found

    def subjects(self, folder: str = "inbox", address: str = SALES) -> list[str]:
        """Subjects in a distinguished folder, oldest first."""
        from reconcile.sandbox.ews.values import text_of

        mailbox = self.mailbox(address)
        with self.organization.lock:
            found = mailbox.distinguished(folder)
            assert found is not None
            return [text_of(mailbox, item, "Subject") for item in found.items.values()]

    def deliver(self, raw: bytes, address: str = SALES, *, at: datetime | None = None) -> None:
        """Mail arrives as by SMTP."""
        self.post_office.deliver(address, raw, at or self.server.now())

    def letters(self, count: int, address: str = SALES) -> None:
        """That many small letters arrive, "Letter 1" the first."""
        for number in range(1, count + 1):
            self.deliver(letter(f"Letter {number}", to=address, message_id=f"<letter-{number}@elsewhere.example>"), address)

    def check(self) -> None:
        """Fails when an answer broke the schema."""
        broken = [f"{one.operation}: {one.broken}" for one in self.recorder.kept if one.broken]
        assert not broken, "\n".join(broken)


def letter(subject: str, *, to: str = SALES, message_id: str = "<letter@elsewhere.example>", text: str = "Good morning.") -> bytes:
    """A small mail from outside."""
    head = f"From: Buyer <buyer@elsewhere.example>\r\nTo: {to}\r\nSubject: {subject}\r\nMessage-ID: {message_id}\r\n"
    return (head + f"Date: Tue, 10 Mar 2026 09:00:00 +0000\r\n\r\n{text}\r\n").encode()


@contextmanager
def exchange_sandbox(
    addresses: Sequence[str] = ADDRESSES, *, tls: bool = False, now: datetime | None = None, keeping: bool = True, lenient: bool = False
) -> Iterator[ExchangeSandbox]:
    """A server for one test. `now` stops its clock. At the end answers are held against the schema, where it is at hand.

    A `lenient` one carries out requests that break the schema too.
    """
    post_office = PostOffice()
    for address in addresses:
        post_office.open_account(address, PASSWORD, ("INBOX", "Sent"))
    server = ExchangeServer(post_office, (lambda: now) if now else (lambda: datetime.now(UTC)), schema=official_schema(), lenient=lenient)
    server.recorder.keeping = keeping
    server.organization.add_service(SERVICE, SERVICE_PASSWORD, impersonates=["*"])
    certificates = issue() if tls else None
    server.start("127.0.0.1", 0, certificates.context if certificates else None)
    sandbox = ExchangeSandbox(
        server=server,
        post_office=post_office,
        certificate=certificates.authority if certificates else None,
        addresses=addresses,
    )
    try:
        yield sandbox
        sandbox.check()
    finally:
        server.stop()


def exchange_account(sandbox: ExchangeSandbox, address: str = SALES, *, password: str = SERVICE_PASSWORD) -> Account:
    """exchangelib's account of a mailbox, impersonated by the service account; it repeats nothing on its own."""
    import exchangelib
    from exchangelib.version import EXCHANGE_2016, Version

    configuration = exchangelib.Configuration(
        service_endpoint=sandbox.url,
        credentials=exchangelib.Credentials(SERVICE, password),
        auth_type=exchangelib.BASIC,
        version=Version(EXCHANGE_2016),
        retry_policy=exchangelib.FailFast(),
    )
    return exchangelib.Account(address, config=configuration, autodiscover=False, access_type=exchangelib.IMPERSONATION)
