"""Filters from the command line against Dovecot: what is tracked, what is ignored, and why."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from support.dovecot import PASSWORD, Dovecot, running
from support.mail_estate import MailEstate

pytestmark = pytest.mark.servers
SALES, SUPPORT = "sales@contoso.example", "support@contoso.example"


@pytest.fixture(scope="module")
def dovecot() -> Iterator[Dovecot]:
    with running(users=dict.fromkeys((SALES, SUPPORT), PASSWORD)) as server:
        yield server


def mail(number: int, *, to: str = SALES, sender: str = "customer@fabrikam.example", more: bytes = b"") -> bytes:
    head = f"Message-ID: <{number}@fabrikam.example>\r\nSubject: {number}\r\nFrom: {sender}\r\nTo: {to}\r\n".encode()
    return head + more + b"\r\nbody\r\n"


def estate(dovecot: Dovecot, folder: Path, filter_: str) -> MailEstate:
    made = MailEstate(folder=folder, imap=dovecot.imaps, authority=dovecot.authority, password=PASSWORD)
    path = made.estate / "sales.yaml"
    path.write_text(path.read_text().replace("filter: all", f"filter: {filter_}").replace("outgoing: server-side", "outgoing: none"))
    made("apply", "--yes")
    return made


def activities(made: MailEstate) -> list[dict[str, object]]:
    return [json.loads(line) for line in made("activities", "list", "--output", "json").out.splitlines()]


def test_replies_only_and_why_not(dovecot: Dovecot, tmp_path: Path) -> None:
    dovecot.deliver(SALES, mail(1))
    first = estate(dovecot, tmp_path / "all", "all")
    first("sync")
    path = first.estate / "sales.yaml"
    path.write_text(path.read_text().replace("filter: all", "filter: replies"))
    first("apply", "--yes")
    dovecot.deliver(SALES, mail(2))
    dovecot.deliver(SALES, mail(3, more=b"In-Reply-To: <1@fabrikam.example>\r\n"))
    # A reply to a reply that comes with the same look.
    dovecot.deliver(SALES, mail(4, more=b"In-Reply-To: <3@fabrikam.example>\r\n"))
    result = first("sync", "--output", "json").document["mailboxes"][0]
    assert (result["tracked"], result["ignored"]) == (2, 1)
    listed = activities(first)
    assert sorted(each["subject"] for each in listed) == ["1", "3", "4"]
    told = first("explain", "message", "<2@fabrikam.example>", "--output", "json").document
    (decision,) = told["decisions"]
    assert (decision["outcome"], decision["reason"], decision["mailbox"]) == ("ignored", "no-correlation-match", "sales")
    assert {"name": "answers", "text": "no mail of ours"} in decision["facts"]
    (same,) = first("explain", "message", f"sales:{decision['number']}", "--output", "json").document["decisions"]
    assert same == decision
    four = next(each["id"] for each in listed if each["subject"] == "4")
    (why,) = first("explain", "message", str(four), "--output", "json").document["decisions"]
    assert (why["outcome"], why["reason"], why["tracking"]["correlation"]["method"]) == ("tracked", "reply", "in-reply-to")
    three = next(each["id"] for each in listed if each["subject"] == "3")
    assert why["tracking"]["correlation"]["correlated"] == {"kind": "email", "id": three}
    assert "no-correlation-match" in first("explain", "message", "2@fabrikam.example").out
    assert "was seen in an Inbox" in first("explain", "message", "nowhere@fabrikam.example").out
    # A rule at the server moved it before anybody looked.
    client = dovecot.client(SALES)
    client.create("Archive.R&AOk-")
    client.append("Archive.R&AOk-", None, None, mail(9))
    client.shutdown()
    moved = first("explain", "message", "9@fabrikam.example", "--online")
    assert "folder Archive.Ré; only the Inbox is read" in moved.out
    near = first("explain", "message", "99@fabrikam.example", "--online", "--output", "json").document
    assert (near["whereabouts"], near["notes"][-1]) == ([], "sales: the server has it in no folder")
    assert first("sync", "--output", "json").document["mailboxes"][0]["read"] == 0


BOX = """\
apiVersion: reconcile/v1alpha2
kind: Mailbox
metadata: {name: NAME}
spec:
  emailAddress: NAME@contoso.example
  profile: contoso
  MORE
  credentials: {allowUse: true, username: NAME@contoso.example, password: {ref: "file:password", generation: 1}}
"""


def box(made: MailEstate, name: str, more: str) -> None:
    (made.estate / f"{name}.yaml").write_text(BOX.replace("NAME", name).replace("MORE", more.replace("; ", "\n  ")))


def forwarded(inner: bytes, number: int, *, boundary: bytes = b"=_b") -> bytes:
    return (
        b"From: rule@contoso.example\r\nTo: forward@contoso.example\r\nMessage-ID: <outer-%d@contoso.example>\r\nMIME-Version: 1.0\r\n"
        b'Content-Type: multipart/mixed; boundary="%s"\r\n\r\n--%s\r\nContent-Type: text/plain\r\n\r\nforwarded\r\n--%s\r\n'
        b"Content-Type: message/rfc822\r\nContent-Disposition: attachment\r\n\r\n%s\r\n--%s--\r\n"
    ) % (number, boundary, boundary, boundary, inner, boundary)


@pytest.mark.slow
def test_queue_user_and_forward_mailbox_together(tmp_path: Path) -> None:
    users = [f"{name}@contoso.example" for name in ("queue", "forward", "user")]
    with running(users=dict.fromkeys(users, PASSWORD)) as dovecot:
        made = MailEstate(folder=tmp_path / "e", imap=dovecot.imaps, authority=dovecot.authority, password=PASSWORD, names=())
        box(made, "queue", "type: queue; incoming: server-side; filter: all; deleteAfterProcessing: true")
        box(made, "forward", "type: forward; incoming: server-side; deleteAfterProcessing: true")
        box(made, "user", "type: user; incoming: forward-mailbox; filter: known-senders")
        (made.estate / "parties.csv").write_text("type,id,name,addresses\ncontact,c1,Alex,customer@fabrikam.example\n")
        made("apply", "--yes")
        made("parties", "import", str(made.estate / "parties.csv"))
        known = mail(1, to=users[2])
        dovecot.deliver(users[1], forwarded(known, 1))
        dovecot.deliver(users[1], forwarded(mail(2, to=users[2], sender="stranger@elsewhere.example"), 2))
        dovecot.deliver(users[1], mail(3, to=users[1]))
        dovecot.deliver(users[0], mail(4, to=users[0]))
        results = {each["mailbox"]: each for each in made("sync", "--output", "json").document["mailboxes"]}
        assert (results["queue"]["tracked"], results["forward"]["tracked"], results["forward"]["refused"]) == (1, 1, 1)
        tracked = {each["subject"]: each for each in activities(made)}
        assert sorted(tracked) == ["1", "4"]
        # Octet for octet what was attached, held by the mailbox it was for.
        assert tracked["1"]["sha256"] == hashlib.sha256(known).hexdigest()
        assert set(tracked["1"]["mailboxes"]) == {"forward", "user"}
        (why,) = made("explain", "message", str(tracked["1"]["id"]), "--output", "json").document["decisions"]
        assert (why["reason"], why["tracking"]["forwardedBy"]) == ("known-sender", "forward")
        assert [(each["name"], each["why"]) for each in tracked["4"]["queueItems"]] == [("queue@contoso.example", "accepted")]
        # What is tracked is gone at the server; what is not stays there.
        assert dovecot.messages(users[0]) == {}
        assert len(dovecot.messages(users[1])) == 2
        held = made("quarantine", "list", "--output", "json").document["messages"]
        assert [(each["mailbox"], each["outcome"], each["reason"]) for each in held] == [
            ("forward", "undeliverable", "no-attached-message")
        ]
        (ignored,) = made("explain", "message", "2@fabrikam.example", "--output", "json").document["decisions"]
        assert (ignored["outcome"], ignored["reason"]) == ("ignored", "unknown-sender")
        # Whoever answers the message that it came attached to answers it.
        dovecot.deliver(users[0], b"In-Reply-To: <outer-1@contoso.example>\r\n" + mail(5, to=users[0]))
        made("sync")
        answer = next(each["id"] for each in activities(made) if each["subject"] == "5")
        (why,) = made("explain", "message", str(answer), "--output", "json").document["decisions"]
        assert why["tracking"]["correlation"]["correlated"] == {"kind": "email", "id": tracked["1"]["id"]}


@pytest.mark.slow
def test_going_back_is_counted_first_and_brings_nothing_twice(tmp_path: Path) -> None:
    with running(users={SALES: PASSWORD}) as dovecot:
        for number in (1, 2):
            dovecot.deliver(SALES, mail(number), received=1_770_000_000 + number)
        made = estate(dovecot, tmp_path / "back", "none")
        assert made("sync", "--output", "json").document["mailboxes"][0]["refused"] == 2
        path = made.estate / "sales.yaml"
        path.write_text(path.read_text().replace("filter: none", "filter: all"))
        made("apply", "--yes")
        # A wider filter is for new mail.
        assert made("sync", "--output", "json").document["mailboxes"][0]["tracked"] == 0
        counted = made("reprocess", "sales", "--since", "2026-01-01", "--output", "json").document
        assert (counted["listed"], counted["kept"], counted["taken"], counted["done"]) == (2, 0, 2, False)
        assert activities(made) == []
        done = made("reprocess", "sales", "--since", "2026-01-01", "--yes", "--output", "json").document
        assert (done["tracked"], done["done"]) == (2, True)
        first = next(each["id"] for each in activities(made) if each["subject"] == "1")
        made("purge", "--activity", str(first), "--yes")
        assert made("reprocess", "sales", "--since", "2026-01-01", "--yes", "--output", "json").document["tracked"] == 0
        assert made("reprocess", "sales", "--since", "2026-01-01", "--purged", "--yes", "--output", "json").document["tracked"] == 1
        assert sorted(each["subject"] for each in activities(made)) == ["1", "2"]
        assert made("sync", "--output", "json").document["mailboxes"][0]["read"] == 0
        assert "reprocess" in made("history").out
