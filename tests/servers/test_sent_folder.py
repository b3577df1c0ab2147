"""The folder for sent mail at a real server: copies, mail that is uncertain, and who has no such folder. From the command line."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from imaplib import IMAP4
from pathlib import Path

import pytest

from support.dovecot import PASSWORD, Dovecot, running
from support.mail_estate import MailEstate
from support.smtp_fault import Drop, FaultServer

pytestmark = [pytest.mark.servers, pytest.mark.slow]
SENT = "namespace inbox {\n mailbox Sent {\n special_use = \\Sent\n auto = create\n }\n}\n"
USERS = [f"{name}@contoso.example" for name in ("sales", "desk", "shop")]


@pytest.fixture(scope="module")
def dovecot() -> Iterator[Dovecot]:
    with running(users=dict.fromkeys(USERS, PASSWORD), extra=SENT) as server:
        yield server


def made(dovecot: Dovecot, post: FaultServer, folder: Path, name: str) -> MailEstate:
    estate = MailEstate(
        folder=folder,
        imap=dovecot.imaps,
        authority=dovecot.authority,
        smtp=post.port,
        smtp_authority=post.authority,
        password=PASSWORD,
        names=(name,),
    )
    profile = estate.estate / "profile.yaml"
    profile.write_text(profile.read_text().replace("credentials: anonymous}", "credentials: anonymous, sentCopy: append}"))
    estate("apply", "--yes")
    return estate


@contextmanager
def folder_of(dovecot: Dovecot, name: str) -> Iterator[IMAP4]:
    client = dovecot.client(f"{name}@contoso.example")
    try:
        client.select("Sent")
        yield client
    finally:
        client.shutdown()


def sent_mail(dovecot: Dovecot, name: str) -> list[bytes]:
    with folder_of(dovecot, name) as client:
        _, data = client.uid("FETCH", "1:*", "(BODY.PEEK[])")
        return [bytes(item[1]) for item in data if isinstance(item, tuple)]


def mail_of(estate: MailEstate, number: int) -> dict:
    return json.loads(estate("outbox", "show", str(number), "--output", "json").out)["mail"]  # type: ignore[no-any-return]


def test_a_sent_mail_is_there_once(dovecot: Dovecot, tmp_path: Path) -> None:
    with FaultServer() as post:
        estate = made(dovecot, post, tmp_path / "m", "sales")
        estate("outbox", "add", "--from", "sales", "--to", "a@contoso.example", "--subject", "Süß", "--text", ".\r\n..\r\nx")
        for _ in range(3):
            estate("sync")
        assert mail_of(estate, 1)["sentCopy"]["state"] == "kept"
        assert "a copy is in the folder for sent mail of sales@contoso.example" in estate("outbox", "show", "1").out
        (copy,) = sent_mail(dovecot, "sales")
        assert copy == post.taken[0].content


@pytest.mark.parametrize("filed", [True, False])
def test_a_mail_without_an_answer_is_looked_for(dovecot: Dovecot, tmp_path: Path, filed: bool) -> None:
    name = "desk" if filed else "shop"
    with FaultServer() as post:
        estate = made(dovecot, post, tmp_path / "m", name)
        estate("outbox", "add", "--from", name, "--to", "a@contoso.example", "--text", "x")
        raw = estate("outbox", "show", "1", "--raw").out.encode()
        if filed:
            # As a provider does that files by itself.
            with folder_of(dovecot, name) as client:
                client.append("Sent", "", "", raw)
        post.plan("end", Drop(kept=True))
        estate("sync", code=None)
        found = mail_of(estate, 1)
        assert found["state"] == ("sent" if filed else "uncertain")
        where = f"the folder for sent mail of {name}@contoso.example"
        assert (f"found in {where}" if filed else f"not found in {where}, last looked") in estate("outbox", "show", "1").out
        estate("sync", code=None)
        assert len(post.taken) == 1
        assert len(sent_mail(dovecot, name)) == filed
