"""A single item that could not be dealt with: the others go on without it, and it is tried again later and later. Pure."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Final

from reconcile.lazy_dataclass import dataclass
from reconcile.model import instant
from reconcile.model.item import ItemKind
from reconcile.model.remote_id import RemoteId

#: The first pause, and the longest. Each is twice as long as the one before.
PAUSES: Final = (timedelta(minutes=5), timedelta(hours=24))


@dataclass(frozen=True, slots=True, kw_only=True)
class ItemAside:
    """`record_id` is 0 where there is no record yet, `remote_id` None where there is no item yet. Since `since` (UTC RFC 3339) it failed
    `failures` times in a row, last because of `why`; it rests until `again_at`."""

    mailbox_id: str
    kind: ItemKind
    record_id: int
    remote_id: RemoteId | None
    failures: int = 0
    since: str = ""
    again_at: str = ""
    why: str = ""

    @property
    def key(self) -> tuple[str, ItemKind, int, RemoteId | None]:
        """What tells it from others."""
        return self.mailbox_id, self.kind, self.record_id, self.remote_id

    def rests(self, now: datetime) -> bool:
        """Whether it is not to be tried yet. A clock that was set back by more than its pause ends that."""
        if not self.again_at:
            return False
        return now < datetime.fromisoformat(self.again_at) <= now + PAUSES[1] + PAUSES[0]

    def is_before(self, edited_at: str) -> bool:
        """Whether it failed last before this instant (UTC RFC 3339)."""
        return bool(self.again_at) and datetime.fromisoformat(self.again_at) - _pause(self.failures) < datetime.fromisoformat(edited_at)


def _pause(failures: int) -> timedelta:
    """After so many in a row."""
    first, longest = PAUSES
    return min(first * (1 << min(max(failures - 1, 0), 20)), longest)


def failed_again(before: ItemAside, why: str, now: datetime) -> ItemAside:
    """After one more failure. `now` is aware."""
    moment = now.replace(microsecond=0)
    return ItemAside(
        mailbox_id=before.mailbox_id,
        kind=before.kind,
        record_id=before.record_id,
        remote_id=before.remote_id,
        failures=before.failures + 1,
        since=before.since or instant.text(moment),
        again_at=instant.text(moment + _pause(before.failures + 1)),
        why=why,
    )
