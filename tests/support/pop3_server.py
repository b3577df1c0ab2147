"""A POP3 server that does what a test says: any capabilities, any identifiers, and what no decent server does."""

from __future__ import annotations

import base64
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

CAPABLE = ("TOP", "UIDL", "RESP-CODES", "PIPELINING", "AUTH-RESP-CODE", "USER")


@dataclass
class Maildrop:
    """`messages` are pairs of unique-id and text. `answer` may answer a command line in the server's place (None: as usual; b"" ends the
    connection). `heard` are all lines of all connections, `ended` how many ended with an answered QUIT."""

    messages: list[tuple[str, bytes]] = field(default_factory=list)
    capabilities: tuple[str, ...] | None = CAPABLE
    password: bytes = b"secret word"
    answer: Callable[[bytes], bytes | None] = lambda _: None
    heard: list[bytes] = field(default_factory=list)
    cut_after: int | None = None  # end each connection after so many bytes
    leave: bool = False  # end the connection after the next answer
    ended: int = 0
    most_unread: int = 0


@contextmanager
def serving(drop: Maildrop) -> Iterator[int]:
    """The port, in clear. One connection at a time."""
    listener = socket.create_server(("127.0.0.1", 0))
    stop = threading.Event()

    def serve() -> None:
        while not stop.is_set():
            try:
                connection, _ = listener.accept()
            except OSError:
                return
            connection.settimeout(10)
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            try:
                _Session(drop, connection).run()
            except OSError:
                pass
            finally:
                connection.close()

    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    try:
        yield listener.getsockname()[1]
    finally:
        stop.set()
        listener.shutdown(socket.SHUT_RDWR)
        listener.close()
        thread.join(10)


class _Session:
    def __init__(self, drop: Maildrop, connection: socket.socket) -> None:
        self.drop, self.connection = drop, connection
        self.marked: set[int] = set()
        self.said = 0
        self.rest = b""

    def line(self) -> bytes:
        while b"\r\n" not in self.rest:
            data = self.connection.recv(65536)
            if not data:
                raise ConnectionError
            self.rest += data
        line, _, self.rest = self.rest.partition(b"\r\n")
        self.drop.heard.append(line)
        self.drop.most_unread = max(self.drop.most_unread, self.rest.count(b"\r\n"))
        return line

    def say(self, text: bytes) -> None:
        if self.drop.cut_after is not None and self.said + len(text) > self.drop.cut_after:
            self.connection.sendall(text[: max(0, self.drop.cut_after - self.said)])
            raise ConnectionError
        self.said += len(text)
        self.connection.sendall(text)

    def run(self) -> None:
        self.say(self.drop.answer(b"") or b"+OK ready\r\n")
        while True:
            line = self.line()
            given = self.drop.answer(line)
            if given == b"":
                return
            self.say(given if given is not None else self._usual(line))
            if line.upper() == b"QUIT" or self.drop.leave:
                return

    def _usual(self, line: bytes) -> bytes:
        word, _, rest = line.partition(b" ")
        messages = self.drop.messages
        match word.upper():
            case b"CAPA":
                return b"-ERR what\r\n" if self.drop.capabilities is None else text("".join(f"{one}\r\n" for one in self.drop.capabilities))
            case b"PASS":
                return b"+OK in\r\n" if rest == self.drop.password else b"-ERR [AUTH] no, not %s\r\n" % rest
            case b"STAT":
                return b"+OK %d %d\r\n" % (len(messages), sum(len(raw) for _, raw in messages))
            case b"LIST":
                return text("".join(f"{number} {len(raw)}\r\n" for number, (_, raw) in enumerate(messages, 1)))
            case b"UIDL":
                return text("".join(f"{number} {uid}\r\n" for number, (uid, _) in enumerate(messages, 1)))
            case b"RETR" if 0 < int(rest) <= len(messages):
                return text(messages[int(rest) - 1][1])
            case b"TOP" if 0 < int(rest.split()[0]) <= len(messages):
                return text(messages[int(rest.split()[0]) - 1][1].partition(b"\r\n\r\n")[0] + b"\r\n\r\n")
            case b"DELE":
                self.marked.add(int(rest))
                return b"+OK\r\n"
            case b"RSET":
                self.marked.clear()
                return b"+OK\r\n"
            case b"QUIT":
                self.drop.messages = [one for number, one in enumerate(messages, 1) if number not in self.marked]
                self.drop.ended += 1
                return b"+OK bye\r\n"
            case b"USER" | b"UTF8" | b"NOOP":
                return b"+OK\r\n"
            case _:
                return b"-ERR unknown\r\n"


def text(content: bytes | str) -> bytes:
    """A multi-line answer."""
    raw = content.encode() if isinstance(content, str) else content
    stuffed = (b"\r\n" + raw).replace(b"\r\n.", b"\r\n..")[2:]
    return b"+OK\r\n" + stuffed + (b"" if not stuffed or stuffed.endswith(b"\r\n") else b"\r\n") + b".\r\n"


def xoauth2(accepts: Callable[[bytes], bool]) -> Callable[[bytes], bytes | None]:
    """As Microsoft's: `AUTH XOAUTH2` alone, then the token as an answer to "+ "."""
    asked = [False]

    def answer(line: bytes) -> bytes | None:
        if line.upper().startswith(b"AUTH "):
            asked[0] = line.upper() == b"AUTH XOAUTH2"
            return b"+ \r\n" if asked[0] else b"-ERR Protocol error. 14\r\n"
        if asked[0]:
            asked[0] = False
            return b"+OK in\r\n" if accepts(base64.b64decode(line)) else b"-ERR [AUTH] Authentication failure: unknown user\r\n"
        return None

    return answer
