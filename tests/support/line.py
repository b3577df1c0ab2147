"""A line to a server that can be held up: octets pass, until they do not."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress


class Line:
    """Forwards connections to `port` on this machine. `held` keeps what the server says back after `after` octets of a connection."""

    def __init__(self, port: int) -> None:
        self._target = port
        self._free = threading.Event()
        self._free.set()
        self._after = 0
        self._guard = threading.Lock()
        #: Connections that wait now.
        self.waiting = 0
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=64)
        self.port: int = self._listener.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    def hold(self, after: int) -> None:
        """From now on a connection gets its first `after` octets only."""
        self._after = after
        self._free.clear()

    def release(self) -> None:
        self._free.set()

    def close(self) -> None:
        with suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self.release()

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                client, _ = self._listener.accept()
                threading.Thread(target=self._serve, args=(client,), daemon=True).start()

    def _serve(self, client: socket.socket) -> None:
        with client, socket.create_connection(("127.0.0.1", self._target)) as server:
            back = threading.Thread(target=self._forward, args=(server, client, True), daemon=True)
            back.start()
            self._forward(client, server, False)
            back.join()

    def _forward(self, source: socket.socket, sink: socket.socket, held: bool) -> None:
        passed = 0
        with suppress(OSError):
            while data := source.recv(4096):
                passed += len(data)
                if held and passed > self._after and not self._free.is_set():
                    self._wait()
                sink.sendall(data)
        for one in (source, sink):
            with suppress(OSError):
                one.shutdown(socket.SHUT_RDWR)

    def _wait(self) -> None:
        with self._guard:
            self.waiting += 1
        self._free.wait()
        with self._guard:
            self.waiting -= 1


@contextmanager
def line_to(port: int) -> Iterator[Line]:
    """A line that is gone afterwards."""
    line = Line(port)
    try:
        yield line
    finally:
        line.close()
