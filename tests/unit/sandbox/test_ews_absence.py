"""Who is absent answers each sender once, and programs, lists and strangers to the address not at all (RFC 3834)."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from email import message_from_bytes, policy

import pytest

from reconcile.sandbox.accounts import PostOffice
from reconcile.sandbox.ews.absence import automatic_answer, set_absence
from reconcile.sandbox.ews.mailbox import Mailbox
from reconcile.sandbox.ews.node import Node
from reconcile.sandbox.ews.organization import Organization
from reconcile.sandbox.ews.stored import Item
from reconcile.sandbox.ews.times import stamp

SALES, SUPPORT = "sales@contoso.example", "support@contoso.example"
BUYER = "buyer@elsewhere.example"
NOW = datetime(2026, 3, 10, 9, 0, tzinfo=UTC)


def settings(state: str = "Enabled", *, audience: str = "All", external: str = "Away.", start: int = -1, end: int = 1) -> Node:
    """`start` and `end` in hours from now."""
    times = [Node(f"t:{name}", stamp(NOW + timedelta(hours=hours))) for name, hours in (("StartTime", start), ("EndTime", end))]
    return Node(
        "t:OofSettings",
        children=(
            Node("t:OofState", state),
            Node("t:ExternalAudience", audience),
            Node("t:Duration", children=times),
            Node("t:InternalReply", children=(Node("t:Message", "<p>Away, ask <b>Support</b>.</p>"),)),
            Node("t:ExternalReply", children=(Node("t:Message", external),)),
        ),
    )


def letter(*more: str, to: str = SALES, subject: str = "Offer") -> bytes:
    lines = [f"From: {BUYER}", f"To: {to}", f"Subject: {subject}", "Message-ID: <one@elsewhere.example>", *more, "", "Good morning.", ""]
    return "\r\n".join(lines).encode("utf-8", "surrogateescape")


@pytest.fixture
def mailbox() -> Mailbox:
    post_office = PostOffice()
    post_office.open_account(SALES, "secret")
    made = Mailbox(1, SALES, "Sales", post_office, lambda: NOW)
    set_absence(made, settings())
    return made


def answer(mailbox: Mailbox, octets: bytes, sender: str = BUYER, *, internal: bool = False) -> bytes | None:
    return automatic_answer(mailbox, sender, octets, internal=internal)


def test_an_answer_says_what_it_is_and_what_it_is_about(mailbox: Mailbox) -> None:
    octets = answer(mailbox, letter("References: <zero@elsewhere.example>", subject="=?utf-8?q?Gr=C3=BC=C3=9Fe?="))
    assert octets is not None
    read = message_from_bytes(octets, policy=policy.default)
    names = ("From", "To", "Subject", "In-Reply-To", "References", "Auto-Submitted", "X-Auto-Response-Suppress")
    assert [read[name] for name in names] == [
        f"Sales <{SALES}>",
        BUYER,
        "Automatic reply: Grüße",
        "<one@elsewhere.example>",
        "<zero@elsewhere.example> <one@elsewhere.example>",
        "auto-replied",
        "All",
    ]
    assert (read.get_content_type(), read.get_content().strip()) == ("text/plain", "Away.")


def test_colleagues_get_their_own_text(mailbox: Mailbox) -> None:
    octets = answer(mailbox, letter(), SUPPORT, internal=True)
    assert octets is not None
    read = message_from_bytes(octets, policy=policy.default)
    assert (read.get_content_type(), read.get_content().strip()) == ("text/html", "<p>Away, ask <b>Support</b>.</p>")


def test_each_sender_is_answered_once_until_the_absence_is_set_anew(mailbox: Mailbox) -> None:
    assert [answer(mailbox, letter(), sender) is not None for sender in (BUYER, BUYER.upper(), "other@elsewhere.example")] == [
        True,
        False,
        True,
    ]
    set_absence(mailbox, settings())
    assert answer(mailbox, letter()) is not None


@pytest.mark.parametrize(
    ("octets", "sender"),
    [
        (letter(), ""),
        (letter(), SALES),
        (letter(), "no address"),
        (letter(), "MAILER-DAEMON@elsewhere.example"),
        (letter(), "owner-news@elsewhere.example"),
        (letter(), "news-request@elsewhere.example"),
        (letter(), "a@b>\r\nBcc: <c@d.example"),
        (letter("Auto-Submitted: auto-replied"), BUYER),
        (letter("Auto-Submitted: Auto-Generated; x=y"), BUYER),
        (letter("Precedence: Bulk"), BUYER),
        (letter("List-Id: <news.elsewhere.example>"), BUYER),
        (letter("List-Unsubscribe: <mailto:x@elsewhere.example>"), BUYER),
        (letter("X-Auto-Response-Suppress: DR, OOF"), BUYER),
        (letter(to="everybody@contoso.example"), BUYER),
        (b"", BUYER),
        (b"\x00\xff" * 50, BUYER),
    ],
)
def test_not_answered(mailbox: Mailbox, octets: bytes, sender: str) -> None:
    assert answer(mailbox, octets, sender) is None
    assert answer(mailbox, letter("Auto-Submitted: no", "Cc: x@elsewhere.example")) is not None  # and that spoilt nothing


@pytest.mark.parametrize(
    ("absence", "answered"),
    [
        (settings("Disabled"), False),
        (settings("Scheduled"), True),
        (settings("Scheduled", start=1, end=2), False),
        (settings("Scheduled", start=-2, end=0), False),
        (settings(audience="None"), False),
        (settings(audience="Known"), False),
        (settings(external=" "), False),
    ],
)
def test_state_duration_and_audience(mailbox: Mailbox, absence: Node, answered: bool) -> None:
    set_absence(mailbox, absence)
    assert (answer(mailbox, letter()) is not None) is answered


def test_known_senders_are_those_of_the_contacts(mailbox: Mailbox) -> None:
    set_absence(mailbox, settings(audience="Known"))
    contact = Item(number=900, mailbox=1, folder=10, kind="Contact", created=NOW, modified=NOW)
    entry = Node("t:Entry", BUYER.title(), attributes={"Key": "EmailAddress1"})
    contact.properties["EmailAddresses"] = Node("t:EmailAddresses", children=(entry,))
    mailbox.items[contact.number] = contact
    assert answer(mailbox, letter()) is not None


@pytest.mark.parametrize("hostile", ["\udcff\udcfe", "a\rBcc: x@elsewhere.example", "x" * 5000, "=?utf-8?b?////?=", "\x85Bcc: y"])
def test_a_hostile_subject_adds_no_header(mailbox: Mailbox, hostile: str) -> None:
    octets = answer(mailbox, letter(subject=hostile))
    assert octets is not None
    read = message_from_bytes(octets, policy=policy.default)
    assert read["Bcc"] is None
    assert read["To"] == BUYER


def test_two_absent_mailboxes_do_not_answer_each_other_for_ever() -> None:
    post_office = PostOffice()
    for address in (SALES, SUPPORT):
        post_office.open_account(address, "secret", ("INBOX", "Sent"))
    organization = Organization(post_office, lambda: NOW)
    for address in (SALES, SUPPORT):
        found = organization.mailbox(address)
        assert found is not None
        set_absence(found, settings())
    organization.deliver(SUPPORT, [SALES], letter())
    inboxes = [post_office.folder(address, "INBOX") for address in (SALES, SUPPORT)]
    assert [len(inbox.messages) for inbox in inboxes if inbox is not None] == [1, 1]
    organization.deliver(BUYER, [SALES], letter())
    (left,) = post_office.outside()
    assert (left.sender, left.recipients) == ("", (BUYER,))
