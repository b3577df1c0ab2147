"""A store with mails that can be found by their clues, for tests of correlation."""

from __future__ import annotations

from dataclasses import dataclass

from reconcile.model.activity_details import Regarding
from reconcile.model.conversation_index import new_conversation
from reconcile.model.cursor import Cursor
from reconcile.model.mail_clues import MailClues
from reconcile.model.outgoing import Field, OutboxEntry, OutgoingState, Recipient
from reconcile.model.remote_id import RemoteId
from reconcile.model.tracking import MailRef, Tracking
from reconcile.ports.correlation import CorrelationLookup
from reconcile.ports.mail_store import Arrival, MailStore, ReceivedBatch
from reconcile.ports.outbox_store import OutboxStore
from support.applied import START
from support.described import described

AT = "2026-03-01T08:00:00Z"
ROOT = new_conversation(bytes(range(1, 17)), START)
CASE = Regarding(type="case", id="c-1", name="Case 1")


@dataclass(frozen=True, slots=True)
class World:
    lookup: CorrelationLookup
    mail: MailStore
    outbox: OutboxStore


def receive(
    world: World,
    number: int,
    *,
    message_id: str = "",
    text: bytes = b"",
    clues: MailClues | None = None,
    tracking: Tracking | None = None,
    sender: bytes = b"Ann@Fabrikam.example",
) -> MailRef:
    raw = b"Message-ID: %s\r\nFrom: %s\r\nTo: sales@contoso.example\r\nCc: b@fabrikam.example\r\n\r\n%d%s" % (
        (message_id or f"<{number}@fabrikam.example>").encode(),
        sender,
        number,
        text,
    )
    found = described(raw)
    with world.mail.receive("box") as receiving:
        receiving.begin()
        receiving.write(raw)
        arrival = Arrival(
            remote_id=RemoteId("imap", str(number)),
            received=AT,
            size=found.size,
            raw=found.raw,
            content=found.content,
            header=found.header,
            header_length=found.header_length,
            place=receiving.end(),
            clues=clues,
            tracking=tracking,
        )
        receiving.commit(ReceivedBatch(arrivals=[arrival], cursor=Cursor("imap", str(number)), messages=number, at=AT))
    newest = max(one.id for one in world.mail.activities(mailbox_id=None, since=None, limit=None))
    return MailRef(kind="email", id=newest)


def send(world: World, number: int, *, token: str = "", clues: MailClues | None = None, regarding: Regarding | None = None) -> MailRef:
    entry = OutboxEntry(
        id=0,
        message_id=f"<out-{number}@contoso.example>",
        client_key="",
        request="r",
        mailbox_id="box",
        mailbox_name="sales",
        sender="Sales@Contoso.example",
        recipients=(
            Recipient(address="ann@fabrikam.example", field=Field.TO),
            Recipient(address="hidden@fabrikam.example", field=Field.BCC),
        ),
        subject="Offer",
        size=5,
        added_at=START,
        state=OutgoingState.PENDING,
        next_try_at=START,
        tracking_token=token,
        regarding=regarding,
    )
    return MailRef(kind="outbox", id=world.outbox.add(entry, b"bytes", clues).entry.id)
