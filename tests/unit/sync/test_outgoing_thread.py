"""What outgoing mail bears so that an answer to it is recognised, and what an answer of ours takes over."""

from __future__ import annotations

import base64
from collections.abc import Iterator
from datetime import timedelta
from email import message_from_bytes, policy
from email.message import EmailMessage
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reconcile.model.activity_details import Regarding
from reconcile.model.answered import Answered
from reconcile.model.conversation_index import ROOT, new_conversation
from reconcile.model.outgoing import OutboxEntry
from reconcile.model.tracking import MailRef
from reconcile.model.tracking_token import tokens_in
from reconcile.ports.target import AppliedResource
from reconcile.store.sqlite.correlation import SqliteCorrelation
from reconcile.store.sqlite.database import Database
from reconcile.store.sqlite.outbox import SqliteOutbox
from reconcile.sync.decide.draft import Draft, DraftRefused, is_message_id
from reconcile.sync.decide.thread import MOST_REFERENCES, thread_fields, topic_of
from reconcile.sync.mail_intake import MailIntake
from support.applied import START, Applied, StillClock, sending_estate

TO = ("a@contoso.example",)


class Desk:
    """An intake over a store in a file."""

    def __init__(self, database: Database, **tracking: object) -> None:
        self.outbox = SqliteOutbox(database)
        self.lookup = SqliteCorrelation(database)
        self.minted = 0
        token = {f"tracking.token.{name}": leaf for name, leaf in {"enabled": True, **tracking}.items()}
        organization = AppliedResource(kind="Organization", name="o", external_id="o1", spec=token)  # type: ignore[arg-type]
        self.applied = Applied([*sending_estate(mailboxes=3).rows, organization])
        self.answered: dict[str | int, Answered] = {}
        self.intake = MailIntake(
            applied=self.applied, outbox=self.outbox, clock=StillClock(), mint=self._mint, answered=lambda asked: self.answered.get(asked)
        )

    def _mint(self) -> str:
        self.minted += 1
        return f"id{self.minted}"

    def add(self, subject: str = "Your order", *, mailbox: str = "sales", key: str = "", **fields: object) -> OutboxEntry:
        draft = Draft(to=TO, subject=subject, text="x", **fields)  # type: ignore[arg-type]
        return self.intake.submit(draft, mailbox, key).entry

    def read(self, entry: OutboxEntry) -> EmailMessage:
        message = message_from_bytes(self.outbox.content(entry.id), policy=policy.default)
        assert isinstance(message, EmailMessage)
        return message


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    with Database.open(tmp_path / "engine.db") as found:
        yield found


def test_the_token_in_the_subject_of_a_reply_leads_to_the_mail(database: Database) -> None:
    desk = Desk(database)
    first, second = desk.add(), desk.add("Offer", mailbox="box2")
    assert desk.read(first)["Subject"] == first.subject == "Your order CRM:0001001"
    assert second.subject == "Offer CRM:0002001"
    reply = tokens_in(f"AW: [EXTERN] {first.subject.lower()}", ("CRM:",))
    assert desk.lookup.by_token(reply)[reply[0]] == [MailRef(kind="outbox", id=first.id)]


def test_the_conversation_of_a_reply_leads_to_the_mail(database: Database) -> None:
    desk = Desk(database)
    entry = desk.add()
    index = base64.b64decode(desk.read(entry)["Thread-Index"])
    assert desk.lookup.by_conversation([index[:ROOT]])[index[:ROOT]] == [(index, MailRef(kind="outbox", id=entry.id))]


def test_numbers_go_on_after_a_restart_and_begin_again_at_the_end(tmp_path: Path) -> None:
    subjects: list[str] = []
    for _ in range(4):
        with Database.open(tmp_path / "engine.db") as database:
            desk = Desk(database, maximumNumber=2, messageDigits=2, userDigits=1, baseNumber=7, prefix="Fall:")
            desk.minted = len(subjects) * 10
            subjects.append(desk.add("S").subject)
    assert subjects == ["S Fall:0801", "S Fall:0802", "S Fall:0800", "S Fall:0801"]


def test_a_repeated_key_uses_no_number(database: Database) -> None:
    desk = Desk(database)
    assert desk.add(key="k").id == desk.add(key="k").id
    assert desk.add().subject == "Your order CRM:0001002"


def test_the_subject_is_cut_and_the_token_stays(database: Database) -> None:
    desk = Desk(database, maximumSubjectLength=255)
    entry = desk.add("ä" * 300)
    assert len(entry.subject) == 255
    assert entry.subject.endswith("ä CRM:0001001")
    assert entry.tracking_token == "CRM:0001001"


def test_an_answer_has_one_token_of_ours(database: Database) -> None:
    desk = Desk(database)
    assert desk.add(f"Re: {desk.add().subject}").subject == "Re: Your order CRM:0001002"


def test_without_the_switch_there_is_no_token(database: Database) -> None:
    desk = Desk(database, enabled=False)
    assert (desk.add().subject, desk.add().tracking_token) == ("Your order", "")


def test_an_answer_continues_the_thread_and_inherits_what_it_is_about(database: Database) -> None:
    desk = Desk(database)
    parent = new_conversation(b"0123456789abcdef", START - timedelta(days=1))
    about = Regarding(type="order", id="4711", name="Bestellung")
    desk.answered[7] = Answered(
        message_id="<2@fabrikam.example>",
        references=("<0@fabrikam.example>", "<1@fabrikam.example>"),
        conversation=parent,
        topic="Anfrage",
        subject="AW: Anfrage",
        regarding=about,
    )
    entry = desk.add("Re: Anfrage", reply_to=7)
    message = desk.read(entry)
    assert message["In-Reply-To"] == "<2@fabrikam.example>"
    assert message["References"].split() == ["<0@fabrikam.example>", "<1@fabrikam.example>", "<2@fabrikam.example>"]
    index = base64.b64decode(message["Thread-Index"])
    assert (index[:ROOT], len(index)) == (parent, ROOT + 5)
    assert message["Thread-Topic"] == "Anfrage"
    assert entry.regarding == about
    own = Regarding(type="case", id="1")
    assert desk.add("x", reply_to=7, regarding=own).regarding == own
    with pytest.raises(DraftRefused, match="there is no activity 8"):
        desk.add("x", reply_to=8)


def test_a_long_id_stays_an_id() -> None:
    # The library would make an encoded word of it, and no reader would take that for the id.
    name = f"<{'a' * 300}@fabrikam.example>"
    lines = thread_fields(name, None, subject="s", chance=bytes(17), now=START)
    assert lines == f"In-Reply-To: {name}\r\nReferences: {name}\r\n".encode()


def test_a_thread_of_thousands_stays_small() -> None:
    known = tuple(f"<{number}@fabrikam.example>" for number in range(5000))
    lines = thread_fields(
        "<x@fabrikam.example>", Answered(message_id="<x@fabrikam.example>", references=known), subject="", chance=bytes(17), now=START
    )
    ids = lines.decode().split("References: ")[1].split()
    assert (len(ids), ids[0], ids[-2:]) == (MOST_REFERENCES, known[0], [known[-1], "<x@fabrikam.example>"])


hostile = st.text(alphabet=st.sampled_from("<>@ab.\r\n\0\u2028\u0085 \t:é\ud800"), max_size=30)


@given(st.lists(hostile, max_size=5), hostile, hostile)
def test_what_a_stranger_wrote_starts_no_header_of_its_own(references: list[str], topic: str, index: str) -> None:
    answered = Answered(
        message_id="<m@x.example>", references=tuple(references), conversation=new_conversation(b"0123456789abcdef", START), topic=topic
    )
    lines = thread_fields("<m@x.example>", answered, subject="", chance=bytes(17), now=START)
    assert lines.endswith(b"\r\n")
    names = [line.split(b":")[0] for line in lines.split(b"\r\n")[:-1] if not line.startswith(b" ")]
    assert names in ([b"In-Reply-To", b"References", b"Thread-Index", b"Thread-Topic"], [b"In-Reply-To", b"References", b"Thread-Index"])
    assert b"\r" not in lines.replace(b"\r\n", b"")
    assert b"\n" not in lines.replace(b"\r\n", b"")
    assert not any(map(is_message_id, (f"<a@b>{one}" for one in "\r\n\0 \u2028\u0085\x0b>")))
    topic_of(b"Thread-Topic: " + index.encode("utf-8", "surrogatepass") + b"\r\n\r\n")
