"""kill -9 of receiving, intake, sending, editing and reading at once, over and over; then nothing is missing, and nothing stands twice."""

from __future__ import annotations

import io
import json
import os
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest

from reconcile.model.feed import FeedKind
from reconcile.model.intake import LineOutcome
from reconcile.store.sqlite.database import Database
from reconcile.store.sqlite.feed import SqliteFeed
from reconcile.store.sqlite.mail import SqliteMailStore
from reconcile.store.sqlite.outbox import SqliteOutbox
from reconcile.sync.lines import lines_of
from support import crm_rounds

_TESTS = Path(__file__).parents[1]


@pytest.mark.parametrize("rounds", [16, pytest.param(150, marks=pytest.mark.slow)])
def test_no_change_is_skipped_and_no_line_is_taken_twice(rounds: int, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(_TESTS), *sys.path])}
    arguments = [sys.executable, "-m", "support.crm_rounds", str(tmp_path), str(rounds), "7"]
    done = subprocess.run(arguments, env=environment, capture_output=True, text=True, timeout=600)
    assert done.returncode == 0, done.stderr
    killed = json.loads(done.stdout)["killed"]
    with Database.open(tmp_path / "engine.db") as database:
        # What a person does after a crash: everything once more.
        mails: list[LineOutcome] = [
            one for batch in crm_rounds.mail_intake(database).take(lines_of(io.BytesIO(crm_rounds.mails()))) for one in batch
        ]
        edits: list[LineOutcome] = [
            one for batch in crm_rounds.edit_intake(database).take(lines_of(io.BytesIO(crm_rounds.edits()))) for one in batch
        ]
        again = Counter(str(getattr(one, "result", "refused")) for one in (*mails, *edits))
        assert set(again) <= {"already-there", "added", "edited"}, again
        # Each line once: as many mails as lines, and each activity's version counts its own edits.
        outbox, store = SqliteOutbox(database), SqliteMailStore(database, tmp_path)
        keys = Counter(entry.client_key for entry in outbox.entries())
        assert keys == Counter(f"m{number}" for number in range(crm_rounds.MAILS))
        tracked = list(store.activities(mailbox_id=None, since=None, limit=None))
        edited = Counter(number % 10 + 1 for number in range(crm_rounds.EDITS))
        assert {one.id: one.details.version - 1 for one in tracked if one.details.version > 1} == dict(edited)
        # The feed has no gap, and tells each thing the store has.
        rows = [tuple(row) for row in database.reader().execute("SELECT sequence, kind, item, action FROM feed ORDER BY sequence")]
        assert [row[0] for row in rows] == list(range(1, len(rows) + 1))
        assert sorted(row[2] for row in rows if row[1:4:2] == ("email", "created")) == sorted(one.id for one in tracked)
        actions = Counter((row[1], row[3]) for row in rows)
        assert actions["email", "edited"] == crm_rounds.EDITS
        events = database.reader().execute("SELECT count(*) FROM outbox_event").fetchone()[0]
        assert actions["outbox", "created"] == crm_rounds.MAILS
        assert actions["outbox", "created"] + actions["outbox", "changed"] == events
        # The reader, which was killed as often as the others, met each change, in order, and some of them again.
        consumed = [tuple(json.loads(line)) for line in (tmp_path / "consumed.jsonl").read_text().splitlines()]
        met, repeats = 0, 0
        for sequence, kind, item in consumed:
            assert sequence <= met + 1, f"change {met + 1} was skipped: {sequence} came instead"
            repeats += sequence <= met
            met = max(met, sequence)
            assert rows[sequence - 1][1:3] == (kind, item)
        feed = SqliteFeed(database)
        page = feed.page(feed.beginning(), limit=len(rows) + 1, kinds=frozenset(FeedKind))
        latest = {(entry.kind, entry.id): entry.row for entry in page.entries}
        assert {number: row for (kind, number), row in latest.items() if kind is FeedKind.EMAIL} == {one.id: one for one in tracked}
        assert {number: row for (kind, number), row in latest.items() if kind is FeedKind.OUTBOX} == {
            one.id: one for one in outbox.entries()
        }
        store.close()
    with capsys.disabled():
        print(
            f"\nkilled {killed}: {len(rows)} changes, {dict(actions)}; reader met {met} of them, {repeats} again; last batch {dict(again)}"
        )
    assert killed == len(crm_rounds.ROLES) * rounds
    assert repeats > 0
    # Lines were taken in by processes that were killed then.
    assert again["added"] < crm_rounds.MAILS
    assert again["edited"] < crm_rounds.EDITS
    assert met > len(rows) / 4
    assert len(tracked) > rounds
