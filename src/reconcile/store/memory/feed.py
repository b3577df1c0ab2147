"""The change feed in memory: the twin of the SQLite one, for tests."""

from __future__ import annotations

from collections.abc import Collection
from typing import assert_never

from reconcile.model.feed import FeedCursor, FeedEntry, FeedKind, FeedPage, FeedRow, check_cursor
from reconcile.model.item_conflict import ItemConflict
from reconcile.model.outgoing import OutboxEvent
from reconcile.ports.item_store import ItemReader
from reconcile.ports.mail_store import ActivityReader
from reconcile.ports.outbox_store import OutboxReader
from reconcile.store.memory.feed_log import FeedLog, Logged


class MemoryFeed:
    """See `FeedReader`. `log` is the one that these stores write; `items` None where nobody has any."""

    def __init__(self, log: FeedLog, mail: ActivityReader, outbox: OutboxReader, items: ItemReader | None = None) -> None:
        self._log = log
        self._mail = mail
        self._outbox = outbox
        self._items = items

    def beginning(self) -> FeedCursor:
        return FeedCursor(self._log.epoch)

    def page(self, after: FeedCursor, *, limit: int, kinds: Collection[FeedKind]) -> FeedPage:
        entries = list(self._log.entries)
        at_cursor = entries[after.sequence - 1].mark if 0 < after.sequence <= len(entries) else None
        check_cursor(after, epoch=self._log.epoch, newest=len(entries), found=at_cursor)
        found = [entry for entry in entries[after.sequence :] if entry.kind in kinds][:limit]
        last = found[-1] if len(found) == limit else entries[-1] if entries else None
        end = FeedCursor(after.epoch, last.sequence, last.mark) if last else after
        return FeedPage(entries=tuple(map(self._entry, found)), end=end, more=end.sequence < len(entries))

    def _entry(self, logged: Logged) -> FeedEntry:
        return FeedEntry(
            cursor=FeedCursor(self._log.epoch, logged.sequence, logged.mark),
            kind=logged.kind,
            action=logged.action,
            id=logged.item,
            at=logged.at,
            row=self._row(logged),
            transition=self._transition(logged) if logged.kind is FeedKind.OUTBOX else None,
            conflict=self._conflict(logged) if logged.kind not in (FeedKind.EMAIL, FeedKind.OUTBOX) else None,
            by=logged.by,
        )

    def _row(self, logged: Logged) -> FeedRow:
        match logged.kind:
            case FeedKind.EMAIL:
                return self._mail.activity(logged.item)
            case FeedKind.OUTBOX:
                return self._outbox.entry(logged.item)
            case FeedKind.APPOINTMENT | FeedKind.CONTACT | FeedKind.TASK:
                return self._items.item(logged.item) if self._items is not None else None
            case _:
                assert_never(logged.kind)

    def _conflict(self, logged: Logged) -> ItemConflict | None:
        found = self._items.conflicts(item_id=logged.item, resolved=True) if self._items is not None else ()
        return next((one for one in found if one.id == logged.event), None)

    def _transition(self, logged: Logged) -> OutboxEvent | None:
        found = (event for event in self._outbox.events(logged.item) if event.sequence == logged.event)
        return next(found, None)
