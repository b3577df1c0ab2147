"""AUTH (RFC 4954): the exchange that a mechanism makes, over an open connection."""

from __future__ import annotations

import base64
import binascii

from reconcile.errors import AuthenticationRejected, Unavailable
from reconcile.mail.sign_in.explained import explained
from reconcile.mail.smtp_connection import Connection, Disconnected
from reconcile.mail.smtp_replies import reply_of
from reconcile.ports.sender import Reply
from reconcile.ports.sign_in import Mechanism, SignIn

#: RFC 5321, 4.5.3.1.4: what is longer goes as an answer to an empty challenge.
_LONGEST_COMMAND = 510
#: More questions than any mechanism asks.
_MOST_ROUNDS = 20


def sign_in_over(connection: Connection, sign_in: SignIn, *, host: str, offered: str) -> tuple[str, ...]:
    """Signs in; what must stand in no text from then on. `offered` are the mechanisms as the server lists them.

    Raises AuthenticationRejected, Unavailable, Disconnected, OSError; TransientError of a token endpoint.
    """
    secrets: tuple[str, ...] = ()
    for again in (False, True):
        mechanism = sign_in.mechanism(protocol="smtp", host=host, offered=frozenset(offered.upper().split()))
        secrets += (*mechanism.secrets,)
        with sign_in.showing():
            code, text = _exchange(connection, mechanism)
            reply = reply_of(code, text, secrets)
            if reply.is_positive:
                return secrets
            if code == 421 or 400 <= code <= 499:
                raise Unavailable(f"the server cannot check the login now: {reply}")
            another = sign_in.refused()
        if again or not another:
            with explained(sign_in, mechanism):
                raise _rejected(sign_in, reply)
    raise AssertionError("unreachable")


def _rejected(sign_in: SignIn, reply: Reply) -> AuthenticationRejected:
    return AuthenticationRejected(
        f"the server refused the login of {sign_in.username}: {reply}", hint="Check user name and password, or sign in anew."
    )


def _exchange(connection: Connection, mechanism: Mechanism) -> tuple[int, bytes]:
    """The last reply."""
    name = mechanism.name.encode("ascii")
    initial = mechanism.initial()
    # An initial response of no octets is written as "=" (RFC 4954, section 4).
    together = b"AUTH %s %s" % (name, base64.b64encode(initial) or b"=") if initial is not None else b""
    if initial is not None and len(together) <= _LONGEST_COMMAND:
        code, text = connection.ask(together)
        initial = None
    else:
        code, text = connection.ask(b"AUTH " + name)
    for _ in range(_MOST_ROUNDS):
        if code != 334:
            return code, text
        if initial is not None:
            answer, initial = initial, None
        else:
            answer = mechanism.respond(_decoded(text))
        code, text = connection.ask(base64.b64encode(answer))
    raise Disconnected("the server's sign-in does not end")


def _decoded(challenge: bytes) -> bytes:
    try:
        return base64.b64decode(challenge, validate=True)
    except binascii.Error:
        # What LOGIN asks is answered whatever its words, and some servers ask in clear.
        return challenge
