"""Streaming notifications (Microsoft: "Notification subscriptions, mailbox events, and EWS in Exchange"): one request whose answer lasts
minutes, with an event when something arrives or changes. Beside polling, which goes on: a lost event costs minutes at most."""

from __future__ import annotations

import re
import threading
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Any, Final

from reconcile.errors import ReconcileError, Unavailable
from reconcile.mail.ews.account import ExchangeAccount
from reconcile.mail.ews.answers import Answer, M, T, answers
from reconcile.mail.ews.faults import refusal, translated
from reconcile.mail.ews.link import Link
from reconcile.mail.ews.sessions import Sessions
from reconcile.mail.ews.watched import Watched, subscribed
from reconcile.model.item import ItemKind

#: Of one answer (1 to 30). Routers forget silent connections sooner, but servers say something every 45 seconds or so.
MINUTES: Final = 29
#: A server that says nothing for so long is taken to be gone (seconds).
_SILENCE: Final = 180.0
#: Of what is not yet a whole document, so much is held.
_MOST: Final = 1 << 20
_END: Final = re.compile(rb"</(?:[A-Za-z_][\w.-]*:)?Envelope\s*>")


class EwsWatcher:
    """See `Watcher`. The answer is read by a thread of its own, which ends with it.

    `folders` are tracked ones, by their paths below the inbox. `items` is told in that thread of appointments, contacts and tasks that
    changed, and of all kinds after each new connection; without it nobody watches their folders.
    """

    def __init__(
        self,
        account: ExchangeAccount,
        sessions: Sessions,
        folders: Sequence[str] = (),
        items: Callable[[frozenset[ItemKind]], None] | None = None,
    ) -> None:
        self._account = account
        self._sessions = sessions
        self._folders = folders
        self._items = items
        self._changed = threading.Condition()
        self._thread: threading.Thread | None = None
        self._response: Any = None
        self._events = 0
        self._seen = 0
        self._begun = False
        self._error: ReconcileError | None = None
        self._closed = False

    def wait(self, timeout: float) -> bool:
        """See `Watcher.wait`."""
        with self._changed:
            if self._closed:
                raise self._is_closed()
            if self._thread is None:
                self._begun, self._error = False, None
                self._thread = threading.Thread(target=self._run, name=f"stream-{self._account.address}", daemon=True)
                self._thread.start()
                self._changed.wait_for(lambda: self._begun or self._error is not None or self._closed)
                fresh = True
            else:
                self._changed.wait_for(lambda: self._events != self._seen or self._error is not None or self._closed, timeout)
                fresh = False
            if self._closed:
                raise self._is_closed()
            if self._error is not None:
                error, self._error, self._thread = self._error, None, None
                raise error
            told, self._seen = self._events != self._seen or fresh, self._events
            if self._thread is not None and not self._thread.is_alive():
                # The answer ended as it should, after its minutes: the next call asks for another.
                self._thread = None
            return told

    def _is_closed(self) -> Unavailable:
        return Unavailable(f"{self._account.endpoint}: the connection is closed")

    def _run(self) -> None:
        link = Link(self._account, self._sessions)
        watched = Watched(subscription="")
        error: ReconcileError | None = None
        try:
            watched = subscribed(link, self._folders, items=self._items is not None)
            with (
                translated(link.where),
                link.stream(link.requests.streaming_events(watched.subscription, MINUTES), silence=_SILENCE, hold=self._hold) as pieces,
            ):
                if watched.kinds:
                    self._tell(frozenset(watched.kinds.values()))
                buffer = b""
                for piece in pieces:
                    buffer += piece
                    while (found := _END.search(buffer)) is not None:
                        self._take(link, watched, answers(buffer[: found.end()].strip(), link.where))
                        buffer = buffer[found.end() :]
                    if len(buffer) > _MOST:
                        raise Unavailable(f"{link.where}: an event has no end")
        except ReconcileError as caught:
            error = caught
        finally:
            with self._changed:
                self._response = None
                self._error = error if error is not None or self._begun else Unavailable(f"{link.where} ends the stream before it begins")
                self._changed.notify_all()
            if watched.subscription and not self._closed:
                with suppress(ReconcileError):
                    link.ask(link.requests.unsubscribe(watched.subscription))
            link.close()

    def _hold(self, response: Any) -> None:
        with self._changed:
            self._response = response
            # From now on nothing is missed: what came before is for who asked.
            self._begun = True
            self._changed.notify_all()

    def _take(self, link: Link, watched: Watched, told: list[Answer]) -> None:
        for answer in told:
            if not answer.done:
                raise refusal(answer, link.where)
            news = watched.news(event for one in answer.element.iter(f"{M}Notification", f"{T}Notification") for event in one)
            self._tell(news.kinds)
            if news.mail:
                with self._changed:
                    self._events += 1
                    self._changed.notify_all()

    def _tell(self, kinds: frozenset[ItemKind]) -> None:
        if kinds and self._items is not None:
            self._items(kinds)

    def close(self) -> None:
        """Ends the answer under whoever reads it."""
        with self._changed:
            self._closed = True
            response = self._response
            self._changed.notify_all()
        if response is not None:
            _shut(response)


def _shut(response: Any) -> None:
    """Wakes the thread that reads from the socket; closing alone would wait for it."""
    import socket

    with suppress(OSError, AttributeError):
        connection = response.raw._connection
        connection.sock.shutdown(socket.SHUT_RDWR)
