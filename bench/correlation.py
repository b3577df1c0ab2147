#!/usr/bin/env python3
"""Finding the mail that a message belongs to, in stores of growing size.

    python bench/correlation.py 1000 20000 200000     CPU a message, by kind of clue; floor: one look at a primary key by sqlite3

The store holds that many e-mails of 500 customers to one mailbox, the worst case for smart matching, each with a conversation index and
hashes. A thousand messages are looked up in batches of a hundred, half of them answers to a mail of the store; the best of three.
"""

from __future__ import annotations

import argparse
import base64
import random
import sqlite3
import tempfile
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

from reconcile.model.conversation_index import answer, new_conversation
from reconcile.model.mail_clues import MailClues
from reconcile.model.message import MessageHeader, Party
from reconcile.model.tracking import MailRef
from reconcile.model.tracking_token import TokenFormat
from reconcile.store.sqlite.correlation import SqliteCorrelation
from reconcile.store.sqlite.correlation_index import index_mails
from reconcile.store.sqlite.database import Database
from reconcile.sync.correlating import Correlator
from reconcile.sync.decide.correlation import Surroundings
from reconcile.sync.decide.correlation_rules import CorrelationRules, SmartMatching
from reconcile.sync.decide.smart_matching import likeness_keys, people_hashes, word_hashes

NOW = datetime(2026, 6, 1, tzinfo=UTC)
SMART = SmartMatching()
INSERT = (
    "INSERT INTO mail_activities (id, mailbox_id, message_id, content, raw, received, tracked_at, sent, subject, sender_address,"
    " sender_name, parties, in_reply_to, refs, defects, conflicting, size, header_length, pack, offset)"
    " VALUES (?, 'm', ?, x'', x'', ?, ?, '', '', ?, '', '{\"to\":[[\"sales@contoso.example\",\"\"]]}', '', '[]', '[]',"
    " 0, 1000, 200, 1, 0)"
)
RULES = {
    "as applied by default": CorrelationRules(),
    "token and References too": CorrelationRules(token=TokenFormat(), references=True),
    "smart matching too": CorrelationRules(token=TokenFormat(), references=True, smart=SMART),
}


def fill(database: Database, count: int) -> None:
    """Mails in batches of a thousand."""
    for first in range(1, count + 1, 1000):
        numbers = range(first, min(first + 1000, count + 1))
        database.write(lambda connection, numbers=numbers: _insert(connection, numbers, count))  # type: ignore[misc]


def _insert(connection: sqlite3.Connection, numbers: range, count: int) -> None:
    clues, rows = [], []
    for number in numbers:
        at = (NOW - timedelta(days=80) * (1 - number / count)).strftime("%Y-%m-%dT%H:%M:%SZ")
        rows.append((number, f"<{number}@fabrikam.example>", at, at, _customer(number)))
        words = word_hashes(_subject(number), SMART)
        people = people_hashes([_customer(number), "sales@contoso.example"], SMART)
        made = MailClues(conversation=_root(number), words=words, people=people, keys=likeness_keys(words, people, SMART), at=at)
        clues.append((MailRef(kind="email", id=number), made))
    connection.executemany(INSERT, rows)
    index_mails(connection, clues)


def _customer(number: int) -> str:
    return f"c{number % 500}@fabrikam.example"


def _subject(number: int) -> str:
    return f"Offer {number} for wheels of size {number % 97}"


def _root(number: int) -> bytes:
    return new_conversation(number.to_bytes(16, "big"), NOW)


def messages(count: int) -> list[MessageHeader]:
    """Every other one answers a mail, by one of the clues in turn."""
    chance, made = random.Random(1), []
    for place in range(1000):
        number = chance.randint(1, count)
        clue = place % 6
        made.append(
            MessageHeader(
                message_id=f"<new-{place}@fabrikam.example>",
                sender=Party(_customer(number)),
                to=(Party("sales@contoso.example"),),
                subject=f"RE: {_subject(number)}" if clue == 4 else f"Something else {place}",
                in_reply_to=f"<{number}@fabrikam.example>" if clue == 0 else "",
                thread_index=base64.b64encode(answer(_root(number), 1, NOW)).decode() if clue == 2 else "",
            )
        )
    return made


def measure(database: Database, rules: CorrelationRules, headers: list[MessageHeader]) -> tuple[float, int]:
    """(microseconds of CPU a message, how many belong to one)."""
    best, found = float("inf"), 0
    for _ in range(3):
        correlator, found = Correlator(SqliteCorrelation(database), rules, Surroundings(), now=NOW), 0
        begun = time.process_time()
        for first in range(0, len(headers), 100):
            batch = headers[first : first + 100]
            correlator.look_up(batch)
            found += sum(correlator.correlation(header) is not None for header in batch)
        best = min(best, time.process_time() - begun)
    return best / len(headers) * 1e6, found


def floor(database: Database, count: int) -> float:
    """One look by primary key, microseconds of CPU."""
    connection, chance = database.reader(), random.Random(2)
    numbers = [chance.randint(1, count) for _ in range(5000)]
    begun = time.process_time()
    for number in numbers:
        connection.execute("SELECT received FROM mail_activities WHERE id = ?", (number,)).fetchone()
    return (time.process_time() - begun) / len(numbers) * 1e6


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("counts", type=int, nargs="+")
    print(f"{'mails':>8}  {'floor':>6}  " + "  ".join(f"{name:>26}" for name in RULES) + "   bytes a mail for hashes and threads")
    for count in parser.parse_args().counts:
        with tempfile.TemporaryDirectory() as folder, Database.open(Path(folder) / "engine.db") as database:
            fill(database, count)
            headers = messages(count)
            cells = [f"{cost:8.1f} us, {found:4d} found" for cost, found in (measure(database, rules, headers) for rules in RULES.values())]
            (size,) = (
                database.reader().execute("SELECT sum(pgsize) FROM dbstat WHERE name LIKE '%correlation%'").fetchone()
                if _has_dbstat(database)
                else (0,)
            )
            print(f"{count:>8}  {floor(database, count):4.1f} us  " + "  ".join(f"{cell:>26}" for cell in cells) + f"   {size / count:.0f}")


def _has_dbstat(database: Database) -> bool:
    try:
        database.reader().execute("SELECT 1 FROM dbstat LIMIT 1")
    except sqlite3.OperationalError:
        return False
    return True


if __name__ == "__main__":
    main()
