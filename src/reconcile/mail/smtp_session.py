"""One connection, many mails, one after the other.

The order on the wire is MAIL, RCPT, `begin`, DATA, the bytes, the end of data, the reply. Before the end of data is sent the
connection is asked whether the server left or spoke out of turn: then the end stays here and the mail was surely not taken.
From the first octet of the end on, silence means that nobody knows.

With PIPELINING (RFC 2920) MAIL and all RCPT leave in one write, and their answers are matched one by one. DATA goes with them only where
`begin` cannot refuse: a server that waits for a mail cannot be told that none comes. BDAT (RFC 3030) is not used: see
docs/adr/0032-how-a-mail-is-handed-over.md.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress

from reconcile.errors import AuthenticationRejected
from reconcile.mail.smtp_connection import Connection, Disconnected, dot_stuffed, has_whole_line_ends
from reconcile.mail.smtp_options import Commands, commands
from reconcile.mail.smtp_replies import reply_of, why, without_secrets
from reconcile.ports.sender import Broken, Delivery, Envelope, Refused, Reply, Taken, Unanswered

_DATA = b"DATA"
_END_OF_DATA = b".\r\n"
#: Replies that say "log in first" rather than anything about this mail (RFC 4954, section 6).
_LOGIN_WANTED = (530, 538)
#: Commands in flight: their replies fit any receive buffer, so that neither side waits for the other to read.
_GROUP = 100


class _Gone(Exception):
    """The server ends the connection, in its words."""


class SmtpSession:
    """See `Session`. Not for several threads at once."""

    def __init__(
        self,
        connection: Connection,
        extensions: Mapping[str, str],
        *,
        secrets: tuple[str, ...] = (),
        silence_timeout: float = 60.0,
        answer_timeout: float = 600.0,
    ) -> None:
        self._connection = connection
        self._extensions = extensions
        self._secrets = secrets
        self._silence_timeout = silence_timeout
        self._answer_timeout = answer_timeout
        self._in_transaction = False
        #: A content as it was given, and as `_prepared` answers.
        self._ready: tuple[bytes, bytes | None] = (b"", None)

    @property
    def is_usable(self) -> bool:
        return self._connection.is_open

    def send(
        self,
        envelope: Envelope,
        *,
        begin: Callable[[Sequence[str]], None],
        ending: Callable[[], None] = lambda: None,
        at_once: bool = False,
        following: Callable[[], bytes | None] = lambda: None,
    ) -> Delivery:
        """See `Session.send`."""
        content = self._prepared(envelope.content)
        if content is None:
            return Delivery(recipients={}, end=Refused(step="content", permanent=True, why="the mail has line ends other than CRLF"))
        plan = commands(envelope, self._extensions)
        if plan.obstacle:
            return Delivery(recipients={}, end=Refused(step="EHLO", permanent=True, why=plan.obstacle))
        replies: dict[str, Reply] = dict(plan.unsendable)
        left: list[str] = []
        if not plan.recipients:
            return Delivery(recipients=replies, end=None)
        asked: list[Reply] | None = [] if at_once and "PIPELINING" in self._extensions else None
        end = self._address(plan, replies, left, asked)
        accepted = [address for address, reply in replies.items() if reply.is_positive]
        if end is not None or not accepted:
            if asked and asked[0].code in (354, 421):
                self._hold_back(nobody=end is None and asked[0].code == 354)
            return Delivery(recipients=replies, end=end)
        # Whatever begin raises: the server waits for DATA, and gets RSET with the next mail, or QUIT.
        begin(accepted)
        return Delivery(recipients=replies, end=self._hand_over(content, ending, asked, following), left=tuple(left))

    def _prepare(self, content: bytes | None) -> None:
        if content is not None:
            self._ready = (content, dot_stuffed(content) if has_whole_line_ends(content) else None)

    def _prepared(self, content: bytes) -> bytes | None:
        """As it goes over the wire, without its end; None where it has other line ends than CRLF."""
        if self._ready[0] is not content:
            self._prepare(content)
        found, self._ready = self._ready[1], (b"", None)
        return found

    def _address(self, plan: Commands, replies: dict[str, Reply], left: list[str], asked: list[Reply] | None) -> Refused | Broken | None:
        """MAIL and RCPT. None when the server waits for DATA (or took nobody). `asked` gets the answer to DATA where that goes along."""
        lines = [(b"RSET", "")] if self._in_transaction else []
        lines += [(plan.mail, ""), *((line, address) for address, line in plan.recipients.items())]
        lines += [(_DATA, "")] if asked is not None else []
        step = "MAIL"
        halted: list[Reply] = []
        self._in_transaction = True
        try:
            for (line, address), reply in self._answers(lines, stop=lambda: bool(halted or left)):
                if line is _DATA and asked is not None:
                    # What it says belongs to the handing over, 421 too.
                    asked.append(reply)
                elif reply.code == 421:
                    raise _Gone(str(reply))
                elif address:
                    step = "RCPT"
                    if _too_many(reply) and any(one.is_positive for one in replies.values()):
                        left.append(address)
                    elif not halted:
                        replies[address] = reply
                elif line == b"RSET" and reply.code != 250:
                    raise _Gone(f"RSET was answered with {reply}")
                elif line == plan.mail and not reply.is_positive:
                    halted.append(reply)
        except (OSError, Disconnected, _Gone) as error:
            return self._gone(step, why(error))
        for reply in halted:
            if reply.code in _LOGIN_WANTED:
                raise AuthenticationRejected(f"the server wants a login: {reply}", hint="Declare credentials for outgoing mail.")
            return Refused(step="MAIL", permanent=reply.is_permanent, why=str(reply))
        if left:
            left += [address for address in plan.recipients if address not in replies and address not in left]
        return None

    def _answers(self, lines: Sequence[tuple[bytes, str]], *, stop: Callable[[], bool]) -> Iterator[tuple[tuple[bytes, str], Reply]]:
        """Each command with its reply, in order. `stop` is asked before more is sent."""
        group = _GROUP if "PIPELINING" in self._extensions else 1
        for start in range(0, len(lines), group):
            if stop():
                return
            part = lines[start : start + group]
            self._connection.send_lines([line for line, _ in part])
            for one in part:
                code, text = self._connection.reply()
                yield one, reply_of(code, text, self._secrets)

    def _hold_back(self, *, nobody: bool) -> None:
        """The server waits for a mail that it is not to have, or parts. RFC 2920, 3.1: where it took no recipient, a mail of nothing; else
        nobody knows for whom it waits."""
        if not nobody:
            self._connection.close()
            return
        try:
            self._connection.ask(b".")
        except (OSError, Disconnected):
            self._connection.close()

    def _hand_over(
        self, content: bytes, ending: Callable[[], None], asked: Sequence[Reply] | None, following: Callable[[], bytes | None]
    ) -> Taken | Refused | Broken | Unanswered:
        connection, end_may_have_left = self._connection, False
        try:
            reply = asked[0] if asked else reply_of(*connection.ask(_DATA), self._secrets)
            if reply.code != 354:
                if reply.code == 421 or not 400 <= reply.code <= 599:
                    return self._gone("DATA", str(reply))
                return Refused(step="DATA", permanent=reply.is_permanent, why=str(reply))
            connection.send_all(content)
            if connection.spoke_early():
                return self._gone("DATA", "the server interrupted the mail before its end")
            self._ask(ending)
            end_may_have_left = True
            connection.send_all(_END_OF_DATA)
            self._prepare(following())
            connection.reply_seconds = self._answer_timeout
            code, text = connection.reply()
            connection.reply_seconds = self._silence_timeout
        except (OSError, Disconnected) as error:
            gone = self._gone("DATA", why(error))
            return Unanswered(why=gone.why) if end_may_have_left else gone
        reply = reply_of(code, text, self._secrets)
        if reply.is_positive:
            self._in_transaction = False
            return Taken(reply=reply)
        if 400 <= code <= 599:
            if code == 421:
                connection.close()
            return Refused(step="end of data", permanent=reply.is_permanent, why=str(reply))
        self._gone("end of data", "")
        return Unanswered(why=f"the server answered the end of data with {reply}, which says nothing")

    def _ask(self, ending: Callable[[], None]) -> None:
        try:
            ending()
        except BaseException:
            self._connection.close()
            raise

    def _gone(self, step: str, words: str) -> Broken:
        self._connection.close()
        return Broken(step=step, why=without_secrets(words, self._secrets))

    def close(self) -> None:
        """QUIT where that still works. Raises nothing."""
        with suppress(OSError, Disconnected, ValueError):
            if self._connection.is_open:
                self._connection.set_silence(2.0)
                self._connection.ask(b"QUIT")
        self._connection.close()


def _too_many(reply: Reply) -> bool:
    """Whether this is about the number of recipients of one mail (RFC 5321, 4.5.3.1.10; RFC 3463, X.5.3), not about this one."""
    if reply.code not in (452, 552):
        return False
    return reply.status.endswith(".5.3") or (not reply.status and "recipient" in reply.text.lower())
