"""Waiting for news of mailboxes that ask for it (IDLE, notifications over a stream). A hint only: polling goes on beside it, so a lost hint
costs minutes at most."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterable
from dataclasses import field
from typing import Final

from reconcile.errors import PermanentError, ReconcileError, UserError
from reconcile.lazy_dataclass import dataclass
from reconcile.ports.mail import Watcher
from reconcile.sync.admission import server_of
from reconcile.sync.decide.eligible import ReceivingMailbox
from reconcile.sync.servers import Servers

#: One wait (seconds): how long a thread may take to see that it is not wanted any more where the connection cannot be closed under it.
_WAIT: Final = 60.0
#: Pauses after a failure double from the first to the second (seconds).
_PAUSES: Final = (30.0, 900.0)
_log = logging.getLogger(__name__)


@dataclass(slots=True)
class _Watch:
    mailbox: ReceivingMailbox
    ended: threading.Event = field(default_factory=threading.Event)
    watcher: Watcher | None = None
    thread: threading.Thread | None = None


@dataclass(slots=True, kw_only=True)
class Watching:
    """At most `most` threads. `connect` makes a watcher; `news` is called with a mailbox that should be looked at."""

    most: int
    servers: Servers
    connect: Callable[[ReceivingMailbox], Watcher]
    news: Callable[[ReceivingMailbox], None]
    _watches: dict[str, _Watch] = field(default_factory=dict)

    def want(self, mailboxes: Iterable[ReceivingMailbox]) -> None:
        """Watch these (the first `most` by name) and no others."""
        chosen = {mailbox.mailbox_id: mailbox for mailbox in sorted(mailboxes, key=lambda one: one.name)[: self.most]}
        for name, watch in list(self._watches.items()):
            if name not in chosen or _what(chosen[name]) != _what(watch.mailbox):
                self._end(self._watches.pop(name))
        for name, mailbox in chosen.items():
            if name not in self._watches:
                watch = self._watches[name] = _Watch(mailbox)
                watch.thread = threading.Thread(target=self._run, args=(watch,), name=f"idle-{mailbox.name}", daemon=True)
                watch.thread.start()
            else:
                self._watches[name].mailbox = mailbox

    def _run(self, watch: _Watch) -> None:
        pause = 0.0
        while not watch.ended.wait(pause):
            if not self.servers.admits(server_of(watch.mailbox), running=0):
                # Whoever polls tries first.
                pause = _PAUSES[0]
                continue
            try:
                if watch.watcher is None:
                    watch.watcher = self.connect(watch.mailbox)
                if watch.watcher.wait(_WAIT) and not watch.ended.is_set():
                    self.news(watch.mailbox)
                pause = 0.0
            except (PermanentError, UserError) as error:
                if error.about not in ("server", "profile"):
                    # Polling meets the same and tells it; what helps is another configuration, and then this is another watch.
                    _log.info("mailbox %s is not watched: %s", watch.mailbox.name, error.message)
                    break
                pause = min(max(pause * 2, _PAUSES[0]), _PAUSES[1])
            except ReconcileError:
                pause = min(max(pause * 2, _PAUSES[0]), _PAUSES[1])
            except Exception:  # a bug of ours must end this watch only  # noqa: BLE001
                _log.exception("mailbox %s: unexpected error while watching", watch.mailbox.name)
                break
        if watch.watcher is not None:
            watch.watcher.close()

    def _end(self, watch: _Watch) -> None:
        watch.ended.set()
        if watch.watcher is not None:
            watch.watcher.close()

    def close(self) -> None:
        """All of them; returns when their connections are closed."""
        watches, self._watches = list(self._watches.values()), {}
        for watch in watches:
            self._end(watch)
        for watch in watches:
            if watch.thread is not None:
                watch.thread.join(timeout=5.0)


def _what(mailbox: ReceivingMailbox) -> object:
    """What a watch is made from: folders and items follow from the organization, too."""
    return mailbox.fingerprint, mailbox.folders, mailbox.items
