"""Tracked folders at an Exchange server, read by the connector: found by their names, each behind a state of its own."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime

import pytest

from reconcile.errors import AuthenticationRejected, TransientError
from reconcile.mail.ews.inbox import EwsInbox
from reconcile.mail.ews.place import EwsPlace
from reconcile.mail.ews.sessions import Sessions
from reconcile.model.cursor import Cursor
from reconcile.model.mailbox_access import MailboxAccess
from reconcile.model.remote_id import RemoteId
from reconcile.ports.mail import Batch, Listed, Look
from reconcile.sandbox.ews.faults import EwsFault, FaultKind
from support.ews_accounts import account_of
from support.exchange_folders import contents, drop, make_folder, move
from support.exchange_sandbox import SALES, ExchangeSandbox, exchange_sandbox

NOW = datetime(2026, 3, 10, 12, 0, tzinfo=UTC)
FABRIKAM = "Projects/Fabrikam"


@pytest.fixture
def exchange() -> Iterator[ExchangeSandbox]:
    with exchange_sandbox((SALES,), now=NOW) as server:
        make_folder(server, FABRIKAM)
        make_folder(server, "Adatum")
        server.letters(5)
        yield server


class Visit:
    """A look with everything read; `seen` are (folder, subject) in order."""

    def __init__(
        self,
        exchange: ExchangeSandbox,
        cursor: Cursor | None = None,
        *,
        folders: tuple[str, ...] = (FABRIKAM, "adatum"),
        access: MailboxAccess = MailboxAccess.IMPERSONATION,
        whole: bool = False,
        careful: bool = False,
        retry: tuple[RemoteId, ...] = (),
    ) -> None:
        asked = len(exchange.recorder.kept)
        self.seen: list[tuple[str, str]] = []
        self.listed: list[Listed] = []
        inbox = EwsInbox(account_of(exchange, SALES, access), Sessions(), folders)
        self.look: Look = inbox.look(cursor)
        self.looked = [one.operation for one in exchange.recorder.kept[asked:]]
        start = None if self.look.restarted or whole else cursor
        self.batches: list[Batch] = []
        if self.look.news or whole or retry:
            reading = inbox.read(start, since=None, retry=retry, wanted=lambda _: True, accept=self.accept, careful=careful)
            self.batches = [*reading]
        self.operations = [one.operation for one in exchange.recorder.kept[asked:]]
        inbox.close()

    def accept(self, listed: Listed, chunks: Iterator[bytes]) -> None:
        subject = next(line for line in b"".join(chunks).splitlines() if line.startswith(b"Subject: "))
        self.seen.append((listed.folder, subject[9:].decode()))
        self.listed.append(listed)

    @property
    def cursor(self) -> Cursor:
        return self.batches[-1].cursor


@pytest.mark.parametrize("access", [MailboxAccess.IMPERSONATION, MailboxAccess.OWN])
def test_inbox_and_folders_are_read_in_one_visit(exchange: ExchangeSandbox, access: MailboxAccess) -> None:
    move(exchange, "Letter 2", FABRIKAM)
    move(exchange, "Letter 4", "Adatum")
    visit = Visit(exchange, access=access)
    inbox = [("", f"Letter {number}") for number in (1, 3, 5)]
    assert visit.seen == [*inbox, (FABRIKAM, "Letter 2"), ("adatum", "Letter 4")]
    assert (visit.look.messages, visit.batches[-1].messages, visit.look.lacking) == (5, 5, ())
    again = Visit(exchange, visit.cursor, access=access)
    assert (again.look.news, again.look.restarted, again.look.messages, again.batches) == (False, False, 5, [])
    assert again.looked == ["SyncFolderItems", "FindFolder", "SyncFolderItems", "SyncFolderItems"]


def test_what_is_moved_is_seen_where_it_came_to(exchange: ExchangeSandbox) -> None:
    first = Visit(exchange)
    assert len(first.seen) == 5
    move(exchange, "Letter 3", FABRIKAM)
    second = Visit(exchange, first.cursor)
    assert second.seen == [(FABRIKAM, "Letter 3")]
    assert (second.look.messages, second.look.restarted) == (5, False)
    # Nothing was asked for twice: what the look found is what is read.
    assert second.operations.count("SyncFolderItems") == 3
    move(exchange, "Letter 3", "Adatum")
    third = Visit(exchange, second.cursor)
    assert third.seen == [("adatum", "Letter 3")]
    assert not Visit(exchange, third.cursor).look.news


def test_each_page_of_a_folder_comes_with_the_state_behind_it(exchange: ExchangeSandbox) -> None:
    """A death in the middle of a large folder begins where the last page ended; until a folder's turn comes nothing of it is read."""
    exchange.letters(230)
    for number in range(6, 231):
        move(exchange, f"Letter {number}", FABRIKAM)
    whole = Visit(exchange)
    assert len(whole.seen) == 235
    sizes = [len(batch.read) for batch in whole.batches]
    assert sizes == [10, 100, 100, 25, 0]
    for number in range(len(sizes)):
        rest = Visit(exchange, whole.batches[number].cursor)
        assert rest.seen == whole.seen[sum(sizes[: number + 1]) :]


def test_a_folder_that_is_declared_later_is_read_from_its_beginning_and_the_inbox_is_not(exchange: ExchangeSandbox) -> None:
    move(exchange, "Letter 1", FABRIKAM)
    first = Visit(exchange, folders=())
    assert [folder for folder, _ in first.seen] == [""] * 4
    assert '[1, "' in first.cursor.value
    second = Visit(exchange, first.cursor, folders=(FABRIKAM,))
    assert (second.seen, second.look.restarted) == ([(FABRIKAM, "Letter 1")], False)
    # No longer declared: its place goes with the next thing that is read, and nothing begins anew.
    exchange.letters(6)
    third = Visit(exchange, second.cursor, folders=())
    assert len(third.seen) == 6
    assert '[1, "' in third.cursor.value


def test_a_folder_is_known_by_its_id_when_it_is_renamed_and_declared_so(exchange: ExchangeSandbox) -> None:
    move(exchange, "Letter 1", FABRIKAM)
    first = Visit(exchange, folders=(FABRIKAM,))
    mailbox = exchange.mailbox()
    with exchange.organization.lock:
        folder = next(one for one in mailbox.folders.values() if one.name == "Fabrikam")
        folder.name = "Fabrikam Inc"
        mailbox.touch_folder(folder)
    gone = Visit(exchange, first.cursor, folders=(FABRIKAM,))
    assert gone.look.lacking == (f"{FABRIKAM}: there is no such folder below the inbox",)
    renamed = Visit(exchange, first.cursor, folders=("Projects/Fabrikam Inc",))
    assert (renamed.look.news, renamed.look.lacking) == (False, ())


def test_a_refused_state_of_a_folder_lists_that_folder_only(exchange: ExchangeSandbox) -> None:
    move(exchange, "Letter 1", FABRIKAM)
    first = Visit(exchange, folders=(FABRIKAM,))
    place = EwsPlace.of(first.cursor)
    assert place is not None
    (tracked,) = place.tracked
    stale = Cursor("ews", first.cursor.value.replace(tracked.state, "bm90IGEgc3RhdGU="))
    second = Visit(exchange, stale, folders=(FABRIKAM,))
    assert (second.look.restarted, second.seen) == (False, [(FABRIKAM, "Letter 1")])


def test_everything_begins_anew_where_the_inbox_does(exchange: ExchangeSandbox) -> None:
    move(exchange, "Letter 1", FABRIKAM)
    first = Visit(exchange)
    with exchange.organization.lock:
        exchange.mailbox().expire_states()
    second = Visit(exchange, first.cursor)
    assert second.look.restarted
    assert sorted(second.seen) == sorted(first.seen)
    third = Visit(exchange, second.cursor, whole=True)
    assert sorted(third.seen) == sorted(first.seen)


def test_only_folders_below_the_inbox_count(exchange: ExchangeSandbox) -> None:
    mailbox = exchange.mailbox()
    with exchange.organization.lock:
        root = mailbox.distinguished("msgfolderroot")
        assert root is not None
        mailbox.add_folder(root.number, "Beside", "IPF.Note")
    visit = Visit(exchange, folders=("Beside", "Sent Items", "Fabrikam", "Projects"))
    assert [words.split(":")[0] for words in visit.look.lacking] == ["Beside", "Sent Items", "Fabrikam"]


def test_two_folders_of_one_name_are_neither(exchange: ExchangeSandbox) -> None:
    mailbox = exchange.mailbox()
    with exchange.organization.lock:
        inbox = mailbox.distinguished("inbox")
        assert inbox is not None
        mailbox.add_folder(inbox.number, "ADATUM", "IPF.Note")
    visit = Visit(exchange)
    assert visit.look.lacking == ("adatum: several folders below the inbox have this name",)


def test_a_delegate_reads_folders_too(exchange: ExchangeSandbox) -> None:
    exchange.organization.add_service(exchange.service, exchange.service_password, full_access=[SALES])
    move(exchange, "Letter 1", FABRIKAM)
    assert (FABRIKAM, "Letter 1") in Visit(exchange, access=MailboxAccess.DELEGATION).seen


def test_what_is_asked_for_again_may_lie_in_a_folder_by_now(exchange: ExchangeSandbox) -> None:
    first = Visit(exchange, careful=True)
    assert len(first.seen) == 5
    move(exchange, "Letter 1", FABRIKAM)
    move(exchange, "Letter 2", "Adatum")
    here = [RemoteId("ews", str(exchange.mailbox().item_id(item))) for item in contents(exchange, FABRIKAM)]
    gone = first.listed[0].remote_id
    second = Visit(exchange, first.cursor, folders=(FABRIKAM,), retry=(*here, gone))
    assert second.seen == [(FABRIKAM, "Letter 1"), (FABRIKAM, "Letter 1")]
    assert second.batches[-1].vanished == (gone,)
    untracked = [RemoteId("ews", str(exchange.mailbox().item_id(item))) for item in contents(exchange, "Adatum")]
    third = Visit(exchange, second.cursor, folders=(FABRIKAM,), retry=tuple(untracked))
    assert (third.seen, third.batches[-1].vanished) == ([], tuple(untracked))


def test_a_folder_that_goes_in_the_middle_keeps_the_others_readable(exchange: ExchangeSandbox) -> None:
    move(exchange, "Letter 1", FABRIKAM)
    move(exchange, "Letter 2", "Adatum")
    first = Visit(exchange)
    drop(exchange, FABRIKAM)
    exchange.letters(6)
    second = Visit(exchange, first.cursor)
    assert [words.split(":")[0] for words in second.look.lacking] == [FABRIKAM]
    assert len(second.seen) == 6


@pytest.mark.parametrize("operation", ["FindFolder", "SyncFolderItems"])
@pytest.mark.parametrize("code", ["ErrorMailboxStoreUnavailable", "ErrorServerBusy"])
def test_a_server_that_cannot_now_has_no_missing_folders(exchange: ExchangeSandbox, operation: str, code: str) -> None:
    """It would be told to a person, who can do nothing about it."""
    exchange.faults.refuse(code, operation)
    with pytest.raises(TransientError):
        Visit(exchange)


@pytest.mark.parametrize(("operation", "left"), [("FindFolder", 0), ("SyncFolderItems", 1)])
def test_a_folder_that_may_not_be_read_is_named_and_the_others_are_read(exchange: ExchangeSandbox, operation: str, left: int) -> None:
    move(exchange, "Letter 1", FABRIKAM)
    move(exchange, "Letter 2", "Adatum")
    exchange.faults.refuse("ErrorAccessDenied", operation)
    visit = Visit(exchange)
    assert len(visit.look.lacking) == 2 - left
    assert all("ErrorAccessDenied" in words for words in visit.look.lacking)
    assert len([folder for folder, _ in visit.seen if folder]) == left
    assert len([folder for folder, _ in visit.seen if not folder]) == 3


@pytest.mark.parametrize("code", ["ErrorFolderNotFound", "ErrorSyncFolderNotFound", "ErrorItemNotFound"])
def test_a_folder_that_goes_while_it_is_looked_for_is_named(exchange: ExchangeSandbox, code: str) -> None:
    first = Visit(exchange)
    exchange.faults.add(EwsFault(kind=FaultKind.ITEM, operation="SyncFolderItems", after=1, code=code))
    exchange.letters(6)
    second = Visit(exchange, first.cursor)
    assert [words.split(":")[0] for words in second.look.lacking] == [FABRIKAM]
    assert len(second.seen) == 6


def test_a_refused_account_is_no_missing_folder(exchange: ExchangeSandbox) -> None:
    exchange.faults.refuse("ErrorAccountDisabled", "FindFolder")
    with pytest.raises(AuthenticationRejected):
        Visit(exchange)
