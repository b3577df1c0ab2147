"""How much mail moved since a moment, from a real store."""

from __future__ import annotations

from pathlib import Path

from reconcile.ports.mail_counts import Moved
from reconcile.settings import Settings
from reconcile.store.sqlite.database import Database
from reconcile.store.sqlite.mail import SqliteMailStore
from reconcile.store.sqlite.mail_counts import SqliteMailCounts
from reconcile.wiring.mail import plan_counts

NOTHING = Moved(tracked=0, sent=(), uncertain=())
MAIL = (
    "INSERT INTO mail_activities (id, mailbox_id, message_id, content, raw, received, tracked_at, sent, subject, sender_address, sender_name,"
    " parties, in_reply_to, refs, defects, conflicting, size, header_length, pack, offset)"
    " VALUES (?, 'm', ?, x'', x'', '', ?, '', '', '', '', '', '', '', '', 0, 0, 0, 0, 0)"
)
PLACE = "INSERT INTO mail_locations (mailbox_id, generation, remote, activity_id, raw, received, nameless) VALUES (?, ?, ?, ?, x'', '', 0)"
SENT = (
    "INSERT INTO outbox (id, message_id, request, mailbox_id, mailbox_name, sender, subject, size, added_at, state, attempts, reason, owner)"
    " VALUES (?, ?, '', ?, '', '', '', 0, '', ?, 0, '', '')"
)
EVENT = "INSERT INTO outbox_event (entry, sequence, at, to_state, why) VALUES (?, ?, ?, ?, '')"


def test_a_missing_store_and_an_unknown_mailbox_moved_nothing(tmp_path: Path) -> None:
    assert SqliteMailCounts(None).moved("m", "2026-01-01T00:00:00Z") == NOTHING
    assert SqliteMailCounts(None).passed_over("m") is None
    with Database.open(tmp_path / "engine.db") as database:
        assert SqliteMailCounts(database).moved("m", "2026-01-01T00:00:00Z") == NOTHING
        assert SqliteMailCounts(database).passed_over("m") is None


def test_tracked_and_sent_since_a_moment_are_counted_once_each(tmp_path: Path) -> None:
    with Database.open(tmp_path / "engine.db") as database:
        SqliteMailStore(database, tmp_path).close()

        def fill(connection) -> None:  # type: ignore[no-untyped-def]
            for number, at in enumerate(
                ("2026-01-01T00:00:00Z", "2026-01-02T00:00:00Z", "2026-01-02T00:00:00.5Z", "2026-01-03T00:00:00Z"), 1
            ):
                connection.execute(MAIL, (number, str(number), at))
                connection.execute(PLACE, ("m", 1, str(number), number))
            # Listed again under a new generation, and in another mailbox too.
            connection.execute(PLACE, ("m", 2, "4", 4))
            connection.execute(PLACE, ("other", 1, "4", 4))
            for number, mailbox, state in (
                (1, "m", "sent"),
                (2, "m", "uncertain"),
                (3, "other", "sent"),
                (4, "m", "sent"),
                (5, "m", "failed"),
            ):
                connection.execute(SENT, (number, str(number), mailbox, state))
            for entry, sequence, at, state in (
                (1, 1, "2026-01-01T00:00:00.000000Z", "sent"),
                (2, 1, "2026-01-03T00:00:00.000000Z", "uncertain"),
                (3, 1, "2026-01-03T00:00:00.000000Z", "sent"),
                (4, 1, "2026-01-02T00:00:00.000000Z", "uncertain"),
                (4, 2, "2026-01-03T00:00:00.000000Z", "sent"),
                (5, 1, "2026-01-03T00:00:00.000000Z", "failed"),
            ):
                connection.execute(EVENT, (entry, sequence, at, state))
            for mailbox, ignored, success in (("kept", 0, "2026-01-01T00:00:00Z"), ("passed", 3, "2026-01-01T00:00:00Z"), ("never", 0, "")):
                connection.execute(
                    "INSERT INTO mail_mailboxes (mailbox_id, ignored, last_success) VALUES (?, ?, ?)", (mailbox, ignored, success)
                )

        database.write(fill)
        counts = SqliteMailCounts(database)
        assert counts.moved("m", "2026-01-02T00:00:00Z") == Moved(tracked=3, sent=(4,), uncertain=(2,))
        assert counts.moved("m", "2026-01-02T00:00:00.25Z").tracked == 3
        assert counts.moved("m", "2026-01-01T00:00:00Z") == Moved(tracked=4, sent=(1, 4), uncertain=(2,))
        assert counts.moved("other", "2026-01-03T00:00:00Z") == Moved(tracked=1, sent=(3,), uncertain=())
        assert counts.moved("m", "2027-01-01T00:00:00Z") == NOTHING
        # Nothing was ever passed over: nothing is read again. Otherwise nobody knows how many of them are that old.
        assert [counts.passed_over(mailbox) for mailbox in ("kept", "passed", "never")] == [0, None, None]
        settings = Settings(state_directory=tmp_path, secrets_directory=tmp_path, cache_directory=tmp_path)
        stored = plan_counts(settings, database, online=False)
        assert [stored.count("kept", "2025-01-01T00:00:00Z", before) for before in ("2026-01-01T00:00:00Z", "")] == [0, None]
        assert stored.unknown() == ()
