"""What `enable`, `disable` and `quarantine` leave behind for people to read; no server is asked."""

from __future__ import annotations

import json
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from reconcile.store.claims import Claims
from support.mail_estate import MailEstate


@pytest.fixture
def estate(tmp_path: Path) -> MailEstate:
    made = MailEstate(
        folder=tmp_path, imap=9, authority=b"pem", password="secret", variables={"RECONCILE_ACTOR": "postmaster@contoso.example"}
    )
    made("apply", "--yes")
    return made


def test_what_another_environment_holds_is_not_said_to_be_enabled(estate: MailEstate) -> None:
    Claims(estate.state).claim("staging", {"Sales@contoso.example"})
    refused = estate("enable", "sales", "--skip-test", code=1).out
    assert "is enabled" not in refused
    assert "environment staging synchronises its address" in refused
    assert "reconcile enable sales --take-over" in refused
    told = estate("enable", "sales", "--skip-test", "-o", "json", code=1).document
    assert (told["enabled"], told["held"]) == ([], [{"mailbox": "sales", "by": "staging"}])
    assert "incoming is enabled" in estate("enable", "sales", "--skip-test", "--take-over").out


def test_the_reason_of_a_person_stays_and_stands_in_the_history(estate: MailEstate) -> None:
    estate("disable", "sales", "--only", "incoming", "--reason", "spam wave")
    assert "spam wave (postmaster@contoso.example)" in estate("history").out
    # Nobody answers on that port.
    estate("enable", "sales", "--only", "incoming", code=1)
    (mailbox,) = estate("mailboxes", "-o", "json").document["mailboxes"]
    assert "spam wave (postmaster@contoso.example); its test failed at connect" in mailbox["why"]


def test_a_retry_that_failed_and_a_deletion_are_recorded_with_the_mailbox(estate: MailEstate) -> None:
    (path,) = estate.state.rglob("engine.db")
    with closing(sqlite3.connect(path)) as connection, connection:
        (mailbox_id,) = connection.execute("SELECT external_id FROM resource WHERE kind = 'Mailbox'").fetchone()
        connection.execute(
            "INSERT INTO mail_quarantine (id, mailbox_id, generation, protocol, remote, raw, received, at, pack, offset, size)"
            " VALUES (3, ?, 0, 'imap', '4', x'00', '2026-03-01T08:00:00Z', '2026-03-01T08:00:00Z', 0, 0, 0)",
            (mailbox_id,),
        )
    estate("quarantine", "retry", "3", code=None)
    estate("quarantine", "delete", "3", "--yes")
    records = json.loads(estate("history", "-o", "json").out)["records"][:2]
    assert [(one["action"], one["key"], one["detail"].get("result")) for one in records] == [
        ("quarantine-delete", "Mailbox/sales", None),
        ("quarantine-retry", "Mailbox/sales", "failed"),
    ]
