"""The change feed in memory: the twin of the SQLite one, for tests."""

from __future__ import annotations

from collections.abc import Collection

from reconcile.model.feed import FeedCursor, FeedEntry, FeedKind, FeedPage, FeedRow, check_cursor
from reconcile.model.outgoing import OutboxEvent
from reconcile.ports.mail_store import ActivityReader
from reconcile.ports.outbox_store import OutboxReader
from reconcile.store.memory.feed_log import FeedLog, Logged


class MemoryFeed:
    """See `FeedReader`. `log` is the one that these stores write."""

    def __init__(self, log: FeedLog, mail: ActivityReader, outbox: OutboxReader) -> None:
        self._log = log
        self._mail = mail
        self._outbox = outbox

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
        row: FeedRow = self._mail.activity(logged.item) if logged.kind is FeedKind.EMAIL else self._outbox.entry(logged.item)
        return FeedEntry(
            cursor=FeedCursor(self._log.epoch, logged.sequence, logged.mark),
            kind=logged.kind,
            action=logged.action,
            id=logged.item,
            at=logged.at,
            row=row,
            transition=self._transition(logged),
        )

    def _transition(self, logged: Logged) -> OutboxEvent | None:
        found = (event for event in self._outbox.events(logged.item) if event.sequence == logged.event)
        return next(found, None)
