"""Factories of what resolves, seals and opens secrets."""

from __future__ import annotations

from typing import TYPE_CHECKING

from reconcile.settings import Settings

if TYPE_CHECKING:
    from reconcile.ports.credentials import Credentials, Sealer, SecretDigester
    from reconcile.ports.secrets import SecretResolver
    from reconcile.store.sqlite.database import Database


def secret_resolver(settings: Settings) -> SecretResolver:
    """`env:` and `file:` references."""
    from reconcile.secrets.resolver import Resolver

    return Resolver(settings.secrets_directory)


def sealer(settings: Settings, *, create: bool) -> Sealer:
    """What seals credentials at rest; `create` makes the default key file when it is missing."""
    from reconcile.secrets.envelope import Envelope
    from reconcile.secrets.key import load_ring

    # Once it was there, a ring that is gone is an error and never a reason to make another.
    return Envelope(*load_ring(settings, create=create), again=lambda: load_ring(settings, create=False))


def secret_digester(settings: Settings) -> SecretDigester:
    """What tells that a secret's value changed. Never makes a key: raises SettingsError where there is none."""
    from reconcile.secrets.digest import KeyedDigests
    from reconcile.secrets.key import load_key

    return KeyedDigests(load_key(settings, create=False))


def credentials(database: Database, settings: Settings) -> Credentials:
    """Applied secrets; the key is read when the first one is opened."""
    from reconcile.secrets.stored import StoredCredentials
    from reconcile.store.sqlite.resources import SqliteResources

    return StoredCredentials(SqliteResources(database), lambda: sealer(settings, create=False))
