"""What is declared but cannot be done yet is noted in the plan, once a field."""

from __future__ import annotations

from reconcile.model.key import Key
from reconcile.plan.unsupported import unsupported_notes
from support.specs import estate


def test_one_note_a_field_with_its_first_place() -> None:
    profiles = {f"EmailServerProfile/{name}": {"defaultServerLocation": "mail.contoso.example"} for name in ("b", "a", "c")}
    desired = estate({**profiles, "Organization/o": {"tracking.folderTracking": True, "alerts.errors": False}})
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
            "Unsupported: tracking.folderTracking is not built yet: there is no tracking by hand, by folder or by category",
        ),
    ]
    assert all(note.position is not None for note in notes)
