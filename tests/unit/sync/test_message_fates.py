"""What is said of a message that nobody has seen."""

from __future__ import annotations

from reconcile.store.memory.mail import MemoryMailStore
from reconcile.sync.message_fates import Stores, fates_of_message_id


class Nothing:
    """Knows no mail and no decision."""

    def by_message_id(self, message_ids: object) -> dict[str, list[object]]:
        return {}

    def of_message_id(self, message_id: str) -> list[object]:
        return []


def test_the_mail_around_a_forwarded_one_is_asked_for_by_its_number() -> None:
    nothing, activities = Nothing(), MemoryMailStore()
    stores = Stores(
        activities=activities,
        decisions=nothing,  # type: ignore[arg-type]
        correlation=nothing,  # type: ignore[arg-type]
        mailboxes={"m": "forward"},
        forward=["forward"],
    )
    notes = "\n".join(fates_of_message_id(stores, "<outer@contoso.example>").notes)
    assert "reconcile explain message forward:NUMBER" in notes
