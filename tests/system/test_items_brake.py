"""The brake on deletions from the command line: what `sync`, `status`, `explain` and `alerts` say, and how a number is let go."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from support.exchange_estate import ExchangeEstate
from support.exchange_sandbox import ExchangeSandbox
from support.item_estate import SALES, hand_in, item_estate, records, there


def _kept(exchange: ExchangeSandbox, estate: ExchangeEstate, count: int) -> None:
    """That many tasks on both sides, and a brake for more than two."""
    environment = estate.estate / "environment.yaml"
    environment.write_text(environment.read_text().replace("spec: {", "spec: {brakes: {itemDeletions: {count: 2, percent: 0}}, "))
    estate("apply", "--yes")
    hand_in(estate, "edits", [{"clientKey": str(n), "kind": "task", "owner": SALES, "set": {"subject": f"Call {n}"}} for n in range(count)])
    estate("sync")
    assert len(there(exchange, "tasks")) == count


def _empty(exchange: ExchangeSandbox) -> None:
    mailbox = exchange.mailbox(SALES)
    with exchange.organization.lock:
        folder = mailbox.distinguished("tasks")
        assert folder is not None
        for item in [*folder.items.values()]:
            mailbox.remove(item)


@pytest.mark.slow
def test_an_emptied_folder_is_held_and_let_go_by_its_number(tmp_path: Path) -> None:
    with item_estate(tmp_path) as (exchange, estate):
        _kept(exchange, estate, 4)
        _empty(exchange)
        assert "4 deletions held by the brake" in estate("sync").out
        assert len(records(estate)) == 4
        document = json.loads(estate("status", "--output", "json").out)
        (brake,) = [one["brake"] for one in document["items"]["mailboxes"] if one["brake"]]
        assert (brake["name"], brake["count"], brake["of"], brake["limit"]) == ("item-deletions", 4, 4, 2)
        assert brake["knob"].startswith("spec.brakes.itemDeletions of Environment/")
        shown = estate("status").out
        assert "  sales: 4 of 4 tasks (4 deleted here), since" in shown
        assert shown.count("reconcile activities items release sales task --deletions 4") == 1
        assert brake["message"] == "4 of 4 tasks would go (4 deleted here), at most 2 at a time"
        (mailbox,) = document["mailboxes"]
        assert (mailbox["health"], "the brake item-deletions holds its tasks" in mailbox["why"]) == ("stalled", True)
        estate("run", "--once", code=None)
        alerts = json.loads(estate("alerts", "list", "--output", "json").out)["alerts"]
        assert [one["code"] for one in alerts] == ["ItemDeletions"]
        assert "holds its tasks (4 of 4 tasks would go (4 deleted here), at most 2 at a time)" in alerts[0]["text"]
        assert "deleted in the mailbox; the brake item-deletions holds what follows" in estate("explain", "item", "1").out
        assert "--deletions NUMBER" in estate("explain", "item-deletions").out
        release = ("activities", "items", "release", "sales", "task", "--deletions")
        assert "holds 4 deletions, not 5" in estate(*release, "5", code=1).err
        assert "4 deletions of tasks go with the next look" in estate(*release, "4").out
        assert "4 released, they go with the next look" in estate("status").out
        assert "4 deleted here" in estate("sync").out
        assert not records(estate)
        assert "brake" not in estate("status").out
        assert "no brake holds the tasks of sales" in estate(*release, "4", code=1).err
        assert "release-deletions" in estate("history").out


@pytest.mark.slow
def test_another_mailbox_behind_the_address_gets_nothing(tmp_path: Path) -> None:
    with item_estate(tmp_path) as (exchange, estate):
        _kept(exchange, estate, 2)
        mailbox = exchange.mailbox(SALES)
        with exchange.organization.lock:
            folder = mailbox.distinguished("tasks")
            assert folder is not None
            folder.distinguished = ""
            new = mailbox.add_folder(folder.parent, "Tasks of somebody else", folder.folder_class, distinguished="tasks")
            mailbox.expire_states()
        hand_in(estate, "more", [{"clientKey": "new", "kind": "task", "owner": SALES, "set": {"subject": "Secret"}}])
        asked = len(exchange.recorder.kept)
        assert "2 deletions held by the brake" in estate("sync").out
        assert {"CreateItem", "UpdateItem", "DeleteItem"}.isdisjoint(one.operation for one in exchange.recorder.kept[asked:])
        assert not new.items
        assert "nothing goes out: its tasks come from another mailbox than before" in estate("explain", "item", "3").out
        shown = estate("status").out
        assert "brake item-deletions holds what comes from another mailbox than before:" in shown
        assert "  sales: 2 tasks, since" in shown
        assert len(records(estate)) == 3
        # It takes part no longer, and what stood in its way is over.
        sales = estate.estate / "sales.yaml"
        sales.write_text(sales.read_text().replace("appointmentsContactsTasks: server-side", "appointmentsContactsTasks: none"))
        estate("apply", "--yes")
        assert "item-deletions" not in estate("status").out
