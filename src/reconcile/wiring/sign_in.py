"""Factories of what accounts sign in with."""

from __future__ import annotations

import threading
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

from reconcile.settings import Settings
from reconcile.wiring.secrets import credentials, sealer, secret_digester, secret_resolver
from reconcile.wiring.system import SystemClock

if TYPE_CHECKING:
    from collections.abc import Callable

    from reconcile.mail.oauth.access import Remembered, RenewedTokens
    from reconcile.mail.oauth.post import Poster
    from reconcile.model.secret import Secret
    from reconcile.model.sign_in import OAuthPlan, SignInPlan
    from reconcile.ports.sign_in import SignIns
    from reconcile.ports.token_store import TokenStore
    from reconcile.store.sqlite.database import Database

#: What this process remembers, by the file of the store: receiving and sending share their tokens, also when it is opened anew.
_remembered: dict[Path, Remembered] = {}
_guard = threading.Lock()


def token_store(database: Database | None, settings: Settings) -> TokenStore:
    """Refresh tokens that were not declared. A missing store reads as empty; the key that seals is made when nothing is sealed yet."""
    from reconcile.store.sqlite.resources import SqliteResources
    from reconcile.store.sqlite.tokens import SqliteTokens

    return SqliteTokens(database, lambda: sealer(settings, create=not SqliteResources(database).holds_sealed_values()))


def sign_ins(settings: Settings, database: Database) -> SignIns:
    """What accounts sign in with, from what was applied. Accounts are left alone before their server locks them."""
    from reconcile.mail.sign_in.configured import ConfiguredSignIns
    from reconcile.mail.sign_in.guarded import GuardedSignIns
    from reconcile.store.sign_in_tries import SignInTryFiles

    return GuardedSignIns(
        inner=ConfiguredSignIns(credentials(database, settings), _LaterTokens(lambda: access_tokens(settings, database))),
        tries=SignInTryFiles(database.path.parent / "sign-ins"),
        credential=_shown(settings, database),
        clock=SystemClock(),
    )


class _LaterTokens:
    """Access tokens whose code is loaded with the first account that signs in by one: it speaks HTTP."""

    def __init__(self, made: Callable[[], RenewedTokens]) -> None:
        self._made = lru_cache(maxsize=1)(made)

    def current(self, plan: OAuthPlan, *, name: str) -> tuple[Secret, bool]:
        """See `AccessTokens.current`."""
        return self._made().current(plan, name=name)

    def refuse(self, plan: OAuthPlan, token: Secret) -> None:
        """See `AccessTokens.refuse`."""
        self._made().refuse(plan, token)


def _shown(settings: Settings, database: Database) -> Callable[[SignInPlan], str]:
    """A keyed digest of what a plan shows, which changes when a secret does or when a person signs in anew."""
    from reconcile.model.secret import Secret, SecretRef

    applied, tokens = credentials(database, settings), token_store(database, settings)

    def shown(plan: SignInPlan) -> str:
        fields = [plan.password, plan.certificate]
        since = ""
        if plan.oauth is not None:
            fields += [plan.oauth.client_secret, plan.oauth.refresh_token]
            facts = tokens.facts(plan.oauth.account)
            since = facts.since if facts is not None else ""
        values = [applied.credential(*field) if field is not None else None for field in fields]
        parts = [value.reveal() if value is not None else b"" for value in values]
        whole = Secret(b"\0".join([plan.kind.encode(), since.encode(), *parts]))
        return secret_digester(settings).digest(SecretRef.parse("env:SIGN_IN"), whole)

    return shown


def access_tokens(settings: Settings, database: Database) -> RenewedTokens:
    """What renews tokens, with everything this process remembers of those of the same store."""
    from reconcile.mail.oauth.access import Remembered, RenewedTokens

    with _guard:
        remembered = _remembered.setdefault(database.path.absolute(), Remembered())
    return RenewedTokens(
        store=token_store(database, settings),
        credentials=credentials(database, settings),
        poster=posters(settings),
        clock=SystemClock(),
        remembered=remembered,
    )


def posters(settings: Settings) -> Callable[[str], Poster]:
    """Makes what asks a token endpoint, from the reference to its authority."""
    from reconcile.model.secret import SecretRef

    resolver = secret_resolver(settings)

    def made(authority: str) -> Poster:
        from reconcile.mail.oauth.post import Poster

        return Poster(authority=resolver.resolve(SecretRef.parse(authority)).reveal() if authority else None)

    return made
