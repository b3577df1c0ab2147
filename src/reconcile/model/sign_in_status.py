"""What may be shown of how an account signs in by a token."""

from __future__ import annotations

from enum import StrEnum

from reconcile.lazy_dataclass import dataclass
from reconcile.model.sign_in import Grant


class TokenOrigin(StrEnum):
    """Where the refresh token comes from that would be shown next."""

    SIGN_IN = "signed in"
    RENEWAL = "renewed"  # the provider gave it in the place of another one
    DECLARED = "declared"
    APPLICATION = "application"  # none is needed
    NONE = "none"


@dataclass(frozen=True, slots=True, kw_only=True)
class SignInStatus:
    """`account` is the external id of the mailbox or profile. Moments are UTC RFC 3339, "" where there is none (see
    `ports.token_store.TokenFacts`). `interrupted_at`: a renewal was begun then and
    its answer is not known. `todo` is a command, "" when nothing is to be done."""

    account: str
    kind: str
    name: str
    address: str
    grant: Grant
    origin: TokenOrigin
    since: str
    renewed_at: str
    expires_at: str
    interrupted_at: str
    todo: str
