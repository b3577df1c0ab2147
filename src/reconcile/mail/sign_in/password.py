"""A user name and a password: SASL PLAIN (RFC 4616), and LOGIN for servers that have nothing else."""

from __future__ import annotations

import base64
from collections.abc import Collection
from dataclasses import field

from reconcile.errors import AuthenticationRejected, PermanentError
from reconcile.lazy_dataclass import dataclass
from reconcile.mail.sign_in.offers import chosen
from reconcile.mail.sign_in.uncounted import Uncounted
from reconcile.model.secret import Secret
from reconcile.model.sign_in import SignInKind
from reconcile.ports.sign_in import Mechanism

#: In the order they are taken; both send the password as it is, so TLS must stand.
MECHANISMS = ("PLAIN", "LOGIN")


@dataclass(frozen=True, slots=True)
class PasswordSignIn(Uncounted):
    """See `SignIn`. Raises PermanentError when user name or password cannot be sent at all."""

    username: str
    password: Secret

    def __post_init__(self) -> None:
        if "\0" in self.username or b"\0" in self.password.reveal():
            raise PermanentError("user name or password holds a NUL character", hint="Look at the secret's file.")
        try:
            self.password.text()
        except UnicodeDecodeError:
            raise PermanentError("the password is no UTF-8 text", hint="Mend the secret.") from None

    @property
    def kind(self) -> SignInKind:
        return SignInKind.PASSWORD

    def mechanism(self, *, protocol: str, host: str, offered: Collection[str]) -> Mechanism:
        """See `SignIn.mechanism`."""
        return Plain(self) if chosen(self.kind, MECHANISMS, offered) == "PLAIN" else Login(self)

    def refused(self) -> bool:
        """A password does not change by trying."""
        return False


@dataclass(slots=True)
class Plain:
    """One line: authorization identity (empty), user name, password."""

    of: PasswordSignIn
    name: str = "PLAIN"
    complaint: str = ""

    @property
    def secrets(self) -> Collection[str]:
        return shown_as(self.of.password.reveal(), self._line())

    def _line(self) -> bytes:
        return b"\0" + self.of.username.encode() + b"\0" + self.of.password.reveal()

    def initial(self) -> bytes | None:
        return self._line()

    def respond(self, challenge: bytes) -> bytes:
        raise AuthenticationRejected("the server asks for more than user name and password", hint="It does not speak PLAIN as it should.")


@dataclass(slots=True)
class Login:
    """Two questions, whatever their words: the name, then the password (draft-murchison-sasl-login; never a standard)."""

    of: PasswordSignIn
    name: str = "LOGIN"
    complaint: str = ""
    _asked: int = field(default=0, init=False)

    @property
    def secrets(self) -> Collection[str]:
        return shown_as(self.of.password.reveal())

    def initial(self) -> bytes | None:
        return None

    def respond(self, challenge: bytes) -> bytes:
        self._asked += 1
        match self._asked:
            case 1:
                return self.of.username.encode()
            case 2:
                return self.of.password.reveal()
            case _:
                raise AuthenticationRejected(
                    "the server asks for more than user name and password", hint="It does not speak LOGIN as it should."
                )


def shown_as(*sent: bytes) -> tuple[str, ...]:
    """How a server may repeat what it was sent: as it is, and in base64; the longest first, so that none leaves a rest."""
    forms = {form for one in sent if one for form in (one.decode("utf-8", "replace"), base64.b64encode(one).decode("ascii"))}
    return tuple(sorted(forms, key=len, reverse=True))
