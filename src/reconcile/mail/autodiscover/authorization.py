"""Signing in over HTTP, with what a profile declares and nothing weaker (RFC 7617, RFC 6750, [MS-NTHT]).

What a server offers never chooses the kind: a server that answers "only Basic" to a profile that declares NTLM gets nothing.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Callable, Mapping
from typing import assert_never

from reconcile.errors import AuthenticationRejected, ReconcileError, Unsupported
from reconcile.mail.autodiscover.web import Reply
from reconcile.model.sign_in import SignInKind
from reconcile.ports.sign_in import SignIn


class _NotJudged(ReconcileError):
    """Ends a try of which this reply says nothing."""

    def __init__(self, reply: Reply) -> None:
        super().__init__(f"answers {reply.status}")
        self.reply = reply


def signed_in(sign_in: SignIn | None, host: str, ask: Callable[[Mapping[str, str]], Reply]) -> Reply:
    """The answer to `ask`, with the headers that prove who asks. A 401 is AuthenticationRejected."""
    if sign_in is None:
        reply = ask({})
    else:
        reply, another = _shown(sign_in, host, ask)
        if another:
            reply, _ = _shown(sign_in, host, ask)
    if reply.status == 401:
        raise _refused(host, reply)
    return reply


def _refused(host: str, reply: Reply) -> AuthenticationRejected:
    offered = ", ".join(sorted({each.split(" ", 1)[0][:20] for each in reply.challenges if each.isprintable()})) or "nothing"
    return AuthenticationRejected(
        f"{host} does not take the account (it offers {offered})", hint="Check credentials and authentication of the profile."
    )


def _shown(sign_in: SignIn, host: str, ask: Callable[[Mapping[str, str]], Reply]) -> tuple[Reply, bool]:
    """The answer, and whether it refuses somebody who has something else to show."""
    try:
        with sign_in.showing():
            reply = _asked(sign_in, host, ask)
            if reply.status == 401:
                return reply, sign_in.refused()
            if reply.status != 200:
                # Redirects, faults and gateways may answer so before anybody looked who asks.
                raise _NotJudged(reply)
            return reply, False
    except _NotJudged as other:
        return other.reply, False


def _asked(sign_in: SignIn, host: str, ask: Callable[[Mapping[str, str]], Reply]) -> Reply:
    match sign_in.kind:
        case SignInKind.PASSWORD:
            assert sign_in.password is not None
            pair = sign_in.username.encode() + b":" + sign_in.password.reveal()
            return ask({"Authorization": "Basic " + base64.b64encode(pair).decode("ascii")})
        case SignInKind.OAUTH:
            # RFC 7628, section 3.1: the mechanism carries what the Authorization header of HTTP would.
            line = sign_in.mechanism(protocol="http", host=host, offered=("XOAUTH2",)).initial() or b""
            value = next(part.removeprefix(b"auth=") for part in line.split(b"\x01") if part.startswith(b"auth="))
            return ask({"Authorization": value.decode("ascii")})
        case SignInKind.NTLM:
            return _ntlm(sign_in, host, ask)
        case SignInKind.CERTIFICATE | SignInKind.ANONYMOUS:
            return ask({})
        case SignInKind.KERBEROS:
            raise Unsupported(
                "Autodiscover with Kerberos is not built",
                field="autodiscover",
                hint="Name the server in the profile, or let a host that answers JSON be asked.",
            )
        case _:
            assert_never(sign_in.kind)


def _ntlm(sign_in: SignIn, host: str, ask: Callable[[Mapping[str, str]], Reply]) -> Reply:
    mechanism = sign_in.mechanism(protocol="http", host=host, offered=("NTLM",))

    def header(token: bytes | None) -> Mapping[str, str]:
        return {"Authorization": "NTLM " + base64.b64encode(token or b"").decode("ascii")}

    reply = ask(header(mechanism.initial()))
    challenge = next((each[5:] for each in reply.challenges if each[:5].upper() == "NTLM "), None)
    if reply.status != 401:
        raise _NotJudged(reply)
    if challenge is None:
        # Nothing was proved yet, so nobody was refused.
        raise _refused(host, reply)
    try:
        token = mechanism.respond(base64.b64decode(challenge.strip(), validate=True))
    except binascii.Error:
        raise AuthenticationRejected(f"{host} does not speak NTLM as it should", hint="Look what stands in front of it.") from None
    return ask(header(token))
