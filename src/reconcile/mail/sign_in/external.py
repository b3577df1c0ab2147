"""A client certificate: SASL EXTERNAL (RFC 4422, appendix A). What proves the account was shown in the TLS handshake."""

from __future__ import annotations

from collections.abc import Collection

from reconcile.errors import AuthenticationRejected
from reconcile.lazy_dataclass import dataclass
from reconcile.mail.sign_in.offers import chosen
from reconcile.mail.sign_in.uncounted import Uncounted
from reconcile.model.secret import Secret
from reconcile.model.sign_in import SignInKind
from reconcile.ports.sign_in import Mechanism


@dataclass(frozen=True, slots=True)
class ExternalSignIn(Uncounted):
    """See `SignIn`. `username` is whom to act as."""

    username: str

    @property
    def kind(self) -> SignInKind:
        return SignInKind.CERTIFICATE

    @property
    def password(self) -> Secret | None:
        return None

    def mechanism(self, *, protocol: str, host: str, offered: Collection[str]) -> Mechanism:
        """See `SignIn.mechanism`."""
        chosen(self.kind, ("EXTERNAL",), offered)
        return External(self.username)

    def refused(self) -> bool:
        """A certificate does not change by trying."""
        return False


@dataclass(slots=True)
class External:
    """One line: the authorization identity."""

    username: str
    name: str = "EXTERNAL"
    complaint: str = ""

    @property
    def secrets(self) -> Collection[str]:
        return ()

    def initial(self) -> bytes | None:
        return self.username.encode()

    def respond(self, challenge: bytes) -> bytes:
        raise AuthenticationRejected("the server asks for more than a certificate", hint="It does not speak EXTERNAL as it should.")
