"""One connection's HTTP: sign-in, bodies within bounds, faults on the wire, and the way to the operations."""

from __future__ import annotations

import base64
import binascii
import select
import ssl
import time
from http.server import BaseHTTPRequestHandler
from socket import MSG_PEEK, SHUT_RDWR
from typing import Final

from reconcile.sandbox.ews.autodiscover import JSON_PATH, POX_PATH, SOAP_PATH, Answer, as_json, as_pox, as_soap
from reconcile.sandbox.ews.call import Call
from reconcile.sandbox.ews.dispatch import acting_as, answer_to, written, written_fault
from reconcile.sandbox.ews.faults import EwsFault, FaultKind
from reconcile.sandbox.ews.names import CONTENT_TYPE, ENDPOINT
from reconcile.sandbox.ews.organization import Caller
from reconcile.sandbox.ews.reading import BYTE_LIMIT, read_envelope
from reconcile.sandbox.ews.recorder import Exchanged
from reconcile.sandbox.ews.response_codes import EwsError
from reconcile.sandbox.ews.shared import Shared
from reconcile.sandbox.ews.streaming import LOOK, envelopes

_BEFORE: Final = frozenset((FaultKind.HTTP, FaultKind.HANG))
_FAULT: Final = frozenset((FaultKind.FAULT,))
_AFTER: Final = frozenset((FaultKind.ANSWER_LOST, FaultKind.CUT, FaultKind.SLOW))
_DISCOVERY: Final = {SOAP_PATH: as_soap, POX_PATH: as_pox}
#: Octets of a body before it is known who sends it: clients without preemptive Basic send everything twice.
LIMIT_BEFORE_SIGN_IN: Final = 2 * 1024 * 1024
_PAGE: Final = b"<html><body>The sandbox answers so because it was told to.</body></html>"


class EwsHandler(BaseHTTPRequestHandler):
    """http.server makes one for each connection, in its own thread."""

    protocol_version = "HTTP/1.1"
    server_version = "Microsoft-IIS/10.0"
    sys_version = ""
    timeout = 600
    disable_nagle_algorithm = True
    wbufsize = 0

    @property
    def exchange(self) -> Shared:
        """The server all connections share."""
        return self.server.exchange  # type: ignore[attr-defined, no-any-return]

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the name is the base class's
        """Nothing: what clients ask is in the recorder."""

    def do_GET(self) -> None:
        """A browser's look at the endpoint: 200 for whom it knows, else a challenge. Autodiscover in JSON asks for no credentials."""
        if self.path.lower().startswith(JSON_PATH):
            self._discover(as_json(self.path, url=self.exchange.url, knows=self.exchange.organization.post_office.knows))
        elif self._caller() is None:
            self._challenge()
        elif self.path.partition("?")[0].lower() != ENDPOINT.lower():
            self._send(404, b"<html><body>There is nothing here.</body></html>", "text/html; charset=utf-8")
        else:
            self._send(200, b"<html><body>EWS</body></html>", "text/html; charset=utf-8")

    do_HEAD = do_GET

    def do_POST(self) -> None:
        """A request in SOAP."""
        caller = self._caller()
        octets = self._body(BYTE_LIMIT if caller is not None else LIMIT_BEFORE_SIGN_IN)
        if octets is None:
            return
        path = self.path.partition("?")[0].lower()
        if caller is None:
            self._challenge()
        elif path in _DISCOVERY:
            self._discover(_DISCOVERY[path](octets, url=self.exchange.url, knows=self.exchange.organization.post_office.knows))
        elif path != ENDPOINT.lower():
            self._send(404, _PAGE, "text/html; charset=utf-8")
        else:
            self._soap(caller, octets)

    def _discover(self, answer: Answer) -> None:
        self._send(answer.status, answer.content, answer.content_type)

    def _soap(self, caller: Caller, octets: bytes) -> None:
        exchange, faults = self.exchange, self.exchange.faults
        operation, address, broken = "?", caller.address, ""
        try:
            envelope = read_envelope(octets, exchange.schema, lenient=exchange.lenient)
            operation, broken = envelope.body.local, envelope.broken
            with exchange.organization.lock:
                address = acting_as(exchange.organization, caller, envelope.header)
            before = faults.take(_BEFORE, operation, address)
            if before is not None:
                self._misbehave(before, operation, address, octets)
                return
            if (found := faults.take(_FAULT, operation, address)) is not None:
                raise found.error()
            call = Call(
                organization=exchange.organization,
                faults=faults,
                caller=caller,
                acting_as=address,
                header=envelope.header,
                request=envelope.body,
            )
            if operation == "GetStreamingEvents":
                self._note(operation, address, octets, 200, b"")
                self._stream(call)
                return
            with exchange.organization.lock:
                answer = written(answer_to(call))
            status = 200
        except EwsError as error:
            status, answer = 500, written_fault(error)
        after = faults.take(_AFTER, operation, address)
        self._note(operation, address, octets, 0 if after and after.kind is FaultKind.ANSWER_LOST else status, answer, broken)
        if after is None:
            self._send(status, answer, CONTENT_TYPE)
        elif after.kind is FaultKind.SLOW:
            exchange.stopping.wait(after.seconds)
            self._send(status, answer, CONTENT_TYPE)
        else:
            if after.kind is FaultKind.CUT:
                self._send(status, answer[: after.octets], CONTENT_TYPE, announced=len(answer))
            self._break_off()

    def _stream(self, call: Call) -> None:
        """An answer in chunks, as long as the client listens."""
        self.send_response(200)
        self.send_header("Content-Type", CONTENT_TYPE)
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        for octets in envelopes(call):
            if octets is None:
                if self.exchange.stopping.wait(LOOK) or self._client_left():
                    self.close_connection = True
                    return
            else:
                self.wfile.write(b"%x\r\n%b\r\n" % (len(octets), octets))
        self.wfile.write(b"0\r\n\r\n")

    def _client_left(self) -> bool:
        """Whether the other side closed: a streaming client asks nothing while it listens."""
        if not select.select([self.connection], [], [], 0)[0]:
            return False
        try:
            return isinstance(self.connection, ssl.SSLSocket) or not self.connection.recv(1, MSG_PEEK)
        except OSError:
            return True

    def _misbehave(self, fault: EwsFault, operation: str, address: str, octets: bytes) -> None:
        self._note(operation, address, octets, 0 if fault.kind is FaultKind.HANG else fault.status, b"")
        if fault.kind is FaultKind.HANG:
            until = time.monotonic() + fault.seconds
            while time.monotonic() < until and not self.exchange.stopping.wait(0.1):
                pass
            self._break_off()
        elif fault.status == 401:
            self._challenge()
        else:
            headers = {"Retry-After": str(fault.retry_after)} if fault.retry_after is not None else {}
            self._send(fault.status, _PAGE, "text/html; charset=utf-8", headers)

    def _note(self, operation: str, address: str, octets: bytes, status: int, answer: bytes, request_broken: str = "") -> None:
        recorder, schema = self.exchange.recorder, self.exchange.schema
        broken = ""
        if schema is not None and answer and (found := schema.broken_by(answer)) is not None:
            broken = found.text
        kept = recorder.keeping or broken or request_broken
        recorder.note(
            Exchanged(
                operation=operation,
                mailbox=address,
                headers={name.lower(): value for name, value in self.headers.items() if name.lower() != "authorization"} if kept else {},
                request=octets if kept else b"",
                status=status,
                answer=answer if kept else b"",
                broken=broken,
                request_broken=request_broken,
            )
        )

    def _caller(self) -> Caller | None:
        scheme, _, given = self.headers.get("Authorization", "").partition(" ")
        organization = self.exchange.organization
        if scheme.lower() == "bearer":
            return organization.sign_in_with(given.strip())
        if scheme.lower() != "basic":
            return None
        try:
            username, _, password = base64.b64decode(given, validate=True).decode("utf-8", "surrogateescape").partition(":")
        except (binascii.Error, ValueError):
            return None
        return organization.sign_in(username, password)

    def _challenge(self) -> None:
        realm = {"Basic": 'Basic realm="sandbox"', "Bearer": 'Bearer client_id="00000002-0000-0ff1-ce00-000000000000"'}
        self.send_response(401)
        for scheme in self.exchange.schemes:
            self.send_header("WWW-Authenticate", realm.get(scheme, scheme))
        if self.close_connection:
            self.send_header("Connection", "close")
        self.send_header("Content-Length", "0")
        self.end_headers()

    def _body(self, limit: int) -> bytes | None:
        """The request's body, or None when it was refused."""
        if "chunked" in self.headers.get("Transfer-Encoding", "").lower():
            return self._chunks(limit)
        try:
            length = int(self.headers.get("Content-Length", "0"))
        except ValueError:
            length = -1
        if not 0 <= length <= limit:
            self._too_long(limit, 413 if length > 0 else 400)
            return None
        octets = self.rfile.read(length)
        if len(octets) < length:
            self.close_connection = True
            return None
        return octets

    def _too_long(self, limit: int, status: int) -> None:
        """The end of the connection; who has not signed in is asked to do so first."""
        self.close_connection = True
        if limit == LIMIT_BEFORE_SIGN_IN:
            self._challenge()
        else:
            self._send(status, _PAGE, "text/html; charset=utf-8")

    def _chunks(self, limit: int) -> bytes | None:
        taken = bytearray()
        while True:
            size = int(self.rfile.readline(100).partition(b";")[0].strip() or b"-1", 16)
            if size < 0 or len(taken) + size > limit:
                self._too_long(limit, 413)
                return None
            taken += self.rfile.read(size)
            self.rfile.readline(100)
            if size == 0:
                return bytes(taken)

    def _send(self, status: int, octets: bytes, kind: str, headers: dict[str, str] | None = None, *, announced: int | None = None) -> None:
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(octets) if announced is None else announced))
        for name, value in (headers or {}).items():
            self.send_header(name, value)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(octets)

    def _break_off(self) -> None:
        self.close_connection = True
        try:
            self.connection.shutdown(SHUT_RDWR)
        except OSError:
            return
