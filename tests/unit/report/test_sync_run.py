"""What a synchronisation says to people."""

from __future__ import annotations

from dataclasses import replace

from reconcile.model.mailbox_state import MEND_FOLDERS
from reconcile.model.sync_result import SyncResult
from reconcile.report.sync_run import run_json, run_text


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


def test_who_was_not_tried_has_not_failed() -> None:
    tried = result("box0", error="no route to host")
    untried = [replace(result(f"box{number}", error="not tried: no route to host"), tried=False) for number in range(1, 9)]
    lines = run_text([tried, *untried], [], idle=0, seconds=1.0).splitlines()
    assert lines[2].split(maxsplit=5)[-1] == "not tried, see below"
    assert lines[-6:] == [
        "",
        "box0: no route to host",
        "  next: Look at the server.",
        "box1, box2, box3, box4, box5, box6 and 2 more: not tried: no route to host",
        "",
        "0 e-mails tracked from 1 mailbox in 1.0 s, 1 failed, 8 not tried",
    ]
    document = run_json("demo", [tried, *untried], [], idle=0, seconds=1.0, exit_reason="failure")
    assert (document["failed"], document["notTried"], document["formatVersion"]) == (1, 8, "1.1")
    assert [one["tried"] for one in document["mailboxes"]] == [True, *[False] * 8]  # type: ignore[attr-defined]


def test_one_is_one() -> None:
    assert run_text([result("sales", tracked=1)], [], idle=0, seconds=0.1).endswith("1 e-mail tracked from 1 mailbox in 0.1 s")


def test_nothing_applied_says_where_to_look() -> None:
    assert (
        run_text([], [], idle=0, seconds=0.1)
        == "no mailbox is applied; `reconcile plan` shows what is declared, `reconcile apply` applies it"
    )


def test_what_the_floor_leaves_out_is_counted() -> None:
    row = run_text(
        [SyncResult(mailbox="sales", address="sales@contoso.example", tracked=39, ignored=23, at_server=62)], [], idle=0, seconds=1
    )
    assert row.splitlines()[1].split() == ["sales", "39", "0", "23", "62", "–"]


def test_folders_that_are_not_read_stand_whole_below_the_table_with_what_to_do() -> None:
    lacking = tuple(f"{'Projects/' * 9}{name}: there is no such folder below the inbox" for name in ("Adatum", "Fabrikam"))
    text = run_text([replace(result("sales"), lacking=lacking)], [], idle=0, seconds=0.1, fit=60)
    lines = text.splitlines()
    assert "2 tracked fold" in lines[1]
    assert lines[3:6] == [*(f"sales: tracked folder not read: {words}" for words in lacking), f"  next: {MEND_FOLDERS}"]
