"""How mailboxes stand with their items, for people: one cause in many mailboxes is told once."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from reconcile.model.item import ItemKind
from reconcile.model.item_aside import ItemAside
from reconcile.model.item_brake import ItemBrake
from reconcile.report.item_runs import ItemRunLine, runs_json, runs_lines
from reconcile.report.item_standings import ItemStanding, standings_lines

DENIED = "the server answers ErrorImpersonateUserDenied"


def standing(mailbox: str, kind: str, error: str = "", hint: str = "") -> ItemStanding:
    return ItemStanding(mailbox=mailbox, kind=kind, linked=1, at="", error=f"{kind}s: {error}" if error else "", hint=hint)


def line(mailbox: str, counts: Mapping[str, int], error: str = "", failed: tuple[str, ...] = ()) -> ItemRunLine:
    return ItemRunLine(mailbox=mailbox, counts=counts, error=error, hint="Give it the role." if error else "", failed=failed)


def test_one_cause_in_many_mailboxes_and_kinds_is_two_lines_of_status() -> None:
    many = [standing(f"m{n}", kind, DENIED, "Give it the role.") for n in range(8) for kind in ("appointment", "contact", "task")]
    other = standing("m9", "task", "no such folder")
    assert standings_lines([*many, other], 0)[1:] == [
        f"m0, m1, m2, m3, m4, m5 and 2 more: appointments, contacts, tasks: {DENIED}",
        "  next: Give it the role.",
        "m9: tasks: no such folder",
    ]


def test_what_the_health_of_a_mailbox_tells_is_not_told_a_second_time() -> None:
    both = [standing(name, kind, DENIED) for name in ("a", "b") for kind in ("appointment", "task")]
    told = {"a": f"no mail either; appointments: {DENIED} (3 times in a row)"}
    assert standings_lines(both, 0, told=told)[1:] == [f"b: appointments, tasks: {DENIED}"]


def test_one_cause_in_many_mailboxes_is_two_lines_of_sync() -> None:
    assert list(runs_lines([line(f"m{n}", {}, DENIED) for n in range(8)])) == [
        f"  m0, m1, m2, m3, m4, m5 and 2 more: {DENIED}",
        "    next: Give it the role.",
    ]


def test_who_was_not_tried_says_so_in_json() -> None:
    (document,) = runs_json([replace(line("m1", {}, "not tried: no route"), tried=False)])
    assert document["tried"] is False
    assert runs_json([line("m1", {})])[0]["tried"] is True


def test_what_came_in_is_told_beside_what_failed() -> None:
    assert list(runs_lines([line("m1", {"imported": 2}, DENIED), line("m2", {}, failed=("item 3: refused",))])) == [
        f"  m1: {DENIED}; 2 came in",
        "    next: Give it the role.",
        "  m2: nothing new",
        "    not done: item 3: refused",
    ]


def braked(mailbox: str, kind: str, *, released: int = 0, other: bool = False) -> ItemStanding:
    brake = ItemBrake(
        since="2026-11-23T07:00:00Z", here=150, there=50, of=1000, limit=100, knob="spec.x of Environment/e", other_folder=other
    )
    return ItemStanding(mailbox=mailbox, kind=kind, linked=1, at="", error="", hint="", brake=brake, released=released)


def test_what_the_brake_holds_is_one_entry_for_each_cause_with_the_next_step_once() -> None:
    meant, each = "Look what was deleted, and bring it back; if it is meant:", "and so on for each."
    standing = [braked("info", "task", released=200), braked("sales", "contact"), braked("sales", "task"), braked("x", "task", other=True)]
    assert standings_lines(standing, 0)[1:] == [
        "brake item-deletions holds what one look would delete:",
        "  info: 200 of 1,000 tasks (150 deleted here, 50 deleted in the mailbox), since 2026-11-23 07:00; 200 released, they go with the next look",
        "  sales: 200 of 1,000 contacts (150 deleted here, 50 deleted in the mailbox), since 2026-11-23 07:00",
        "  sales: 200 of 1,000 tasks (150 deleted here, 50 deleted in the mailbox), since 2026-11-23 07:00",
        f"  next: {meant} `reconcile activities items release sales contact --deletions 200` (spec.x of Environment/e sets the limit), {each}",
        "brake item-deletions holds what comes from another mailbox than before:",
        "  x: 1,000 tasks, since 2026-11-23 07:00",
        "  next: Mend the address or its server; if a new mailbox is meant: `reconcile activities items release x task --deletions 200`.",
    ]


def test_a_hundred_mailboxes_behind_the_brake_are_no_hundred_lines() -> None:
    lines = standings_lines([braked(f"m{n}", "task") for n in range(100)], 0)
    assert len(lines) == 1 + 1 + 8 + 1 + 1
    assert lines[-2] == "  and 92 more: `--output json` has all"


def test_items_that_failed_for_one_reason_are_one_entry() -> None:
    def aside(number: int, why: str) -> ItemAside:
        return ItemAside(
            mailbox_id="m",
            kind=ItemKind.TASK,
            record_id=number,
            remote_id=None,
            failures=1,
            since="",
            again_at=f"2026-11-23T07:0{number}",
            why=why,
        )

    standing = [
        ItemStanding(mailbox=name, kind="task", linked=1, at="", error="", hint="", asides=asides)
        for name, asides in (("sales", [aside(3, "too large"), aside(0, "no text")]), ("info", [aside(4, "too large")]))
    ]
    assert standings_lines(standing, 0)[1:] == [
        "2 items could not be dealt with: too large",
        "  sales: item 3, info: item 4; tried again by themselves after 2026-11-23 07:03",
        "1 item could not be dealt with: no text",
        "  sales: a new task; tried again by themselves after 2026-11-23 07:00",
    ]
