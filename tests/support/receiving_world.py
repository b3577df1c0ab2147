"""One estate over a shared Dovecot: fresh users for each test, looked at through the same calls that `reconcile sync` makes."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from reconcile.model.mailbox_state import MailboxState
from reconcile.store.sqlite.database import Database
from reconcile.store.sqlite.mail import SqliteMailStore
from reconcile.sync.decide.eligible import ReceivingMailbox, receiving_mailboxes
from reconcile.sync.run import Limits, MailboxRun, synchronise
from reconcile.wiring.applied import applied_state
from reconcile.wiring.mail import inboxes
from reconcile.wiring.secrets import secret_resolver
from reconcile.wiring.sign_in import sign_ins
from reconcile.wiring.state import store_path
from reconcile.wiring.system import SystemClock
from support.dovecot import PASSWORD, Dovecot
from support.receiving import apply_estate


class World:
    """See above."""

    #: Of what the store keeps for a message, what a test knows it by.
    known_by: Callable[[str], object] = int

    def __init__(self, dovecot: Dovecot, folder: Path) -> None:
        self.dovecot, self.folder = dovecot, folder
        self.users: list[str] = []

    def user(self, name: str) -> str:
        """One that no other test uses. `name` is for the reader."""
        address = next(self.dovecot.fresh)
        self.dovecot.deliver_all(address, [])
        self.users.append(address)
        return address

    def sync(self, *, passwords: dict[str, str] | None = None, **estate: object) -> dict[str, MailboxRun]:
        options = {"port": self.dovecot.imaps, "authority": self.dovecot.authority, **estate}
        settings = apply_estate(self.folder, passwords=passwords or dict.fromkeys(self.users, PASSWORD), **options)  # type: ignore[arg-type]
        with Database.open(store_path(settings, "test")) as database:
            store = SqliteMailStore(database, database.path.parent)
            found = receiving_mailboxes(applied_state(database).resources(), now="2026-01-01T00:00:00Z")
            runs = synchronise(
                [mailbox for mailbox in found if isinstance(mailbox, ReceivingMailbox)],
                store=store,
                connect=inboxes(settings, sign_ins(settings, database), secret_resolver(settings)),
                clock=SystemClock(),
                limits=Limits(parallel=4, per_server=4),
            )
            store.close()
        return {run.mailbox.address: run for run in runs}

    def read(self, work: Callable[[SqliteMailStore, Database], object]) -> object:
        with Database.open(self.folder / "state" / "test" / "engine.db", read_only=True) as database:
            return work(SqliteMailStore(database, database.path.parent), database)

    def kept(self, user: str) -> dict:
        """UID to bytes of what is kept of a mailbox in its current generation."""
        mailbox_id = f"id-{user.partition('@')[0]}"

        def work(store: SqliteMailStore, database: Database) -> dict:
            rows = database.reader().execute(
                "SELECT remote, activity_id FROM mail_locations WHERE mailbox_id = ? AND generation = ?",
                (mailbox_id, store.state(mailbox_id).generation),
            )
            return {self.known_by(row[0]): b"".join(store.raw(row[1])) for row in rows.fetchall()}

        return self.read(work)  # type: ignore[return-value]

    def state(self, user: str) -> MailboxState:
        return self.read(lambda store, _: store.state(f"id-{user.partition('@')[0]}"))  # type: ignore[return-value]

    def activities(self) -> list:
        return self.read(lambda store, _: list(store.activities(mailbox_id=None, since=None, limit=None)))  # type: ignore[return-value]


def mail(number: int, text: bytes = b"body") -> bytes:
    return b"Message-ID: <%d@contoso.example>\r\nFrom: A <a@contoso.example>\r\nSubject: Mail %d\r\n\r\n%s %d\r\n" % (
        number,
        number,
        text,
        number,
    )
