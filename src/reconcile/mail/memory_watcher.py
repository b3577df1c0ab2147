"""The memory twin of what waits for mail."""

from __future__ import annotations

from dataclasses import field

from reconcile.errors import Unavailable
from reconcile.lazy_dataclass import dataclass
from reconcile.mail.memory_inbox import MemoryMailbox


@dataclass(slots=True)
class MemoryWatcher:
    """See `Watcher`. The server's next fault is raised, if one is due, and ends the connection."""

    server: MemoryMailbox
    _seen: int | None = None
    _closed: list[bool] = field(default_factory=list)

    def wait(self, timeout: float) -> bool:
        try:
            self.server.fault()
        except BaseException:
            self._seen = None
            raise
        with self.server.changed:
            before, self._seen = self._seen, self.server.next_number
            if before is None:
                return not self._ended()
            self.server.changed.wait_for(lambda: self._closed or self.server.next_number != before, timeout)
            self._seen = self.server.next_number
            return not self._ended() and self._seen != before

    def _ended(self) -> bool:
        if self._closed:
            raise Unavailable("the connection is closed")
        return False

    def close(self) -> None:
        with self.server.changed:
            self._closed.append(True)
            self.server.changed.notify_all()
