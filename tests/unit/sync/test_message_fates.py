"""What is said of a message that nobody has seen."""

from __future__ import annotations

from collections.abc import Sequence

from reconcile.store.memory.mail import MemoryMailStore
from reconcile.sync.message_fates import Stores, fates_of_message_id, fates_of_place


class Nothing:
    """Knows no mail and no decision."""

    def by_message_id(self, message_ids: object) -> dict[str, list[object]]:
        return {}

    def of_message_id(self, message_id: str) -> list[object]:
        return []

    def of_place(self, mailbox_id: str, number: str) -> list[object]:
        return []

    placed = of_place


def stores_of(mailboxes: dict[str, str], *, forward: Sequence[str] = ()) -> Stores:
    nothing = Nothing()
    return Stores(
        activities=MemoryMailStore(),
        decisions=nothing,  # type: ignore[arg-type]
        correlation=nothing,  # type: ignore[arg-type]
        mailboxes=mailboxes,
        forward=list(forward),
    )


def test_the_mail_around_a_forwarded_one_is_asked_for_by_its_number() -> None:
    stores = stores_of({"m": "forward"}, forward=["forward"])
    notes = "\n".join(fates_of_message_id(stores, "<outer@contoso.example>").notes)
    assert "reconcile explain message forward:NUMBER" in notes


def test_of_many_mailboxes_twenty_are_named_and_the_one_that_was_asked_for_always() -> None:
    stores = stores_of({f"id{number:02}": f"desk{number:02}" for number in range(60)})
    notes = fates_of_message_id(stores, "<nobody@contoso.example>").notes
    assert sum(note.endswith("was never looked at") for note in notes) == 20
    assert "… and 40 mailboxes more" in notes
    assert "desk59: was never looked at" in fates_of_place(stores, "id59", "7").notes
