"""What a CRM meets: a store in which mailboxes are applied, mail that arrived in it without a server, and commands run on it."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from reconcile.cli.main import run
from reconcile.model.canonical import digest
from reconcile.model.cursor import Cursor
from reconcile.model.remote_id import RemoteId
from reconcile.ports.mail_store import Arrival, Kept, MailStore, ReceivedBatch
from reconcile.ports.resource_store import StoredResource
from reconcile.store.sqlite.database import Database
from reconcile.store.sqlite.mail import SqliteMailStore
from reconcile.store.sqlite.resources import SqliteResources
from support.applied import Applied, sending_estate
from support.described import described

AT = "2026-03-01T08:00:00Z"


def letter(number: int, text: str = "body") -> bytes:
    """A small mail with its own Message-ID."""
    return (
        f"Message-ID: <{number}@fabrikam.example>\r\nSubject: letter {number}\r\nFrom: A <a@fabrikam.example>\r\n\r\n{text}\r\n"
    ).encode()


def deliver(store: MailStore, *raws: bytes, mailbox: str = "box1", first: int = 1, at: str = AT, **decided: Any) -> Kept:
    """They arrive in one batch, as messages `first`, `first` + 1, … of the mailbox. `decided` are further fields of each `Arrival`."""
    with store.receive(mailbox) as receiving:
        arrivals = []
        for number, raw in enumerate(raws, first):
            found = described(raw)
            place = None
            if not receiving.known([(found.header.message_id, found.content)]):
                receiving.begin()
                receiving.write(raw)
                place = receiving.end()
            arrivals.append(
                Arrival(
                    remote_id=RemoteId("imap", str(number)),
                    received=at,
                    size=found.size,
                    raw=found.raw,
                    content=found.content,
                    header=found.header,
                    header_length=found.header_length,
                    place=place,
                    **decided,
                )
            )
        return receiving.commit(
            ReceivedBatch(arrivals=arrivals, cursor=Cursor("imap", str(first + len(raws))), messages=first + len(raws), at=at)
        )


def apply_rows(database: Database, applied: Applied) -> None:
    """As `reconcile apply` leaves them."""

    def work(transaction: Any) -> None:
        for row in applied.resources():
            transaction.put(
                StoredResource(
                    external_id=row.external_id,
                    kind=row.kind,
                    name=row.name,
                    spec=row.spec,
                    version=digest(row.spec),
                    token="t",
                    origins=row.origins,
                )
            )

    SqliteResources(database).transact(work)


@dataclass
class Desk:
    """An environment `test` with mailboxes sales (box1) and box2, both of which may send to @contoso.example."""

    folder: Path
    capsys: pytest.CaptureFixture[str]

    def __post_init__(self) -> None:
        with self.database() as database:
            apply_rows(database, sending_estate(mailboxes=2))

    @property
    def state(self) -> Path:
        return self.folder / "state"

    def database(self) -> Database:
        return Database.open(self.state / "test" / "engine.db")

    def deliver(self, *raws: bytes, mailbox: str = "box1", first: int = 1) -> None:
        with self.database() as database:
            store = SqliteMailStore(database, database.path.parent)
            deliver(store, *raws, mailbox=mailbox, first=first)
            store.close()

    def __call__(self, *words: str, code: int = 0) -> tuple[str, str]:
        """(stdout, stderr) of a command; it must end with `code`."""
        count = 3 if words[1:2] == ("items",) else 2 if words[0] in ("outbox", "activities", "parties") else 1
        self.capsys.readouterr()
        ended = run([*words[:count], "--state-dir", str(self.state), *words[count:]])
        out, err = self.capsys.readouterr()
        assert ended == code, (words, ended, out, err)
        return out, err

    def lines(self, *words: str, code: int = 0) -> Sequence[dict[str, Any]]:
        """What a command printed, a JSON document a line."""
        return [json.loads(line) for line in self(*words, code=code)[0].splitlines()]
