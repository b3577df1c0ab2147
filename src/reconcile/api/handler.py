"""One connection: requests are read within bounds, judged, routed and answered, one after the other."""

from __future__ import annotations

import socket
import traceback
from collections.abc import Mapping
from contextlib import suppress
from email.errors import FirstHeaderLineIsContinuationDefect, MisplacedEnvelopeHeaderDefect, MissingHeaderBodySeparatorDefect
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler
from typing import TYPE_CHECKING, Any

from reconcile.api import routes
from reconcile.api.problem import Problem, problem_of
from reconcile.api.request import JSON, Answer, Request, query_of
from reconcile.api.wire import TooMuch, Wire
from reconcile.errors import ReconcileError, Superseded
from reconcile.report.json_text import json_line

if TYPE_CHECKING:
    from reconcile.api.bounded import Bounded

#: Seconds until the next request has its header, counted from the end of the one before.
IDLE = 30.0
#: Seconds for a body to arrive, and for each piece of an answer to be taken.
BODY_SECONDS = 60.0
LONGEST_TARGET = 8 * 1024
LARGEST_HEAD = 32 * 1024
LARGEST_BODY = 32 * 1024 * 1024
#: What is read of a request that was refused already, so that the answer is not lost with the connection.
_DRAINED, _DRAIN_SECONDS = 1024 * 1024, 1.0


#: What the parser says of lines; what else it says is about bodies of many parts, which nobody takes here.
_OF_A_LINE = (FirstHeaderLineIsContinuationDefect, MisplacedEnvelopeHeaderDefect, MissingHeaderBodySeparatorDefect)


class Handler(BaseHTTPRequestHandler):
    """Uses the parser of the standard library; reading, limits and answers are ours."""

    protocol_version = "HTTP/1.1"
    server: Bounded
    connection: socket.socket

    def setup(self) -> None:
        self.connection = self.request
        if self.connection.family != socket.AF_UNIX:
            self.connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._wire = Wire(self.connection, self.server.service.clock.monotonic)
        self.rfile: Any = self._wire
        self._read = False

    def finish(self) -> None:
        self._wire.close()

    def handle(self) -> None:
        self.close_connection = False
        with suppress(TimeoutError, ConnectionError, BrokenPipeError):
            while not self.close_connection and not self.server.service.stopping.is_set():
                self.server.idle(self.connection)
                self.handle_one_request()

    def handle_one_request(self) -> None:
        """A request that cannot be read ends the connection: where the next one would begin is unknown."""
        self.close_connection = True
        self.command, self.requestline, self._read = "", "", False
        self._wire.begin(seconds=IDLE, octets=LARGEST_HEAD)
        try:
            self.raw_requestline = self._wire.readline(LONGEST_TARGET + 1)
            self.server.busy(self.connection)
            if len(self.raw_requestline) > LONGEST_TARGET:
                raise Problem(
                    414, "TargetTooLong", f"the request line has more than {LONGEST_TARGET:,} octets", "Ask for less.", close=True
                )
            if not self.raw_requestline:
                return
            if self.parse_request():
                if any(isinstance(defect, _OF_A_LINE) for defect in self.headers.defects):
                    # What stands behind such a line was not read as a header, a length among it (RFC 9112, 5.1).
                    raise Problem(
                        400, "BadHeader", "a line of the header is none", "Write Name: value, without a space in the name.", close=True
                    )
                self._answer()
        except TooMuch:
            words = f"the header has more than {LARGEST_HEAD:,} octets"
            self._problem(Problem(431, "HeaderTooLarge", words, "Send fewer headers.", close=True))
        except TimeoutError:
            if self.requestline:
                self._problem(Problem(408, "TooSlow", "the request did not arrive in time", "Send it again.", close=True))
        except Problem as problem:
            self._problem(problem)

    def handle_expect_100(self) -> bool:
        """Only who may ask, for something that is there, is told to go on."""
        self._route()
        self._body_length()
        self.connection.settimeout(BODY_SECONDS)
        self.connection.sendall(b"HTTP/1.1 100 Continue\r\n\r\n")
        return True

    def _answer(self) -> None:
        try:
            route, numbers, path, query = self._route()
            body = self._body()
            request = Request(
                method=self.command,
                path=path,
                query=query_of(query, route.parameters),
                content_type=self.headers.get_content_type() if "Content-Type" in self.headers else "",
                body=body,
            )
            answer = routes.answer(self.server.service, route, numbers, request)
        except (Problem, TooMuch, ConnectionError, TimeoutError):
            raise
        except ReconcileError as error:
            if isinstance(error, Superseded):
                self.server.superseded = error
            raise problem_of(error) from error
        except Exception as error:
            # A bug ends this request, not the server. Its values stay on this side.
            traceback.print_exc()
            words = f"a bug in reconcile: {type(error).__name__}"
            raise Problem(500, "Bug", words, "Report it with the traceback on stderr.", close=True) from error
        self._send(answer)

    def _route(self) -> tuple[routes.Route, tuple[int | str, ...], str, str]:
        head = self.headers
        self.server.guard.check(
            host=head.get_all("Host", []),
            origin=head.get_all("Origin", []),
            site=head.get("Sec-Fetch-Site", ""),
            authorization=head.get_all("Authorization", []),
        )
        path, _, query = self.path.partition("?")
        route, numbers = routes.route_of(self.command, path)
        return route, numbers, path, query

    def _body_length(self) -> int:
        lengths = self.headers.get_all("Content-Length", [])
        if "Transfer-Encoding" in self.headers or (self.command == "POST" and not lengths):
            raise Problem(411, "LengthRequired", "the body comes without its length", "Send Content-Length.", close=True)
        if len(set(lengths)) > 1 or any(not (each.isascii() and each.isdigit()) for each in lengths):
            raise Problem(400, "BadLength", "Content-Length is no number, or several", "Send one Content-Length.", close=True)
        length = int(lengths[0][:20]) if lengths else 0
        if length > LARGEST_BODY:
            words = f"the body has {length:,} octets, at most {LARGEST_BODY:,} are taken"
            raise Problem(413, "BodyTooLarge", words, "Send the batch in several requests; nothing was taken.", close=True)
        return length

    def _body(self) -> bytes:
        length = self._body_length()
        if length:
            self._wire.begin(seconds=BODY_SECONDS, octets=length)
        body = self._wire.read(length) if length else b""
        if len(body) < length:
            raise ConnectionResetError("the body broke off")
        self._read = True
        return body

    def _closing(self) -> bool:
        if self.headers.get("Connection", "").lower() == "close":
            return True
        return self.request_version < "HTTP/1.1" or self.server.service.stopping.is_set()

    def _problem(self, problem: Problem) -> None:
        words = {"kind": problem.kind, "message": problem.message, "hint": problem.hint}
        document = {"formatVersion": "1.0", "error": words}
        # What was not read would be taken for the next request.
        self._send(Answer(status=problem.status, document=document, headers=problem.headers), close=problem.close or not self._read)
        if self.close_connection:
            self._drain()

    def _send(self, answer: Answer, *, close: bool = False) -> None:
        self.close_connection = close or self._closing() if self.command else True
        content = b"" if answer.chunks is not None else (json_line(answer.document) + "\n").encode()
        length = answer.length if answer.chunks is not None else len(content)
        kind = answer.content_type if answer.chunks is not None else JSON
        head = _head(answer.status, {"Content-Type": kind, "Content-Length": str(length), **answer.headers}, close=self.close_connection)
        self.connection.settimeout(BODY_SECONDS)
        if self.command == "HEAD":
            self.connection.sendall(head)
            return
        self.connection.sendall(head + content)
        for chunk in answer.chunks or ():
            self.connection.sendall(chunk)

    def _drain(self) -> None:
        """Read a little of what is still on its way: closing with octets unread takes the answer back (RFC 9112, 9.6)."""
        with suppress(OSError, TooMuch):
            self.connection.shutdown(socket.SHUT_WR)
            self._wire.begin(seconds=_DRAIN_SECONDS, octets=_DRAINED)
            while self._wire.read(64 * 1024):
                pass

    def send_error(self, code: int, message: str | None = None, explain: str | None = None) -> None:
        """What the parser of the standard library refuses."""
        hint = "Send a request as RFC 9112 describes it."
        self.command = self.command or ""
        self._problem(Problem(int(code), "BadRequest", message or HTTPStatus(code).phrase, hint, close=True))

    def log_message(self, format: str, *arguments: Any) -> None:  # noqa: A002  its name in the standard library
        """Nothing: a request line may hold what somebody looks for."""


def _head(status: int, headers: Mapping[str, str], *, close: bool) -> bytes:
    try:
        phrase = HTTPStatus(status).phrase
    except ValueError:
        phrase = ""
    fixed = {
        "Cache-Control": "no-store",
        "X-Content-Type-Options": "nosniff",
        "Content-Security-Policy": "default-src 'none'; sandbox",
        "Connection": "close" if close else "keep-alive",
    }
    lines = [f"HTTP/1.1 {status} {phrase}", *(f"{name}: {value}" for name, value in {**headers, **fixed}.items())]
    return ("\r\n".join(lines) + "\r\n\r\n").encode("latin-1")
