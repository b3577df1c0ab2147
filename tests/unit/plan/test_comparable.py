"""What a target never shows is no difference, and is said once."""

from __future__ import annotations

from reconcile.model.change import Update
from reconcile.model.key import Key
from reconcile.model.observation import ObservedState, Present
from reconcile.model.resource import DesiredState
from reconcile.plan.circumstances import Circumstances
from reconcile.plan.comparable import comparable
from reconcile.plan.plan import make_plan
from support.specs import Specs, estate, mailbox, profile

MOVES, SECRET = "the product moves this date on by itself", "the product never shows a secret"


def observed(*rows: Present, unknown: str = "") -> ObservedState:
    return ObservedState(
        target="snapshot",
        refers_by_id=True,
        rows=rows,
        hidden={"Mailbox": {"processEmailFrom": MOVES, "credentials.password": SECRET}, "EmailServerProfile": {"facts.mfa": "no column"}},
        unknown_kinds={"Organization": unknown} if unknown else {},
        origin="exports/prod.json of 2026-06-30 06:00 UTC",
    )


def row(kind: str, number: str, spec: dict[str, object]) -> Present:
    return Present(kind=kind, external_id=number, spec=spec, version=number)  # type: ignore[arg-type]


PASSWORD = {"credentials.password.ref": "env:SALES", "credentials.password.generation": 1, "credentials.password.expires": None}
WANTED: Specs = {
    "EmailServerProfile/contoso": {**profile(), "facts.mfa": True},
    "Mailbox/sales": {**mailbox("sales@contoso.example", processEmailFrom="2026-01-01T00:00:00Z"), **PASSWORD},
    "Mailbox/info": mailbox("info@contoso.example", processEmailFrom=None),
}
ROWS = (
    row("EmailServerProfile", "p", dict(profile())),
    row("Mailbox", "s", dict(mailbox("sales@contoso.example", profile="p"))),
    row("Mailbox", "i", dict(mailbox("info@contoso.example", profile="p"))),
)


def plan(desired: DesiredState, state: ObservedState) -> tuple[list[str], list[str]]:
    made = make_plan(desired, state, {}, ("EmailServerProfile", "Organization", "Mailbox"), around=Circumstances(adopting=False))
    fields = [f"{change.key} {field.path}" for change in made.changes if isinstance(change, Update) for field in change.fields]
    return fields, [f"{note.key or ''} {note.message}".strip() for note in made.notes]


def test_hidden_fields_are_no_difference_and_each_is_noted_once() -> None:
    fields, notes = plan(estate(WANTED), observed(*ROWS))
    assert fields == []
    assert notes == [
        "the target is exports/prod.json of 2026-06-30 06:00 UTC; what happened since then is not in it",
        "EmailServerProfile/contoso facts.mfa is not compared: no column",
        "Mailbox/sales credentials.password is not compared: the product never shows a secret",
        "processEmailFrom of 2 mailboxes is not compared: the product moves this date on by itself",
    ]


def test_what_is_shown_still_differs() -> None:
    changed = {**WANTED, "Mailbox/info": mailbox("info@contoso.example", outgoing="none", processEmailFrom="2026-01-01T00:00:00Z")}
    fields, _ = plan(estate(changed), observed(*ROWS))
    assert fields == ["Mailbox/info outgoing"]


def test_somebody_elses_resources_are_left_as_they_are() -> None:
    desired = estate(WANTED, external=("EmailServerProfile/contoso",))
    left, _, notes = comparable(desired, observed(*ROWS))
    assert left.resources[Key("EmailServerProfile", "contoso")] == desired.resources[Key("EmailServerProfile", "contoso")]
    assert not any("facts.mfa" in note.message for note in notes)


def test_a_target_that_hides_nothing_is_compared_as_it_is() -> None:
    desired, state = estate(WANTED), ObservedState(target="memory", rows=ROWS)
    assert comparable(desired, state) == (desired, state, ())


def test_an_organization_that_nobody_declares_is_not_missed() -> None:
    state = observed(*ROWS, unknown="the export has no table organization")
    assert comparable(estate(WANTED), state)[1].unknown_kinds == {}
    declared = estate({**WANTED, "Organization/contoso": {"deployment": "online"}})
    assert comparable(declared, state)[1].unknown_kinds == {"Organization": "the export has no table organization"}
    held = estate(WANTED, held={"Organization/contoso": "bad"})
    assert comparable(held, state)[1].unknown_kinds != {}
