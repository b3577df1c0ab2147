"""Whose tokens there are, and what a person's sign-in needs."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from reconcile.errors import SettingsError, UserError
from reconcile.lazy_dataclass import dataclass
from reconcile.settings import Settings
from reconcile.wiring.secrets import credentials
from reconcile.wiring.sign_in import posters, token_store

if TYPE_CHECKING:
    from reconcile.mail.oauth.consent import Client
    from reconcile.model.secret import Secret
    from reconcile.store.sqlite.database import Database
    from reconcile.sync.decide.token_accounts import TokenAccount


def token_accounts(database: Database | None, now: str) -> Sequence[TokenAccount]:
    """Every applied account that signs in by a token. `now` is UTC RFC 3339."""
    from reconcile.sync.decide import token_accounts as decide
    from reconcile.wiring.applied import applied_state

    return decide.token_accounts(applied_state(database).resources(), now=now)


def is_applied(database: Database | None) -> Callable[[tuple[str, str]], bool]:
    """Says whether a secret was applied for a row and field, without opening it."""
    from reconcile.store.sqlite.resources import SqliteResources

    resources = SqliteResources(database)
    return lambda field: resources.sealed_value(*field) is not None


def named(accounts: Sequence[TokenAccount], word: str) -> TokenAccount:
    """By name or address. Raises UserError for one that is not there, or whose application signs in itself."""
    from reconcile.desired.suggest import did_you_mean
    from reconcile.model.sign_in import Grant

    found = [one for one in accounts if word in (one.name, one.address)]
    if not found:
        near = did_you_mean(word, [one.name for one in accounts])
        hint = "`reconcile auth status` lists the accounts that sign in by a token."
        raise UserError(f"no account {word!r} signs in by a token", hint=f"{near[:1].upper()}{near[1:]} {hint}" if near else hint)
    by_person = [one for one in found if one.plan.grant is Grant.REFRESH_TOKEN]
    if not by_person:
        raise UserError(
            f"{word}: the application signs in itself (grant client-credentials), so nobody has to",
            hint="Nothing is to be done; `reconcile test-mailbox` tries it.",
        )
    return by_person[0]


def client(settings: Settings, database: Database, account: TokenAccount) -> Client:
    """What asks the account's provider. Raises SettingsError when the application's secret was not applied."""
    from reconcile.mail.oauth.consent import Client

    plan, secret = account.plan, None
    if plan.client_secret is not None:
        secret = credentials(database, settings).credential(*plan.client_secret)
        if secret is None:
            raise SettingsError("no client secret was applied for the profile", hint="Run `reconcile apply` again.")
    return Client(plan=plan, poster=posters(settings)(plan.authority), secret=secret)


def declared_token(settings: Settings, database: Database, account: TokenAccount) -> Secret | None:
    """The refresh token that was applied with the mailbox."""
    return credentials(database, settings).credential(*account.plan.refresh_token) if account.plan.refresh_token else None


@dataclass(frozen=True, slots=True, kw_only=True)
class Revoked:
    """`kept`: there was a token here, and it is gone. `at_provider`: the provider was told of every token that was known;
    False where it has no endpoint for that. `declared`: one is declared still, and would be used again."""

    kept: bool
    at_provider: bool
    declared: bool


def revoke_account(settings: Settings, database: Database, account: TokenAccount) -> Revoked:
    """Tell the provider, then forget. Raises TransientError and PermanentError before anything is forgotten, so that it can be
    tried again."""
    from reconcile.mail.oauth.revocation import revoke

    store = token_store(database, settings)
    with store.turn(account.plan.account):
        declared, kept = declared_token(settings, database, account), store.refresh_token(account.plan.account)
        tokens = [token for token in (kept, declared) if token is not None]
        if account.plan.revocation_endpoint:
            asking = client(settings, database, account)
            for token in tokens:
                revoke(asking, token)
        store.forget(account.plan.account)
    return Revoked(kept=kept is not None, at_provider=bool(account.plan.revocation_endpoint and tokens), declared=declared is not None)


@dataclass(frozen=True, slots=True, kw_only=True)
class SignedIn:
    """`since` and `expires_at` are UTC RFC 3339, the latter "" where the provider tells none."""

    since: str
    expires_at: str


def keep_sign_in(
    settings: Settings, database: Database, account: TokenAccount, *, refresh: Secret, refresh_seconds: float | None, now: str
) -> SignedIn:
    """Store what a person's sign-in gave, in the place of what was there. Durable when it returns."""
    from datetime import datetime, timedelta

    from reconcile.mail.oauth.access import digest_of
    from reconcile.ports.token_store import TokenFacts

    plan, expires = account.plan, ""
    if refresh_seconds is not None:
        expires = (datetime.fromisoformat(now) + timedelta(seconds=min(refresh_seconds, 1e9))).strftime("%Y-%m-%dT%H:%M:%SZ")
    store = token_store(database, settings)
    with store.turn(plan.account):
        facts = TokenFacts(
            account=plan.account,
            by="sign-in",
            since=now,
            renewed_at=now,
            expires_at=expires,
            declared=digest_of(declared_token(settings, database, account)),
            client_id=plan.client_id,
            token_endpoint=plan.token_endpoint,
        )
        store.keep(facts, refresh)
    return SignedIn(since=now, expires_at=expires)
