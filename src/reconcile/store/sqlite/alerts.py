"""Alerts in the environment's SQLite file."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Sequence
from dataclasses import asdict
from datetime import datetime
from typing import Final

from reconcile.model import instant
from reconcile.model.alert import Alert, AlertLevel, Cause, Mailed
from reconcile.model.left_alone import LeftAlone
from reconcile.model.loop_sign import LoopSign
from reconcile.store.sqlite.database import Database, translated

#: Of the table `meta`.
_LEFT_ALONE: Final = "mail_left_alone"
_SELECT = "SELECT id, level, code, text, hint, kind, about, name, owner, since, seen, count, ended, mailed FROM alerts"
_ORDER = "ORDER BY ended <> '', CASE level WHEN 'error' THEN 0 WHEN 'warning' THEN 1 ELSE 2 END, since DESC, id DESC"


class SqliteAlerts:
    """See `AlertStore`. `database` is None for a store that is not there: it reads as empty."""

    def __init__(self, database: Database | None) -> None:
        self._database = database

    def alerts(self, *, ended: bool = False, kind: str = "") -> Sequence[Alert]:
        if self._database is None:
            return []
        wanted = f"{_SELECT} WHERE (? OR ended = '') AND ? IN ('', kind) {_ORDER}"
        with translated(self._database.path):
            rows = self._database.reader().execute(wanted, (ended, kind)).fetchall()
        return [_alert(row) for row in rows]

    def observe(self, causes: Sequence[Cause], *, now: datetime, keep_from: datetime) -> None:
        assert self._database is not None, "a store that is not there is not written"
        at = _second(now)

        def work(connection: sqlite3.Connection) -> None:
            current = {cause.identity: cause for cause in causes}
            known = connection.execute("SELECT id, kind, about, code FROM alerts WHERE ended = ''").fetchall()
            gone, lasting = [], []
            for number, *identity in known:
                cause = current.pop((identity[0], identity[1], identity[2]), None)
                if cause is None:
                    gone.append((at, number))
                else:
                    lasting.append((str(cause.level), cause.text, cause.hint, cause.name, cause.owner, at, number))
            connection.executemany("UPDATE alerts SET ended = ? WHERE id = ?", gone)
            connection.executemany(
                "UPDATE alerts SET level = ?, text = ?, hint = ?, name = ?, owner = ?, seen = ?, count = count + 1 WHERE id = ?", lasting
            )
            connection.executemany(
                "INSERT INTO alerts (level, code, text, hint, kind, about, name, owner, since, seen, count) VALUES (?,?,?,?,?,?,?,?,?,?,1)",
                [
                    (str(one.level), one.code, one.text, one.hint, one.kind, one.about, one.name, one.owner, at, at)
                    for one in current.values()
                ],
            )
            connection.execute("DELETE FROM alerts WHERE ended <> '' AND ended < ?", (_second(keep_from),))

        self._database.write(work)

    def mailed(self, alert_id: int, what: Mailed) -> None:
        assert self._database is not None, "a store that is not there is not written"
        self._database.write(
            lambda connection: connection.execute("UPDATE alerts SET mailed = ? WHERE id = ?", (str(what), alert_id)) and None
        )

    def loop(self) -> LoopSign | None:
        if self._database is None:
            return None
        with translated(self._database.path):
            row = self._database.reader().execute("SELECT since, seen FROM mail_loop").fetchone()
        return LoopSign(since=datetime.fromisoformat(row["since"]), seen=datetime.fromisoformat(row["seen"])) if row else None

    def left_alone(self) -> Sequence[LeftAlone]:
        if self._database is None:
            return ()
        with translated(self._database.path):
            row = self._database.reader().execute("SELECT value FROM meta WHERE name = ?", (_LEFT_ALONE,)).fetchone()
        kept = json.loads(row["value"]) if row else []
        return [LeftAlone(**{**one, "again_at": datetime.fromisoformat(one["again_at"])}) for one in kept]

    def leave_alone(self, found: Sequence[LeftAlone]) -> None:
        assert self._database is not None, "a store that is not there is not written"
        text = json.dumps([{**asdict(one), "again_at": one.again_at.isoformat()} for one in found])
        statement = "INSERT OR REPLACE INTO meta (name, value) VALUES (?, ?)"
        self._database.write(lambda connection: connection.execute(statement, (_LEFT_ALONE, text)) and None)

    def sign(self, sign: LoopSign) -> None:
        assert self._database is not None, "a store that is not there is not written"
        values = (_second(sign.since), _second(sign.seen))
        self._database.write(lambda connection: connection.execute("INSERT OR REPLACE INTO mail_loop VALUES (1, ?, ?)", values) and None)


def _second(moment: datetime) -> str:
    return instant.text(moment.replace(microsecond=0))


def _alert(row: sqlite3.Row) -> Alert:
    cause = Cause(
        level=AlertLevel(row["level"]),
        code=row["code"],
        text=row["text"],
        hint=row["hint"],
        kind=row["kind"],
        about=row["about"],
        name=row["name"],
        owner=row["owner"],
    )
    return Alert(
        id=row["id"],
        cause=cause,
        since=row["since"],
        seen=row["seen"],
        count=row["count"],
        ended=row["ended"],
        mailed=Mailed(row["mailed"]),
    )
