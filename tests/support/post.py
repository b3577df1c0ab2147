"""Places to submit mail to, all with the same habits, for the contract of senders."""

from __future__ import annotations

import logging
import socket
import ssl
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import trustme

from reconcile.mail.memory_sender import Answer, MemorySender, MemoryServer
from reconcile.mail.smtp import SmtpSender
from reconcile.model.secret import Secret
from reconcile.ports.sender import Account, Sender
from reconcile.ports.tls import Tls
from support import postfix


@dataclass(frozen=True, kw_only=True)
class Copy:
    """One mail for one recipient."""

    sender: str
    recipient: str
    content: bytes


@dataclass(frozen=True, kw_only=True)
class Post:
    """`refused`, `greylisted` and `refused_sender` are addresses with that fate; `copies` waits for so many."""

    sender: Sender
    account: Account
    wrong_password: Account
    nobody_there: Account
    refused: str
    greylisted: str
    refused_sender: str
    size_limit: int
    copies: Callable[[int], list[Copy]]


def memory() -> Iterator[Post]:
    """The twin."""
    server = MemoryServer(
        replies={postfix.REFUSED: Answer(550, "no such person"), postfix.GREYLISTED: Answer(450, "come back later")},
        refused_senders={postfix.REFUSED_SENDER: Answer(553, "not you")},
        logins={postfix.USER: postfix.PASSWORD.encode()},
        size_limit=postfix.SIZE_LIMIT,
        recipients_limit=postfix.RECIPIENTS_LIMIT,
    )
    away = MemorySender(server=MemoryServer(is_up=False))

    class Both:
        """Two addresses, one of which nobody answers at."""

        def open(self, account: Account) -> Any:
            return (away if account.server == "away.example" else MemorySender(server=server)).open(account)

    yield _post(
        Both(),
        server="mail.example",
        port=587,
        authority=None,
        nobody="away.example",
        copies=lambda _: [Copy(sender=one.sender, recipient=to, content=one.content) for one in server.taken for to in one.recipients],
    )


def real(running: postfix.Postfix) -> Post:
    """Postfix, with login over STARTTLS. Copies of earlier tests are left out."""
    before = {(one.recipient, one.content) for one in running.delivered()}

    def copies(count: int) -> list[Copy]:
        found = running.wait(len(before) + count)
        fresh = [one for one in found if (one.recipient, one.content) not in before]
        return [Copy(sender=one.sender, recipient=one.recipient, content=one.content) for one in fresh]

    return _post(
        SmtpSender(connect_timeout=5, silence_timeout=10, answer_timeout=20),
        server="localhost",
        port=running.login,
        authority=running.authority,
        nobody="localhost",
        copies=copies,
    )


@contextmanager
def aiosmtpd(folder: Path) -> Iterator[Post]:
    """aiosmtpd, with login over STARTTLS."""
    from aiosmtpd.controller import Controller
    from aiosmtpd.smtp import AuthResult

    logging.getLogger("mail.log").setLevel(logging.CRITICAL)
    authority = trustme.CA()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("localhost", "127.0.0.1").configure_cert(context)
    taken: list[Copy] = []

    class Handler:
        async def handle_MAIL(self, server: Any, session: Any, envelope: Any, address: str, options: list[str]) -> str:
            if address == postfix.REFUSED_SENDER:
                return "553 5.7.1 not you"
            envelope.mail_from = address
            return "250 OK"

        async def handle_RCPT(self, server: Any, session: Any, envelope: Any, address: str, options: list[str]) -> str:
            if address == postfix.REFUSED:
                return "550 5.1.1 no such person"
            if address == postfix.GREYLISTED:
                return "450 4.2.0 come back later"
            if len(envelope.rcpt_tos) == postfix.RECIPIENTS_LIMIT:
                return "452 4.5.3 Too many recipients"
            envelope.rcpt_tos.append(address)
            return "250 OK"

        async def handle_DATA(self, server: Any, session: Any, envelope: Any) -> str:
            taken.extend(Copy(sender=envelope.mail_from, recipient=one, content=envelope.content) for one in envelope.rcpt_tos)
            return "250 OK"

    def authenticate(server: Any, session: Any, envelope: Any, mechanism: str, data: Any) -> Any:
        return AuthResult(success=(data.login, data.password) == (postfix.USER.encode(), postfix.PASSWORD.encode()), handled=False)

    controller = Controller(
        Handler(),
        hostname="127.0.0.1",
        port=_free_port(),
        tls_context=context,
        require_starttls=True,
        auth_required=True,
        authenticator=authenticate,
        data_size_limit=postfix.SIZE_LIMIT,
        enable_SMTPUTF8=True,
    )
    controller.start()
    try:
        yield _post(
            SmtpSender(connect_timeout=5, silence_timeout=10, answer_timeout=20),
            server="localhost",
            port=controller.port,
            authority=authority.cert_pem.bytes(),
            nobody="localhost",
            copies=lambda _: list(taken),
        )
    finally:
        controller.stop()
        time.sleep(0)


def _post(sender: Sender, *, server: str, port: int, authority: bytes | None, nobody: str, copies: Callable[[int], list[Copy]]) -> Post:
    def account(password: str) -> Account:
        return Account(
            server=server, port=port, tls=Tls.STARTTLS, authority=authority, username=postfix.USER, password=Secret(password.encode())
        )

    return Post(
        sender=sender,
        account=account(postfix.PASSWORD),
        wrong_password=account("not the password"),
        nobody_there=Account(server=nobody, port=_free_port(), tls=Tls.STARTTLS, authority=authority),
        refused=postfix.REFUSED,
        greylisted=postfix.GREYLISTED,
        refused_sender=postfix.REFUSED_SENDER,
        size_limit=postfix.SIZE_LIMIT,
        copies=copies,
    )


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port: int = listener.getsockname()[1]
    return port
