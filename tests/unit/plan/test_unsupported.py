"""What is declared but cannot be done yet is noted in the plan, once a field."""

from __future__ import annotations

from reconcile.model.key import Key
from reconcile.plan.unsupported import unsupported_notes
from support.specs import estate


def test_one_note_a_field_with_its_first_place() -> None:
    profiles = {f"EmailServerProfile/{name}": {"defaultServerLocation": "mail.contoso.example"} for name in ("b", "a", "c")}
    desired = estate({**profiles, "Organization/o": {"tracking.recipientActivity": True, "alerts.errors": False}})
    notes = unsupported_notes(desired.resources.values(), desired)
    assert [(note.key, note.message) for note in notes] == [
        (
            Key("EmailServerProfile", "a"),
            (
                "Unsupported: defaultServerLocation is not built yet: incoming.server and outgoing.server count"
                " (and 2 more EmailServerProfile)"
            ),
        ),
        (
            Key("Organization", "o"),
            "Unsupported: tracking.recipientActivity is not built yet: nothing is watched in sent mail",
        ),
    ]
    assert all(note.position is not None for note in notes)


def test_an_alarm_that_would_reach_nobody_is_noted_before_it_is_applied() -> None:
    asks = {"sendEmailAlert": True, "ownerEmailAddress": "boss@contoso.example"}
    profiles = {f"EmailServerProfile/{name}": asks for name in ("b", "a")}

    def told(**organization: object) -> list[tuple[str, str]]:
        rows = {**profiles, "Mailbox/alarm": {"emailAddress": "alarm@contoso.example"}, "Organization/o": organization}
        desired = estate(rows)
        return [(str(note.key), note.message) for note in unsupported_notes(desired.resources.values(), desired)]

    ((key, words),) = told()
    assert key == "EmailServerProfile/a"
    assert words.startswith("sendEmailAlert: nobody is mailed: alerts.sender of the Organization names no mailbox")
    assert words.endswith("(and 1 more EmailServerProfile)")
    assert told(**{"alerts.sender": "alarm"}) == []
    assert told(**{"alerts.sender": "alrm"}) == [
        ("Organization/o", "alerts.sender: it names Mailbox/alrm, which is not declared here: no alarm can be mailed")
    ]
