"""The sending side of a connector.

What must not be got wrong is the moment of handing over. `Session.send` calls `begin` after the server has taken at
least one recipient and before the mail's bytes go out; when `begin` returns, it is durably known that this mail may be on its way.
What happens afterwards is told in one of four ways, and only the connector can tell them apart:

    Taken        the server answered 2xx to the end of the data
    Refused      the server answered 4xx or 5xx: it does not have the mail
    Broken       the connection ended before the end of the data could have left: the server must not deliver (RFC 5321, 4.1.1.4 and 3.8)
    Unanswered   the end of the data may have left, and no answer came: nobody here knows (RFC 1047)
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import field
from typing import Protocol, TypeAlias

from reconcile.lazy_dataclass import dataclass
from reconcile.model.mailbox_access import MailboxAccess
from reconcile.model.secret import Secret
from reconcile.ports.sign_in import SignIn
from reconcile.ports.tls import Tls

_STATUS = re.compile(r"[245]\.\d{1,3}\.\d{1,3}(?!\S)")


@dataclass(frozen=True, slots=True, kw_only=True)
class Account:
    """Where and as whom to submit. `authority` is a PEM that replaces the system's authorities, `client_certificate` one with
    certificate and key to show in the handshake; without a username nobody logs in.

    `tls` NONE is refused together with a password, which would cross the network in the clear, unless `clear_text` permits it. Where
    mail is handed in to a mailbox, `mailbox` is its address, `access` says by what right, and `path` is that of the service.
    """

    server: str
    port: int
    tls: Tls
    authority: bytes | None = None
    username: str = ""
    password: Secret | None = None
    sign_in: SignIn | None = None
    client_certificate: Secret | None = None
    clear_text: bool = False
    mailbox: str = ""
    access: MailboxAccess = MailboxAccess.OWN
    path: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Envelope:
    """One mail as it is handed over. `content` has CRLF line ends and ends with one; it is sent as it is.

    `reports` are the events ("failure", "delay", "success") of which the sender wants a report (RFC 3461): empty for none, None for
    what the server does by itself; where it lacks DSN, that happens anyway. `id` comes back in reports.
    """

    sender: str
    recipients: tuple[str, ...]
    content: bytes = field(repr=False)
    reports: frozenset[str] | None = None
    id: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Reply:
    """What a server said: its code and its text, one line without control characters. `spoken` is False where the protocol has no such
    codes, and this one only stands for what the server did."""

    code: int
    text: str
    spoken: bool = True

    @property
    def is_positive(self) -> bool:
        return 200 <= self.code <= 299

    @property
    def is_permanent(self) -> bool:
        return 500 <= self.code <= 599

    @property
    def status(self) -> str:
        """The enhanced status code (RFC 2034, RFC 3463) like "4.7.1", "" where the server gives none of the same class."""
        found = _STATUS.match(self.text)
        return found[0] if found and int(found[0][0]) == self.code // 100 else ""

    def __str__(self) -> str:
        return f"{self.code} {self.text}".strip() if self.spoken else self.text


@dataclass(frozen=True, slots=True, kw_only=True)
class Taken:
    """The server has the mail."""

    reply: Reply


@dataclass(frozen=True, slots=True, kw_only=True)
class Refused:
    """The server (or its announced limits) does not take the mail. `step` is the command: EHLO, MAIL, DATA or end of data."""

    step: str
    permanent: bool
    why: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Broken:
    """The connection ended too early for the server to have the mail."""

    step: str
    why: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Unanswered:
    """The server may have the mail."""

    why: str


End: TypeAlias = Taken | Refused | Broken | Unanswered


@dataclass(frozen=True, slots=True, kw_only=True)
class Delivery:
    """One try. `recipients` are the answers to RCPT, by address (fewer than asked when it ended before); `end` is None when
    every recipient was refused, so that there was nothing to hand over. `left` are those the server takes only in another transaction,
    because there were too many: theirs is the next one, at once."""

    recipients: Mapping[str, Reply]
    end: End | None
    left: tuple[str, ...] = ()


class Session(Protocol):
    """One open connection of one mailbox."""

    @property
    def is_usable(self) -> bool:
        """Whether another mail can go over this connection."""
        ...

    def send(
        self,
        envelope: Envelope,
        *,
        begin: Callable[[Sequence[str]], None],
        ending: Callable[[], None] = lambda: None,
        at_once: bool = False,
        following: Callable[[], bytes | None] = lambda: None,
    ) -> Delivery:
        """Submit one mail. `begin` gets the recipients the server took; whatever it raises comes out, and nothing is sent. With `at_once`
        it raises nothing, so the server may be asked for the mail together with its recipients. `following` may be asked for the content
        of the mail that comes next, most likely, while the server's answer is awaited; it raises nothing.

        `ending` is called when all of the mail but its end has left. Whatever it raises comes out: the end stays here and the connection
        is closed, so the server must not deliver.

        Faults of the connection are told by the Delivery. Raises AuthenticationRejected when the server wants a login
        for this mail, before anything is handed over.
        """
        ...


class Sender(Protocol):
    """Opens connections."""

    def open(self, account: Account) -> AbstractContextManager[Session]:
        """Connect, secure, log in. Raises TransientError (Unavailable, TimedOut) or PermanentError (AuthenticationRejected, a
        certificate that does not hold, TLS not offered)."""
        ...
