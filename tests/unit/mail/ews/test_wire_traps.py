"""Answers that libraries stumble over, one test each: each is asked for once, and what it says is told."""

from __future__ import annotations

from functools import partial

import pytest

from reconcile.errors import PermanentError, ReconcileError, Throttled, Unavailable, Unsupported
from reconcile.mail.ews.inbox import EwsInbox
from reconcile.mail.ews.link import Link
from reconcile.mail.ews.marks import EwsMarks
from reconcile.mail.ews.place import EwsPlace
from reconcile.mail.ews.sessions import Sessions
from reconcile.model.remote_id import RemoteId
from reconcile.ports.mail import Batch
from support.ews_script import Asked, Said, ScriptedInbox, answer, done, fault, refused, running

PLACE = EwsPlace(folder="INBOX", state="1", messages=1).cursor()


def letters(count: int) -> ScriptedInbox:
    return ScriptedInbox({f"AAMk{number}": b"Message-ID: <%d@contoso.example>\r\n\r\n" % number for number in range(count)})


@pytest.mark.parametrize("code", ["ErrorMailboxStoreUnavailable", "ErrorAccessDenied", "ErrorOfTomorrow"])
def test_a_refused_synchronisation_without_the_rest_of_its_answer_tells_its_code(code: str) -> None:
    """exchangelib wants SyncState and IncludesLastItemInRange beside an error, and hides the code where they lack."""
    with running(lambda _: answer("SyncFolderItems", refused(code))) as script:
        with pytest.raises(ReconcileError, match=code):
            EwsInbox(script.account(), Sessions()).look(PLACE)
        assert len(script.asked) == 1


def test_a_refused_state_without_the_rest_of_its_answer_begins_anew() -> None:
    server = letters(1)

    def answering(asked: Asked) -> Said:
        return answer("SyncFolderItems", refused("ErrorInvalidSyncStateData")) if asked.operation == "SyncFolderItems" else server(asked)

    with running(answering) as script:
        assert EwsInbox(script.account(), Sessions()).look(PLACE).restarted


@pytest.mark.parametrize(
    ("code", "expected"),
    [("ErrorInvalidServerVersion", Unsupported), ("ErrorIncorrectSchemaVersion", Unsupported), ("ErrorInvalidRequest", PermanentError)],
)
def test_a_version_that_is_refused_is_not_followed_by_every_other_one(code: str, expected: type[ReconcileError]) -> None:
    """exchangelib repeats the request with all ten versions that it knows."""
    with running(lambda _: fault(code)) as script:
        with pytest.raises(expected):
            EwsInbox(script.account(), Sessions()).look(None)
        assert len(script.asked) == 1
        assert b'<t:RequestServerVersion Version="Exchange2010_SP1"/>' in script.asked[0].body


def test_a_code_that_nobody_knows_is_about_the_item_it_stands_beside() -> None:
    server = letters(3)
    server.instead["AAMk1"] = refused("ErrorOfTomorrow", more="<m:Items/>")
    with running(server) as script:
        inbox, read = EwsInbox(script.account(), Sessions()), list[bytes]()
        inbox.look(None)
        batches: list[Batch] = [
            *inbox.read(None, since=None, retry=(), wanted=lambda _: True, accept=lambda _, chunks: read.append(b"".join(chunks)))
        ]
    assert len(read) == 2
    assert [one.remote_id.value for batch in batches for one in batch.missing] == ["AAMk1"]


@pytest.mark.parametrize(
    ("location", "expected", "words"),
    [
        ("http://127.0.0.1:{port}/elsewhere", PermanentError, "redirects to http://127.0.0.1"),
        ("/ews/genericerrorpage.htm?id=1", Unavailable, "error page"),
    ],
)
@pytest.mark.parametrize("status", [301, 302, 307, 308])
def test_a_redirect_is_never_followed(status: int, location: str, expected: type[ReconcileError], words: str) -> None:
    """It would get the credentials, and a request that creates something would be asked for twice."""
    server = letters(1)

    def answering(asked: Asked) -> Said:
        if len(script.asked) > 1:
            return server(asked)
        return Said(b"", status=status, headers={"Location": location.format(port=script.url_port)})

    with running(answering) as script:
        with pytest.raises(expected, match=words):
            EwsInbox(script.account(), Sessions()).look(None)
        assert len(script.asked) == 1


@pytest.mark.parametrize(
    ("said", "expected"),
    [
        (Said(b"<html>busy</html>", status=500, headers={"Content-Type": "text/html", "Connection": "close"}), Unavailable),
        (Said(b"", status=502, headers={"Connection": "close"}), Unavailable),
        (Said(b"", status=503, headers={"Connection": "close"}), Unavailable),
        (fault("ErrorServerBusy", pause=9000), Throttled),
        (fault("ErrorServerBusy", pause=9000, status=200), Throttled),
    ],
    ids=["500 without XML", "502", "503", "500 with a fault", "200 with a fault"],
)
def test_what_a_busy_server_says_is_asked_for_once(said: Said, expected: type[ReconcileError]) -> None:
    with running(lambda _: said) as script:
        with pytest.raises(expected) as caught:
            EwsInbox(script.account(), Sessions()).look(None)
        assert len(script.asked) == 1
        if isinstance(caught.value, Throttled):
            assert caught.value.retry_after == 9.0


@pytest.mark.parametrize(("again", "requests"), [(True, 2), (False, 1)])
def test_only_what_changes_nothing_is_asked_twice_where_a_kept_connection_ends(again: bool, requests: int) -> None:
    """The server reads the request and ends the connection without a word: it may have done what it was asked."""
    server = letters(1)

    def answering(asked: Asked) -> Said:
        return Said(b"", silent=True) if len(script.asked) == 2 else server(asked)

    with running(answering) as script:
        link = Link(script.account(), Sessions())
        link.ask(link.requests.get_folder("inbox"))
        if again:
            link.ask(link.requests.get_folder("inbox"))
        else:
            with pytest.raises(Unavailable):
                link.ask(link.requests.get_folder("inbox"), again=False)
            assert link.maybe_done
        assert len(script.asked) == 1 + requests


TWO = (RemoteId("ews", "AAMk0"), RemoteId("ews", "AAMk1"))


@pytest.mark.parametrize("operation", ["DeleteItem", "GetItem", "UpdateItem"])
def test_fewer_answers_than_questions_mark_nothing(operation: str) -> None:
    """Which message was done is not known then: all of them are done again with the next look, which changes nothing where it was done."""
    server = letters(2)

    def answering(asked: Asked) -> Said:
        if asked.operation == operation:
            return answer(operation, done(f'<m:Items><t:Message><t:ItemId Id="{TWO[0].value}" ChangeKey="K"/></t:Message></m:Items>'))
        return server(asked)

    with running(answering) as script:
        marks = EwsMarks(script.account(), Sessions())
        act = marks.delete if operation == "DeleteItem" else partial(marks.mark, keyword="$Tracked")
        with pytest.raises(Unavailable, match="1 answers about 2 messages"):
            act(TWO, cursor=PLACE)


def test_fewer_answers_than_messages_that_are_asked_for_again_settle_none() -> None:
    server = letters(2)

    def answering(asked: Asked) -> Said:
        if asked.operation == "GetItem" and b"ParentFolderId" in asked.body:
            return answer("GetItem", server.item(TWO[0].value, asked))
        return server(asked)

    with running(answering) as script:
        inbox = EwsInbox(script.account(), Sessions())
        inbox.look(None)
        with pytest.raises(Unavailable, match="1 answers about 2 messages"):
            for _ in inbox.read(None, since=None, retry=TWO, wanted=lambda _: False, accept=lambda _, __: None):
                pass
