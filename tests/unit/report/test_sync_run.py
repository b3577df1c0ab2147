"""What a synchronisation says to people."""

from __future__ import annotations

from reconcile.model.sync_result import SyncResult
from reconcile.report.sync_run import run_text


def result(name: str, *, error: str = "", tracked: int = 0) -> SyncResult:
    return SyncResult(
        mailbox=name,
        address=f"{name}@contoso.example",
        tracked=tracked,
        read=tracked,
        at_server=tracked,
        error=error,
        error_kind="Unavailable" if error else "",
        hint="Look at the server." if error else "",
    )


def test_one_trouble_of_many_mailboxes_is_said_once() -> None:
    text = run_text([result(f"box{number}", error="refused") for number in range(9)], [], idle=0, seconds=1.0)
    assert text.count("refused") == 1
    assert "box0, box1, box2, box3, box4, box5 and 3 more: refused\n  next: Look at the server." in text
    assert text.endswith("0 e-mails tracked from 9 mailboxes in 1.0 s, 9 failed")
    assert "Unavailable" not in text


def test_one_is_one() -> None:
    assert run_text([result("sales", tracked=1)], [], idle=0, seconds=0.1).endswith("1 e-mail tracked from 1 mailbox in 0.1 s")


def test_nothing_applied_says_where_to_look() -> None:
    assert run_text([], [], idle=0, seconds=0.1) == "no mailbox is applied; `reconcile plan` shows what is declared"


def test_what_the_floor_leaves_out_is_counted() -> None:
    row = run_text(
        [SyncResult(mailbox="sales", address="sales@contoso.example", tracked=39, ignored=23, at_server=62)], [], idle=0, seconds=1
    )
    assert row.splitlines()[1].split() == ["sales", "39", "0", "23", "62", "–"]
