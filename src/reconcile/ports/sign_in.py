"""Signing in to a mail server. Connectors drive the exchange over their protocol; what is said in it is made here."""

from __future__ import annotations

from collections.abc import Collection
from contextlib import AbstractContextManager
from typing import Protocol

from reconcile.model.secret import Secret
from reconcile.model.sign_in import SignInKind, SignInPlan


class Mechanism(Protocol):
    """One exchange of one SASL mechanism (RFC 4422) over one connection. Bytes are as they are before base64."""

    @property
    def name(self) -> str:
        """As it stands behind AUTH or AUTHENTICATE: "PLAIN", "XOAUTH2"."""
        ...

    @property
    def secrets(self) -> Collection[str]:
        """Texts that must stand in no error or log: passwords, tokens, what was sent, also in base64."""
        ...

    @property
    def complaint(self) -> str:
        """What the server said against it within the exchange, in words for a person; "" as long as it said nothing. It goes beside the
        text of the refusal that follows."""
        ...

    def initial(self) -> bytes | None:
        """The initial response; None where the server speaks first."""
        ...

    def respond(self, challenge: bytes) -> bytes:
        """The answer to a challenge. Raises AuthenticationRejected when the server cannot prove itself, or says why it refuses."""
        ...


class SignIn(Protocol):
    """One account."""

    @property
    def kind(self) -> SignInKind: ...

    @property
    def username(self) -> str: ...

    @property
    def password(self) -> Secret | None:
        """For commands that take a password as it is (IMAP LOGIN, POP3 USER and PASS); None for every other kind."""
        ...

    def mechanism(self, *, protocol: str, host: str, offered: Collection[str]) -> Mechanism:
        """The one to use of what the server offers (upper case names); `protocol` is imap, pop3 or smtp. May ask for a token.

        Raises AuthenticationRejected when the server offers nothing that fits the configured kind, or when there is no valid token
        and a person must sign in; TransientError when the token endpoint cannot be reached.
        """
        ...

    def showing(self) -> AbstractContextManager[object]:
        """Stands around each exchange that shows the server what proves the account, and around nothing else: others may wait for it.

        It ended without an error: the server took it. `refused` was called in it: it did not. With a ReconcileError: what happened says
        nothing about the account. With any other error nobody knows. Raises, before anything is shown, AuthenticationRejected or HeldBack
        while the account is left alone, or while others take too long to sign in with it.
        """
        ...

    def refused(self) -> bool:
        """The server refused what was shown last. True when trying once more makes sense, with another token: at most once."""
        ...


class SignIns(Protocol):
    """Makes what accounts sign in with."""

    def of(self, plan: SignInPlan, *, name: str) -> SignIn | None:
        """For the mailbox or profile `name` (as a person knows it). None for anonymous: nobody signs in.

        Raises SettingsError when a secret was not applied, PermanentError when it cannot be one.
        """
        ...

    def certificate(self, plan: SignInPlan) -> Secret | None:
        """PEM with certificate and key to show in the handshake. Raises SettingsError when it was not applied."""
        ...
