"""A plan stays readable, however many resources it touches."""

from __future__ import annotations

from dataclasses import replace

from reconcile.model.change import BrakeTripped, Cause, Create, Delete, FieldChange, Held, HeldBecause, Moved, Note, Plan, Update
from reconcile.model.key import Key
from reconcile.model.outcome import Applied, Failed
from reconcile.model.position import Position
from reconcile.report.outcome_text import outcome_text
from reconcile.report.plan_text import plan_text
from support.specs import mailbox, place

STARTS = ("incoming mail starts from 2026-01-01T00:00:00Z", "outgoing mail starts")


def create(name: str, *words: str) -> Create:
    key = Key("Mailbox", name)
    return Create(key=key, spec=mailbox(f"{name}@contoso.example"), cause=Cause(moved=Moved.NEW, position=place(key)), consequences=words)


def update(name: str, before: str, after: str) -> Update:
    key = Key("Mailbox", name)
    field = FieldChange(path="profile", before=before, after=after, cause=Cause(moved=Moved.GIT, position=place(key)))
    return Update(key=key, external_id=name, observed_version="v", spec={"profile": after}, fields=(field,), consequences=("moves",))


def plan(*changes: Create | Update | Delete, held: tuple[Held, ...] = (), notes: tuple[Note, ...] = ()) -> Plan:
    return Plan(
        target="engine",
        environment="dev",
        organization_id=None,
        source="x",
        revision="",
        changes=changes,
        held=held,
        notes=notes,
        digest="",
    )


def test_two_thousand_new_mailboxes_fit_on_a_screen() -> None:
    changes = [create(f"m{number}", *STARTS) for number in range(2000)]
    changes.insert(7, create("odd", "incoming mail starts from 2026-02-01T00:00:00Z"))
    lines = plan_text(plan(*changes), color=False).splitlines()
    assert lines[1:] == [
        "+ 2000 Mailbox: m0, m1, m2, m3, m4 and 1995 more",
        "    → incoming mail starts from 2026-01-01T00:00:00Z",
        "    → outgoing mail starts",
        "+ Mailbox/odd   # mailbox/odd.yaml:1",
        "    → incoming mail starts from 2026-02-01T00:00:00Z",
        "what is alike stands together; `reconcile plan --verbose` shows each with its fields",
        "create 2001 · adopt 0 · update 0 · delete 0 · held 0 · unchanged 0",
    ]
    whole = plan_text(plan(*changes), color=False, verbose=True)
    assert whole.count("emailAddress: ") == 2001


def test_deletes_and_what_differs_in_a_value_are_shown_one_by_one() -> None:
    gone = [
        Delete(key=Key("Mailbox", f"d{number}"), external_id="x", observed_version="v", before={}, cause=Cause(moved=Moved.GIT))
        for number in range(30)
    ]
    changes = [update(f"m{number}", "one", "two") for number in range(30)] + [
        update(f"n{number}", "one", f"p{number}") for number in range(3)
    ]
    text = plan_text(plan(*changes, *gone), color=False)
    assert "~ 30 Mailbox: m0, m1, m2, m3, m4 and 25 more\n    profile: one → two   # changed in git\n    → moves\n" in text
    assert all(f"~ Mailbox/n{number}\n    profile: one → p{number}   # mailbox/n{number}.yaml:" in text for number in range(3))
    assert all(f"- Mailbox/d{number}" in text for number in range(30))


def test_many_held_for_one_reason_and_many_alike_notes_take_a_line_each() -> None:
    keys = [Key("Mailbox", f"m{number}") for number in range(30)]
    held = tuple(Held(key=key, reason="it needs EmailServerProfile/one, which is held", because=HeldBecause.WAITS) for key in keys)
    notes = tuple(Note(key=key, message="filter: not built yet", position=Position("a.yaml", 1, 1)) for key in keys)
    lines = plan_text(plan(held=held, notes=notes), color=False).splitlines()
    assert lines[1:3] == [
        "! 30 Mailbox: m0, m1, m2, m3, m4 and 25 more are held: it needs EmailServerProfile/one, which is held",
        "i 30 Mailbox: m0, m1, m2, m3, m4 and 25 more: filter: not built yet",
    ]


def test_nothing_in_a_plan_steers_the_terminal() -> None:
    """A plan file may come from anybody."""
    evil = "x\x1b[2J"
    delete = Delete(key=Key("Mailbox", evil), external_id="x", observed_version="v", before={}, cause=Cause(moved=Moved.GIT, note=evil))
    brake = BrakeTripped(name=evil, message=evil, count=1, of=1, limit=0, keys=(Key("Mailbox", evil),))
    made = replace(plan(create(evil, evil), delete), brakes=(brake,), lifted=(evil,), source=evil, unobserved=(evil,))
    assert "\x1b" not in plan_text(made, color=False)
    assert "\x1b" not in outcome_text(
        [Applied(key=delete.key, external_id=evil, refused=(evil,)), Failed(key=delete.key, reason=evil, retryable=True)], color=False
    )


def test_the_place_that_changes_share_is_shown_and_places_of_their_own_are_not() -> None:
    shared = Cause(moved=Moved.GIT, position=Position("assignments/all.yaml", 10))
    changes = [
        replace(update(f"m{number}", "old", "new"), fields=(FieldChange(path="profile", before="old", after="new", cause=shared),))
        for number in range(30)
    ]
    lines = plan_text(plan(*changes), color=False).splitlines()
    assert lines[2] == "    profile: old → new   # assignments/all.yaml:10, changed in git"
    own = plan_text(plan(*(update(f"m{number}", "old", "new") for number in range(30))), color=False).splitlines()
    assert own[2] == "    profile: old → new   # changed in git"
