"""The bytes of a mail, and what may not get into them."""

from __future__ import annotations

import email
from email import policy
from email.message import EmailMessage

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from reconcile.errors import UserError
from reconcile.model.outgoing import Field
from reconcile.sync.decide.compose import Composed, compose
from reconcile.sync.decide.draft import Attachment, Draft
from reconcile.sync.decide.submission import SendingMailbox, sending_setup
from support.applied import START, sending_estate

MAILBOX = sending_setup(sending_estate().resources(), now="").mailboxes["box1"]
RAW = b"From: sales@contoso.example\r\nTo: a@contoso.example\r\n\r\nbody\r\n"


def made(draft: Draft, key: str = "", token: str = "t0ken") -> Composed:
    assert isinstance(MAILBOX, SendingMailbox)
    return compose(draft, MAILBOX, key=key, token=token, now=START)


def read(composed: Composed) -> EmailMessage:
    message = email.message_from_bytes(composed.content, policy=policy.default)
    assert isinstance(message, EmailMessage)
    return message


def test_a_whole_mail() -> None:
    attachments = (
        Attachment(name="Übersicht.pdf", media_type="application/pdf", content=b"%PDF\0\xff"),
        Attachment(name="mail.eml", media_type="message/rfc822", content=RAW),
        Attachment(name="notes.txt", media_type="text/plain", content="ü\n".encode("latin-1")),
    )
    composed = made(
        Draft(
            to=("Müller, Anna <anna@contoso.example>",),
            cc=("c@contoso.example",),
            bcc=("b@contoso.example",),
            subject="Grüße " * 30,
            text="Zeile\r\nzweite\rdritte\n" + "ü" * 2000,
            attachments=attachments,
            in_reply_to="<before@contoso.example>",
        )
    )
    message = read(composed)
    assert message["From"] == "sales@contoso.example"
    assert message["To"].addresses[0].display_name == "Müller, Anna"
    assert message["Cc"] == "c@contoso.example"
    assert message["Bcc"] is None
    assert b"b@contoso.example" not in composed.content
    assert message["Subject"] == ("Grüße " * 30).strip() or message["Subject"] == "Grüße " * 30
    assert message["Message-ID"] == "<t0ken@contoso.example>" == composed.entry.message_id
    assert message["In-Reply-To"] == message["References"] == "<before@contoso.example>"
    assert message["Date"] == "Sun, 01 Mar 2026 08:00:00 +0000"
    body = message.get_body(("plain",))
    assert body is not None
    assert body.get_content().replace("\r\n", "\n") == "Zeile\nzweite\ndritte\n" + "ü" * 2000 + "\n"
    assert [(part.get_filename(), part.get_payload(decode=True)) for part in message.iter_attachments()] == [
        (one.name, one.content) for one in attachments
    ]
    assert composed.content.isascii()
    assert all(len(line) <= 998 for line in composed.content.split(b"\r\n"))
    assert b"\n" not in composed.content.replace(b"\r\n", b"")
    assert [(one.address, one.field) for one in composed.entry.recipients] == [
        ("anna@contoso.example", Field.TO),
        ("c@contoso.example", Field.CC),
        ("b@contoso.example", Field.BCC),
    ]


def test_the_same_request_at_the_same_time_gives_the_same_bytes() -> None:
    draft = Draft(to=("a@contoso.example",), text="x", attachments=(Attachment(name="a.bin", media_type="a/b", content=b"1"),))
    assert made(draft).content == made(draft).content
    assert made(draft, token="other").entry.request == made(draft).entry.request
    assert made(Draft(to=("a@contoso.example",), text="y")).entry.request != made(draft).entry.request


def test_everybody_once() -> None:
    composed = made(Draft(to=("a@contoso.example", "A@contoso.example"), cc=("a@CONTOSO.example",), bcc=("a@contoso.example",)))
    assert [one.address for one in composed.entry.recipients] == ["a@contoso.example"]


BREAKS = ["\r", "\n", "\r\n", "\0", "\x0b", "\x0c", "\x1c", "\x85", "\u2028", "\u2029"]


@pytest.mark.parametrize("line_break", BREAKS)
@pytest.mark.parametrize(
    "draft",
    [
        lambda evil: Draft(to=("a@contoso.example",), subject=f"x{evil}"),
        lambda evil: Draft(to=(f"a{evil}@contoso.example",)),
        lambda evil: Draft(to=(f"Eve{evil} <a@contoso.example>",)),
        lambda evil: Draft(cc=(f"<a@contoso.example>{evil}",)),
        lambda evil: Draft(to=("a@contoso.example",), in_reply_to=f"<a@b>{evil}"),
        lambda evil: Draft(to=("a@contoso.example",), attachments=(Attachment(name=f"a{evil}", media_type="a/b", content=b""),)),
        lambda evil: Draft(to=("a@contoso.example",), attachments=(Attachment(name="a", media_type=f"a/b{evil}", content=b""),)),
    ],
)
def test_no_value_can_start_a_header(draft, line_break: str) -> None:  # type: ignore[no-untyped-def]
    with pytest.raises(UserError):
        made(draft(f"{line_break}Bcc: x@elsewhere.example"))


@settings(max_examples=150, deadline=None)
@given(subject=st.text(max_size=80), name=st.text(max_size=40), text=st.text(max_size=200))
def test_whatever_is_typed_gives_these_headers_or_a_clear_refusal(subject: str, name: str, text: str) -> None:
    draft = Draft(to=(f"{name} <a@contoso.example>",), subject=subject, text=text)
    try:
        composed = made(draft)
    except UserError:
        return
    names = [line.split(b":")[0] for line in composed.content.split(b"\r\n\r\n")[0].split(b"\r\n") if line[:1] not in b" \t"]
    written = [b"From", b"To", b"Subject", b"Date", b"Message-ID", b"Content-Type", b"Content-Transfer-Encoding", b"MIME-Version"]
    written += [b"Thread-Index", b"Thread-Topic"] if subject else [b"Thread-Index"]
    assert sorted(names) == sorted(written)
    assert [one.address for one in composed.entry.recipients] == ["a@contoso.example"]
    assert composed.content.isascii()


def test_a_raw_mail_keeps_its_bytes() -> None:
    raw = b"DKIM-Signature: v=1;\r\n  b=x\r\nFrom: Sales <SALES@contoso.example>\r\nto: a@contoso.example\r\nBCC: h@contoso.example,\r\n"
    raw += b"\tg@contoso.example\r\nDate: x\r\nMessage-Id: <own@contoso.example>\r\n\r\n\xff\xfe\r\n\r\n.\r\n"
    composed = made(Draft(raw=raw))
    assert composed.content == raw.replace(b"BCC: h@contoso.example,\r\n\tg@contoso.example\r\n", b"")
    assert composed.entry.message_id == "<own@contoso.example>"
    assert [one.address for one in composed.entry.recipients] == ["a@contoso.example", "h@contoso.example", "g@contoso.example"]
    replaced = made(Draft(raw=raw, bcc=("z@contoso.example",)))
    assert [(one.address, one.field) for one in replaced.entry.recipients] == [("z@contoso.example", Field.BCC)]


def test_a_raw_mail_without_date_and_id_gets_them() -> None:
    composed = made(Draft(raw=RAW.replace(b"\r\n", b"\n")))
    assert composed.content == b"Date: Sun, 01 Mar 2026 08:00:00 +0000\r\nMessage-ID: <t0ken@contoso.example>\r\n" + RAW


def test_groups_comments_and_utf8_in_a_raw_mail_are_understood() -> None:
    people = 'Team: a@contoso.example, "B, b" <b@contoso.example>;, =?utf-8?q?C=C3=BC?= <c@contoso.example>,\r\n jörg@contoso.example'
    composed = made(Draft(raw=RAW.replace(b"To: a@contoso.example", f"To: {people}".encode())))
    assert [one.address.partition("@")[0] for one in composed.entry.recipients] == ["a", "b", "c", "jörg"]


@pytest.mark.parametrize(
    ("raw", "words"),
    [
        (RAW + b"a\rb\r\n", "carriage return"),
        (RAW + b"a\0b\r\n", "NUL"),
        (RAW + b"x" * 999 + b"\r\n", "line 5"),
        (RAW.replace(b"sales@", b"other@"), "is from other@contoso.example"),
        (RAW.replace(b"From: sales@contoso.example\r\n", b""), "is from nobody"),
        (b"From: eve@elsewhere.example\r\n" + RAW, "is from"),
        (b"Message-ID: <a@b>\r\nMessage-ID: <c@d>\r\n" + RAW, "Message-ID"),
        (b"Message-ID: none\r\n" + RAW, "Message-ID"),
        (b"no colon here\r\n" + RAW, "line 1"),
        (b"\r\n" + RAW, "line 1"),
        (RAW.replace(b"To: a@contoso.example", b"To: undisclosed-recipients:;"), "no recipient"),
        (RAW.replace(b"To: a@contoso.example", b"To: a@contoso.example, <b@contoso"), "cannot be read"),
        (RAW.replace(b"To: a@contoso.example", b"To: a@contoso.example b@contoso.example"), "cannot be read"),
        (RAW.replace(b"To: a@contoso.example", b"To: a@contoso.example)b@contoso.example"), "cannot be read"),
        (RAW.replace(b"To: a@contoso.example", b"To: j\xf6rg@contoso.example"), "neither ASCII nor UTF-8"),
        (RAW.replace(b"To: a@contoso.example", b"To: a@contoso.example, b%elsewhere.example@contoso.example"), "% or !"),
    ],
)
def test_a_raw_mail_that_means_trouble_is_refused(raw: bytes, words: str) -> None:
    with pytest.raises(UserError, match=words):
        made(Draft(raw=raw))


@pytest.mark.parametrize("address", ["jörg@contoso.example", "営業@contoso.example"])
def test_an_address_outside_of_ascii_is_written_as_it_is(address: str) -> None:
    allowed = sending_estate()
    allowed.change("Environment", allowedRecipients=("*",))
    mailbox = sending_setup(allowed.resources(), now="").mailboxes["box1"]
    assert isinstance(mailbox, SendingMailbox)
    composed = compose(Draft(to=(f"Vertrieb <{address}>",), subject="s", text="t"), mailbox, key="", token="t0ken", now=START)
    assert f"To: Vertrieb <{address}>\r\n".encode() in composed.content


def test_an_id_longer_than_a_line_is_refused() -> None:
    with pytest.raises(UserError, match="no Message-ID"):
        made(Draft(to=("a@contoso.example",), subject="s", text="t", in_reply_to=f"<{'a' * 3000}@b.example>"))
