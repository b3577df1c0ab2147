"""The sandbox's submission server: STARTTLS before login, login before mail, and no way out.

A recipient that is one of ours gets the mail into its INBOX; everybody else's is kept as `outside` and shown. Nothing
is ever relayed: this process opens no connection to another mail server.
"""

from __future__ import annotations

import asyncio
import logging
import socket
import ssl
import threading
from collections.abc import Callable
from datetime import datetime
from email.utils import format_datetime
from typing import TYPE_CHECKING, Any

from reconcile.sandbox.accounts import Outside, PostOffice
from reconcile.sandbox.faults import DropAfterData, Faults

if TYPE_CHECKING:
    from aiosmtpd.smtp import SMTP, AuthResult, Envelope, Session

#: Octets of one message, announced with SIZE.
SIZE_LIMIT = 32 * 1024 * 1024
#: Is told of each mail that was put into an INBOX: sender and recipient of the envelope, and the octets that were sent.
Received = Callable[[str, str, bytes], None]
_LOG = logging.getLogger(__name__)
HOST_NAME = "mail.contoso.example"


class _Delivery:
    """What aiosmtpd calls for each command. Method names are its own."""

    def __init__(self, post_office: PostOffice, faults: Faults, now: Callable[[], datetime], received: Received) -> None:
        self._post_office = post_office
        self._faults = faults
        self._now = now
        self._received = received

    async def handle_RCPT(self, server: SMTP, session: Session, envelope: Envelope, address: str, options: list[str]) -> str:
        refusal = self._faults.recipient_reply(address)
        if refusal is not None:
            return refusal
        envelope.rcpt_tos.append(address)
        envelope.rcpt_options.extend(options)
        return "250 2.1.5 recipient taken"

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:
        await asyncio.sleep(self._faults.take_delay())
        drop = self._faults.take_drop_after_data()
        if drop is not DropAfterData.NOT_STORED:
            self._store(envelope)
        if drop is not None and isinstance(server.transport, asyncio.WriteTransport):
            server.transport.abort()
            await asyncio.sleep(60)  # aiosmtpd cancels this task when it learns that the connection is gone
        return "250 2.0.0 kept in the sandbox"

    def _store(self, envelope: Envelope) -> None:
        now = self._now()
        content = envelope.content if isinstance(envelope.content, bytes) else (envelope.content or "").encode()
        sender = envelope.mail_from or ""
        elsewhere = []
        for recipient in dict.fromkeys(address.lower() for address in envelope.rcpt_tos):
            if self._post_office.knows(recipient):
                trace = f"Return-Path: <{sender}>\r\nDelivered-To: {recipient}\r\n"
                trace += f"Received: from localhost by {HOST_NAME} with ESMTPSA\r\n\tfor <{recipient}>; {format_datetime(now)}\r\n"
                self._post_office.deliver(recipient, trace.encode() + content, now)
                self._received(sender, recipient, content)
            else:
                elsewhere.append(recipient)
        if elsewhere:
            self._post_office.hold_outside(Outside(sender=sender, recipients=tuple(elsewhere), raw=content))


class SmtpServer:
    """One submission port (RFC 6409) with STARTTLS (RFC 3207), in a thread with its own event loop."""

    def __init__(
        self,
        post_office: PostOffice,
        faults: Faults,
        now: Callable[[], datetime],
        context: ssl.SSLContext,
        received: Received = lambda sender, recipient, octets: None,
    ) -> None:
        self._delivery = _Delivery(post_office, faults, now, received)
        self._post_office = post_office
        self._faults = faults
        self._context = context
        self._loop: asyncio.AbstractEventLoop | None = None
        self._thread: threading.Thread | None = None

    def start(self, host: str, port: int) -> int:
        """Bind and answer; 0 takes a free port. Answers the port. Raises OSError when it is taken."""
        listener = socket.create_server((host, port), backlog=128)
        chosen: int = listener.getsockname()[1]
        # aiosmtpd reports refusals and odd clients on this logger; without a handler they would land on stderr
        logging.getLogger("mail.log").addHandler(logging.NullHandler())
        self._loop = asyncio.new_event_loop()
        self._loop.set_exception_handler(lambda _loop, context: _LOG.debug("%s", context.get("message")))
        ready = threading.Event()
        self._thread = threading.Thread(target=self._run, args=(self._loop, listener, ready), name="sandbox-smtp", daemon=True)
        self._thread.start()
        ready.wait(timeout=30)  # a loop that is stopped before it runs would leave the port open
        return chosen

    def stop(self) -> None:
        """Close the port and end the thread."""
        if self._loop is not None and self._thread is not None:
            self._loop.call_soon_threadsafe(self._loop.stop)
            self._thread.join(timeout=5)
            self._loop = self._thread = None

    def _run(self, loop: asyncio.AbstractEventLoop, listener: socket.socket, ready: threading.Event) -> None:
        from aiosmtpd.smtp import SMTP

        def protocol() -> SMTP:
            return SMTP(
                self._delivery,
                hostname=HOST_NAME,
                ident="sandbox",
                tls_context=self._context,
                require_starttls=True,
                auth_required=True,
                auth_require_tls=True,
                authenticator=self._authenticate,
                data_size_limit=SIZE_LIMIT,
                enable_SMTPUTF8=True,
                decode_data=False,
                loop=loop,
            )

        asyncio.set_event_loop(loop)
        server = loop.run_until_complete(loop.create_server(protocol, sock=listener))
        loop.call_soon(ready.set)
        try:
            loop.run_forever()
        finally:
            server.close()
            tasks = asyncio.all_tasks(loop)
            for task in tasks:
                task.cancel()
            loop.run_until_complete(asyncio.gather(*tasks, return_exceptions=True))
            loop.run_until_complete(loop.shutdown_asyncgens())
            loop.close()

    def _authenticate(self, server: SMTP, session: Session, envelope: Envelope, mechanism: str, data: Any) -> AuthResult:
        from aiosmtpd.smtp import AuthResult, LoginPassword

        if not isinstance(data, LoginPassword):
            return AuthResult(success=False, handled=False)
        username, password = data.login.decode("utf-8", "surrogateescape"), data.password.decode("utf-8", "surrogateescape")
        good = not self._faults.login_refused(username) and self._post_office.authenticate(username, password) is not None
        return AuthResult(success=good, handled=False)
