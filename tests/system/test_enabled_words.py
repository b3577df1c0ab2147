"""What `enable` and `disable` leave behind for people to read; no server is asked."""

from __future__ import annotations

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
