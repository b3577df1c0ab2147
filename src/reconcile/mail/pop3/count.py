"""How many messages a maildrop holds: STAT. Between two dates nobody can tell without reading every header."""

from __future__ import annotations

from datetime import datetime

from reconcile.errors import Unsupported
from reconcile.mail.endpoint import Endpoint
from reconcile.mail.pop3.faults import Broken, translated
from reconcile.mail.pop3.session import open_session
from reconcile.ports.sign_in import SignIn


class Pop3Counter:
    """One connection for one question. Nothing at the server changes."""

    def __init__(self, endpoint: Endpoint, sign_in: SignIn) -> None:
        self._endpoint = endpoint
        self._sign_in = sign_in

    def count(self, since: datetime | None, before: datetime | None) -> int:
        """All messages. Raises Unsupported when a date is asked for: it is not asked of the server then; else as `open_session`."""
        if since is not None or before is not None:
            raise Unsupported("POP3 tells no dates, so that nobody can count by them", field="incoming.protocol")
        session = open_session(self._endpoint, self._sign_in)
        try:
            with translated(str(self._endpoint)):
                session.wire.send([b"STAT"])
                words = session.wire.status().split()
                if not words or not words[0].isdigit() or len(words[0]) > 10:
                    raise Broken("the server's answer to STAT is no POP3")
                return int(words[0])
        finally:
            session.wire.close()
