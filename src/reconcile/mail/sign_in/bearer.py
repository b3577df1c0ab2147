"""A token: SASL OAUTHBEARER (RFC 7628) and XOAUTH2 (Google: "OAuth 2.0 Mechanism"; Microsoft: "Authenticate an IMAP, POP or SMTP
connection using OAuth").

A server that refuses first sends JSON that says why, wants an answer without content, and only then says no.
"""

from __future__ import annotations

import re
from collections.abc import Collection
from dataclasses import field
from typing import Final, Protocol

from reconcile.errors import AuthenticationRejected, PermanentError
from reconcile.lazy_dataclass import dataclass
from reconcile.mail.oauth.bounded_json import Malformed, bounded_json
from reconcile.mail.sign_in.offers import chosen
from reconcile.mail.sign_in.password import shown_as
from reconcile.mail.sign_in.uncounted import Uncounted
from reconcile.model.secret import Secret
from reconcile.model.sign_in import OAuthPlan, SignInKind
from reconcile.ports.sign_in import Mechanism

#: XOAUTH2 first: it is what Google and Microsoft document; both carry the same token.
MECHANISMS: Final = ("XOAUTH2", "OAUTHBEARER")
#: RFC 6750, section 2.1, as far as it matters here: no control characters, no separators of the mechanisms.
_TOKEN: Final = re.compile(rb"[\x21-\x7e]+")
_LONGEST: Final = 8192


class AccessTokens(Protocol):
    """Where tokens come from."""

    def current(self, plan: OAuthPlan, *, name: str) -> tuple[Secret, bool]:
        """A token, and whether it was asked for just now. Raises as `SignIn.mechanism`."""
        ...

    def refuse(self, plan: OAuthPlan, token: Secret) -> None:
        """A server does not take this token: it is not given again."""
        ...


@dataclass(slots=True)
class BearerSignIn(Uncounted):
    """See `SignIn`. `name` is the mailbox or profile as a person knows it."""

    username: str
    plan: OAuthPlan
    tokens: AccessTokens
    name: str
    _given: Secret | None = field(default=None, init=False)
    _fresh: bool = field(default=False, init=False)

    def __post_init__(self) -> None:
        if any(ord(character) < 32 for character in self.username):
            raise PermanentError("the user name holds a control character", hint="Mend credentials.username.")

    @property
    def kind(self) -> SignInKind:
        return SignInKind.OAUTH

    @property
    def password(self) -> Secret | None:
        return None

    def mechanism(self, *, protocol: str, host: str, offered: Collection[str]) -> Mechanism:
        """See `SignIn.mechanism`. The token is asked for only when the server offers a way to show it."""
        name = chosen(self.kind, MECHANISMS, offered)
        token, self._fresh = self.tokens.current(self.plan, name=self.name)
        self._given = token
        if not _TOKEN.fullmatch(token.reveal()):
            raise AuthenticationRejected("the token has characters that no token may have", hint="Look at the token endpoint.")
        return Bearer(name, self.username, token, host)

    def refused(self) -> bool:
        """Once more with a new token, unless the refused one was new."""
        if self._given is None:
            return False
        self.tokens.refuse(self.plan, self._given)
        self._given = None
        return not self._fresh


@dataclass(slots=True)
class Bearer:
    """One exchange, of either mechanism."""

    name: str
    username: str
    token: Secret
    host: str
    complaint: str = ""

    @property
    def secrets(self) -> Collection[str]:
        return shown_as(self.token.reveal(), self._line())

    def _line(self) -> bytes:
        token = self.token.reveal()
        if self.name == "XOAUTH2":
            return b"user=" + self.username.encode() + b"\x01auth=Bearer " + token + b"\x01\x01"
        # RFC 5801, section 4: commas and equal signs in the name.
        user = self.username.replace("=", "=3D").replace(",", "=2C").encode()
        return b"n,a=" + user + b",\x01host=" + self.host.encode("idna") + b"\x01auth=Bearer " + token + b"\x01\x01"

    def initial(self) -> bytes | None:
        return self._line()

    def respond(self, challenge: bytes) -> bytes:
        if self.complaint:
            raise AuthenticationRejected(f"the server refuses the token: {self.complaint}", hint="See `reconcile auth status`.")
        self.complaint = _in_words(challenge)
        # RFC 7628, section 3.2.3; for XOAUTH2 an empty answer.
        return b"" if self.name == "XOAUTH2" else b"\x01"


def _in_words(challenge: bytes) -> str:
    """RFC 7628, section 3.2.2: status, scope. Whatever else it is, it is not repeated: it may hold what was sent."""
    try:
        said = bounded_json(challenge[:_LONGEST], largest=_LONGEST)
    except Malformed:
        said = None
    if not isinstance(said, dict):
        return "it does not take the token, and says no reason"
    status, scope = said.get("status"), said.get("scope")
    words = {
        "invalid_token": "the token is not valid (any more)",
        "401": "the token is not valid (any more), or not for this account",
        "400": "the token is malformed",
        "insufficient_scope": "the token was not asked for with the scope that is needed",
    }.get(str(status), "it does not take the token")
    wanted = (
        " ".join(part for part in str(scope).split() if re.fullmatch(r"[\x21-\x7e]{1,200}", part))[:300] if isinstance(scope, str) else ""
    )
    return words + (f"; it wants the scope {wanted}" if wanted else "")
