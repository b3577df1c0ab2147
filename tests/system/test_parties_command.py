"""The directory of parties and the items of queues from the command line."""

from __future__ import annotations

import io
import json
import sys
from pathlib import Path

import pytest

from reconcile.model.party import PartyRef, PartyType
from reconcile.model.queue_item import NewQueueItem, QueueItemReason
from reconcile.store.sqlite.mail import SqliteMailStore
from support import crm

TABLE = """\
type;id;name;email1;email2;owner;active
user;u1;Sales;a@contoso.example;;;true
contact;c1;"Fabrikam; purchasing";info@fabrikam.example;info@b\u00fccher.example;u1;
account;a1;"=HYPERLINK(""x"")";info@fabrikam.example;;;
"""


@pytest.fixture
def desk(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> crm.Desk:
    return crm.Desk(tmp_path, capsys)


@pytest.fixture
def table(tmp_path: Path) -> Path:
    file = tmp_path / "parties.csv"
    file.write_text("\ufeff" + TABLE, "utf-8")
    return file


def test_a_table_is_imported_and_an_address_is_looked_up(desk: crm.Desk, table: Path) -> None:
    assert desk("parties", "import", str(table))[0] == "3 added, 0 changed, 0 unchanged, 0 removed\n"
    out, _ = desk("parties", "find", "INFO@Fabrikam.example")
    assert out.splitlines() == [
        "type     id  name                  addresses                                          owner  filter  remarks",
        "contact  c1  Fabrikam; purchasing  info@fabrikam.example, info@xn--bcher-kva.example  u1     –       –",
        'account  a1  =HYPERLINK("x")       info@fabrikam.example                              –      –       –',
        "",
        "as sender:    contact c1 (Fabrikam; purchasing) (first of 2 rows by type, then by id)",
        'as recipient: contact c1 (Fabrikam; purchasing), account a1 (=HYPERLINK("x")) (all 2 rows with this address)',
    ]
    (document,) = desk.lines("parties", "find", "info@b\u00fccher.example", "-o", "json")
    assert (document["address"], document["sender"]["resolved"]["id"]) == ("info@xn--bcher-kva.example", "c1")


def test_a_file_that_is_not_there_is_said_with_a_next_step(desk: crm.Desk) -> None:
    _, err = desk("parties", "import", "nofile.csv", code=1)
    assert "there is no file nofile.csv" in err
    assert "next: Check its name" in err


def test_a_mailbox_is_known_without_any_import(desk: crm.Desk) -> None:
    (found,) = desk.lines("parties", "find", "sales@contoso.example", "-o", "json")
    assert [(row["type"], row["id"], row["fromMailbox"]) for row in found["parties"]] == [("user", "box1", True)]
    assert "applied mailbox" in desk("parties", "find", "sales@contoso.example")[0]
    assert desk("parties", "find", "nobody@contoso.example")[0].startswith("no row has the address nobody@contoso.example\n")


def test_repeating_an_import_changes_nothing(desk: crm.Desk, table: Path) -> None:
    desk("parties", "import", str(table))
    (again,) = desk.lines("parties", "import", str(table), "-o", "json")
    assert again["counts"] == {"added": 0, "changed": 0, "unchanged": 3, "removed": 0, "superseded": 0}
    assert (again["formatVersion"], again["exit"]) == ("1.0", "nothing-to-do")


def test_wrong_lines_are_told_with_file_line_and_column(desk: crm.Desk, tmp_path: Path) -> None:
    file = tmp_path / "wrong.csv"
    file.write_text("type,id,email\ncontact,1,a@fabrikam.example\ncontact,2,\x1b[2Jnobody\n")
    out, _ = desk("parties", "import", str(file), code=1)
    assert out.splitlines() == [
        f"{file}:3:11: '\\x1b[2Jnobody' is no mail address (expected local@domain)",
        "nothing was imported: 1 line is wrong",
        "  next: mend them, or leave them out with --skip-invalid.",
    ]
    (document,) = desk.lines("parties", "import", str(file), "--skip-invalid", "-o", "json", code=6)
    assert (document["counts"]["added"], document["wrong"], document["exit"]) == (1, 1, "partly-applied")
    assert (document["problems"][0]["line"], document["problems"][0]["column"]) == (3, 11)


def test_what_cannot_be_read_names_file_and_next_step(desk: crm.Desk, tmp_path: Path) -> None:
    file = tmp_path / "wrong.csv"
    file.write_bytes("type,id\ncontact,M\u00fcller\n".encode("latin-1"))
    _, err = desk("parties", "import", str(file), code=1)
    assert f"{file}:2:10: this is no UTF-8" in err
    assert "next: Save it as CSV in UTF-8" in err


def test_the_brake_ends_with_its_own_code(desk: crm.Desk, tmp_path: Path) -> None:
    file = tmp_path / "parties.csv"
    file.write_text("type,id\n" + "".join(f"contact,{number}\n" for number in range(10)))
    desk("parties", "import", str(file))
    file.write_text("type,id\ncontact,1\n")
    out, _ = desk("parties", "import", str(file), code=4)
    assert "9 of 10 rows would go" in out
    (held,) = desk.lines("parties", "import", str(file), "-o", "json", code=4)
    assert (held["counts"], held["removalsHeld"]) == (None, {"removals": 9, "rows": 10})
    desk("parties", "import", str(file), "--allow-removals")


def test_standard_input_and_pages(desk: crm.Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    lines = "".join(json.dumps({"type": "contact", "id": f"{number}"}) + "\n" for number in range(5))
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(lines.encode())))
    desk("parties", "import", "-", "--incremental")
    (first,) = desk.lines("parties", "list", "--limit", "3", "-o", "json")
    assert ([row["id"] for row in first["parties"]], first["next"], first["counts"]) == (["0", "1", "2"], "contact:2", {"contact": 5})
    (second,) = desk.lines("parties", "list", "--limit", "3", "--after", "contact:2", "-o", "json")
    assert ([row["id"] for row in second["parties"]], second["next"]) == (["3", "4"], None)
    assert "more: --after contact:2" in desk("parties", "list", "--limit", "3")[0]
    desk("parties", "list", "--after", "nonsense", code=64)


def test_queues_show_what_waits_in_them(desk: crm.Desk) -> None:
    item = NewQueueItem(queue=PartyRef(type=PartyType.QUEUE, id="q1", name="Support"), why=QueueItemReason.ACCEPTED)
    with desk.database() as database:
        store = SqliteMailStore(database, database.path.parent)
        crm.deliver(store, crm.letter(1), crm.letter(2), queue_items=[item])
        crm.deliver(store, crm.letter(3), first=3)
        store.close()
    (counts,) = desk.lines("activities", "queues", "-o", "json")
    assert counts["queues"] == [{"queue": "q1", "name": "Support", "items": 2, "newest": crm.AT}]
    assert [line["id"] for line in desk.lines("activities", "list", "--queue", "Support", "-o", "json")] == [2, 1]
    assert "queues:      Support (accepted)" in desk("activities", "show", "1")[0]
    rows = {line["id"]: line["row"]["queueItems"] for line in desk.lines("activities", "feed") if line["type"] == "change"}
    assert rows == {1: [{"queue": "q1", "name": "Support", "why": "accepted", "at": crm.AT}], 2: rows[1], 3: []}
