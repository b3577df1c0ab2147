"""Factories of what keeps appointments, contacts and tasks, and of what keeps them in step with mailboxes."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from reconcile.settings import Settings

if TYPE_CHECKING:
    from reconcile.model.condition import Condition
    from reconcile.model.item import ItemKind
    from reconcile.ports.clock import Clock
    from reconcile.ports.collection import Collection
    from reconcile.ports.item_store import ItemReader, ItemStore
    from reconcile.ports.target import AppliedResource
    from reconcile.report.item_standings import ItemStanding
    from reconcile.store.sqlite.database import Database
    from reconcile.sync.decide.item_files import FilesIn
    from reconcile.sync.decide.item_mailboxes import KeptInStep, NotKept
    from reconcile.sync.decide.two_way_rules import TwoWayRules
    from reconcile.sync.item_intake import ItemIntake
    from reconcile.sync.items.mailbox import ItemMailbox, ItemTools


def item_reader(database: Database | None) -> ItemReader:
    """Records, their ties to mailboxes, conflicts. A missing store reads as empty."""
    if database is None:
        from reconcile.store.memory.items import MemoryItemStore

        return MemoryItemStore()
    return item_store(database)


def item_store(database: Database) -> ItemStore:
    """Everything a look needs, and edits."""
    from reconcile.store.sqlite.items import SqliteItems

    return SqliteItems(database)


def item_intake(database: Database, by: str, read: Callable[[str], bytes] | None = None) -> ItemIntake:
    """Edits in batches; `by` is recorded with each. `read` gives attachments by their path; without it none are read."""
    from reconcile.sync.item_intake import ItemIntake
    from reconcile.wiring.system import SystemClock

    return ItemIntake(edits=item_store(database), clock=SystemClock(), by=by, files=lambda: files_in(database, read))


def files_in(database: Database | None, read: Callable[[str], bytes] | None = None) -> FilesIn:
    """How attachments of items are taken in, by what is applied."""
    from reconcile.sync.decide.item_files import FilesIn, no_files
    from reconcile.sync.mail_intake import media_type

    return FilesIn(read=read or no_files, media_type=media_type, excluded=item_rules(database).excluded)


def item_rules(database: Database | None) -> TwoWayRules:
    """What the applied Organization declares about items."""
    from reconcile.sync.decide.two_way_rules import two_way_rules
    from reconcile.wiring.applied import applied_state

    return two_way_rules(next((one.spec for one in applied_state(database).resources() if one.kind == "Organization"), {}))


def item_standings(database: Database | None) -> tuple[list[ItemStanding], int]:
    """How each mailbox for which they are asked stands with each kind that was looked at, by name; and how many conflicts nobody has seen
    to. What stood in the way of a mailbox that takes part no longer is over."""
    from reconcile.report.item_standings import ItemStanding
    from reconcile.sync.decide.items_asked import asking
    from reconcile.wiring.applied import applied_state

    reader = item_reader(database)
    names = {one.external_id: one.name for one in asking(applied_state(database).resources())}
    places = {place: found for place, found in reader.places().items() if place[0] in names}
    if not places:
        return [], len(reader.conflicts())
    tally, asides = reader.tally(), reader.asides()
    standings = [
        ItemStanding(
            mailbox=names[mailbox_id],
            kind=str(kind),
            linked=tally.get((mailbox_id, kind), 0),
            at=place.look.at,
            error=place.look.error,
            hint=place.look.hint,
            failures=place.look.failures,
            asides=[one for one in asides if (one.mailbox_id, one.kind) == (mailbox_id, kind)],
            brake=place.brake,
            released=place.released,
        )
        for (mailbox_id, kind), place in places.items()
    ]
    return sorted(standings, key=lambda one: (one.mailbox, one.kind)), len(reader.conflicts())


def kept_in_step(
    settings: Settings, database: Database | None, environment: str, resources: Sequence[AppliedResource] | None = None
) -> list[KeptInStep | NotKept]:
    """What becomes of each mailbox that asks for its appointments, contacts and tasks. `resources` are the applied ones, where they were
    read already."""
    from reconcile.sync.decide.items_asked import items_asked
    from reconcile.wiring.applied import applied_state

    resources = applied_state(database).resources() if resources is None else resources
    if not items_asked(resources):
        return []
    from reconcile.sync.decide.item_mailboxes import item_mailboxes
    from reconcile.wiring.permits import permits
    from reconcile.wiring.system import SystemClock

    now = SystemClock().now().strftime("%Y-%m-%dT%H:%M:%SZ")
    return item_mailboxes(resources, now=now, permits=permits(settings, database, environment)())


def items_refused(settings: Settings, database: Database | None, environment: str) -> list[tuple[str, Condition]]:
    """Mailboxes that ask for it in vain, and why."""
    from reconcile.sync.decide.item_mailboxes import NotKept

    found = kept_in_step(settings, database, environment)
    return [(f"Mailbox/{one.name}", one.condition) for one in found if isinstance(one, NotKept)]


def item_mailbox(found: KeptInStep) -> ItemMailbox:
    """As a look takes it."""
    from reconcile.sync.items.mailbox import ItemMailbox

    return ItemMailbox(
        mailbox_id=found.reach.mailbox_id,
        name=found.reach.name,
        address=found.reach.address.lower(),
        rules=found.rules,
        fingerprint=found.fingerprint,
        reach=found.reach,
        limit=found.limit,
        keep_from=found.keep_from,
    )


def collections(settings: Settings, database: Database) -> Callable[[ItemMailbox, ItemKind], Collection]:
    """Opens folders of mailboxes at their servers. Raises SettingsError when a password or an authority cannot be had."""
    from reconcile.wiring.connectors import reached
    from reconcile.wiring.exchange import exchange_account, exchange_sessions
    from reconcile.wiring.secrets import secret_resolver
    from reconcile.wiring.sign_in import sign_ins

    reach = reached(settings, sign_ins(settings, database), secret_resolver(settings))

    def connect(mailbox: ItemMailbox, kind: ItemKind) -> Collection:
        from reconcile.mail.ews.collection import EwsCollection

        assert mailbox.reach is not None
        excluded = mailbox.rules.excluded if mailbox.rules.attachments else None
        return EwsCollection(exchange_account(mailbox.reach, reach(mailbox.reach)), exchange_sessions(), kind, excluded)

    return connect


def item_tools(settings: Settings, database: Database, clock: Clock, stopping: Callable[[], bool] = lambda: False) -> ItemTools:
    """What a look works with."""
    from reconcile.sync.items.mailbox import ItemTools
    from reconcile.wiring.system import mint

    connect = collections(settings, database)
    return ItemTools(store=item_store(database), connect=connect, clock=clock, mint=mint, stopping=stopping)
