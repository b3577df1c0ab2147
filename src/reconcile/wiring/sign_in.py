"""Factories of what accounts sign in with."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING
from weakref import WeakKeyDictionary

from reconcile.settings import Settings
from reconcile.wiring.secrets import credentials, sealer, secret_resolver
from reconcile.wiring.system import SystemClock

if TYPE_CHECKING:
    from collections.abc import Callable

    from reconcile.mail.oauth.access import RenewedTokens
    from reconcile.mail.oauth.post import Poster
    from reconcile.ports.sign_in import SignIns
    from reconcile.ports.token_store import TokenStore
    from reconcile.store.sqlite.database import Database

#: Receiving and sending of one process share their tokens.
_shared: WeakKeyDictionary[Database, RenewedTokens] = WeakKeyDictionary()
_guard = threading.Lock()


def token_store(database: Database | None, settings: Settings) -> TokenStore:
    """Refresh tokens that were not declared. A missing store reads as empty; the key that seals is made when nothing is sealed yet."""
    from reconcile.store.sqlite.resources import SqliteResources
    from reconcile.store.sqlite.tokens import SqliteTokens

    return SqliteTokens(database, lambda: sealer(settings, create=not SqliteResources(database).holds_sealed_values()))


def sign_ins(settings: Settings, database: Database) -> SignIns:
    """What accounts sign in with, from what was applied."""
    from reconcile.mail.sign_in.configured import ConfiguredSignIns

    return ConfiguredSignIns(credentials(database, settings), access_tokens(settings, database))


def access_tokens(settings: Settings, database: Database) -> RenewedTokens:
    """One for each open store of this process."""
    from reconcile.mail.oauth.access import RenewedTokens

    with _guard:
        found = _shared.get(database)
        if found is None:
            found = _shared[database] = RenewedTokens(
                store=token_store(database, settings),
                credentials=credentials(database, settings),
                poster=posters(settings),
                clock=SystemClock(),
            )
        return found


def posters(settings: Settings) -> Callable[[str], Poster]:
    """Makes what asks a token endpoint, from the reference to its authority."""
    from reconcile.model.secret import SecretRef

    resolver = secret_resolver(settings)

    def made(authority: str) -> Poster:
        from reconcile.mail.oauth.post import Poster

        return Poster(authority=resolver.resolve(SecretRef.parse(authority)).reveal() if authority else None)

    return made
