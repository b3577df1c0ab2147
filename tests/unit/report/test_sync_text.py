"""How mailboxes are doing, for people."""

from __future__ import annotations

from datetime import UTC, datetime

from reconcile.model.condition import Health
from reconcile.model.mailbox_state import MailboxState
from reconcile.model.mailbox_status import MailboxStatus
from reconcile.report.safe_text import width
from reconcile.report.sync_text import mailboxes_table, status_text

NOW = datetime(2026, 3, 1, 8, tzinfo=UTC)


def status(name: str, *, why: str = "", health: Health = Health.WAITING) -> MailboxStatus:
    state = MailboxState(mailbox_id=name, last_attempt="2026-03-01T07:59:00Z", tracked=7)
    return MailboxStatus(mailbox_id=name, name=name, address=f"{name}@contoso.example", health=health, why=why, hint="", state=state)


def test_mailboxes_with_the_same_trouble_share_a_paragraph() -> None:
    text = status_text("test", [status("a", why="refused"), status("b", why="refused"), status("c", why="no such host")], now=NOW)
    assert "waiting: a <a@contoso.example>, b <b@contoso.example>\n  why:  refused" in text
    assert text.count("refused") == 1
    assert "waiting: c <c@contoso.example>\n  why:  no such host" in text


def test_the_table_fits_a_narrow_terminal() -> None:
    rows = [status("sales-department-south", why="the server's certificate does not hold: unable to get local issuer certificate")]
    assert max(width(line) for line in mailboxes_table(rows, now=NOW, fit=80).splitlines()) <= 80
    assert "local issuer certificate" in mailboxes_table(rows, now=NOW)


def test_nothing_applied_says_where_to_look() -> None:
    assert "no mailbox is applied; `reconcile plan` shows what is declared, `reconcile apply` applies it" in status_text(
        "test", [], now=NOW
    )
