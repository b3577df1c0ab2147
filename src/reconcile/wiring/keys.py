"""The ring of keys and everything on this machine that was sealed with it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, ExitStack, contextmanager
from typing import TYPE_CHECKING

from reconcile.settings import Settings
from reconcile.wiring.state import environments, open_database

if TYPE_CHECKING:
    from reconcile.model.secret import Secret
    from reconcile.ports.sealed_records import SealedRecords
    from reconcile.secrets.reseal import Resealed
    from reconcile.secrets.ring_file import RingFile
    from reconcile.store.sqlite.database import Database


def ring(settings: Settings) -> tuple[Secret, ...]:
    """The keys as they are now; the first one seals. Makes none."""
    from reconcile.secrets.key import load_ring

    return load_ring(settings, create=False)


def held_ring(settings: Settings) -> AbstractContextManager[RingFile]:
    """The right to change the ring where it lies. Raises as `secrets.ring_file.held_ring`."""
    from reconcile.secrets.ring_file import held_ring as held

    return held(settings)


def with_new_key(keys: tuple[Secret, ...]) -> tuple[Secret, ...]:
    """A key that was made just now, in front of the others."""
    from reconcile.secrets.key import new_key

    return (new_key(), *keys)


def key_ids(keys: tuple[Secret, ...]) -> list[str]:
    """Their names, hexadecimal, in their order."""
    from reconcile.secrets.envelope import key_id

    return [key_id(key).hex() for key in keys]


def sealed_records(database: Database) -> SealedRecords:
    """Everything sealed in one environment."""
    from reconcile.store.sqlite.sealed_records import SqliteSealedRecords

    return SqliteSealedRecords(database)


def reseal_store(
    database: Database, keys: tuple[Secret, ...], opening: tuple[Secret, ...] = (), *, moved: Callable[[int], None] = lambda _: None
) -> Resealed:
    """Seal everything in a store with the first of `keys`; see `secrets.reseal.reseal`."""
    from reconcile.secrets.reseal import reseal

    return reseal(sealed_records(database), keys, opening, moved=moved)


def sharing(settings: Settings) -> list[str]:
    """The environments whose values this ring seals."""
    found = environments(settings)
    return found if settings.key_of is None else [name for name in found if name == settings.key_of]


def counts(settings: Settings) -> Mapping[str, Mapping[str, int]]:
    """Environment → key id → sealed values. A store that another version wrote is not guessed at: its error is raised."""
    from reconcile.secrets.reseal import count_by_key

    found: dict[str, Mapping[str, int]] = {}
    for name in sharing(settings):
        with open_database(settings, name, read_only=True) as database:
            found[name] = {} if database is None else count_by_key(sealed_records(database))
    return found


@contextmanager
def stores(settings: Settings, names: list[str]) -> Iterator[dict[str, Database]]:
    """The stores of these environments, open for writing."""
    with ExitStack() as stack:
        opened = {name: stack.enter_context(open_database(settings, name, read_only=False)) for name in names}
        yield {name: database for name, database in opened.items() if database is not None}
