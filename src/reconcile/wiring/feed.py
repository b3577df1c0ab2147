"""Factories of the change feed and of what a CRM writes."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from reconcile.errors import UserError

if TYPE_CHECKING:
    from reconcile.ports.edit_store import EditStore
    from reconcile.ports.feed import FeedReader
    from reconcile.store.sqlite.database import Database
    from reconcile.sync.edit_intake import EditIntake
    from reconcile.sync.mail_intake import MailIntake


def feed_reader(database: Database | None) -> FeedReader:
    """The change feed. A missing store reads as empty."""
    if database is None:
        from reconcile.store.memory.feed import MemoryFeed
        from reconcile.store.memory.mail import MemoryMailStore
        from reconcile.store.memory.outbox import MemoryOutbox

        mail = MemoryMailStore()
        return MemoryFeed(mail.log, mail, MemoryOutbox(mail.log))
    from reconcile.store.sqlite.feed import SqliteFeed

    return SqliteFeed(database)


def edit_store(database: Database) -> EditStore:
    """Edits of tracked e-mail."""
    from reconcile.store.sqlite.edits import SqliteEdits

    return SqliteEdits(database)


def mail_intake(database: Database, read: Callable[[str], bytes] | None = None) -> MailIntake:
    """The one way into the outbox. `read` gives attachments by their path; without it none are read."""
    from reconcile.store.sqlite.correlation import SqliteCorrelation
    from reconcile.store.sqlite.parties import SqliteParties
    from reconcile.sync.answering import Answering
    from reconcile.sync.mail_intake import MailIntake, no_files
    from reconcile.sync.strangers import strangers
    from reconcile.wiring.applied import applied_state
    from reconcile.wiring.mail import activity_reader, outbox_store
    from reconcile.wiring.system import SystemClock, mint

    answering = Answering(activity_reader(database), outbox_store(database), SqliteCorrelation(database))
    return MailIntake(
        applied=applied_state(database),
        outbox=outbox_store(database),
        clock=SystemClock(),
        mint=mint,
        read=read or no_files,
        answered=answering.of,
        strangers=partial(strangers, SqliteParties(database)),
    )


def edit_intake(database: Database, by: str) -> EditIntake:
    """Edits in batches; `by` is recorded with each."""
    from reconcile.sync.edit_intake import EditIntake
    from reconcile.wiring.system import SystemClock

    return EditIntake(edits=edit_store(database), clock=SystemClock(), by=by)


def attachment_reader(folder: Path | None) -> Callable[[str], bytes] | None:
    """Reads files below `folder` and nowhere else. Raises UserError when there is no such folder."""
    from reconcile.sync.attachment_folder import AttachmentFolder

    if folder is None:
        return None
    if not folder.is_dir():
        raise UserError(f"there is no folder {folder}", hint="Name the folder that the attachments' paths are relative to.")
    return AttachmentFolder(folder).read
