"""IDLE (RFC 2177): a connection that waits and is told."""

from __future__ import annotations

import contextlib
import select
import socket
import threading
import time

from reconcile.errors import Unavailable, Unsupported
from reconcile.mail.endpoint import Endpoint
from reconcile.mail.imap.faults import Broken, translated
from reconcile.mail.imap.login import open_stream
from reconcile.mail.imap.stream import Request, Stream
from reconcile.ports.sign_in import SignIn

#: RFC 2177 asks for a new IDLE at least every 29 minutes; many routers forget a silent connection after 10. Asking again also tells
#: whether the server still answers.
RENEW_SECONDS = 9 * 60.0
#: An end of the connection shows as readable without anything to read; so does a TLS record that is not complete yet.
_EMPTY_READS = 3
_EMPTY_SECONDS = 0.02


class ImapWatcher:
    """See `Watcher`. `wait` in one thread; `close` from any."""

    def __init__(self, endpoint: Endpoint, sign_in: SignIn, *, renew: float = RENEW_SECONDS) -> None:
        self._endpoint = endpoint
        self._sign_in = sign_in
        self._renew = renew
        self._stream: Stream | None = None
        self._idling: Request | None = None
        self._until = 0.0
        self._closed = False
        self._waiting = threading.Lock()

    def wait(self, timeout: float) -> bool:
        with self._waiting:
            try:
                if self._closed:
                    raise Unavailable(f"{self._endpoint}: the connection is closed")
                if self._stream is None:
                    self._stream = self._connected()
                    return True
                with translated(str(self._endpoint)):
                    return self._told(self._stream, time.monotonic() + timeout)
            except BaseException:
                self._drop()
                raise

    def _connected(self) -> Stream:
        stream = open_stream(self._endpoint, self._sign_in)
        try:
            with translated(str(self._endpoint)):
                if b"IDLE" not in stream.capabilities():
                    raise Unsupported(
                        f"{self._endpoint} does not offer IDLE", field="incoming.idle", hint="Take incoming.idle away: it is polled."
                    )
                stream.examine()
                self._idle(stream)
        except BaseException:
            stream.close()
            raise
        return stream

    def _idle(self, stream: Stream) -> None:
        begun = False

        def begin(_: bytes) -> bytes:
            nonlocal begun
            begun = True
            return b""

        request = stream.ask(b"IDLE", answer=begin)
        while not begun and not request.done:
            stream.step()
        if not begun:
            raise request.refusal or Broken("the server ends IDLE before it begins")
        self._idling, self._until = request, time.monotonic() + self._renew

    def _told(self, stream: Stream, deadline: float) -> bool:
        before = stream.arrivals
        empty = 0
        poll = select.poll()
        poll.register(stream.link.sock, select.POLLIN)
        while True:
            while stream.link.unread():
                empty = 0
                stream.step()
                if self._idling is not None and self._idling.done:
                    # Some servers end it by themselves.
                    self._idle(stream)
            now = time.monotonic()
            if now >= self._until:
                stream.link.send(b"DONE\r\n")
                if self._idling is not None:
                    stream.finish(self._idling)
                self._idle(stream)
            if stream.arrivals != before:
                return True
            if now >= deadline:
                return False
            if poll.poll(max(0.0, min(deadline, self._until) - now) * 1000):
                empty += 1
                if empty > 1:
                    time.sleep(_EMPTY_SECONDS)
                if self._closed or empty > _EMPTY_READS:
                    raise Broken("the connection ended")

    def _drop(self) -> None:
        stream, self._stream, self._idling = self._stream, None, None
        if stream is not None:
            stream.drop()

    def close(self) -> None:
        self._closed = True
        stream = self._stream
        if stream is not None:
            with contextlib.suppress(OSError):
                stream.link.sock.shutdown(socket.SHUT_RDWR)
        if self._waiting.acquire(blocking=False):
            try:
                self._drop()
            finally:
                self._waiting.release()
