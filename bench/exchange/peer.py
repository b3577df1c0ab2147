#!/usr/bin/env python3
"""Plain exchangelib: contacts and appointments kept in step with a table of one's own, as a good engineer writes it in an afternoon.

    peer.py list|sync DATABASE URL ADDRESS USER PASSWORD [PAGE]

`list` lists both folders with id, change key and last change, and compares with what it wrote down the last time; `sync` asks for what
changed since (SyncFolderItems). Both look for records that were edited here since, and print what they found. The first run only notes
what is there; a later one reads whole what is new. It stops there, because nothing more is to be done where nothing is new.
"""

from __future__ import annotations

import json
import sqlite3
import sys
from typing import Any

SCHEMA = """
CREATE TABLE IF NOT EXISTS item (
    id TEXT PRIMARY KEY, folder TEXT, change_key TEXT, changed TEXT, content TEXT, edited INTEGER, sent INTEGER
);
CREATE INDEX IF NOT EXISTS item_edited ON item (folder) WHERE edited > sent;
CREATE TABLE IF NOT EXISTS place (folder TEXT PRIMARY KEY, state TEXT);
"""


def main(how: str, database: str, url: str, address: str, user: str, password: str, page: str = "") -> None:
    from exchangelib import BASIC, IMPERSONATION, Account, Configuration, Credentials, Version
    from exchangelib.version import EXCHANGE_2016

    configuration = Configuration(
        service_endpoint=url, credentials=Credentials(user, password), auth_type=BASIC, version=Version(build=EXCHANGE_2016)
    )
    account = Account(address, config=configuration, autodiscover=False, access_type=IMPERSONATION)
    with sqlite3.connect(database) as table:
        table.executescript(SCHEMA)
        for name, folder in (("calendar", account.calendar), ("contacts", account.contacts)):
            found = listed(table, name, folder, int(page or 0)) if how == "list" else synced(table, name, folder)
            keep(table, name, account, found)
            (edited,) = table.execute("SELECT count(*) FROM item WHERE folder = ? AND edited > sent", (name,)).fetchone()
            print(json.dumps({"folder": name, "new": len(found), "edited here": edited}))


def listed(table: sqlite3.Connection, name: str, folder: Any, page: int) -> list[Any]:
    known = dict(table.execute("SELECT id, change_key FROM item WHERE folder = ?", (name,)))
    items = folder.all().only("id", "changekey", "last_modified_time")
    if page:
        items.page_size = page
        items.chunk_size = page
    changed, seen = [], set()
    for item in items:
        seen.add(item.id)
        if known.get(item.id) != item.changekey:
            changed.append(item)
    table.executemany("DELETE FROM item WHERE id = ?", [(gone,) for gone in known.keys() - seen])
    return changed


def synced(table: sqlite3.Connection, name: str, folder: Any) -> list[Any]:
    state = table.execute("SELECT state FROM place WHERE folder = ?", (name,)).fetchone()
    if state is not None:
        folder.item_sync_state = state[0]
    changed = []
    for kind, item in folder.sync_items(only_fields=["last_modified_time"]):
        if kind == "delete":
            table.execute("DELETE FROM item WHERE id = ?", (item.id,))
        elif kind in ("create", "update"):
            changed.append(item)
    table.execute("INSERT OR REPLACE INTO place VALUES (?, ?)", (name, folder.item_sync_state))
    return changed


def keep(table: sqlite3.Connection, name: str, account: Any, changed: list[Any]) -> None:
    (before,) = table.execute("SELECT count(*) FROM item WHERE folder = ?", (name,)).fetchone()
    if not before:
        noted = [(item.id, name, item.changekey, str(item.last_modified_time), "", 0, 0) for item in changed]
        table.executemany("INSERT INTO item VALUES (?, ?, ?, ?, ?, ?, ?)", noted)
        return
    for item in account.fetch(ids=[(item.id, item.changekey) for item in changed]):
        content = "\n".join(str(getattr(item, field.name)) for field in item.FIELDS if field.name != "mime_content")
        row = (item.id, name, item.changekey, str(item.last_modified_time), content, 0, 0)
        table.execute("INSERT OR REPLACE INTO item VALUES (?, ?, ?, ?, ?, ?, ?)", row)


if __name__ == "__main__":
    main(*sys.argv[1:])
