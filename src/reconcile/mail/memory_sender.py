"""A submission server in memory and the sender that talks to it: the twin of `mail/smtp.py`, for tests.

Faults are planned by step: at "connect", "login", "mail", "rcpt", "data", "body" or "end" the next one planned there happens instead of
the usual answer.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import field

from reconcile.errors import AuthenticationRejected, PermanentError, Unavailable
from reconcile.lazy_dataclass import dataclass
from reconcile.ports import sender as port
from reconcile.ports.sender import Account, Broken, Delivery, End, Envelope, Refused, Reply, Taken, Unanswered


class Crash(BaseException):
    """The process dies here. Nobody catches it: it is not an Exception."""


@dataclass(frozen=True, slots=True)
class Answer:
    """The server says this instead."""

    code: int
    text: str = "planned"


@dataclass(frozen=True, slots=True)
class Drop:
    """The connection ends. At "end": `kept` says whether the server has the mail all the same."""

    kept: bool = False


@dataclass(frozen=True, slots=True)
class Die:
    """The process that sends dies. At "end": `kept` as for Drop."""

    kept: bool = False


Fault = Answer | Drop | Die


@dataclass(frozen=True, slots=True, kw_only=True)
class TakenMail:
    """What the server has."""

    sender: str
    recipients: tuple[str, ...]
    content: bytes


@dataclass(slots=True, kw_only=True)
class MemoryServer:
    """`replies` are standing answers to RCPT by address; `logins` maps user names to passwords (empty: no login asked for).
    Of more than `recipients_limit` recipients the rest is left for another transaction."""

    replies: Mapping[str, Answer] = field(default_factory=dict)
    refused_senders: Mapping[str, Answer] = field(default_factory=dict)
    logins: Mapping[str, bytes] = field(default_factory=dict)
    size_limit: int = 10_000_000
    recipients_limit: int = 1000
    is_up: bool = True
    taken: list[TakenMail] = field(default_factory=list)
    connections: int = 0
    _plan: dict[str, deque[Fault]] = field(default_factory=dict)
    _guard: threading.Lock = field(default_factory=threading.Lock)

    def plan(self, step: str, *faults: Fault) -> None:
        """These happen at the next visits of `step`."""
        self._plan.setdefault(step, deque()).extend(faults)

    def clear(self) -> None:
        """Nothing planned any more."""
        self._plan.clear()

    def next_fault(self, step: str) -> Fault | None:
        with self._guard:
            planned = self._plan.get(step)
            return planned.popleft() if planned else None

    def take(self, mail: TakenMail) -> None:
        with self._guard:
            self.taken.append(mail)


@dataclass(frozen=True, slots=True, kw_only=True)
class MemorySender:
    """See `Sender`."""

    server: MemoryServer

    @contextmanager
    def open(self, account: Account) -> Iterator[port.Session]:
        fault = self.server.next_fault("connect")
        if isinstance(fault, Die):
            raise Crash
        if isinstance(fault, Drop) or not self.server.is_up:
            raise Unavailable(f"{account.server}:{account.port}: nobody answers", about="server")
        if isinstance(fault, Answer):
            raise (PermanentError if fault.code >= 500 else Unavailable)(f"{account.server}: {fault.code} {fault.text}")
        if self.server.logins:
            password = account.password.reveal() if account.password is not None else None
            if password is None or self.server.logins.get(account.username) != password or self.server.next_fault("login"):
                raise AuthenticationRejected(f"the server refused the login of {account.username}", hint="Check user name and password.")
        self.server.connections += 1
        yield MemorySession(self.server)


class _Gone(Exception):
    """The connection ended at `step`."""

    def __init__(self, step: str) -> None:
        super().__init__(step)
        self.step = step


class MemorySession:
    """See `Session`."""

    def __init__(self, server: MemoryServer) -> None:
        self._server = server
        self._open = True

    @property
    def is_usable(self) -> bool:
        return self._open

    def send(
        self,
        envelope: Envelope,
        *,
        begin: Callable[[Sequence[str]], None],
        ending: Callable[[], None] = lambda: None,
        at_once: bool = False,
        following: Callable[[], bytes | None] = lambda: None,
    ) -> Delivery:
        replies: dict[str, Reply] = {}
        left: list[str] = []
        try:
            refused = self._address(envelope, replies, left)
        except _Gone as gone:
            return Delivery(recipients=replies, end=Broken(step=gone.step, why="dropped"))
        accepted = tuple(address for address, reply in replies.items() if reply.is_positive)
        if refused is not None or not accepted:
            return Delivery(recipients=replies, end=refused)
        begin(accepted)
        return Delivery(
            recipients=replies,
            end=self._hand_over(TakenMail(sender=envelope.sender, recipients=accepted, content=envelope.content), ending),
            left=tuple(left),
        )

    def _address(self, envelope: Envelope, replies: dict[str, Reply], left: list[str]) -> Refused | None:
        if len(envelope.content) > self._server.size_limit:
            return Refused(step="EHLO", permanent=True, why="too big for this server")
        reply = self._visit("mail", self._server.refused_senders.get(envelope.sender))
        if not reply.is_positive:
            return Refused(step="MAIL", permanent=reply.is_permanent, why=str(reply))
        for address in envelope.recipients:
            if sum(1 for reply in replies.values() if reply.is_positive) == self._server.recipients_limit:
                left.append(address)
                continue
            replies[address] = self._visit("rcpt", self._server.replies.get(address))
        return None

    def _hand_over(self, mail: TakenMail, ending: Callable[[], None]) -> End:
        try:
            for step in ("data", "body"):
                reply = self._visit(step, None)
                if not reply.is_positive:
                    return Refused(step="DATA", permanent=reply.is_permanent, why=str(reply))
        except _Gone as gone:
            return Broken(step=gone.step, why="dropped")
        try:
            ending()
        except BaseException:
            self._open = False
            raise
        fault = self._server.next_fault("end")
        if fault is None or (isinstance(fault, (Drop, Die)) and fault.kept):
            self._server.take(mail)
        match fault:
            case None:
                return Taken(reply=Reply(code=250, text="kept in memory"))
            case Answer(code=code, text=text):
                return Refused(step="end of data", permanent=code >= 500, why=f"{code} {text}")
            case Drop():
                self._open = False
                return Unanswered(why="dropped")
            case Die():
                raise Crash

    def _visit(self, step: str, standing: Answer | None) -> Reply:
        match self._server.next_fault(step) or standing:
            case None:
                return Reply(code=250, text="ok")
            case Answer(code=421):
                self._open = False
                raise _Gone(step)
            case Answer(code=code, text=text):
                return Reply(code=code, text=text)
            case Drop():
                self._open = False
                raise _Gone(step)
            case Die():
                raise Crash
