"""Copies of sent mail, and mail that is uncertain, in the folder for sent mail at the server."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from datetime import timedelta
from pathlib import Path

import pytest

from reconcile.errors import AuthenticationRejected, Unavailable, Unsupported
from reconcile.mail.memory_inbox import MemoryMailbox
from reconcile.mail.memory_marks import MemoryMarks
from reconcile.mail.memory_sender import Answer, Drop, MemorySender, MemoryServer
from reconcile.mail.sign_in.configured import ConfiguredSignIns
from reconcile.model.outbox_step import Confirm, Retry
from reconcile.model.outgoing import OutboxEntry, OutgoingState, RecipientState
from reconcile.model.sending_report import SendingReport
from reconcile.model.sent_folder import CopyState
from reconcile.ports.mail_marks import MailMarks
from reconcile.ports.outbox_store import OutboxStore
from reconcile.store.memory.outbox import MemoryOutbox
from reconcile.store.sqlite.database import Database
from reconcile.store.sqlite.outbox import SqliteOutbox
from reconcile.sync.decide.compose import compose
from reconcile.sync.decide.draft import Draft
from reconcile.sync.decide.outgoing import LOOKS
from reconcile.sync.decide.submission import SendingMailbox, sending_setup
from reconcile.sync.outgoing import Outgoing, send_due
from support.applied import Passwords, References, StillClock, sending_estate


@dataclass
class Office:
    """A pass with a folder for sent mail."""

    outbox: OutboxStore
    server: MemoryServer = field(default_factory=MemoryServer)
    box: MemoryMailbox = field(default_factory=lambda: MemoryMailbox(sent=[]))
    clock: StillClock = field(default_factory=StillClock)
    error: Exception | None = None
    opened: int = 0
    count: int = 0

    def __post_init__(self) -> None:
        self.applied = sending_estate()
        self.applied.change("EmailServerProfile", outgoing__sentCopy="append")

    def add(self, *to: str, text: str = "x") -> None:
        mailbox = sending_setup(self.applied.resources(), now="").mailboxes["box1"]
        assert isinstance(mailbox, SendingMailbox)
        self.count += 1
        made = compose(Draft(to=to or ("a@contoso.example",), text=text), mailbox, key="", token=f"t{self.count}", now=self.clock.now())
        self.outbox.add(made.entry, made.content)

    def marks(self, mailbox_id: str) -> MailMarks:
        assert mailbox_id == "box1"
        self.opened += 1
        if self.error is not None:
            raise self.error
        return MemoryMarks(self.box)

    def outgoing(self) -> Outgoing:
        return Outgoing(
            applied=self.applied,
            outbox=self.outbox,
            sender=MemorySender(server=self.server),
            sign_ins=ConfiguredSignIns(Passwords()),
            secrets=References({"file:ca.pem": b"pem"}),
            clock=self.clock,
            owner="run",
            renew=False,
            marks=self.marks,
        )

    def send(self, **passed: float) -> SendingReport:
        self.clock.pass_by(**passed)
        return send_due(self.outgoing())

    @property
    def mail(self) -> OutboxEntry:
        return next(iter(self.outbox.entries()))

    @property
    def copy(self) -> CopyState:
        return self.mail.sent_folder.copy

    @property
    def is_kept(self) -> bool:
        return self.copy is CopyState.KEPT


@pytest.fixture(params=["memory", "sqlite"])
def office(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Office]:
    if request.param == "memory":
        yield Office(MemoryOutbox())
    else:
        with Database.open(tmp_path / "engine.db") as database:
            yield Office(SqliteOutbox(database))


def test_a_copy_is_kept_once_the_mail_is_sent(office: Office) -> None:
    office.add()
    office.send()
    assert office.mail.state is OutgoingState.SENT
    assert office.is_kept
    assert office.box.sent == [office.outbox.content(1)] == [office.server.taken[0].content]
    office.send(hours=1)
    assert (office.opened, len(office.box.sent)) == (1, 1)


def test_no_copy_of_what_was_not_sent_or_is_not_wanted(office: Office) -> None:
    office.server.plan("rcpt", Answer(550))
    office.add()
    office.send()
    assert office.mail.state is OutgoingState.FAILED
    assert office.copy == CopyState.NONE
    office.applied.change("EmailServerProfile", outgoing__sentCopy="none")
    office.add()
    office.send()
    assert (office.opened, office.box.sent) == (0, [])


def test_a_copy_waits_for_the_last_recipient(office: Office) -> None:
    office.server.plan("rcpt", Answer(250), Answer(451))
    office.add("a@contoso.example", "b@contoso.example")
    office.send()
    assert office.box.sent == []
    assert office.copy == CopyState.WANTED
    office.send(hours=1)
    assert len(office.box.sent or ()) == 1
    assert len(office.server.taken) == 2


def test_who_got_it_is_reason_enough_for_a_copy(office: Office) -> None:
    office.server.plan("rcpt", Answer(250), Answer(550))
    office.add("a@contoso.example", "b@contoso.example")
    office.send()
    assert office.mail.state is OutgoingState.FAILED
    assert len(office.box.sent or ()) == 1


@pytest.mark.parametrize("error", [Unavailable("nobody answers"), AuthenticationRejected("wrong password")])
def test_a_copy_that_fails_is_tried_again_and_never_makes_the_mail_fail(office: Office, error: Exception) -> None:
    office.error = error
    office.add()
    report = office.send()
    assert not report.needs_a_look
    assert office.mail.state is OutgoingState.SENT
    assert office.copy == CopyState.WANTED
    assert str(error) in office.mail.sent_folder.note
    office.send(seconds=30)
    assert office.opened == 1  # not before its time
    office.error = None
    office.send(hours=1)
    assert office.is_kept


def test_a_copy_that_never_succeeds_is_given_up(office: Office) -> None:
    office.error = Unavailable("nobody answers")
    office.add()
    for _ in range(30):
        office.send(hours=2)
    assert office.mail.state is OutgoingState.SENT
    assert office.copy == CopyState.FAILED
    assert (
        office.mail.sent_folder.note
        == "given up after 20 tries: no copy in the folder for sent mail of sales@contoso.example: nobody answers"
    )
    assert office.opened == 20


@pytest.mark.parametrize("why", ["no folder", "no IMAP"])
def test_where_there_is_no_folder_it_is_said_once(office: Office, why: str) -> None:
    office.box.sent = None
    office.error = Unsupported("it does not receive over IMAP", field="outgoing.sentCopy") if why == "no IMAP" else None
    office.add()
    office.send()
    office.send(hours=5)
    assert office.copy == CopyState.FAILED
    assert office.opened == 1


def test_a_death_between_the_append_and_the_journal_makes_no_second_copy(office: Office) -> None:
    office.add()

    class Dying(MemoryMarks):
        def keep_sent(self, content: bytes, *, message_id: str, at: object) -> bool:
            super().keep_sent(content, message_id=message_id, at=at)  # type: ignore[arg-type]
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        send_due(replace(office.outgoing(), marks=lambda _: Dying(office.box)))
    assert office.copy == CopyState.WANTED
    office.send()
    assert office.is_kept
    assert len(office.box.sent or ()) == 1


def uncertain(office: Office, *, filed: bool, kept: bool = True) -> None:
    """A mail whose server left after its end; `filed`: the provider put it into the folder for sent mail."""
    office.server.plan("end", Drop(kept=kept))
    office.add()
    if filed:
        assert office.box.sent is not None
        office.box.sent.append(office.outbox.content(1))
    office.send()


@pytest.mark.parametrize(
    ("old", "new", "word"),
    [
        (b"To: a@contoso.example", b"To: else@contoso.example", "other recipients"),
        (b"From: sales@contoso.example", b"From: eve@fabrikam.example", "another sender"),
        (b"Date: ", b"Date: Thu, 01 Jan 2026 00:00:00 +0000\r\nX-Date: ", "another date"),
    ],
)
def test_another_message_with_our_message_id_proves_nothing(office: Office, old: bytes, new: bytes, word: str) -> None:
    uncertain(office, filed=False)
    assert office.box.sent is not None
    mail = office.outbox.content(1)
    assert old in mail
    office.box.sent.append(mail.replace(old, new, 1))
    office.send(hours=1)
    assert office.mail.state is OutgoingState.UNCERTAIN
    assert f"a message there has its Message-ID, but {word}" in office.mail.sent_folder.note


def test_what_a_server_writes_anew_is_recognised(office: Office) -> None:
    uncertain(office, filed=False)
    assert office.box.sent is not None
    head, _, _ = office.outbox.content(1).partition(b"\r\n\r\n")
    head = head.replace(b"To: a@contoso.example", b'To: "Desk"\r\n <A@CONTOSO.example>')
    office.box.sent.append(b"X-Mailbox: 1\r\n" + head + b"\r\nBcc: x@contoso.example\r\n\r\n<html>another form</html>")
    office.send(hours=1)
    assert office.mail.state is OutgoingState.SENT


def test_an_uncertain_mail_that_the_server_filed_was_sent(office: Office) -> None:
    uncertain(office, filed=True)
    assert office.mail.state is OutgoingState.SENT
    assert office.mail.recipients[0].reason == "found in the folder for sent mail of sales@contoso.example: the server has taken it"
    assert len(office.box.sent or ()) == 1
    assert "found in" in office.outbox.events(1)[-1].why


def test_one_that_is_not_found_stays_uncertain_and_is_looked_for_a_while(office: Office) -> None:
    uncertain(office, filed=False)
    assert office.mail.state is OutgoingState.UNCERTAIN
    assert office.mail.sent_folder.note.startswith(
        "not found in the folder for sent mail of sales@contoso.example, last looked 2026-03-01 08:00Z"
    )
    office.send(seconds=10)
    assert office.opened == 1
    for _ in range(40):
        office.send(hours=1)
    assert office.opened == 1 + len(LOOKS)
    assert office.mail.state is OutgoingState.UNCERTAIN
    assert len(office.server.taken) == 1  # never sent again by itself


def test_one_that_is_filed_late_is_found_later(office: Office) -> None:
    uncertain(office, filed=False)
    assert office.box.sent is not None
    office.box.sent.append(office.outbox.content(1))
    office.send(minutes=2)
    assert office.mail.state is OutgoingState.SENT


def test_a_folder_that_cannot_be_looked_at_decides_nothing(office: Office) -> None:
    office.error = Unavailable("nobody answers")
    uncertain(office, filed=True)
    assert office.mail.state is OutgoingState.UNCERTAIN
    assert office.mail.sent_folder.note == "could not be looked for in the folder for sent mail of sales@contoso.example: nobody answers"
    office.box.sent, office.error = None, None
    office.send(minutes=2)
    assert "has no folder for sent mail to look in" in office.mail.sent_folder.note
    assert office.mail.state is OutgoingState.UNCERTAIN


def test_what_an_earlier_turn_put_there_proves_nothing(office: Office) -> None:
    office.applied.change("EmailServerProfile", outgoing__recipientsPerMessage=1)
    office.add("a@contoso.example", "b@contoso.example")
    assert office.box.sent is not None
    office.box.sent.append(office.outbox.content(1))
    send_due(replace(office.outgoing(), on_settled=lambda _: office.server.plan("end", Drop(kept=False))))
    states = [one.state for one in office.mail.recipients]
    assert states == [RecipientState.SENT, RecipientState.UNCERTAIN]
    office.send(hours=1)
    assert office.opened == 0


def test_a_person_decides_and_the_copy_follows(office: Office) -> None:
    uncertain(office, filed=False)
    office.outbox.advance(1, Confirm(by="admin"), at=office.clock.now())
    office.send(hours=1)
    assert office.mail.state is OutgoingState.SENT
    assert len(office.box.sent or ()) == 1


def test_a_person_sends_it_again_and_the_next_look_starts_anew(office: Office) -> None:
    uncertain(office, filed=False, kept=False)
    office.outbox.advance(1, Retry(by="admin", checked_not_sent=True), at=office.clock.now())
    office.send()
    assert office.mail.state is OutgoingState.SENT
    assert (len(office.server.taken), len(office.box.sent or ())) == (1, 1)
    assert office.is_kept


def test_other_mailboxes_are_left_alone_where_some_are_named(office: Office) -> None:
    office.add()
    office.error = Unavailable("x")
    office.send()
    office.clock.pass_by(hours=1)
    send_due(office.outgoing(), mailboxes={"box9"})
    assert office.opened == 1
    assert timedelta(minutes=1) == LOOKS[0]


def test_a_mail_that_the_folder_never_takes_keeps_no_other_from_its_turn(office: Office) -> None:
    """A server may refuse a copy for its size, mail by mail and without end; an uncertain mail is looked for all the same."""
    folder = office.box

    class Full(MemoryMarks):
        def keep_sent(self, content: bytes, *, message_id: str, at: object) -> bool:
            if len(content) > 5000:
                raise Unavailable("[TOOBIG] too large")
            return super().keep_sent(content, message_id=message_id, at=at)  # type: ignore[arg-type]

    office.marks = lambda _: Full(folder)  # type: ignore[method-assign]
    office.add(text="x" * 9000)
    office.add()
    office.send()
    office.server.plan("end", Drop(kept=True))
    office.add()
    send_due(replace(office.outgoing(), marks=None))
    assert folder.sent is not None
    folder.sent.append(office.outbox.content(3))
    for _ in range(30):
        office.send(hours=2)
    large, small, doubtful = office.outbox.entries()
    assert (large.sent_folder.copy, small.sent_folder.copy) == (CopyState.FAILED, CopyState.KEPT)
    assert doubtful.state is OutgoingState.SENT
