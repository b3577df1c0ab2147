"""Status names what was declared and does nothing."""

from __future__ import annotations

from dataclasses import replace

from reconcile.model.condition import Condition, Health
from reconcile.model.mailbox_state import MailboxState
from reconcile.model.mailbox_status import MailboxStatus
from reconcile.report.sync_text import status_text
from support.applied import START


def idle(name: str, field: str, origin: str) -> tuple[str, Condition]:
    condition = Condition(type="Unsupported", status=True, reason="NotBuilt", message="there is none", since="", field=field, origin=origin)
    return name, condition


def test_settings_that_nobody_acts_on_are_named_once_with_their_first_place() -> None:
    shown = status_text(
        "demo",
        [],
        now=START,
        idle=[
            idle("Organization/contoso", "smartMatching.enabled", "o.yaml:9"),
            idle("Mailbox/a", "credentials.refreshToken.ref", "a\x1b.yaml:3"),
            idle("Mailbox/b", "credentials.refreshToken.ref", "b.yaml:3"),
        ],
    )
    assert shown.splitlines()[4:] == [
        "declared, but nothing acts on it:",
        "  Organization/contoso: smartMatching.enabled (o.yaml:9): there is none",
        "  Mailbox/a and 1 more: credentials.refreshToken.ref (a\\x1b.yaml:3): there is none",
    ]


def stalled(name: str, why: str, place: str) -> MailboxStatus:
    condition = Condition(type="Ready", status=False, reason="x", message=why, since="", field="credentials.password", origin=place)
    unplaced = Condition(type="Ready", status=False, reason="x", message=why, since="", field="type", origin="")
    return MailboxStatus(
        mailbox_id=name,
        name=name,
        address=f"{name}@contoso.example",
        health=Health.STALLED,
        why=why,
        hint=f"Change credentials.password ({place}) and apply.",
        conditions=(condition,) if name == "b" else (unplaced, condition),
        state=MailboxState(mailbox_id=name),
    )


def test_one_cause_in_many_documents_is_told_once_with_its_first_place() -> None:
    statuses = [stalled("a", "no password", "m.yaml:2"), stalled("b", "no password", "m.yaml:9"), stalled("c", "no server", "m.yaml:14")]
    assert status_text("demo", statuses, now=START).splitlines()[4:] == [
        "stalled: a <a@contoso.example>, b <b@contoso.example>",
        "  why:  no password",
        "  at:   m.yaml:2 (credentials.password) and 1 more place",
        "  next: Change credentials.password (m.yaml:2) and apply.",
        "",
        "stalled: c <c@contoso.example>",
        "  why:  no server",
        "  at:   m.yaml:14 (credentials.password)",
        "  next: Change credentials.password (m.yaml:14) and apply.",
    ]


def test_what_a_mailbox_that_is_off_asks_for_in_vain_is_named_too() -> None:
    off, unsupported = (
        Condition(type=type_, status=True, reason="x", message="there is none", since="", field=field, origin="m.yaml:3")
        for type_, field in (("Off", "incoming"), ("Unsupported", "appointmentsContactsTasks"))
    )
    status = MailboxStatus(
        mailbox_id="a",
        name="a",
        address="a@contoso.example",
        health=Health.OFF,
        why="incoming is none",
        conditions=(off, unsupported),
        state=MailboxState(mailbox_id="a"),
    )
    assert status_text("demo", [status], now=START).splitlines()[-1] == "  Mailbox/a: appointmentsContactsTasks (m.yaml:3): there is none"


def test_the_place_that_is_told_is_that_of_what_is_wrong() -> None:
    """Nothing else that the mailbox declares stands under a sentence that is not about it."""
    idle = Condition(
        type="Unsupported",
        status=True,
        reason="NotBuilt",
        message="only at an Exchange server",
        since="",
        field="appointmentsContactsTasks",
        origin="sales.yaml:12",
    )
    broken = stalled("sales", "no password", "m.yaml:2")
    refused = replace(broken, why="the server refused the password", conditions=(idle,))
    assert status_text("demo", [replace(broken, conditions=(*broken.conditions, idle))], now=START).splitlines()[4:] == [
        "stalled: sales <sales@contoso.example>",
        "  why:  no password",
        "  at:   m.yaml:2 (credentials.password)",
        "  next: Change credentials.password (m.yaml:2) and apply.",
        "",
        "declared, but nothing acts on it:",
        "  Mailbox/sales: appointmentsContactsTasks (sales.yaml:12): only at an Exchange server",
    ]
    assert "  at: " not in status_text("demo", [refused], now=START)
    # What waits says all that is to be said, each with its place.
    waiting = status_text("demo", [replace(refused, health=Health.WAITING)], now=START)
    assert "  why:  the server refused the password; Unsupported: only at an Exchange server\n  at:   sales.yaml:12" in waiting


def test_on_a_narrow_terminal_no_line_is_wider_and_nothing_is_left_out() -> None:
    statuses = [replace(stalled(f"mailbox-{n}", "the server refused the credentials " * 3, f"m{n}.yaml:2"), reason="x") for n in range(9)]
    beside = {"appointments, contacts and tasks": ["brake item-deletions holds what one look would delete, and that is a lot: " * 2]}
    idles = [idle("Organization/contoso", "smartMatching.enabled", "organization/contoso.yaml:9")]
    wide = status_text("production", statuses, now=START, idle=idles, beside=beside)
    narrow = status_text("production", statuses, now=START, idle=idles, beside=beside, fit=60)
    assert max(map(len, wide.splitlines())) > 60
    assert max(map(len, narrow.splitlines())) <= 60
    assert narrow.split() == wide.split()


def test_what_the_section_of_items_tells_is_not_told_again_for_each_mailbox() -> None:
    why, hint = "the brake item-deletions holds its tasks", "`reconcile status` says how many would go"
    statuses = [replace(stalled(name, why, "m.yaml:2"), conditions=(), hint=hint, reason="ItemDeletions") for name in ("a", "b")]
    assert status_text("demo", statuses, now=START).splitlines()[4:] == [
        "stalled: a <a@contoso.example>, b <b@contoso.example>",
        f"  why:  {why}",
        "  next: see appointments, contacts and tasks above",
    ]


def test_one_cause_is_one_entry_although_the_looks_lie_minutes_apart() -> None:
    away = replace(stalled("a", "no route", ""), health=Health.WAITING, hint="", conditions=())
    statuses = [replace(away, next_look="2026-03-01T08:09:00Z"), replace(away, name="b", next_look="2026-03-01T08:03:00Z")]
    assert status_text("demo", statuses, now=START).splitlines()[4:] == [
        "waiting: a <a@contoso.example>, b <a@contoso.example>",
        "  why:  no route",
        "  next look in 3 min",
    ]
