"""AUTHENTICATE (RFC 3501 6.2.2): the exchange of a SASL mechanism, with the initial response in the command where the server takes it
(SASL-IR, RFC 4959)."""

from __future__ import annotations

import base64
import binascii

from reconcile.errors import ReconcileError
from reconcile.mail.imap.faults import Broken, Refused
from reconcile.mail.imap.stream import Stream
from reconcile.ports.sign_in import Mechanism

#: No mechanism asks more often.
_ROUNDS = 16


def authenticate(stream: Stream, mechanism: Mechanism, *, at_once: bool) -> None:
    """Raises Refused, Broken, and what the mechanism raised when it answered; the exchange is cancelled then."""
    initial = mechanism.initial()
    failure: ReconcileError | None = None
    rounds = 0
    command = b"AUTHENTICATE " + mechanism.name.encode("ascii")
    if at_once and initial is not None:
        command += b" " + (base64.b64encode(initial) or b"=")
        initial = None

    def answer(challenge: bytes) -> bytes:
        nonlocal initial, failure, rounds
        rounds += 1
        if rounds > _ROUNDS:
            raise Broken("the server asks on and on instead of signing in")
        if initial is not None:
            said, initial = initial, None
            return base64.b64encode(said) + b"\r\n"
        try:
            return base64.b64encode(mechanism.respond(_decoded(challenge))) + b"\r\n"
        except ReconcileError as error:
            failure = error
            return b"*\r\n"

    stream.forget_capabilities()
    try:
        stream.finish(stream.ask(command, answer=answer))
    except (Refused, Broken):
        if failure is None:
            raise
    if failure is not None:
        raise failure


def _decoded(challenge: bytes) -> bytes:
    try:
        return base64.b64decode(challenge, validate=True)
    except binascii.Error:
        raise Broken("the server's challenge is no base64") from None
