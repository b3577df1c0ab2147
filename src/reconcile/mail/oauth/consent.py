"""A person signs in once: what the ways to that have in common. The end of each is a Token with a refresh token."""

from __future__ import annotations

from collections.abc import Mapping
from urllib.parse import urlsplit

from reconcile.errors import PermanentError
from reconcile.lazy_dataclass import dataclass
from reconcile.mail.oauth.post import Answer, Poster
from reconcile.mail.oauth.token_endpoint import Token, token_of
from reconcile.model.secret import Secret
from reconcile.model.sign_in import OAuthPlan


@dataclass(frozen=True, slots=True, kw_only=True)
class Client:
    """The registered application at one provider. `secret` is None for one that has none."""

    plan: OAuthPlan
    poster: Poster
    secret: Secret | None = None

    def ask(self, address: str, form: Mapping[str, str]) -> Answer:
        """A form to an endpoint, with the application's id and secret."""
        secret = {} if self.secret is None else {"client_secret": self.secret.text()}
        return self.poster.post(address, {**form, "client_id": self.plan.client_id, **secret})

    def token(self, answer: Answer, *sent: str) -> Token:
        """Raises PermanentError when there is no refresh token in it, and what `token_of` raises."""
        token = token_of(answer, where=self.where, secrets=self.secrets(*sent), sign_in_again="Run the command once more.")
        if token.refresh is None:
            raise PermanentError(
                f"{self.where} gave no refresh token, so nobody could sign in later",
                hint="Look at oauth.scopes (Microsoft wants offline_access) and at the kind of the registered application.",
            )
        return token

    def secrets(self, *sent: str) -> list[str]:
        """What a server may repeat and nobody may see."""
        return [*sent, *([] if self.secret is None else [self.secret.text()])]

    @property
    def where(self) -> str:
        return urlsplit(self.plan.token_endpoint).netloc
