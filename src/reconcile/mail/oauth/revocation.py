"""Revoking a token at its provider (RFC 7009)."""

from __future__ import annotations

from reconcile.mail.oauth.consent import Client
from reconcile.mail.oauth.token_endpoint import refusal
from reconcile.model.secret import Secret


def revoke(client: Client, token: Secret) -> None:
    """The provider no longer takes it, or never knew it (section 2.2 answers both alike). Raises TransientError, PermanentError."""
    answer = client.ask(client.plan.revocation_endpoint, {"token": token.text(), "token_type_hint": "refresh_token"})
    if answer.status != 200:
        raise refusal(answer, where=client.where, secrets=client.secrets(token.text()), sign_in_again="Revoke it at the provider.")
