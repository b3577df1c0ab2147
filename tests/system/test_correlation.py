"""Replies at a real server: by what each is recognised, what is copied, and who is believed. From the command line."""

from __future__ import annotations

import base64
from collections.abc import Iterator
from email import message_from_bytes
from email.policy import default
from pathlib import Path

import pytest

from reconcile.model.conversation_index import answer, parse_conversation_index
from reconcile.store.sqlite.database import Database
from reconcile.store.sqlite.decisions import SqliteDecisions
from support.applied import START
from support.dovecot import PASSWORD, Dovecot, running
from support.mail_estate import MailEstate

pytestmark = pytest.mark.servers
SALES, SUPPORT = "sales@contoso.example", "support@contoso.example"
ORGANIZATION = """\
apiVersion: reconcile/v1alpha2
kind: Organization
metadata: {name: contoso}
spec:
  deployment: online
  tracking: {correlation: true, token: {enabled: true, prefix: "Case:", formerPrefixes: ["CRM:"]}}
  smartMatching: {enabled: true}
"""


@pytest.fixture(scope="module")
def dovecot() -> Iterator[Dovecot]:
    with running(users=dict.fromkeys((SALES, SUPPORT), PASSWORD)) as server:
        yield server


def mail(name: str, sender: str, *fields: str) -> bytes:
    head = [f"Message-ID: <{name}@fabrikam.example>", f"From: {sender}", f"To: {SALES}", *fields]
    return "\r\n".join([*head, "", "body", ""]).encode()


def test_each_reply_is_recognised_by_what_it_bears(dovecot: Dovecot, tmp_path: Path) -> None:
    made = MailEstate(
        folder=tmp_path / "m", imap=dovecot.imaps, authority=dovecot.authority, password=PASSWORD, allowed='"@fabrikam.example"'
    )
    path = made.estate / "sales.yaml"
    path.write_text(path.read_text().replace("filter: all", "filter: replies"))
    (made.estate / "organization.yaml").write_text(ORGANIZATION)
    made("apply", "--yes")

    offer = ["--from", "sales", "--to", "ann@fabrikam.example", "--text", "x", "--regarding", "case:c-1"]
    made("outbox", "add", *offer, "--subject", "Offer for blue wheels")
    raw = message_from_bytes(made("outbox", "show", "1", "--raw").out.encode(), policy=default)
    subject, index, message_id = str(raw["Subject"]), str(raw["Thread-Index"]), str(raw["Message-ID"])
    assert subject == "Offer for blue wheels Case:0001001"
    deeper = base64.b64encode(answer(parse_conversation_index(index), 1, START)).decode()

    ann, stranger = "ann@fabrikam.example", "stranger@evil.example"
    for content in (
        mail("header", "boss@fabrikam.example", f"In-Reply-To: {message_id}", "Subject: yes"),
        mail("token", ann, f"Subject: AW: [EXT] {subject.lower()}"),
        mail("thread", "boss@fabrikam.example", f"Thread-Index: {deeper}", "Subject: hello"),
        mail("alike", ann, "Subject: Re: Offer for blue wheels"),
        mail("chain", "boss@fabrikam.example", "In-Reply-To: <token@fabrikam.example>", "Subject: hello again"),
        # A stranger who guessed the token, or the subject; and mail that answers nothing.
        mail("guessed", stranger, f"Subject: RE: {subject}"),
        mail("guessed-subject", stranger, "Subject: Offer for blue wheels"),
        mail("other", ann, "Subject: Something else"),
    ):
        dovecot.deliver(SALES, content)
    # There is no server to send over: that is said, and does not keep mail from coming in.
    result = made("sync", "--output", "json", code=1).document["mailboxes"][0]
    assert (result["tracked"], result["ignored"]) == (5, 3)

    (why,) = made("explain", "message", "<token@fabrikam.example>", "--output", "json").document["decisions"]
    assert why["tracking"]["correlation"]["correlated"] == {"kind": "outbox", "id": 1}
    assert why["tracking"]["correlation"]["clue"] == "case:0001001"

    # Our answer to the reply is about the same, though no CRM has said so of the reply.
    made(
        "outbox",
        "add",
        "--from",
        "sales",
        "--to",
        ann,
        "--in-reply-to",
        "<token@fabrikam.example>",
        "--text",
        "x",
        "--subject",
        "RE: Offer",
    )
    assert made("outbox", "show", "2", "--output", "json").document["mail"]["regarding"]["id"] == "c-1"

    with Database.open(made.state / "test" / "engine.db", read_only=True) as database:
        decisions = SqliteDecisions(database)

        def method(name: str) -> tuple[str, str, str]:
            (decision,) = decisions.of_message_id(f"<{name}@fabrikam.example>")
            tracking = decisions.tracking(decision.activity_id) if decision.activity_id else None
            how = tracking.correlation if tracking else None
            return str(decision.outcome), str(how.method) if how else "", how.regarding.id if how and how.regarding else ""

        assert method("header") == ("tracked", "in-reply-to", "c-1")
        assert method("token") == ("tracked", "tracking-token", "c-1")
        assert method("thread") == ("tracked", "conversation-index", "c-1")
        assert method("alike") == ("tracked", "smart-matching", "c-1")
        # What a mail is about is handed on to the answer of the answer, which came with the same look.
        assert method("chain") == ("tracked", "in-reply-to", "c-1")
        for name in ("guessed", "guessed-subject", "other"):
            assert method(name) == ("ignored", "", ""), name
