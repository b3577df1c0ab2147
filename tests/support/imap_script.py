"""A server that says exactly what a test wants: for what no decent server does.

A script is a list of steps: bytes are sent as they are (with TAG put in for the tag of the last command), `expect(b"LOGIN")` reads a
line that must contain that word.
"""

from __future__ import annotations

import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

Step = bytes | Callable[["Conversation"], None]


@dataclass
class Conversation:
    connection: socket.socket
    listener: socket.socket
    tag: bytes = b""
    heard: list[bytes] = field(default_factory=list)
    rest: bytes = b""

    def line(self) -> bytes:
        while b"\n" not in self.rest:
            data = self.connection.recv(4096)
            if not data:
                return b""
            self.rest += data
        line, _, self.rest = self.rest.partition(b"\n")
        self.heard.append(line)
        return line


def expect(word: bytes) -> Step:
    def step(conversation: Conversation) -> None:
        line = conversation.line()
        if word not in line:
            raise AssertionError(f"expected {word!r}, heard {line!r}")
        conversation.tag = line.partition(b" ")[0]

    return step


def tls(context: ssl.SSLContext) -> Step:
    def step(conversation: Conversation) -> None:
        conversation.connection = context.wrap_socket(conversation.connection, server_side=True)

    return step


def reconnect(conversation: Conversation) -> None:
    """The connection ends; what follows is said over the next one."""
    conversation.connection.close()
    conversation.rest = b""
    conversation.connection, _ = conversation.listener.accept()
    conversation.connection.settimeout(10)


GREETING: tuple[Step, ...] = (b"* OK ready\r\n", expect(b"CAPABILITY"), b"* CAPABILITY IMAP4rev1\r\nTAG OK done\r\n")
LOGIN: tuple[Step, ...] = (*GREETING, expect(b"LOGIN"), b"TAG OK in\r\n")


def examined(messages: int, *, validity: int = 1, next_uid: int | None = None) -> tuple[Step, ...]:
    """Login and EXAMINE."""
    answer = b"* %d EXISTS\r\n* 0 RECENT\r\n* OK [UIDVALIDITY %d] fine\r\n" % (messages, validity)
    if next_uid is not None:
        answer += b"* OK [UIDNEXT %d] next\r\n" % next_uid
    return (*LOGIN, expect(b"EXAMINE"), answer + b"TAG OK [READ-ONLY] done\r\n")


@contextmanager
def scripted(*steps: Step) -> Iterator[tuple[int, list[bytes], list[BaseException]]]:
    """(port, lines heard, what went wrong in the script). One connection, unless `reconnect` is a step."""
    listener = socket.create_server(("127.0.0.1", 0))
    listener.settimeout(10)
    heard: list[bytes] = []
    wrong: list[BaseException] = []

    def serve() -> None:
        try:
            connection, _ = listener.accept()
            connection.settimeout(10)
            conversation = Conversation(connection, listener, heard=heard)
            try:
                for step in steps:
                    if isinstance(step, bytes):
                        conversation.connection.sendall(step.replace(b"TAG", conversation.tag))
                    else:
                        step(conversation)
            finally:
                conversation.connection.close()
        except (OSError, AssertionError) as error:
            wrong.append(error)

    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    try:
        yield listener.getsockname()[1], heard, wrong
    finally:
        listener.close()
        thread.join(15)
