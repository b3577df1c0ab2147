"""A TCP proxy that does to a connection what networks do: refuse, reset, cut, half-close, stall, delay, throttle, flip a bit."""

from __future__ import annotations

import contextlib
import selectors
import socket
import struct
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from enum import StrEnum


class Kind(StrEnum):
    """What happens."""

    REFUSE = "refuse"  # accepted and reset at once
    CUT = "cut"  # both ends closed
    RESET = "reset"  # both ends reset (RST)
    HALF_CLOSE = "half-close"  # the receiver sees the end of the stream, the other direction goes on
    STALL = "stall"  # nothing more is passed on, nothing is closed
    DELAY = "delay"  # a pause of 50 ms, then everything goes on
    THROTTLE = "throttle"  # from there on a few hundred octets at a time, with pauses
    CORRUPT = "corrupt"  # one bit of one octet is another one
    CALL = "call"  # `Fault.call` is called, and everything goes on


class Way(StrEnum):
    """Which direction counts octets."""

    TO_CLIENT = "to-client"
    TO_SERVER = "to-server"


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """One for one connection: when `after` octets went `way`, `kind` happens. With `behind` they are counted from when the client said that
    for the `turn`th time (in clear)."""

    kind: Kind
    way: Way = Way.TO_CLIENT
    after: int = 0
    call: Callable[[], None] = lambda: None
    behind: bytes = b""
    turn: int = 1


class FaultProxy:
    """`port` on loopback leads to `target`. Each new connection takes the next of `plan`, and none once that is empty."""

    def __init__(self, target: int) -> None:
        self.target = target
        self.plan: deque[Fault] = deque()
        self.met: list[Kind] = []
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._listener.settimeout(0.1)
        self.port: int = self._listener.getsockname()[1]
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._accept, name="fault proxy", daemon=True)
        self._thread.start()

    def close(self) -> None:
        self._ended.set()
        self._thread.join(10)
        self._listener.close()

    def _accept(self) -> None:
        pairs: list[threading.Thread] = []
        while not self._ended.is_set():
            try:
                client, _ = self._listener.accept()
            except TimeoutError:
                continue
            fault = self.plan.popleft() if self.plan else None
            thread = threading.Thread(target=self._serve, args=(client, fault), daemon=True)
            thread.start()
            pairs.append(thread)
        for thread in pairs:
            thread.join(5)

    def _serve(self, client: socket.socket, fault: Fault | None) -> None:
        if fault is not None and fault.kind is Kind.REFUSE:
            self.met.append(fault.kind)
            _reset(client)
            return
        with client, contextlib.suppress(OSError):
            server = socket.create_connection(("127.0.0.1", self.target), 5)
            with server:
                _Pair(client, server, fault, self.met, self._ended).run()


class _Pair:
    def __init__(self, client: socket.socket, server: socket.socket, fault: Fault | None, met: list[Kind], ended: threading.Event) -> None:
        self._ends = {Way.TO_CLIENT: (server, client), Way.TO_SERVER: (client, server)}
        self._fault, self._met, self._ended = fault, met, ended
        self._passed = dict.fromkeys(Way, 0)
        self._slow = False
        self._turns = 0

    def run(self) -> None:
        with selectors.DefaultSelector() as selector:
            for way, (source, _) in self._ends.items():
                selector.register(source, selectors.EVENT_READ, way)
            while selector.get_map() and not self._ended.is_set():
                for key, _ in selector.select(0.1):
                    way: Way = key.data
                    source, sink = self._ends[way]
                    data = source.recv(300 if self._slow else 65536)
                    if not data:
                        selector.unregister(source)
                        with contextlib.suppress(OSError):
                            sink.shutdown(socket.SHUT_WR)
                        continue
                    if not self._pass(way, data, source, sink, selector):
                        return

    def _pass(self, way: Way, data: bytes, source: socket.socket, sink: socket.socket, selector: selectors.BaseSelector) -> bool:
        fault = self._fault
        if fault is not None and fault.behind and self._turns < fault.turn:
            if way is Way.TO_SERVER:
                self._turns += data.count(fault.behind)
            sink.sendall(data)
            return True
        before = self._passed[way]
        self._passed[way] += len(data)
        if fault is None or fault.way is not way or self._passed[way] <= fault.after:
            if self._slow:
                time.sleep(0.002)
            sink.sendall(data)
            return True
        self._fault = None
        self._met.append(fault.kind)
        here = fault.after - before
        match fault.kind:
            case Kind.CUT:
                sink.sendall(data[:here])
                return False
            case Kind.RESET:
                sink.sendall(data[:here])
                for end in (source, sink):
                    _reset(end)
                return False
            case Kind.HALF_CLOSE:
                sink.sendall(data[:here])
                sink.shutdown(socket.SHUT_WR)
                selector.unregister(source)
                return True
            case Kind.STALL:
                sink.sendall(data[:here])
                while not self._ended.is_set() and _is_open(sink):
                    time.sleep(0.02)
                return False
            case Kind.CORRUPT:
                sink.sendall(data[:here] + bytes([data[here] ^ 0x10]) + data[here + 1 :])
            case Kind.DELAY:
                time.sleep(0.05)
                sink.sendall(data)
            case Kind.THROTTLE:
                self._slow = True
                sink.sendall(data)
            case Kind.CALL | Kind.REFUSE:
                fault.call()
                sink.sendall(data)
        return True


def _reset(end: socket.socket) -> None:
    with contextlib.suppress(OSError):
        end.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        end.close()


def _is_open(end: socket.socket) -> bool:
    end.setblocking(False)
    try:
        return end.recv(1, socket.MSG_PEEK) != b""
    except BlockingIOError:
        return True
    except OSError:
        return False


@contextmanager
def proxied(target: int) -> Iterator[FaultProxy]:
    """A proxy that is gone afterwards."""
    proxy = FaultProxy(target)
    try:
        yield proxy
    finally:
        proxy.close()
