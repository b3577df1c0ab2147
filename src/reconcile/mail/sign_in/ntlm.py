"""NTLM (Microsoft: [MS-NLMP], over SASL as in [MS-OXIMAP], [MS-OXPOP3], [MS-SMTPNTLM]): NTLMv2 only.

It proves that the client knows the password without sending it, and rests on MD4 and RC4: a rule refuses it under FIPS.
"""

from __future__ import annotations

import struct
from collections.abc import Collection
from dataclasses import field
from typing import Any

from reconcile.errors import AuthenticationRejected, PermanentError
from reconcile.lazy_dataclass import dataclass
from reconcile.mail.sign_in.offers import chosen
from reconcile.mail.sign_in.password import shown_as
from reconcile.mail.sign_in.uncounted import Uncounted
from reconcile.model.secret import Secret
from reconcile.model.sign_in import SignInKind
from reconcile.ports.sign_in import Mechanism


@dataclass(frozen=True, slots=True)
class NtlmSignIn(Uncounted):
    """See `SignIn`. `username` may be DOMAIN\\name or name@domain. Raises PermanentError when the password cannot be used at all."""

    username: str
    _password: Secret

    def __post_init__(self) -> None:
        try:
            self._password.text()
        except UnicodeDecodeError:
            raise PermanentError("the password is no UTF-8 text", hint="Mend the secret.") from None

    @property
    def kind(self) -> SignInKind:
        return SignInKind.NTLM

    @property
    def password(self) -> Secret | None:
        return None

    def mechanism(self, *, protocol: str, host: str, offered: Collection[str]) -> Mechanism:
        """See `SignIn.mechanism`."""
        chosen(self.kind, ("NTLM",), offered)
        return Ntlm(self.username, self._password, protocol, host)

    def refused(self) -> bool:
        """A password does not change by trying."""
        return False


@dataclass(slots=True)
class Ntlm:
    """Negotiate, challenge, authenticate."""

    username: str
    _password: Secret
    protocol: str
    host: str
    name: str = "NTLM"
    complaint: str = ""
    _context: Any = field(default=None, init=False, repr=False)

    @property
    def secrets(self) -> Collection[str]:
        return shown_as(self._password.reveal())

    def initial(self) -> bytes | None:
        return self._step(None)

    def respond(self, challenge: bytes) -> bytes:
        # Some servers answer the bare command with an empty line, or with words, before the exchange begins.
        if self._context is None or not challenge.startswith(b"NTLMSSP\0"):
            raise AuthenticationRejected("the server does not speak NTLM as it should", hint="Look which authentication it really wants.")
        return self._step(challenge)

    def _step(self, challenge: bytes | None) -> bytes:
        import spnego
        from spnego.exceptions import SpnegoError

        try:
            if self._context is None:
                self._context = spnego.client(
                    self.username,
                    self._password.text(),
                    hostname=self.host,
                    service=self.protocol,
                    protocol="ntlm",
                    options=spnego.NegotiateOptions.use_ntlm,
                )
            return self._context.step(challenge) or b""
        except (SpnegoError, ValueError, LookupError, TypeError, AttributeError, OverflowError, struct.error):
            # It trusts what a server says to be well formed. Its text may hold what was computed from the password.
            raise AuthenticationRejected("the exchange of NTLM failed", hint="Check user name and domain.") from None
