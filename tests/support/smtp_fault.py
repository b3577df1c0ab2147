"""A submission server on a socket that misbehaves on request: at any step it can drop, answer otherwise, stall, trickle or inject.

Steps: connect, ehlo, starttls, auth, mail, rcpt, data, body (in the middle of the mail), end (after its last octet), rset.
"""

from __future__ import annotations

import base64
import socket
import ssl
import struct
import threading
import time
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field

import trustme


@dataclass(frozen=True)
class Drop:
    """Close. At "end": `kept` says whether the mail counts as accepted. `hard` sends a reset instead of a polite end."""

    kept: bool = False
    hard: bool = False


@dataclass(frozen=True)
class Say:
    """Answer this (a full reply with code)."""

    reply: str


@dataclass(frozen=True)
class Trickle:
    """Answer as usual, one octet every `pause` seconds."""

    pause: float


@dataclass(frozen=True)
class Stall:
    """Say nothing until the client leaves. At "end": `kept` as for Drop."""

    kept: bool = False


@dataclass(frozen=True)
class Delay:
    """Answer as usual, later; at "end" the mail is kept first."""

    seconds: float


@dataclass(frozen=True)
class Inject:
    """Answer, and put a line behind the answer in the same packet."""

    line: str = "250 injected"


Fault = Drop | Say | Trickle | Stall | Delay | Inject


@dataclass(frozen=True, kw_only=True)
class Taken:
    """`recipients` of one accepted mail; `content` with dots unstuffed."""

    sender: str
    recipients: tuple[str, ...]
    content: bytes


class _Closed(Exception):
    """This connection is over."""


@dataclass(kw_only=True)
class FaultServer:
    """`names` stand in the certificate; `on_step` is called with each step before it is answered; `extensions` are announced."""

    names: tuple[str, ...] = ("localhost", "127.0.0.1")
    extensions: tuple[str, ...] = ("SIZE 5000000", "8BITMIME", "SMTPUTF8")
    starttls: bool = True
    implicit: bool = False
    logins: dict[str, str] = field(default_factory=dict)
    echo_login: bool = False
    on_step: Callable[[str], None] = lambda _: None
    taken: list[Taken] = field(default_factory=list)
    steps: list[str] = field(default_factory=list)
    heard: list[bytes] = field(default_factory=list)
    most_unread: int = 0  # lines that had come before an earlier one was answered
    connections: int = 0
    port: int = 0
    authority: bytes = b""

    def __post_init__(self) -> None:
        self._plan: dict[str, deque[Fault]] = {}
        self._guard = threading.Lock()
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=64)
        self.port = self._listener.getsockname()[1]
        self._context: ssl.SSLContext | None = None
        if self.starttls or self.implicit:
            ca = trustme.CA()
            self._context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            ca.issue_cert(*self.names).configure_cert(self._context)
            self.authority = ca.cert_pem.bytes()
        threading.Thread(target=self._accept, daemon=True).start()

    def plan(self, step: str, *faults: Fault) -> None:
        self._plan.setdefault(step, deque()).extend(faults)

    def clear(self) -> None:
        self._plan.clear()

    def close(self) -> None:
        # Closing alone does not wake the thread that accepts.
        with suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()

    def __enter__(self) -> FaultServer:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _accept(self) -> None:
        while True:
            try:
                connected, _ = self._listener.accept()
            except OSError:
                return
            self.connections += 1
            threading.Thread(target=self._serve, args=(connected,), daemon=True).start()

    def _serve(self, connected: socket.socket) -> None:
        conversation: _Conversation | None = None
        with suppress(_Closed, OSError):
            connected.settimeout(60)
            connected.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            if self.implicit:
                assert self._context is not None
                connected = self._context.wrap_socket(connected, server_side=True)
            conversation = _Conversation(self, connected)
            conversation.run()
        with suppress(OSError):
            (conversation.socket if conversation else connected).close()

    def visit(self, step: str) -> Fault | None:
        with self._guard:
            self.steps.append(step)
            planned = self._plan.get(step)
            fault = planned.popleft() if planned else None
        self.on_step(step)
        return fault


class _Conversation:
    def __init__(self, server: FaultServer, connected: socket.socket) -> None:
        self._server = server
        self.socket = connected
        self._buffer = b""
        self._secure = server.implicit
        self._sender = ""
        self._recipients: list[str] = []

    def run(self) -> None:
        self._answer("connect", "220 fault.example ESMTP")
        while True:
            line = self._line()
            verb = line.split(b" ")[0].upper().decode("ascii", "replace")
            match verb:
                case "EHLO":
                    offers = [*self._server.extensions]
                    if self._server.starttls and not self._secure:
                        offers.append("STARTTLS")
                    if self._server.logins:
                        offers.append("AUTH PLAIN LOGIN")
                    self._answer("ehlo", "\r\n".join(f"250-{offer}" for offer in ["fault.example", *offers]) + "\r\n250 HELP")
                case "STARTTLS":
                    self._answer("starttls", "220 go ahead")
                    assert self._server._context is not None
                    self.socket = self._server._context.wrap_socket(self.socket, server_side=True)
                    self._secure = True
                case "AUTH":
                    self._login(line)
                case "MAIL":
                    self._sender = line.partition(b"<")[2].partition(b">")[0].decode()
                    self._recipients = []
                    self._answer("mail", "250 ok")
                case "RCPT":
                    address = line.partition(b"<")[2].partition(b">")[0].decode()
                    if self._answer("rcpt", "250 ok").startswith("2"):
                        self._recipients.append(address)
                case "DATA":
                    if self._answer("data", "354 go on").startswith("3"):
                        self._data()
                case "RSET":
                    self._answer("rset", "250 ok")
                case "QUIT":
                    self._say("221 bye")
                    return
                case _:
                    self._say("500 what?")

    def _data(self) -> None:
        # The end of a mail of nothing is a line of its own, too.
        self._buffer = b"\r\n" + self._buffer
        if (fault := self._server.visit("body")) is not None:
            self._receive()
            self._carry_out(fault, "")
        while b"\r\n.\r\n" not in self._buffer:
            self._receive()
        content, _, self._buffer = self._buffer.partition(b"\r\n.\r\n")
        if not self._recipients:
            self._say("554 5.5.1 no valid recipients")
            return
        lines = content.removeprefix(b"\r\n").split(b"\r\n")
        unstuffed = b"\r\n".join(line[1:] if line.startswith(b".") else line for line in lines) + b"\r\n"
        taken = Taken(sender=self._sender, recipients=tuple(self._recipients), content=unstuffed)
        with self._server._guard:
            planned = self._server._plan.get("end")
            fault = planned.popleft() if planned else None
            if fault is None or isinstance(fault, (Trickle, Delay)) or (isinstance(fault, (Drop, Stall)) and fault.kept):
                self._server.taken.append(taken)
            self._server.steps.append("end")
        self._server.on_step("end")
        self._carry_out(fault, "250 kept")

    def _login(self, line: bytes) -> None:
        words = line.split(b" ")
        if words[1].upper() == b"PLAIN":
            _, user, password = base64.b64decode(words[2]).split(b"\0")
        else:
            self._say("334 VXNlcm5hbWU6")
            user = base64.b64decode(self._line())
            self._say("334 UGFzc3dvcmQ6")
            password = base64.b64decode(self._line())
        good = self._server.logins.get(user.decode()) == password.decode()
        echo = f" you said {line.decode()} {password.decode()}" if self._server.echo_login else ""
        self._answer("auth", "235 welcome" if good else f"535 5.7.8 no{echo}")

    def _answer(self, step: str, usual: str) -> str:
        return self._carry_out(self._server.visit(step), usual)

    def _carry_out(self, fault: Fault | None, usual: str) -> str:
        match fault:
            case None:
                self._say(usual)
            case Drop(hard=hard):
                if hard:
                    self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                else:
                    with suppress(OSError):
                        self.socket.shutdown(socket.SHUT_RDWR)
                self.socket.close()
                raise _Closed
            case Say(reply=reply):
                self._say(reply)
                if reply.startswith("421"):
                    raise _Closed
                return reply
            case Trickle(pause=pause):
                for octet in f"{usual}\r\n".encode():
                    self.socket.sendall(bytes([octet]))
                    time.sleep(pause)
            case Stall():
                while self.socket.recv(4096):
                    pass
                raise _Closed
            case Delay(seconds=seconds):
                time.sleep(seconds)
                self._say(usual)
            case Inject(line=line):
                self.socket.sendall(f"{usual}\r\n{line}\r\n".encode())
        return usual

    def _say(self, reply: str) -> None:
        if reply:
            self.socket.sendall(f"{reply}\r\n".encode())

    def _line(self) -> bytes:
        while b"\n" not in self._buffer:
            self._receive()
        line, _, self._buffer = self._buffer.partition(b"\n")
        self._server.heard.append(line.rstrip(b"\r"))
        self._server.most_unread = max(self._server.most_unread, self._buffer.count(b"\n"))
        return line.rstrip(b"\r")

    def _receive(self) -> None:
        data = self.socket.recv(65536)
        if not data:
            raise _Closed
        self._buffer += data
