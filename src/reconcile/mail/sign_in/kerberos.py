"""Kerberos: SASL GSSAPI (RFC 4752), with the tickets of this host (kinit, or a keytab in KRB5_CLIENT_KTNAME) and no security layer:
TLS is one."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import field
from typing import Final

from reconcile.errors import AuthenticationRejected, Unavailable
from reconcile.lazy_dataclass import dataclass
from reconcile.mail.sign_in.gss import Context, GssError
from reconcile.mail.sign_in.offers import chosen
from reconcile.mail.sign_in.uncounted import Uncounted
from reconcile.model.secret import Secret
from reconcile.model.sign_in import SignInKind
from reconcile.ports.sign_in import Mechanism

#: Names of services (IANA: GSSAPI/Kerberos/SASL service names), where they differ from our protocols.
_SERVICES: Final = {"pop3": "pop"}
_NO_LAYER: Final = 1


@dataclass(frozen=True, slots=True)
class KerberosSignIn(Uncounted):
    """See `SignIn`. `username` is whom to act as."""

    username: str

    @property
    def kind(self) -> SignInKind:
        return SignInKind.KERBEROS

    @property
    def password(self) -> Secret | None:
        return None

    def mechanism(self, *, protocol: str, host: str, offered: Collection[str]) -> Mechanism:
        """See `SignIn.mechanism`. Asks for a ticket."""
        chosen(self.kind, ("GSSAPI",), offered)
        context = Context(_SERVICES.get(protocol, protocol), host)
        return Gssapi(self.username, context, _step(context, b""))

    def refused(self) -> bool:
        """A ticket does not change by trying."""
        return False


@dataclass(slots=True)
class Gssapi:
    """The context, then the word that no security layer is wanted."""

    username: str
    _context: Context
    _first: bytes = field(repr=False)
    name: str = "GSSAPI"
    complaint: str = ""
    _ended: bool = field(default=False, init=False)

    @property
    def secrets(self) -> Collection[str]:
        return ()

    def initial(self) -> bytes | None:
        return self._first

    def respond(self, challenge: bytes) -> bytes:
        if self._ended:
            raise AuthenticationRejected("the server asks on after the end of the exchange", hint="It does not speak GSSAPI as it should.")
        if not self._context.complete:
            return _step(self._context, challenge)
        if not challenge:
            return b""
        self._ended = True
        try:
            offered = self._context.unwrap(challenge)
            if len(offered) != 4 or not offered[0] & _NO_LAYER:
                raise AuthenticationRejected(
                    "the server wants a security layer of GSSAPI, which is not built", hint="Have it accept TLS as the layer."
                )
            return self._context.wrap(bytes([_NO_LAYER, 0, 0, 0]) + self.username.encode())
        except GssError as error:
            raise AuthenticationRejected(f"the end of the exchange does not hold: {error}", hint="Somebody may sit in between.") from None


def _step(context: Context, token: bytes) -> bytes:
    try:
        return context.step(token)
    except GssError as error:
        if error.unreachable:
            raise Unavailable(f"no Kerberos ticket: {error}", hint="It is tried again by itself; check the realm's servers.") from None
        raise AuthenticationRejected(
            f"no Kerberos ticket for the server: {error}",
            hint="Get one for the account this runs as (kinit, or a keytab in KRB5_CLIENT_KTNAME), and check krb5.conf.",
        ) from None
