"""Refresh tokens that were not declared: those a person's sign-in gave, and those that took the place of another one."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AbstractContextManager
from typing import Literal, Protocol

from reconcile.lazy_dataclass import dataclass
from reconcile.model.secret import Secret


@dataclass(frozen=True, slots=True, kw_only=True)
class TokenFacts:
    """What may be shown of an account's token. Moments are UTC RFC 3339, "" where there is none.

    `account` is the external id of a mailbox or a profile. `by` says how the kept token came: a person's sign-in, or a renewal that gave
    another one; "" while none is kept (only the declared one is used). `since` is when a person agreed, as far as it is known,
    `renewed_at` when an access token came last, `expires_at` the end of the refresh token where the provider tells one, and the moment at
    which it refused the token where it did.
    `renewing_since`: a renewal was begun then, and its answer was never kept. `declared` is a digest of the declared token that the kept
    one goes before; with another declared token, client or endpoint, the kept one is not used.
    """

    account: str
    by: Literal["", "sign-in", "renewal"] = ""
    since: str = ""
    renewed_at: str = ""
    expires_at: str = ""
    renewing_since: str = ""
    declared: str = ""
    client_id: str = ""
    token_endpoint: str = ""


class TokenStore(Protocol):
    """By account. What a method wrote survives power loss when it returns."""

    def facts(self, account: str) -> TokenFacts | None: ...

    def all_facts(self) -> Sequence[TokenFacts]:
        """Of every account that has any, by account."""
        ...

    def refresh_token(self, account: str) -> Secret | None:
        """The kept one. Raises SettingsError when it cannot be opened."""
        ...

    def note(self, facts: TokenFacts) -> None:
        """Write the facts, and leave the kept token as it is. Raises PermanentError when the account is no longer applied."""
        ...

    def keep(self, facts: TokenFacts, token: Secret) -> None:
        """Facts and token in one step, in the place of the ones before. Raises as `note`."""
        ...

    def forget(self, account: str) -> bool:
        """Whether there was anything."""
        ...

    def turn(self, account: str) -> AbstractContextManager[None]:
        """One at a time, over all threads and processes on this state. Raises Unavailable when somebody else takes too long."""
        ...
