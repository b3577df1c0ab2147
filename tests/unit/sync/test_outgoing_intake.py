"""What a CRM may say of a mail beyond its text: who writes, when it goes, what it is about, what it answers, what hangs on it."""

from __future__ import annotations

import base64
import io
import json
from collections.abc import Collection
from dataclasses import replace
from datetime import timedelta
from email import message_from_bytes, policy

import pytest

from reconcile.errors import PreconditionFailed, UserError
from reconcile.model.activity_details import Regarding
from reconcile.model.answered import Answered
from reconcile.model.intake import IntakeResult, LineOutcome, Refusal, Refused, Taken
from reconcile.model.outbox_step import Claim, Release, Retry, Withdraw
from reconcile.model.outgoing import OutboxEntry, OutgoingState
from reconcile.model.party import PartyRef, PartyRow, PartyType
from reconcile.ports.target import AppliedResource
from reconcile.store.memory.outbox import MemoryOutbox
from reconcile.store.memory.parties import MemoryParties
from reconcile.sync.decide.attachment_rules import AttachmentRules, blocked, extensions
from reconcile.sync.decide.draft import Draft, DraftRefused
from reconcile.sync.decide.submission import SilentMailbox
from reconcile.sync.lines import lines_of
from reconcile.sync.mail_intake import MailIntake, media_type
from reconcile.sync.strangers import strangers
from support.applied import START, Applied, StillClock, sending_estate

LATER = START + timedelta(days=1)


class Desk:
    """An intake over an outbox in memory, with an Organization."""

    def __init__(self, **organization: object) -> None:
        self.outbox, self.minted, self.unknown = MemoryOutbox(), 0, set[str]()
        rows = sending_estate(mailboxes=3).rows
        spec = {path.replace("__", "."): leaf for path, leaf in organization.items()}
        self.applied = Applied([*rows, AppliedResource(kind="Organization", name="o", external_id="o1", spec=spec)])  # type: ignore[arg-type]
        self.intake = MailIntake(
            applied=self.applied,
            outbox=self.outbox,
            clock=StillClock(),
            mint=self._mint,
            answered=self._answered,
            strangers=self._strangers,
        )

    def _mint(self) -> str:
        self.minted += 1
        return f"t{self.minted}"

    def _answered(self, asked: str | int) -> Answered | None:
        about = Regarding(type="case", id="9")
        return Answered(message_id="<9@fabrikam.example>", regarding=about) if asked in (9, "<9@fabrikam.example>") else None

    def _strangers(self, addresses: Collection[str]) -> set[str]:
        return self.unknown & set(addresses)

    def consent(self, name: str, *others: str) -> None:
        self.applied.rows = [
            replace(row, spec={**row.spec, "sendAs": others}) if row.kind == "Mailbox" and row.name == name else row
            for row in self.applied.rows
        ]

    def take(self, **fields: object) -> LineOutcome:
        line = {"clientKey": "k", "from": "sales", "to": ["a@contoso.example"], "text": "x", **fields}
        (outcome,) = [one for batch in self.intake.take(lines_of(io.BytesIO(json.dumps(line).encode()))) for one in batch]
        return outcome

    def refused(self, **fields: object) -> Refused:
        outcome = self.take(**fields)
        assert isinstance(outcome, Refused), outcome
        assert outcome.hint
        assert self.outbox.entries() == []
        return outcome

    def entry(self, **fields: object) -> OutboxEntry:
        outcome = self.take(**fields)
        assert isinstance(outcome, Taken), outcome
        entry = self.outbox.entry(outcome.id)
        assert entry is not None
        return entry


def test_a_mail_with_all_of_it() -> None:
    desk = Desk()
    desk.consent("box2", "sales", "box3")
    about = {"type": "account", "id": "4711", "name": "Fabrikam"}
    entry = desk.entry(sendAs="box2", postponeUntil="2026-03-02T09:00:00+01:00", regarding=about, inReplyTo=9)
    assert (entry.mailbox_id, entry.sender, entry.submitter_id) == ("box2", "box2@contoso.example", "box1")
    assert (entry.postponed_until, entry.due_at) == (LATER, LATER)
    assert entry.regarding == Regarding(type="account", id="4711", name="Fabrikam")
    message = message_from_bytes(desk.outbox.content(entry.id), policy=policy.default)
    assert (message["From"], message["Sender"]) == ("box2@contoso.example", "sales@contoso.example")
    assert message["In-Reply-To"] == "<9@fabrikam.example>"
    assert desk.outbox.due(at=LATER - timedelta(microseconds=1)) == []
    with pytest.raises(PreconditionFailed):
        desk.outbox.advance(entry.id, Claim(owner="x"), at=START)
    assert [one.id for one in desk.outbox.due(at=LATER)] == [entry.id]


def test_the_same_key_with_another_wish_is_another_mail() -> None:
    desk = Desk()
    desk.consent("box2", "sales")
    desk.entry(sendAs="box2", postponeUntil="2026-03-02")
    repeated = desk.take(sendAs="box2", postponeUntil="2026-03-02")
    assert isinstance(repeated, Taken)
    assert repeated.result is IntakeResult.REPEATED
    for other in ({"sendAs": "box2"}, {"postponeUntil": "2026-03-02"}, {"sendAs": "box2", "postponeUntil": "2026-03-02", "draft": True}):
        outcome = desk.take(**other)
        assert isinstance(outcome, Refused)
        assert outcome.refusal is Refusal.KEY_USED


@pytest.mark.parametrize(
    ("fields", "refusal", "field", "words"),
    [
        ({"sendAs": "box2"}, Refusal.NOT_CONSENTED, "sendAs", "mailbox sales may not send as box2"),
        ({"sendAs": "nobody"}, Refusal.NO_MAILBOX, "sendAs", "no mailbox 'nobody' is applied"),
        ({"postponeUntil": "tomorrow"}, Refusal.INVALID, "postponeUntil", "no RFC 3339 instant"),
        ({"postponeUntil": "2026-02-30"}, Refusal.INVALID, "postponeUntil", "no date of the calendar"),
        ({"inReplyTo": 8}, Refusal.INVALID, "inReplyTo", "there is no activity 8 to answer"),
        ({"inReplyTo": 0}, Refusal.INVALID, "inReplyTo", "greater than or equal to 1"),
        ({"inReplyTo": True}, Refusal.INVALID, "inReplyTo", ""),
        ({"regarding": {"type": "a\nb", "id": "1"}}, Refusal.INVALID, "regarding.type", "line break"),
        ({"regarding": {"type": "a"}}, Refusal.INVALID, "regarding.id", "required"),
        ({"draft": "yes"}, Refusal.INVALID, "draft", "bool"),
    ],
)
def test_what_is_refused_names_its_field(fields: dict[str, object], refusal: Refusal, field: str, words: str) -> None:
    found = Desk().refused(**fields)
    assert (found.refusal, found.field) == (refusal, field)
    assert words in found.message


def test_consent_is_asked_for_again_when_the_mail_goes_out() -> None:
    from reconcile.sync.decide.submission import SendingMailbox, not_consented

    desk = Desk()
    desk.consent("box2", "sales")
    entry = desk.entry(sendAs="box2")
    for names, words in ((("sales",), ""), (("box3",), "may no longer send as box2"), ((), "may no longer send as box2")):
        desk.consent("box2", *names)
        setup = desk.intake.setup()
        box = setup.mailboxes["box2"]
        assert isinstance(box, SendingMailbox)
        assert words in not_consented(setup, box, entry.submitter_id)
        assert bool(words) == bool(not_consented(setup, box, entry.submitter_id))
    desk.applied.rows = [row for row in desk.applied.rows if row.name != "sales"]
    setup = desk.intake.setup()
    box = setup.mailboxes["box2"]
    assert isinstance(box, SendingMailbox)
    assert "no longer applied" in not_consented(setup, box, entry.submitter_id)


def test_sending_from_the_submitter_is_refused_by_name() -> None:
    desk = Desk(sending__sendFromSubmitter=True)
    found = desk.refused()
    assert found.refusal is Refusal.CANNOT_SEND
    assert "sending.sendFromSubmitter is not built" in found.message
    box = desk.intake.setup().mailboxes["box1"]
    assert isinstance(box, SilentMailbox)
    assert (box.condition.type, box.condition.field) == ("Unsupported", "sending.sendFromSubmitter")


def test_a_draft_waits_for_a_person() -> None:
    desk = Desk()
    entry = desk.entry(draft=True, postponeUntil="2026-03-02T08:00:00Z")
    assert entry.state is OutgoingState.DRAFT
    assert desk.outbox.due(at=LATER + timedelta(days=9)) == []
    released = desk.outbox.advance(entry.id, Release(by="admin"), at=START)
    assert (released.state, released.due_at) == (OutgoingState.PENDING, LATER)
    with pytest.raises(UserError, match="no draft"):
        desk.outbox.advance(entry.id, Release(by="admin"), at=START)
    # A person who says "now" means it.
    assert desk.outbox.advance(entry.id, Retry(by="admin"), at=START).due_at == START
    assert desk.outbox.advance(entry.id, Withdraw(by="admin"), at=START).state is OutgoingState.FAILED


def test_a_reply_inherits_what_it_is_about() -> None:
    assert Desk().entry(inReplyTo="<9@fabrikam.example>").regarding == Regarding(type="case", id="9")
    assert Desk().entry(inReplyTo="<other@fabrikam.example>").regarding is None


def test_strangers_are_refused_where_they_must_be_known() -> None:
    desk = Desk(addressResolution__allowUnresolvedRecipients=False)
    desk.unknown = {"b@contoso.example"}
    found = desk.refused(cc=["b@contoso.example"])
    assert (found.refusal, found.field) == (Refusal.UNRESOLVED, "cc.0")
    assert "allowUnresolvedRecipients is false" in found.message
    assert desk.entry().state is OutgoingState.PENDING
    for allowing in (Desk(), Desk(addressResolution__allowUnresolvedRecipients=True)):
        allowing.unknown = {"b@contoso.example"}
        assert allowing.entry(cc=["b@contoso.example"]).state is OutgoingState.PENDING


def test_who_is_known_is_an_active_row() -> None:
    directory = MemoryParties()
    rows = [
        PartyRow(ref=PartyRef(type=PartyType.CONTACT, id="1"), addresses=("a@contoso.example",)),
        PartyRow(ref=PartyRef(type=PartyType.CONTACT, id="2"), addresses=("b@contoso.example",), active=False),
    ]
    directory.take_in(rows, whole=lambda: True, at="2026-03-01T08:00:00Z")
    asked = ["a@contoso.example", "b@contoso.example", *(f"x{number}@contoso.example" for number in range(1200))]
    assert strangers(directory, asked) == set(asked) - {"a@contoso.example"}
    assert strangers(directory, []) == set()


def attached(name: str, content: bytes = b"x", media: str = "") -> dict[str, object]:
    return {"attachments": [{"name": name, "base64": base64.b64encode(content).decode(), "mediaType": media}]}


RAW = b"""\
From: sales@contoso.example
To: a@contoso.example
Content-Type: multipart/mixed; boundary=b

--b
Content-Type: %s
Content-Disposition: attachment; filename="%s"

abcd
--b--
"""


@pytest.mark.parametrize(
    ("rules", "name", "media", "words"),
    [
        ({"maximumSize": 3}, "a.txt", "", "'a.txt' has 4 octets, attachments.maximumSize is 3"),
        ({"blockedExtensions": ("exe",)}, "a.EXE", "", "ends in .exe, which attachments.blockedExtensions names"),
        ({"blockedExtensions": ("exe",)}, "a.pdf.exe. . ", "", "ends in .exe"),
        ({"blockedExtensions": ("exe",)}, "a.exe:stream", "", "ends in .exe"),
        ({"blockedExtensions": ("exe",)}, "a.e\u200bxe", "", "ends in .exe"),
        ({"blockedExtensions": ("exe",)}, "a.\uff45\uff58\uff45", "", "ends in .exe"),
        ({"blockedMimeTypes": ("text/html",)}, "a.html", "", "is text/html, which attachments.blockedMimeTypes names"),
        ({"blockedMimeTypes": ("text/html",)}, "a.txt", "TEXT/HTML", "is text/html"),
        ({"allowedMimeTypes": ("application/pdf",)}, "a.txt", "", "is text/plain, which attachments.allowedMimeTypes does not name"),
    ],
)  # fmt: skip
def test_attachments_that_are_not_wanted_are_refused_by_name(rules: dict[str, object], name: str, media: str, words: str) -> None:
    desk = Desk(**{f"attachments__{rule}": leaf for rule, leaf in rules.items()})
    found = desk.refused(**attached(name, b"abcd", media))
    assert found.field == "attachments.0"
    assert words in found.message
    # A mail that comes as bytes is no way around them.
    shown = b"=?utf-8?b?%s?=" % base64.b64encode(name.encode())
    raw = RAW % ((media.lower() or media_type(name)).encode(), shown)
    with pytest.raises(DraftRefused, match="attachment"):
        desk.intake.submit(Draft(raw=raw), "sales", "")


@pytest.mark.parametrize("name", ["a\u202egpj.exe", "x" * 256, "a\nb", "a\0b", "", "../a", "a\u2028b"])
def test_names_that_deceive_are_refused(name: str) -> None:
    assert Desk().refused(**attached(name)).refusal is Refusal.INVALID


def test_attachments_within_the_rules_go_out() -> None:
    desk = Desk(attachments__maximumSize=4, attachments__blockedExtensions=("exe",), attachments__allowedMimeTypes=("text/plain",))
    assert desk.entry(**attached("notes.txt", b"abcd")).state is OutgoingState.PENDING
    assert blocked(AttachmentRules(), name="a.exe", media_type="x/y", size=1 << 40) == ""
    assert extensions("Makefile") == ()


def test_a_mail_larger_than_its_server_takes_is_refused_at_once() -> None:
    desk = Desk()
    desk.applied.change("EmailServerProfile", outgoing__messageSize=2048)
    found = desk.refused(text="x" * 3000)
    assert "outgoing.messageSize of profile contoso is 2,048" in found.message
