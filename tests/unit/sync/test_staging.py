"""An environment that may mail one domain only reaches no other, whatever is tried: at intake, and again just before sending."""

from __future__ import annotations

import io
import json
import time
from collections.abc import Callable
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from reconcile.errors import UserError
from reconcile.mail.memory_sender import MemorySender, MemoryServer
from reconcile.mail.sign_in.configured import ConfiguredSignIns
from reconcile.model.intake import Refusal, Refused
from reconcile.model.mail_address import is_allowed, parse_address
from reconcile.model.outgoing import Field, OutgoingState, Recipient
from reconcile.store.memory.outbox import MemoryOutbox
from reconcile.sync.decide.draft import Draft
from reconcile.sync.lines import lines_of
from reconcile.sync.mail_intake import MailIntake
from reconcile.sync.outgoing import Outgoing, send_due
from support.applied import Passwords, References, StillClock, sending_estate

ALLOWED = ("@staging.contoso.example",)
INSIDE = "a@staging.contoso.example"
REAL = "real@fabrikam.example"


class Staging:
    """Intake, outbox and server of a staging environment whose mailboxes have staging addresses."""

    def __init__(self, allowed: tuple[str, ...] = ALLOWED, **environment: object) -> None:
        self.applied = sending_estate(mailboxes=2, allowed=allowed)
        self.applied.change("Environment", **environment)
        self.outbox, self.server, self.clock, self.minted, self.runs = MemoryOutbox(), MemoryServer(size_limit=1 << 30), StillClock(), 0, 0
        self.refusals: list[UserError] = []
        self.intake = MailIntake(applied=self.applied, outbox=self.outbox, clock=self.clock, mint=self._mint)

    def _mint(self) -> str:
        self.minted += 1
        return f"t{self.minted}"

    def attempt(self, draft: Draft, mailbox: str = "sales") -> str:
        """Add and send: "refused", or what became of it."""
        try:
            entry = self.intake.submit(draft, mailbox, "").entry
        except UserError as error:
            self.refusals.append(error)
            return "refused"
        self.send()
        kept = self.outbox.entry(entry.id)
        assert kept is not None
        return str(kept.state)

    def send(self) -> None:
        self.runs += 1
        send_due(
            Outgoing(
                applied=self.applied,
                outbox=self.outbox,
                sender=MemorySender(server=self.server),
                sign_ins=ConfiguredSignIns(Passwords()),
                secrets=References({"file:ca.pem": b"pem"}),
                clock=self.clock,
                owner=f"run-{self.runs}",
                renew=False,
            )
        )

    def reached(self) -> set[str]:
        return {recipient for mail in self.server.taken for recipient in mail.recipients}


def raw(*lines: str) -> bytes:
    return "\r\n".join(("From: sales@contoso.example", *lines, "", "text", "")).encode()


WAYS: dict[str, Draft] = {
    "plainly": Draft(to=(REAL,)),
    "as a copy": Draft(to=(INSIDE,), cc=(REAL,)),
    "as a hidden copy": Draft(to=(INSIDE,), bcc=(REAL,)),
    "with the allowed address as its name": Draft(to=(f"{INSIDE} <{REAL}>",)),
    "with the allowed address as its quoted name": Draft(to=(f'"{INSIDE}" <{REAL}>',)),
    "two addresses in one": Draft(to=(f"{INSIDE}, {REAL}",)),
    "two addresses in one, by semicolon": Draft(to=(f"{INSIDE};{REAL}",)),
    "two addresses in angle brackets": Draft(to=(f"<{INSIDE}><{REAL}>",)),
    "an address within an address": Draft(to=(f"x <a <{REAL}>>",)),
    "a comment": Draft(to=(f"{REAL}({INSIDE})",)),
    "a comment before the at sign": Draft(to=("real(@staging.contoso.example)@fabrikam.example",)),
    "a quoted local part": Draft(to=('"real@fabrikam.example,"@staging.contoso.example',)),
    "two at signs": Draft(to=("real@fabrikam.example@staging.contoso.example",)),
    "two at signs, the other way": Draft(to=("a@staging.contoso.example@fabrikam.example",)),
    "the percent hack": Draft(to=("real%fabrikam.example@staging.contoso.example",)),
    "a bang path": Draft(to=("fabrikam.example!real@staging.contoso.example",)),
    "a source route": Draft(to=("@staging.contoso.example:real@fabrikam.example",)),
    "a source route in brackets": Draft(to=("<@staging.contoso.example:real@fabrikam.example>",)),
    "a group": Draft(to=(f"staging: {REAL};",)),
    "a subdomain": Draft(to=("real@x.staging.contoso.example",)),
    "a domain that ends alike": Draft(to=("real@evilstaging.contoso.example",)),
    "the domain above": Draft(to=("real@contoso.example",)),
    "a domain behind it": Draft(to=("real@staging.contoso.example.fabrikam.example",)),
    "a full stop at the end": Draft(to=("real@fabrikam.example.",)),
    "a domain literal": Draft(to=("real@[192.0.2.1]",)),
    "an address literal of IPv6": Draft(to=("real@[IPv6:2001:db8::1]",)),
    "a letter that lowers into ASCII": Draft(to=("a@\u017ftaging.contoso.example",)),
    "the Kelvin sign": Draft(to=("a@staging.contoso.e\u212aample",)),
    "full width letters": Draft(to=("a@\uff53taging.contoso.example",)),
    "an ideographic full stop": Draft(to=("real@fabrikam.example\u3002staging.contoso.example",)),
    "a cyrillic lookalike": Draft(to=("a@st\u0430ging.contoso.example",)),
    "punycode": Draft(to=("a@xn--staging-.contoso.example",)),
    "a soft hyphen": Draft(to=("a@sta\u00adging.contoso.example",)),
    "a zero width space": Draft(to=("a@staging.contoso.example\u200b",)),
    "a turn of direction": Draft(to=("a@elpmaxe.osotnoc\u202e.staging.contoso.example",)),
    "a line break and a command": Draft(to=(f"{INSIDE}>\r\nRCPT TO:<{REAL}",)),
    "a lone line feed and a command": Draft(to=(f"{INSIDE}>\nRCPT TO:<{REAL}",)),
    "a lone carriage return": Draft(to=(f"{INSIDE}>\rRCPT TO:<{REAL}",)),
    "a NUL": Draft(to=(f"{INSIDE}\0{REAL}",)),
    "a line separator": Draft(to=(f"{INSIDE}\u2028{REAL}",)),
    "a next line": Draft(to=(f"{INSIDE}\u0085{REAL}",)),
    "an option of the command": Draft(to=(f"{INSIDE}> ORCPT=rfc822;{REAL}",)),
    "a header in the subject": Draft(to=(INSIDE,), subject=f"x\r\nBcc: {REAL}"),
    "a header in the subject, by line feed": Draft(to=(INSIDE,), subject=f"x\nBcc: {REAL}"),
    "a header in the id that is answered": Draft(to=(INSIDE,), in_reply_to=f"<a@b>\r\nBcc: {REAL}"),
    "bytes, to": Draft(raw=raw(f"To: {REAL}")),
    "bytes, a list": Draft(raw=raw(f"To: {INSIDE}, {REAL}")),
    "bytes, Bcc": Draft(raw=raw(f"To: {INSIDE}", f"Bcc: {REAL}")),
    "bytes, a folded Bcc": Draft(raw=raw(f"To: {INSIDE}", "Bcc:", f" {REAL}")),
    "bytes, a group": Draft(raw=raw(f"To: staging: {INSIDE}, {REAL};")),
    "bytes, a comment": Draft(raw=raw(f"To: {INSIDE} (x), {REAL} (y)")),
    "bytes, an encoded word": Draft(raw=raw("To: =?utf-8?q?a=40staging=2Econtoso=2Eexample?= <real@fabrikam.example>")),
    "bytes, a second To": Draft(raw=raw(f"To: {INSIDE}", f"To: {REAL}")),
    "bytes, a route": Draft(raw=raw("To: <@staging.contoso.example:real@fabrikam.example>")),
}
#: These go out, to those who are allowed and to nobody else.
HARMLESS: dict[str, Draft] = {
    "bytes, resent to": Draft(raw=raw(f"To: {INSIDE}", f"Resent-To: {REAL}", f"Resent-Cc: {REAL}", f"Resent-Bcc: {REAL}")),
    "bytes, other headers with addresses": Draft(
        raw=raw(f"To: {INSIDE}", f"Apparently-To: {REAL}", f"Return-Receipt-To: {REAL}", f"X-Original-To: {REAL}")
    ),
    "bytes, an envelope that leaves them out": Draft(raw=raw(f"To: {REAL}"), to=(INSIDE,)),
    "a body that looks like headers": Draft(to=(INSIDE,), text=f"\r\nBcc: {REAL}\r\n.\r\nMAIL FROM:<x>\r\nRCPT TO:<{REAL}>\r\nDATA\r\n"),
    "another case": Draft(to=("A@STAGING.CONTOSO.EXAMPLE",)),
}


@pytest.mark.parametrize("way", WAYS)
def test_no_way_leads_out(way: str) -> None:
    staging = Staging()
    assert staging.attempt(replace(WAYS[way], text=WAYS[way].text or "x") if WAYS[way].raw is None else WAYS[way]) == "refused"
    assert staging.outbox.entries() == []
    assert staging.reached() == set()
    (error,) = staging.refusals
    assert error.hint
    assert len(error.message) < 500


@pytest.mark.parametrize("way", HARMLESS)
def test_what_is_let_through_reaches_only_who_is_allowed(way: str) -> None:
    staging = Staging()
    assert staging.attempt(HARMLESS[way]) == "sent"
    assert {address.lower() for address in staging.reached()} == {INSIDE}
    assert b"Resent-Bcc" not in staging.server.taken[0].content


@pytest.mark.parametrize("way", WAYS)
def test_no_line_of_a_batch_leads_out(way: str) -> None:
    draft = WAYS[way]
    if draft.raw is not None:
        return
    line = {"clientKey": "k", "from": "sales", "to": draft.to, "cc": draft.cc, "bcc": draft.bcc, "subject": draft.subject}
    staging = Staging()
    (outcome,) = [
        one
        for batch in staging.intake.take(lines_of(io.BytesIO(json.dumps({**line, "inReplyTo": draft.in_reply_to}).encode())))
        for one in batch
    ]
    assert isinstance(outcome, Refused), outcome
    staging.send()
    assert staging.reached() == set()


def narrowed(staging: Staging) -> None:
    staging.applied.change("Environment", allowedRecipients=("@other.contoso.example",))


def nobody(staging: Staging) -> None:
    staging.applied.change("Environment", allowedRecipients=None)


def emptied(staging: Staging) -> None:
    staging.applied.rows = [one for one in staging.applied.rows if one.kind != "Environment"]


def other_senders(staging: Staging) -> None:
    staging.applied.change("Environment", allowedSenders=("@staging.contoso.example",))


@pytest.mark.parametrize(
    ("change", "state"), [(narrowed, "failed"), (nobody, "failed"), (emptied, "failed"), (other_senders, "pending-send")]
)
def test_what_counts_is_applied_when_it_goes_out(change: Callable[[Staging], None], state: str) -> None:
    staging = Staging()
    staging.intake.submit(Draft(to=(INSIDE,), text="x"), "sales", "")
    change(staging)
    staging.clock.pass_by(minutes=1)
    staging.send()
    assert staging.reached() == set()
    (entry,) = staging.outbox.entries()
    assert entry.state == state
    assert "allowed" in entry.reason


def test_rows_that_were_tampered_with_are_held_to_the_list_too() -> None:
    staging = Staging()
    entry = staging.intake.submit(Draft(to=(INSIDE,), text="x"), "sales", "").entry
    staging.outbox._entries[entry.id] = replace(entry, recipients=(*entry.recipients, Recipient(address=REAL, field=Field.BCC)))
    staging.send()
    assert staging.reached() == {INSIDE}


def test_only_allowed_senders_send() -> None:
    staging = Staging(allowedSenders=("box2@contoso.example",))
    assert staging.attempt(Draft(to=(INSIDE,), text="x")) == "refused"
    assert staging.attempt(Draft(to=(INSIDE,), text="x"), "box2") == "sent"
    assert [mail.sender for mail in staging.server.taken] == ["box2@contoso.example"]
    everybody = Staging(allowedSenders=("*",))
    assert everybody.attempt(Draft(to=(INSIDE,), text="x")) == "sent"
    assert Staging(allowedSenders=()).attempt(Draft(to=(INSIDE,), text="x")) == "refused"


def test_writing_as_somebody_else_is_no_way_out() -> None:
    staging = Staging(allowedSenders=("sales@contoso.example",))
    staging.applied.rows = [
        replace(row, spec={**row.spec, "sendAs": ("sales",)}) if row.name == "box2" else row for row in staging.applied.rows
    ]
    assert staging.attempt(Draft(to=(INSIDE,), text="x", send_as="box2")) == "refused"
    assert staging.attempt(Draft(to=(REAL,), text="x", send_as="box2")) == "refused"
    staging.applied.change("Environment", allowedSenders=None)
    assert staging.attempt(Draft(to=(REAL,), text="x", send_as="box2")) == "refused"
    assert staging.attempt(Draft(to=(INSIDE,), text="x", send_as="box2")) == "sent"


TEN_MEGABYTES = 10 * 1024 * 1024
HUGE = {
    "one address": Draft(to=("a" * TEN_MEGABYTES + "@staging.contoso.example",), text="x"),
    "one name": Draft(to=(" " * TEN_MEGABYTES + f"<{REAL}>",), text="x"),
    "spaces without an end": Draft(to=("x " * (TEN_MEGABYTES // 2),), text="x"),
    "a list in bytes": Draft(raw=raw("To: " + (f"{INSIDE},\r\n " * (TEN_MEGABYTES // 30)) + REAL)),
    "comments in bytes": Draft(raw=raw("To: " + "\r\n ".join(["(" * 900] * 11_000) + REAL)),
    "many": Draft(to=tuple(f"a{number}@staging.contoso.example" for number in range(300_000)), text="x"),
}


@pytest.mark.parametrize("what", HUGE)
def test_ten_megabytes_of_addresses_are_refused_soon(what: str) -> None:
    begun = time.process_time()
    assert Staging().attempt(HUGE[what]) == "refused"
    assert time.process_time() - begun < 2


@settings(max_examples=300, deadline=None)
@given(st.text(alphabet=st.sampled_from('a@.<>,;:"\\()[]%! \r\n\0\u2028\u3002\u017fxn-staging.contoso.example'), max_size=60))
def test_whatever_is_typed_reaches_nobody_else(text: str) -> None:
    try:
        address = parse_address(text).address
    except ValueError:
        return
    if is_allowed(address, ALLOWED):
        local, _, domain = address.rpartition("@")
        assert domain.lower() == "staging.contoso.example"
        assert not set(local) & set('@<>,;:"\\()[]%! \r\n\0\u2028')


def test_each_outcome_names_its_reason() -> None:
    staging = Staging()
    line = {"clientKey": "k", "from": "sales", "to": [INSIDE, REAL]}
    (outcome,) = [one for batch in staging.intake.take(lines_of(io.BytesIO(json.dumps(line).encode()))) for one in batch]
    assert isinstance(outcome, Refused)
    assert (outcome.refusal, outcome.field) == (Refusal.NOT_ALLOWED, "to.1")
    assert OutgoingState.PENDING not in [entry.state for entry in staging.outbox.entries()]


def test_consent_that_was_taken_back_holds_when_the_mail_goes_out() -> None:
    staging = Staging()

    def consent(*names: str) -> None:
        staging.applied.rows = [
            replace(row, spec={**row.spec, "sendAs": names}) if row.name == "box2" else row for row in staging.applied.rows
        ]

    consent("sales")
    staging.intake.submit(Draft(to=(INSIDE,), text="x", send_as="box2"), "sales", "")
    consent()
    staging.clock.pass_by(minutes=1)
    staging.send()
    (entry,) = staging.outbox.entries()
    assert staging.reached() == set()
    assert (entry.state, entry.reason) == (
        OutgoingState.FAILED,
        "mailbox sales may no longer send as box2: sendAs of box2 does not name it",
    )
