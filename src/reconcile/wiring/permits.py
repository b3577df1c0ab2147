"""Who may be processed: approvals, tests, what is enabled, and which environment a mailbox belongs to."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from typing import TYPE_CHECKING, Final

from reconcile.settings import Settings

if TYPE_CHECKING:
    from reconcile.model.key import Key
    from reconcile.model.shortfall import Deciding, FutureRow, Shortfall
    from reconcile.ports.discovered_servers import DiscoveredServers, DiscoveredServersReader
    from reconcile.ports.enablement_store import EnablementReader, EnablementStore
    from reconcile.store.claims import Claims
    from reconcile.store.sqlite.database import Database
    from reconcile.sync.decide.permitted import Permits
    from reconcile.sync.giving_up import GiveUp

_ASKS: Final = "`plan --online` asks now, `test-mailbox` after the apply"


def enablement_reader(database: Database | None) -> EnablementReader:
    """A missing store reads as empty."""
    from reconcile.store.sqlite.enablement import SqliteEnablements

    return SqliteEnablements(database)


def enablement_store(database: Database) -> EnablementStore:
    """Each step durable, and in the audit trail."""
    from reconcile.store.sqlite.enablement import SqliteEnablements

    return SqliteEnablements(database)


def discovered_servers_reader(database: Database | None) -> DiscoveredServersReader:
    """A missing store reads as empty."""
    from reconcile.store.sqlite.discovered_servers import SqliteDiscoveredServers

    return SqliteDiscoveredServers(database)


def discovered_servers(database: Database) -> DiscoveredServers:
    """Pinning them, too."""
    from reconcile.store.sqlite.discovered_servers import SqliteDiscoveredServers

    return SqliteDiscoveredServers(database)


def gives_up(database: Database) -> GiveUp:
    """Disables a direction after ten failures in a row."""
    from reconcile.sync.giving_up import giving_up

    return giving_up(enablement_store(database))


def claims(settings: Settings) -> Claims:
    """Which environment each mailbox belongs to, of all environments in this state directory."""
    from reconcile.store.claims import Claims

    return Claims(settings.state_directory)


def permits(settings: Settings, database: Database | None, environment: str) -> Callable[[], Permits]:
    """What was said, as it stands whenever it is asked for."""
    from reconcile.wiring.sign_in import token_store

    enablements, claimed, tokens = enablement_reader(database), claims(settings), token_store(database, settings)
    servers = discovered_servers_reader(database)

    def now() -> Permits:
        from reconcile.sync.decide.permitted import Permits

        signed_in = {facts.account: facts.since for facts in tokens.all_facts() if facts.by == "sign-in"}
        return Permits(
            enablements=enablements.enablements(),
            held=claimed.held_by_others(environment),
            signed_in=signed_in,
            servers=servers.discovered(),
        )

    return now


def deciding(settings: Settings, database: Database | None, environment: str) -> Deciding:
    """What mailboxes would not do if a plan were carried out: also while they wait for approval or a test."""
    from dataclasses import replace

    from reconcile.sync.decide.shortfalls import shortfalls

    said = permits_by_key(settings, database, environment)

    def decided(rows: Sequence[FutureRow], mailboxes: Collection[Key]) -> Sequence[Shortfall]:
        found = shortfalls(rows, mailboxes, permits=said)
        return [replace(one, message=f"{one.message} ({_ASKS})") if one.message.startswith("nobody has asked") else one for one in found]

    return decided


def permits_by_key(settings: Settings, database: Database | None, environment: str) -> Permits:
    """What was said, by the text of each mailbox's key: rows of a plan have no other id yet."""
    from reconcile.model.key import Key
    from reconcile.sync.decide.permitted import Permits
    from reconcile.wiring.applied import mailbox_names

    said = permits(settings, database, environment)()
    names = mailbox_names(database) if said.enablements or said.servers else {}
    by_key = {str(Key("Mailbox", names[identity][0])): one for identity, one in said.enablements.items() if identity in names}
    servers = {str(Key("Mailbox", names[identity][0])): one for identity, one in said.servers.items() if identity in names}
    return Permits(enablements=by_key, held=said.held, servers=servers)
