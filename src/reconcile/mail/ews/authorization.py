"""Signing in over HTTP: the kinds that are declared, as headers. Nothing follows from what a server offers.

A password is shown with each request (RFC 7617), a token too (RFC 6750); NTLM and Kerberos prove themselves once for each connection
(Microsoft: [MS-NTHT]; RFC 4559).
"""

from __future__ import annotations

import base64
import hmac
import re
from contextlib import AbstractContextManager, nullcontext
from dataclasses import field
from typing import Any, Final

from reconcile.errors import AuthenticationRejected
from reconcile.lazy_dataclass import dataclass
from reconcile.mail.sign_in.bearer import Bearer
from reconcile.model.secret import Secret
from reconcile.model.sign_in import SignInKind
from reconcile.ports.sign_in import Mechanism, SignIn

_CHALLENGE: Final = re.compile(r"(?:^|,)\s*NTLM\s+([A-Za-z0-9+/=]+)", re.IGNORECASE)
#: What each kind is called where mechanisms are chosen, as if the server had offered it: over HTTP configuration alone decides.
_MECHANISMS: Final = {
    SignInKind.OAUTH: frozenset({"OAUTHBEARER"}),
    SignInKind.NTLM: frozenset({"NTLM"}),
    SignInKind.KERBEROS: frozenset({"GSSAPI"}),
}


@dataclass(slots=True)
class Authorization:
    """What one account shows to one server. `sign_in` None or a certificate: nothing but what the handshake showed."""

    sign_in: SignIn | None
    host: str
    _bearer: Secret | None = field(default=None, init=False, repr=False)

    def identity(self, key: bytes) -> bytes:
        """A keyed digest of what binds a connection to this account: connections (and what servers remember of them) are shared by all
        of its mailboxes, and by nobody else's. Another password under the same name is somebody else: over a connection that was taken it
        would be shown without the guard."""
        if self.sign_in is None:
            return b""
        shown = [self.sign_in.kind.encode(), self.sign_in.username.encode()]
        match self.sign_in.kind:
            case SignInKind.PASSWORD if self.sign_in.password is not None:
                shown.append(self.sign_in.password.reveal())
            case SignInKind.NTLM:
                shown += sorted(form.encode() for form in self._mechanism().secrets)
            case _:
                pass
        return hmac.digest(key, b"\0".join(shown), "sha256")

    def _mechanism(self) -> Mechanism:
        assert self.sign_in is not None
        return self.sign_in.mechanism(protocol="HTTP", host=self.host, offered=_MECHANISMS[self.sign_in.kind])

    def header(self, session: Any, post: Any) -> dict[str, str]:
        """For the next request over this connection. `post` sends a request without content over it and gives its status and its
        WWW-Authenticate. Raises as `SignIn.mechanism`."""
        if self.sign_in is None:
            return {}
        match self.sign_in.kind:
            case SignInKind.PASSWORD:
                assert self.sign_in.password is not None
                shown = self.sign_in.username.encode() + b":" + self.sign_in.password.reveal()
                return {"Authorization": "Basic " + base64.b64encode(shown).decode()}
            case SignInKind.OAUTH:
                if self._bearer is None:
                    mechanism = self._mechanism()
                    assert isinstance(mechanism, Bearer)
                    self._bearer = mechanism.token
                return {"Authorization": "Bearer " + self._bearer.reveal().decode("ascii")}
            case SignInKind.NTLM if not is_signed_in(session):
                return {"Authorization": "NTLM " + self._ntlm(post)}
            case SignInKind.KERBEROS if not is_signed_in(session):
                token = self._mechanism().initial() or b""
                return {"Authorization": "Negotiate " + base64.b64encode(negotiate_token(token)).decode()}
            case _:
                return {}

    def _ntlm(self, post: Any) -> str:
        mechanism = self._mechanism()
        status, offered = post({"Authorization": "NTLM " + base64.b64encode(mechanism.initial() or b"").decode()})
        found = _CHALLENGE.search(offered)
        if status != 401 or found is None:
            raise AuthenticationRejected(
                "the server does not speak NTLM here",
                hint="Nothing weaker is tried. Check authentication in the profile, and what the server has switched on.",
            )
        return base64.b64encode(mechanism.respond(base64.b64decode(found[1]))).decode()

    def showing(self, session: Any) -> AbstractContextManager[object]:
        """Stands around a request that signs in, see `SignIn.showing`. Over a connection that was taken the same is shown again."""
        return nullcontext() if self.sign_in is None or is_signed_in(session) else self.sign_in.showing()

    def accepted(self, session: Any) -> None:
        """The server took it."""
        session.is_signed_in = True

    def refused(self, session: Any) -> bool:
        """The server refused it. True when trying once more makes sense: with another token, or because the connection had forgotten
        who signed in."""
        forgotten = is_signed_in(session) and self.sign_in is not None and self.sign_in.kind in (SignInKind.NTLM, SignInKind.KERBEROS)
        session.is_signed_in = False
        self._bearer = None
        if forgotten:
            return True
        return self.sign_in is not None and self.sign_in.refused()

    def words(self) -> str:
        """The next step for a person whose account is refused."""
        match self.sign_in.kind if self.sign_in is not None else None:
            case SignInKind.NTLM:
                return "Check user name (DOMAIN\\name) and password; `reconcile apply` hands a new one over."
            case SignInKind.KERBEROS:
                return "Check whose tickets they are (klist), and that the server lets that principal open the mailbox."
            case SignInKind.OAUTH:
                return "See `reconcile auth status`; check the application's permissions for Exchange Web Services."
            case SignInKind.CERTIFICATE | None:
                return "Check the end date of clientCertificate, and that the server lets its name open the mailbox."
            case _:
                return (
                    "Check user name and password; `reconcile apply` hands a new one over. A server that takes no basic "
                    "authentication wants authentication: ntlm, negotiate or oauth."
                )


def is_signed_in(session: Any) -> bool:
    """Whether the server took somebody over this connection."""
    return bool(getattr(session, "is_signed_in", False))


def negotiate_token(kerberos: bytes) -> bytes:
    """A Kerberos token as the first of SPNEGO (RFC 4178, NegTokenInit with one mechanism)."""
    oid = bytes.fromhex("06092a864886f712010202")
    mechanisms = _der(0xA0, _der(0x30, oid))
    init = _der(0xA0, _der(0x30, mechanisms + _der(0xA2, _der(0x04, kerberos))))
    return _der(0x60, bytes.fromhex("06062b0601050502") + init)


def _der(tag: int, content: bytes) -> bytes:
    length = len(content)
    if length < 0x80:
        return bytes([tag, length]) + content
    octets = length.to_bytes((length.bit_length() + 7) // 8, "big")
    return bytes([tag, 0x80 | len(octets)]) + octets + content
