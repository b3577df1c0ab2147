"""A refusal in words: what the server said within the exchange, and the next step that fits how the account signs in."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Final

from reconcile.errors import AuthenticationRejected
from reconcile.model.sign_in import SignInKind
from reconcile.ports.sign_in import Mechanism, SignIn

_NEXT: Final[Mapping[SignInKind, str]] = {
    SignInKind.OAUTH: "Check that the user name is the one who signed in, and the scopes; `reconcile auth login` signs in anew.",
    SignInKind.NTLM: "Check user name (DOMAIN\\name) and password; `reconcile apply` hands a new one over.",
    SignInKind.KERBEROS: "Check whose tickets they are (klist), and that the server lets that principal open the mailbox.",
    SignInKind.CERTIFICATE: "Check the end date of clientCertificate, and that the server lets its name open the mailbox.",
}


@contextmanager
def explained(sign_in: SignIn, mechanism: Mechanism) -> Iterator[None]:
    """Around an exchange: completes the AuthenticationRejected that comes out of it."""
    try:
        yield
    except AuthenticationRejected as error:
        if mechanism.complaint and mechanism.complaint not in error.message:
            error.message += f" ({mechanism.complaint})"
            error.args = (error.message,)
        error.hint = _NEXT.get(sign_in.kind, error.hint)
        raise
