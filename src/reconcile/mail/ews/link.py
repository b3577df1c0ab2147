"""One mailbox's conversations with its server: a request goes out once, and its answer is read whole or piece by piece."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from typing import Any, Final

from reconcile.errors import AuthenticationRejected, ReconcileError, Unavailable
from reconcile.mail.ews.account import ExchangeAccount
from reconcile.mail.ews.answers import Answer, answers, no_answer
from reconcile.mail.ews.authorization import Authorization
from reconcile.mail.ews.faults import never_asked, refusal, status_refusal, translated
from reconcile.mail.ews.operations import Requests
from reconcile.mail.ews.pace import lasting
from reconcile.mail.ews.sessions import Sessions

#: Octets of an answer that is held in memory, at most, unless who asks knows that there will be more.
LARGEST: Final = 32 << 20
#: Of a fault and of pages that are no answer, so much is read.
_REFUSAL: Final = 1 << 20


class Link:
    """One thread at a time. `maybe_done` tells, after an error, whether the server may have carried the last request out."""

    def __init__(self, account: ExchangeAccount, sessions: Sessions) -> None:
        self.account = account
        self.where = str(account.endpoint)
        self.requests = Requests(account.address, account.access)
        self.maybe_done = False
        self._sessions = sessions
        self._authorization = Authorization(account.sign_in, account.endpoint.host)
        self._closed = False

    def ask(self, request: bytes, *, largest: int = LARGEST, again: bool = True) -> list[Answer]:
        """The response messages, in the order of what was asked. `again`: asking twice does no harm, so a connection that had ended
        unnoticed is replaced once. Raises ReconcileError."""
        with translated(self.where), self.stream(request, again=again) as pieces:
            document = gathered(pieces, largest, self.where)
            found = answers(document, self.where)
        self.maybe_done = False
        return found

    def one(self, request: bytes, *, again: bool = True) -> Answer:
        """As `ask`, for what has one answer. Raises what a refusal in it means."""
        found = self.ask(request, again=again)
        if len(found) != 1:
            raise Unavailable(f"{self.where} gives {len(found)} answers to one question")
        if not found[0].done:
            raise refusal(found[0], self.where)
        return found[0]

    @contextmanager
    def stream(self, request: bytes, *, again: bool = True, silence: float | None = None, hold: Any = None) -> Iterator[Iterator[bytes]]:
        """The pieces of an answer, as they come. An answer that is not read to its end costs the connection. `hold` is called with the
        response, for who wants to end it from another thread: such an answer may last."""
        if self._closed:
            raise Unavailable(f"{self.where}: the connection is closed")
        with translated(self.where):
            protocol = self._sessions.protocol(self.account, self._authorization.identity(self._sessions.key))
            session = protocol.get_session()
            whole = False
            try:
                response = self._answered(session, request, again=again, silence=silence)
                with response:
                    if hold is not None:
                        lasting(response)
                        hold(response)
                    pieces = _Pieces(response.iter_content())
                    yield pieces
                    whole = pieces.ended
            finally:
                if whole:
                    protocol.release_session(session)
                else:
                    protocol.retire_session(session)

    def _answered(self, session: Any, request: bytes, *, again: bool, silence: float | None) -> Any:
        """The response with status 200, or 500 with a fault in it."""
        fresh = not getattr(session, "was_used", False)
        # What breaks here was translated first, so that it is no try without an answer: a password that HTTP refuses is a 401.
        with self._authorization.showing(session), translated(self.where):
            try:
                response = self._posted(session, request, silence)
            except OSError as error:
                # A server may end a connection that waits just when it is used again; a new one tells whether that was all.
                if fresh or not again or never_asked(error) or "timeout" in type(error).__name__.lower():
                    raise
                response = self._posted(session, request, silence)
            another = self._refused(session, response)
        if another:
            with self._authorization.showing(session), translated(self.where):
                response = self._posted(session, request, silence)
                self._refused(session, response)
        if response.status_code == 401:
            raise AuthenticationRejected(f"{self.where} refused the credentials", hint=self._authorization.words())
        self._authorization.accepted(session)
        session.was_used = True
        return response

    def _refused(self, session: Any, response: Any) -> bool:
        """Whether the server took nobody, and another try makes sense. Raises what no answer of Exchange itself means: a gateway and a busy
        server give it without having looked who asks, so nobody was taken either."""
        if response.status_code == 401:
            self.maybe_done = False
            self._emptied(response)
            return self._authorization.refused(session)
        if not _is_of_exchange(response):
            # A gateway may say so after the server began.
            self.maybe_done = response.status_code == 200 or (response.status_code >= 500 and response.status_code != 503)
            raise self._not_served(response)
        return False

    def _not_served(self, response: Any) -> ReconcileError:
        headers = {name.lower(): value for name, value in response.headers.items()}
        response.close()
        if response.status_code == 200:
            return no_answer(self.where)
        return status_refusal(response.status_code, headers, self.where, host=self.account.endpoint.host)

    def _posted(self, session: Any, request: bytes, silence: float | None) -> Any:
        endpoint = self.account.endpoint
        timeouts = (endpoint.connect_timeout, silence or endpoint.silence_timeout)
        self.maybe_done = False

        def post(headers: Mapping[str, str]) -> tuple[int, str]:
            with session.post(
                self.account.url, data=b"", headers=headers, timeout=timeouts, stream=True, allow_redirects=False
            ) as response:
                if response.status_code != 401 and not _is_of_exchange(response):
                    raise self._not_served(response)
                self._emptied(response)
                return response.status_code, response.headers.get("WWW-Authenticate", "")

        headers: dict[str, str | bytes] = {**self._authorization.header(session, post)}
        # The server at which this mailbox is, or its part of the cloud, is found by it (RFC 9110, 5.5: no line ends in a header).
        headers["X-AnchorMailbox"] = "".join(character for character in self.account.address if character.isprintable()).encode()
        self.maybe_done = True
        try:
            return session.post(self.account.url, data=request, headers=headers, timeout=timeouts, stream=True, allow_redirects=False)
        except OSError as error:
            self.maybe_done = not never_asked(error)
            raise

    def _emptied(self, response: Any) -> None:
        """Read to its end, so that the connection can be used again."""
        read = 0
        with suppress(OSError):
            for piece in response.iter_content():
                read += len(piece)
                if read > _REFUSAL:
                    break
        response.close()

    def close(self) -> None:
        """No more requests; connections stay with who lends them."""
        self._closed = True


def _is_of_exchange(response: Any) -> bool:
    """Whether Exchange Web Services gave this answer, or a fault. Pages for people come from gateways, and from servers that are busy."""
    media = response.headers.get("Content-Type", "").lower()
    return "html" not in media and (response.status_code == 200 or (response.status_code == 500 and "xml" in media))


class _Pieces:
    """Knows whether the end was reached."""

    def __init__(self, pieces: Iterator[bytes]) -> None:
        self._pieces = pieces
        self.ended = False

    def __iter__(self) -> Iterator[bytes]:
        return self

    def __next__(self) -> bytes:
        try:
            return next(self._pieces)
        except StopIteration:
            self.ended = True
            raise


def gathered(pieces: Iterator[bytes], largest: int, where: str) -> bytes:
    """An answer as a whole. Raises Unavailable when it is larger."""
    found, size = list[bytes](), 0
    for piece in pieces:
        size += len(piece)
        if size > largest:
            raise Unavailable(f"{where} answers with more than {largest:,} octets, which is more than was asked for")
        found.append(piece)
    return b"".join(found)
