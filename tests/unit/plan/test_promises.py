"""A plan for our own engine promises only what the engine carries out, and tells the rest once a cause."""

from __future__ import annotations

import pytest

from reconcile.apply.against import against
from reconcile.apply.planning import planned, planned_from
from reconcile.model.canonical import Leaf
from reconcile.model.change import Note, Plan
from reconcile.model.inventory import InventoryEntry
from reconcile.model.key import APPLIED_KINDS, Key
from reconcile.model.observation import ObservedState, Present
from reconcile.plan.circumstances import Circumstances
from reconcile.store.memory.configuration import MemoryConfiguration
from reconcile.sync.decide.shortfalls import shortfalls
from reconcile.targets.memory import MemoryTarget
from support.specs import estate, mailbox, place, profile

Specs = dict[str, dict[str, Leaf]]
OUTGOING: dict[str, Leaf] = {"outgoing.server": "smtp.contoso.example"}
LOGIN: dict[str, Leaf] = {"credentials.allowUse": True, "credentials.password.ref": "env:PASSWORD"}


def box(name: str, **leaves: Leaf) -> dict[str, Leaf]:
    return {**mailbox(f"{name}@contoso.example", **leaves), **LOGIN}


def plan_of(after: Specs, before: Specs | None = None, *, target: str = "engine") -> Plan:
    rows = [
        Present(kind=key.kind, external_id=f"id-{key.name}", spec=spec, version="1", name=key.name)
        for key, spec in ((Key.parse(text), spec) for text, spec in (before or {}).items())
    ]
    entries = {
        Key(row.kind, str(row.name)): InventoryEntry(
            key=Key(row.kind, str(row.name)),
            external_id=row.external_id,
            applied=row.spec,
            source_file="x.yaml",
            source="estate",
            revision="",
        )
        for row in rows
    }
    observed = ObservedState(target=target, rows=tuple(rows))
    return planned_from(estate(after), observed, entries, APPLIED_KINDS, around=Circumstances(deciding=shortfalls)).plan


def said(plan: Plan, key: str) -> tuple[str, ...]:
    return next(change.consequences for change in plan.changes if str(change.key) == key)


def notes(plan: Plan) -> list[str]:
    return [note.message for note in plan.notes]


def test_what_runs_is_promised_and_nothing_is_noted() -> None:
    plan = plan_of({"EmailServerProfile/contoso": {**profile(), **OUTGOING}, "Mailbox/sales": box("sales")})
    assert said(plan, "Mailbox/sales") == ("incoming mail starts from the oldest message", "outgoing mail starts")
    assert notes(plan) == []


EWS = "https://mail.contoso.example/EWS/Exchange.asmx"
CERTIFICATE = "credentials server-to-server need a certificate from a key vault, which is not built: use entra-oauth, or profile with ntlm"


def exchange() -> Specs:
    return {
        "EmailServerProfile/contoso": profile(
            serverType="exchange-server",
            moveUndeliveredEmails=True,
            **{"incoming.server": EWS, "outgoing.server": EWS, "incoming.credentials": "server-to-server"},
        ),
        **{f"Mailbox/{name}": box(name, type="queue", appointmentsContactsTasks="none") for name in "gfedcba"},
        "Mailbox/sales": box("sales", appointmentsContactsTasks="server-side"),
    }


def test_one_note_a_cause_with_how_many_and_the_place_of_the_field() -> None:
    server = Key("EmailServerProfile", "contoso")
    at = place(server, "incoming.credentials")
    everybody = "8 mailboxes (a, b, c, d, e and 3 more)"
    words = f"nothing is received or sent: {everybody}; appointments, contacts and tasks are not kept in step: 1 mailbox (sales)"
    assert plan_of(exchange()).notes == (
        Note(message=f"Unsupported: incoming.credentials: {CERTIFICATE}: {words}", key=server, position=at),
    )


def test_one_cause_for_the_same_mailboxes_is_said_once_with_all_that_follows() -> None:
    specs = exchange()
    for key in [key for key in specs if key.startswith("Mailbox/") and key != "Mailbox/sales"]:
        del specs[key]
    follows = "nothing is received or sent, and appointments, contacts and tasks are not kept in step: 1 mailbox (sales)"
    assert notes(plan_of(specs)) == [f"Unsupported: incoming.credentials: {CERTIFICATE}: {follows}"]


def test_what_will_not_run_is_not_promised() -> None:
    plan = plan_of(exchange())
    assert said(plan, "Mailbox/sales") == (
        "incoming mail is asked for and will not start: see the notes",
        "outgoing mail is asked for and will not start: see the notes",
        "appointments, contacts and tasks are asked for and will not start: see the notes",
    )
    assert said(plan, "EmailServerProfile/contoso") == ("mail that cannot be tracked is moved to a folder at the server",)


@pytest.mark.parametrize("target", ["snapshot", "memory"])
def test_another_target_does_what_it_is_told(target: str) -> None:
    plan = plan_of(exchange(), target=target)
    assert said(plan, "Mailbox/sales") == (
        "incoming mail starts from the oldest message",
        "outgoing mail starts",
        "appointments, contacts and tasks start",
    )
    assert notes(plan) == []


def test_the_digest_is_of_the_changes_alone() -> None:
    observed = ObservedState(target="engine", rows=())
    made = [
        planned_from(estate(exchange()), observed, {}, APPLIED_KINDS, around=one).plan
        for one in (Circumstances(), Circumstances(deciding=shortfalls))
    ]
    assert made[0].digest == made[1].digest
    assert made[0].notes != made[1].notes


def test_deleting_is_promised() -> None:
    plan = plan_of(
        {"EmailServerProfile/contoso": {**profile(), **OUTGOING}, "Mailbox/sales": box("sales", type="queue", deleteAfterProcessing=True)}
    )
    assert said(plan, "Mailbox/sales")[-1] == "mail is deleted at the server once it is tracked"
    assert said(plan, "Mailbox/sales")[0] == "incoming mail starts from the oldest message"
    assert notes(plan) == []


def test_what_is_not_declared_is_as_it_will_be_filled_in() -> None:
    """A mailbox that says nothing of incoming gets what the organization has for new ones, or none."""
    quiet = {path: leaf for path, leaf in box("sales").items() if path not in ("incoming", "outgoing")}
    rows: Specs = {
        "Organization/organization": {"approval.requireForUsers": True},
        "EmailServerProfile/contoso": {**profile(), **OUTGOING},
    }
    assert notes(plan_of({**rows, "Mailbox/sales": quiet}, rows)) == []
    rows["Organization/organization"]["defaults.incoming"] = "server-side"
    approval = "approval.requireForUsers: the address waits for approval: nothing is"
    assert notes(plan_of({**rows, "Mailbox/sales": quiet}, rows)) == [f"{approval} received: 1 mailbox (sales)"]
    assert notes(plan_of({**rows, "Mailbox/sales": box("sales")}, rows)) == [f"{approval} received or sent: 1 mailbox (sales)"]


def test_what_changes_around_a_mailbox_that_stays() -> None:
    before: Specs = {"EmailServerProfile/contoso": {**profile(), **OUTGOING}, "Mailbox/sales": box("sales"), "Mailbox/info": box("info")}
    plan = plan_of({**before, "EmailServerProfile/contoso": {**profile(serverType="exchange-server"), **OUTGOING}}, before)
    assert [str(change.key) for change in plan.changes] == ["EmailServerProfile/contoso"]
    assert [note.endswith("2 mailboxes (info, sales)") for note in notes(plan)] == [True, True]


def test_a_mailbox_that_stays_as_it_is_is_not_told_again() -> None:
    before: Specs = {"EmailServerProfile/contoso": profile(serverType="exchange-server"), "Mailbox/a": box("a"), "Mailbox/b": box("b")}
    assert notes(plan_of(before, before)) == []
    plan = plan_of({**before, "Mailbox/b": box("b", displayName="B")}, before)
    assert all(note.endswith("1 mailbox (b)") for note in notes(plan))


def test_what_starts_again_says_so_only_where_it_does() -> None:
    active: Specs = {"EmailServerProfile/contoso": profile(serverType="exchange-server"), "Mailbox/a": box("a")}
    off: Specs = {**active, "EmailServerProfile/contoso": {**active["EmailServerProfile/contoso"], "state": "inactive"}}
    on: Specs = {**active, "EmailServerProfile/contoso": {**active["EmailServerProfile/contoso"], "state": "active"}}
    assert said(plan_of(on, off), "EmailServerProfile/contoso") == (
        "incoming and outgoing mail of 1 mailbox start again, except what the notes name",
    )
    plan = plan_of({**on, "Mailbox/a": box("a", state="active")}, {**on, "Mailbox/a": box("a", state="inactive")})
    assert said(plan, "Mailbox/a") == ("is active again; not all of its mail starts: see the notes",)


def test_the_profile_of_the_organization_is_found() -> None:
    mine = {path: leaf for path, leaf in box("sales").items() if path != "profile"}
    before: Specs = {
        "Organization/organization": {"defaults.profile": "contoso", "approval.requireForUsers": False},
        "EmailServerProfile/contoso": {**profile(), **OUTGOING},
        "Mailbox/sales": mine,
    }
    after: Specs = {**before, "EmailServerProfile/contoso": {**before["EmailServerProfile/contoso"], "autodiscover": True}}
    assert any("autodiscover" in note and "sales" in note for note in notes(plan_of(after, before)))


def test_a_field_that_is_not_built_promises_nothing() -> None:
    before: Specs = {
        "EmailServerProfile/contoso": {**profile(), **OUTGOING},
        "Organization/organization": {"approval.requireForUsers": False},
    }
    after: Specs = {
        "EmailServerProfile/contoso": {**profile(sendEmailAlert=True), **OUTGOING},
        "Organization/organization": {"approval.requireForUsers": True, "processing.contentFiltering": True},
    }
    plan = plan_of(after, before)
    assert said(plan, "EmailServerProfile/contoso") == ()
    assert said(plan, "Organization/organization") == ("mail of users waits until their address is approved",)
    assert said(plan_of(after, before, target="snapshot"), "Organization/organization") == (
        "mail of users waits until their address is approved",
        "how mailboxes are worked through, and what is kept of it, changes from the next cycle on",
    )


def test_an_alarm_is_promised_where_it_can_be_mailed() -> None:
    asks = {**profile(sendEmailAlert=True, ownerEmailAddress="boss@contoso.example"), **OUTGOING}
    before: Specs = {"EmailServerProfile/contoso": {**profile(), **OUTGOING}, "Mailbox/sales": box("sales")}
    after: Specs = {**before, "EmailServerProfile/contoso": asks}
    assert said(plan_of(after, before), "EmailServerProfile/contoso") == ()
    assert any("alerts.sender of the Organization names no mailbox" in note for note in notes(plan_of(after, before)))
    named: Specs = {**after, "Organization/organization": {"alerts.sender": "sales"}}
    assert said(plan_of(named, before), "EmailServerProfile/contoso") == (
        "boss@contoso.example is mailed when more than half of its mailboxes fail",
    )


def test_a_forward_mailbox_is_told() -> None:
    before: Specs = {"EmailServerProfile/contoso": {**profile(), **OUTGOING}, "Mailbox/sales": box("sales")}
    plan = plan_of({**before, "Mailbox/sales": box("sales", incoming="forward-mailbox")}, before)
    assert said(plan, "Mailbox/sales") == ("incoming mail stops; its mail comes through the forward mailbox from now on",)


@pytest.mark.parametrize("target", ["engine", "memory"])
def test_nothing_stops_where_an_inactive_profile_is_made(target: str) -> None:
    plan = plan_of({"EmailServerProfile/contoso": profile(state="inactive"), "Mailbox/a": box("a")}, target=target)
    assert said(plan, "EmailServerProfile/contoso") == ("inactive: no mail of 1 mailbox comes in or goes out",)


def test_two_revisions_are_told_apart_by_the_target_the_environment_names() -> None:
    def made(target: str) -> Plan:
        environment: Specs = {"Environment/test": {"target.type": target}}
        return against(estate({**environment, **exchange()}), estate(environment), "git:main", deciding=shortfalls).plan

    assert any(CERTIFICATE in note for note in notes(made("engine")))
    assert not any(CERTIFICATE in note for note in notes(made("snapshot")))


def test_a_target_in_memory_is_not_asked() -> None:
    def asked(rows: object, mailboxes: object) -> list[object]:
        raise AssertionError("asked")

    planned(estate(exchange()), MemoryTarget(), MemoryConfiguration(), deciding=asked)  # type: ignore[arg-type]
