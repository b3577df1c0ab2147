"""What `explain item` says of one tie, and which way back it names."""

from __future__ import annotations

from dataclasses import replace

import pytest

from reconcile.model.item import Task
from reconcile.model.item_link import DELETED_THERE, NOWHERE, Agreed, Link, LinkState
from reconcile.model.item_record import ItemState, Record
from reconcile.model.remote_id import RemoteId
from reconcile.report.item_fate import apart_json, apart_text, link_json, link_line

NAMES = {"m1": ("sales", "sales@contoso.example")}
CALL = Task(subject="Call")
TIED = Link(
    mailbox_id="m1",
    record_id=17,
    state=LinkState.LINKED,
    token="t",
    remote_id=RemoteId("ews", "a"),
    version="1",
    record_version=1,
    agreed=Agreed(ours=CALL, theirs=CALL),
)
RELINK = "`reconcile activities items relink 17`"
ANEW = "`reconcile activities items relink 17 --anew`"


@pytest.mark.parametrize(
    ("state", "why", "said", "not_said"),
    [
        (LinkState.PARTED, f"{DELETED_THERE}: the task is completed", ANEW, RELINK),
        (LinkState.PARTED, "its category was taken away in the mailbox", RELINK, "--anew"),
        (LinkState.LEFT, f"{NOWHERE}: moved out of the mailbox, or deleted for ever", ANEW, RELINK),
        (LinkState.LEFT, "it was moved to another folder", "by themselves", "relink"),
    ],
)
def test_the_way_back_that_there_is_is_named(state: LinkState, why: str, said: str, not_said: str) -> None:
    line = link_line(replace(TIED, state=state, why=why), NAMES)
    assert why in line
    assert said in line
    assert not_said not in line


def test_what_somebody_asked_for_is_said_and_what_is_gone_has_no_way_back() -> None:
    asked = replace(TIED, state=LinkState.LEFT, why="to be linked again", anew=True, record_version=0)
    assert "makes it anew where it was deleted" in link_line(asked, NAMES)
    assert link_json(asked, NAMES)["toBeMadeAnew"] is True
    assert "relink" not in link_line(replace(TIED, state=LinkState.PARTED, why=DELETED_THERE, record_version=-1), NAMES)


def test_a_list_of_what_is_apart_names_the_mailboxes_it_is_apart_from_and_no_others() -> None:
    at = "2026-03-01T00:00:00Z"
    task = Task(subject="Call \x1b[31mback")
    record = Record(id=17, item=task, owner="x@contoso.example", state=ItemState.OPEN, version=1, created_at=at, edited_at=at, edited_by="")
    ties = [TIED, replace(TIED, mailbox_id="m2", state=LinkState.PARTED, why="its category was taken away in the mailbox")]
    names = {**NAMES, "m2": ("office", "office@contoso.example")}
    head, *lines = apart_text(record, ties, names).splitlines()
    assert head == "17  task, open: Call \\x1b[31mback"
    assert lines == [f"    office (office@contoso.example): apart: its category was taken away in the mailbox; {RELINK} ties them again"]
    document = apart_json(record, ties, names)
    assert (document["id"], [one["mailbox"] for one in document["apart"]]) == (17, ["office"])
