"""What every store of edits keeps to: the memory twin, and SQLite."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from reconcile.model.activity_details import UNEDITED, ActivityDetails, ActivityState, Regarding
from reconcile.model.activity_edit import Edit, Edited, EditRefusal, EditRefused, EditResult
from reconcile.ports.edit_store import EditStore
from reconcile.ports.mail_store import MailStore
from reconcile.store.memory.edits import MemoryEdits
from reconcile.store.memory.mail import MemoryMailStore
from reconcile.store.sqlite.database import Database
from reconcile.store.sqlite.edits import SqliteEdits
from reconcile.store.sqlite.mail import SqliteMailStore
from support.applied import START
from support.crm import deliver, letter

FABRIKAM = Regarding(type="account", id="4711", name="Fabrikam")
Reopen = Callable[[], tuple[MailStore, EditStore]]


@pytest.fixture(params=["memory", "sqlite"])
def reopen(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Reopen]:
    """Each call gives the stores as the next process finds them; activities 1 to 3 are there."""
    if request.param == "memory":
        mail = MemoryMailStore()
        deliver(mail, *(letter(number) for number in range(3)))
        kept = MemoryEdits(mail)
        yield lambda: (mail, kept)
        return
    opened: list[Database] = []

    def open_() -> tuple[MailStore, EditStore]:
        for database in opened:
            database.close()
        opened[:] = [Database.open(tmp_path / "engine.db")]
        return SqliteMailStore(opened[0], tmp_path), SqliteEdits(opened[0])

    first, _ = open_()
    deliver(first, *(letter(number) for number in range(3)))
    first.close()  # type: ignore[attr-defined]
    yield open_
    opened[0].close()


def one(store: EditStore, **fields: object) -> Edited | EditRefused:
    (outcome,) = store.edit([Edit(**{"activity_id": 1, **fields})], at=START, by="me")  # type: ignore[arg-type]
    return outcome


def details(store: MailStore, number: int = 1) -> ActivityDetails:
    found = store.activity(number)
    assert found is not None
    return found.details


def test_everything_that_is_set_is_there_for_the_next_process(reopen: Reopen) -> None:
    mail, edits = reopen()
    assert details(mail) == UNEDITED
    outcome = one(
        edits, regarding=FABRIKAM, owner="desk", state=ActivityState.COMPLETED, categories=("a", "b", "a"), note="two\nlines \U0001f4a1"
    )
    assert outcome == Edited(activity_id=1, result=EditResult.EDITED, version=2)
    mail, _ = reopen()
    assert details(mail) == ActivityDetails(
        version=2,
        regarding=FABRIKAM,
        owner="desk",
        state=ActivityState.COMPLETED,
        categories=("a", "b"),
        note="two\nlines \U0001f4a1",
        edited_at="2026-03-01T08:00:00Z",
        edited_by="me",
    )
    assert details(mail, 2) == UNEDITED


def test_what_is_not_given_stays_and_nothing_clears(reopen: Reopen) -> None:
    mail, edits = reopen()
    one(edits, regarding=FABRIKAM, owner="desk", note="x", categories=("a",))
    one(edits, owner="")
    assert (details(mail).regarding, details(mail).owner, details(mail).note) == (FABRIKAM, "", "x")
    one(edits, regarding=None, note="", categories=())
    assert (details(mail).regarding, details(mail).note, details(mail).categories, details(mail).version) == (None, "", (), 4)


def test_an_edit_that_changes_nothing_is_no_version(reopen: Reopen) -> None:
    mail, edits = reopen()
    assert one(edits, state=ActivityState.OPEN) == Edited(activity_id=1, result=EditResult.UNCHANGED, version=1)
    one(edits, note="x")
    assert one(edits, note="x", client_key="k") == Edited(activity_id=1, result=EditResult.UNCHANGED, version=2)
    assert one(edits, note="x", client_key="k") == Edited(activity_id=1, result=EditResult.REPEATED, version=2)
    assert details(mail).version == 2


def test_the_same_key_edits_once_whatever_happened_since(reopen: Reopen) -> None:
    mail, edits = reopen()
    assert one(edits, note="first", client_key="k", expected_version=1) == Edited(activity_id=1, result=EditResult.EDITED, version=2)
    one(edits, note="second")
    mail, edits = reopen()
    assert one(edits, note="first", client_key="k", expected_version=1) == Edited(activity_id=1, result=EditResult.REPEATED, version=2)
    assert (details(mail).note, details(mail).version) == ("second", 3)


@pytest.mark.parametrize(
    "other", [{"note": "other"}, {"activity_id": 2}, {"expected_version": 1}, {"owner": ""}, {"note": "x", "owner": "y"}]
)
def test_a_key_of_another_edit_is_refused(reopen: Reopen, other: dict[str, object]) -> None:
    mail, edits = reopen()
    one(edits, note="x", client_key="k")
    refused = one(edits, **{"note": "x", "client_key": "k", **other})
    assert isinstance(refused, EditRefused)
    assert (refused.refusal, refused.version) == (EditRefusal.KEY_USED, 1 if other == {"activity_id": 2} else 2)
    assert details(mail).note == "x"


def test_a_version_that_moved_is_a_conflict_that_tells_where_it_stands_and_keeps_the_key_free(reopen: Reopen) -> None:
    mail, edits = reopen()
    one(edits, note="x")
    refused = one(edits, note="y", expected_version=1, client_key="k")
    assert isinstance(refused, EditRefused)
    assert (refused.refusal, refused.version, refused.message) == (EditRefusal.CONFLICT, 2, "activity 1 is at version 2, not 1")
    assert one(edits, note="y", expected_version=2, client_key="k") == Edited(activity_id=1, result=EditResult.EDITED, version=3)
    assert details(mail).note == "y"


def test_one_that_is_refused_takes_nothing_else_with_it(reopen: Reopen) -> None:
    mail, edits = reopen()
    outcomes = edits.edit(
        [
            Edit(activity_id=1, note="a"),
            Edit(activity_id=99, note="a"),
            Edit(activity_id=2, note="a", expected_version=7),
            Edit(activity_id=1, note="b", expected_version=2),
        ],
        at=START,
        by="me",
    )
    assert [type(outcome).__name__ for outcome in outcomes] == ["Edited", "EditRefused", "EditRefused", "Edited"]
    assert (details(mail).note, details(mail).version, details(mail, 2)) == ("b", 3, UNEDITED)
    assert isinstance(outcomes[1], EditRefused)
    assert (outcomes[1].refusal, outcomes[1].version) == (EditRefusal.NOT_FOUND, None)


def test_lists_select_by_state_and_record(reopen: Reopen) -> None:
    mail, edits = reopen()
    edits.edit(
        [
            Edit(activity_id=1, state=ActivityState.COMPLETED, regarding=FABRIKAM),
            Edit(activity_id=2, regarding=Regarding(type="account", id="4711")),
        ],
        at=START,
        by="me",
    )

    def ids(**selection: object) -> list[int]:
        return sorted(each.id for each in mail.activities(**{"mailbox_id": None, "since": None, "limit": None, **selection}))  # type: ignore[arg-type]

    assert ids(state=ActivityState.OPEN) == [2, 3]
    assert ids(state=ActivityState.COMPLETED) == [1]
    assert ids(regarding=("account", "4711")) == [1, 2]
    assert ids(regarding=("contact", "4711")) == ids(regarding=("account", "")) == []
    assert ids(regarding=("account", "4711"), state=ActivityState.OPEN) == [2]


def test_lists_go_on_behind_an_activity(reopen: Reopen) -> None:
    mail, _ = reopen()
    everything = list(mail.activities(mailbox_id=None, since=None, limit=None))
    for index, each in enumerate(everything):
        rest = mail.activities(mailbox_id=None, since=None, limit=None, before=(each.received, each.id))
        assert list(rest) == everything[index + 1 :]
