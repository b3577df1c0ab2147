"""kill -9 of `activities items relink --anew`, and of looks that make anew or take up again what lay in the trash, at each line that they
write down and around each request: everything is there once, on both sides, and nobody hears of it twice."""

from __future__ import annotations

import sqlite3
from collections import Counter
from contextlib import closing
from pathlib import Path

import pytest

from reconcile.sandbox.ews.operations.move_items import carry, discard
from support.exchange_estate import ExchangeEstate
from support.exchange_sandbox import ExchangeSandbox
from support.item_estate import OFFICE, SALES, hand_in, item_estate, records
from support.killed_at import killed_at

pytestmark = pytest.mark.slow
#: More than there are moments in one look.
POOL = 70
_FOLDERS = {"contact": "contacts", "appointment": "calendar", "task": "tasks"}


def _many(estate: ExchangeEstate) -> None:
    """Deletions that a person meant."""
    environment = estate.estate / "environment.yaml"
    environment.write_text(environment.read_text().replace("spec: {", "spec: {brakes: {itemDeletions: {count: 1000, percent: 0}}, "))
    estate("apply", "--yes")


def _name(kind: str, number: int) -> str:
    return f"{kind} {number}"


def _columns(kind: str, number: int) -> dict[str, object]:
    name = _name(kind, number)
    if kind == "contact":
        return {"lastname": name, "fullname": name}
    if kind == "task":
        return {"subject": name}
    start = f"2090-03-{1 + number % 28:02}T{number // 28:02}:00:00+01:00"
    return {"subject": name, "scheduledstart": start, "scheduledend": start, "requiredattendees": [OFFICE]}


def _made(estate: ExchangeEstate, *kinds: str) -> dict[str, int]:
    """Ids of the records by their names, each with its item in the mailbox."""
    lines = [
        {"clientKey": _name(kind, number), "kind": kind, "owner": SALES, "set": _columns(kind, number)}
        for kind in kinds
        for number in range(POOL)
    ]
    hand_in(estate, "made", lines)
    estate("sync")
    return {row["set"].get("subject") or row["set"]["fullname"]: row["id"] for row in records(estate)}


def _there(exchange: ExchangeSandbox, folder: str) -> Counter[str]:
    """How often each lies in a folder."""
    mailbox = exchange.mailbox(SALES)
    with exchange.organization.lock:
        items = mailbox.distinguished(folder).items.values()
        return Counter(one.text("DisplayName") if folder == "contacts" else one.text("Subject") for one in items)


def _into_the_trash(exchange: ExchangeSandbox, *folders: str) -> None:
    mailbox = exchange.mailbox(SALES)
    with exchange.organization.lock:
        for folder in folders:
            for item in [*mailbox.distinguished(folder).items.values()]:
                discard(mailbox, item, "MoveToDeletedItems")


def _out_of_the_trash(exchange: ExchangeSandbox, kind: str, name: str) -> None:
    mailbox = exchange.mailbox(SALES)
    with exchange.organization.lock:
        trash = mailbox.distinguished("deleteditems")
        (item,) = [one for one in trash.items.values() if name in (one.text("Subject"), one.text("DisplayName"))]
        carry(mailbox, item, mailbox, mailbox.distinguished(_FOLDERS[kind]), keep=False)


def _heard(exchange: ExchangeSandbox) -> Counter[str]:
    """What attendees were told, how often each."""
    return Counter(exchange.subjects("inbox", OFFICE))


def _settled(estate: ExchangeEstate) -> None:
    """Nothing is left that somebody was about to do."""
    with closing(sqlite3.connect(next(estate.state.glob("*/engine.db")))) as connection:
        assert connection.execute("SELECT count(*) FROM item_intent").fetchone() == (0,)
        doubled = "SELECT item_id FROM item_link WHERE state = 'linked' GROUP BY item_id HAVING count(*) > 1"
        assert connection.execute(doubled).fetchall() == []
        assert connection.execute("SELECT count(*) FROM item_link WHERE state = 'linked' AND (anew OR departed)").fetchone() == (0,)


def _quiet(exchange: ExchangeSandbox, estate: ExchangeEstate) -> None:
    exchange.recorder.clear()
    estate("sync")
    assert [one.operation for one in exchange.recorder.kept] == ["SyncFolderItems"] * 3


def test_what_is_made_anew_is_made_once(tmp_path: Path) -> None:
    moments = Counter[str]()
    with item_estate(tmp_path) as (exchange, estate):
        _many(estate)
        ids = _made(estate, "contact", "appointment")
        # An edit is stronger than a deletion: the records stay.
        edits = [{"clientKey": f"e{one}", "kind": one.split()[0], "id": ids[one], "set": {"description": "edited"}} for one in ids]
        hand_in(estate, "edits", edits)
        _into_the_trash(exchange, "contacts", "calendar")
        estate("sync")
        assert _there(exchange, "contacts") + _there(exchange, "calendar") == Counter()
        assert len(records(estate)) == len(ids)
        first, turn, wanted, asks = _heard(exchange), 0, Counter[str](), "not yet"
        while True:
            turn += 1
            assert turn < POOL, "a look has more moments than that"
            contact, meeting = _name("contact", turn), _name("appointment", turn)
            for name in (contact, meeting):
                if asks:
                    # The command itself dies as well, and is given again.
                    asks = killed_at(turn, estate, "activities", "items", "relink", str(ids[name]), "--anew")
                    moments[f"relink: {asks}"] += 1
                estate("activities", "items", "relink", str(ids[name]), "--anew")
            died = killed_at(turn, estate, "sync")
            estate("sync")
            wanted.update([contact, meeting])
            found = _there(exchange, "contacts") + _there(exchange, "calendar")
            assert found == wanted, f"{died} (moment {turn})"
            heard = _heard(exchange)
            assert sum((heard - first).values()) == turn, f"each meeting is announced anew once: {died} (moment {turn})"
            assert first - heard == Counter(), "nothing was called off"
            if not died:
                break
            moments[died] += 1
        assert min(moments[one] for one in ("before _commit", "behind _commit", "before _posted", "behind _posted")) >= 4, moments
        assert moments["relink: before _commit"] >= 2, moments
        assert moments["relink: behind _commit"] >= 2, moments
        assert len(records(estate)) == len(ids)
        _settled(estate)
        _quiet(exchange, estate)


def test_what_comes_out_of_the_trash_is_taken_up_once_and_nobody_hears_of_it(tmp_path: Path) -> None:
    moments, kinds = Counter[str](), ("contact", "appointment", "task")
    with item_estate(tmp_path, organization="{linkedItems: {trackCategorizedContacts: true}}") as (exchange, estate):
        _many(estate)
        _made(estate, *kinds)
        _into_the_trash(exchange, *_FOLDERS.values())
        estate("sync")
        # Records of appointments and tasks went with their items, those of contacts stay.
        assert {row["kind"] for row in records(estate)} == {"contact"}
        heard, turn = _heard(exchange), 0
        while True:
            turn += 1
            assert turn < POOL, "a look has more moments than that"
            for kind in kinds:
                _out_of_the_trash(exchange, kind, _name(kind, turn))
            died = killed_at(turn, estate, "sync")
            estate("sync")
            rows = records(estate)
            for kind, folder in _FOLDERS.items():
                back = Counter(_name(kind, one) for one in range(1, turn + 1))
                assert _there(exchange, folder) == back, f"{died} (moment {turn})"
                here = Counter(row["set"].get("subject") or row["set"]["fullname"] for row in rows if row["kind"] == kind)
                assert here == (back if kind != "contact" else Counter(_name(kind, one) for one in range(POOL))), f"{died} (moment {turn})"
            assert _heard(exchange) == heard, f"nobody is told: {died} (moment {turn})"
            if not died:
                break
            moments[died] += 1
        assert min(moments[one] for one in ("before _commit", "behind _commit", "before _posted", "behind _posted")) >= 4, moments
        _settled(estate)
        _quiet(exchange, estate)
