"""What changes at an IMAP server, beyond the contract: after a crash at any command, against Dovecot; and what servers refuse or lack."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, datetime

import pytest

from reconcile.errors import PermanentError, PermissionDenied, ReconcileError, Unavailable, Unsupported
from reconcile.mail.endpoint import Endpoint
from reconcile.mail.imap.marks import ImapMarks
from reconcile.mail.imap.place import ImapPlace
from reconcile.mail.imap.stream import Request, Stream
from reconcile.mail.sign_in.password import PasswordSignIn
from reconcile.model.cursor import Cursor
from reconcile.model.remote_id import RemoteId
from reconcile.model.secret import Secret
from support.dovecot import PASSWORD, Dovecot, running
from support.imap_script import GREETING, Step, expect, scripted

pytestmark = pytest.mark.servers
NOW = datetime(2026, 3, 10, 12, 0, tzinfo=UTC)
USERS = [f"desk{number}@contoso.example" for number in range(150)]
SENT = "namespace inbox {\n mailbox Sent {\n special_use = \\Sent\n auto = create\n }\n}\n"
WITHOUT_MOVE = "protocol imap {\n imap_capability = IMAP4rev1 UIDPLUS SPECIAL-USE\n}\n"
NEVER_UIDPLUS = "protocol imap {\n imap_capability = IMAP4rev1\n}\n"


@pytest.fixture(scope="module")
def dovecot() -> Iterator[Dovecot]:
    with running(users=dict.fromkeys(USERS, PASSWORD), extra=SENT, fresh=iter(USERS)) as server:
        yield server


@pytest.fixture(scope="module")
def dovecot_without_move() -> Iterator[Dovecot]:
    with running(users=dict.fromkeys(USERS, PASSWORD), extra=SENT + WITHOUT_MOVE, fresh=iter(USERS)) as server:
        yield server


def marks_of(dovecot: Dovecot, user: str) -> ImapMarks:
    endpoint = Endpoint(host="127.0.0.1", port=dovecot.imap, tls="none")
    return ImapMarks(endpoint, PasswordSignIn(user, Secret(PASSWORD.encode())))


def message(number: int) -> bytes:
    return b"Message-ID: <%d@contoso.example>\r\nSubject: %d\r\n\r\nbody %d\r\n" % (number, number, number)


def filled(dovecot: Dovecot) -> tuple[str, Cursor]:
    """A new user with three messages, and a cursor of this history."""
    user = next(dovecot.fresh)
    dovecot.deliver_all(user, [(message(number), NOW.timestamp()) for number in (1, 2, 3)])
    client = dovecot.client(user)
    client.select("INBOX", readonly=True)
    validity = int(client.response("UIDVALIDITY")[1][0])
    client.shutdown()
    return user, ImapPlace(account=f"127.0.0.1/{user}", validity=validity, uid=3).cursor()


def content(dovecot: Dovecot, user: str, folder: str) -> list[bytes]:
    client = dovecot.client(user)
    try:
        if client.select(folder, readonly=True)[0] != "OK":
            return []
        return [one[1] for one in client.uid("FETCH", "1:*", "(BODY.PEEK[])")[1] if isinstance(one, tuple)]
    finally:
        client.shutdown()


IDS = [RemoteId("imap", "1"), RemoteId("imap", "3")]
WAYS: dict[str, Callable[[ImapMarks, Cursor], object]] = {
    "delete": lambda marks, cursor: marks.delete(IDS, cursor=cursor),
    "mark": lambda marks, cursor: marks.mark(IDS, "Tracked", cursor=cursor),
    "move": lambda marks, cursor: marks.move(IDS, "Undeliverable", cursor=cursor),
    "keep": lambda marks, _: marks.keep_sent(message(9), message_id="<9@contoso.example>", at=NOW),
}


class Died(BaseException):
    """As the process does: nothing of ours runs after it."""


@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("server", ["dovecot", "dovecot_without_move"])
def test_dead_at_any_command_the_next_run_ends_the_same(
    request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch, server: str, way: str, after: bool
) -> None:
    dovecot = request.getfixturevalue(server)
    ask = Stream.ask
    cut = 0
    while True:
        cut += 1
        asked = 0

        def dying(self: Stream, command: bytes, *given: object, cut: int = cut, **named: object) -> Request:
            nonlocal asked
            asked += 1
            if asked == cut and not after:
                raise Died
            answer = ask(self, command, *given, **named)  # type: ignore[arg-type]
            if asked == cut:
                self.finish(answer)
                raise Died
            return answer

        user, cursor = filled(dovecot)
        marks = marks_of(dovecot, user)
        monkeypatch.setattr(Stream, "ask", dying)
        try:
            WAYS[way](marks, cursor)
            died = False
        except Died:
            died = True
        monkeypatch.setattr(Stream, "ask", ask)
        marks.close()
        again = marks_of(dovecot, user)
        ended = WAYS[way](again, cursor)
        again.close()
        inbox, sent = [*dovecot.messages(user).values()], content(dovecot, user, "Sent")
        moved = content(dovecot, user, "Undeliverable")
        match way:
            case "delete":
                assert ({*ended}, inbox) == ({*IDS}, [message(2)]), cut  # type: ignore[misc]
            case "mark":
                assert ({*ended}, len(inbox)) == ({*IDS}, 3), cut  # type: ignore[misc]
            case "move":
                assert ({*ended}, inbox, moved) == ({*IDS}, [message(2)], [message(1), message(3)]), cut  # type: ignore[misc]
            case _:
                assert (ended, sent, len(inbox)) == (True, [message(9)], 3), cut
        if not died:
            break
    assert cut > 4


def test_what_somebody_else_marked_as_deleted_stays(dovecot: Dovecot) -> None:
    user, cursor = filled(dovecot)
    client = dovecot.client(user)
    client.select("INBOX")
    client.uid("STORE", "2", "+FLAGS", "(\\Deleted)")
    client.shutdown()
    marks = marks_of(dovecot, user)
    assert {*marks.delete(IDS, cursor=cursor)} == {*IDS}
    marks.close()
    assert [*dovecot.messages(user).values()] == [message(2)]


def test_equal_mail_is_not_taken_for_a_copy_unless_it_is_one(dovecot_without_move: Dovecot) -> None:
    user, cursor = filled(dovecot_without_move)
    # The same size and second; only the header differs.
    client = dovecot_without_move.client(user)
    client.create("Undeliverable")
    client.append("Undeliverable", None, '"10-Mar-2026 12:00:00 +0000"', message(7))
    client.shutdown()
    marks = marks_of(dovecot_without_move, user)
    marks.move(IDS, "Undeliverable", cursor=cursor)
    marks.close()
    assert content(dovecot_without_move, user, "Undeliverable") == [message(7), message(1), message(3)]


def test_without_uidplus_nothing_is_deleted_or_moved() -> None:
    with running(users={"a@contoso.example": PASSWORD}, extra=NEVER_UIDPLUS, fresh=iter(["a@contoso.example"])) as dovecot:
        user, cursor = filled(dovecot)
        for change in (WAYS["delete"], WAYS["move"]):
            marks = marks_of(dovecot, user)
            with pytest.raises(Unsupported, match="UIDPLUS") as caught:
                change(marks, cursor)
            marks.close()
            assert caught.value.hint
        marks = marks_of(dovecot, user)
        assert marks.sent("<1@contoso.example>") is None
        assert marks.keep_sent(message(1), message_id="<1@contoso.example>", at=NOW) is False
        marks.close()
        client = dovecot.client(user)
        client.select("INBOX", readonly=True)
        assert client.uid("SEARCH", "DELETED")[1] == [b""]
        assert len(client.uid("SEARCH", "ALL")[1][0].split()) == 3
        client.shutdown()


# What Dovecot does not say.

CURSOR = ImapPlace(account="127.0.0.1/sales@contoso.example", validity=7, uid=9).cursor()
FIVE = [RemoteId("imap", "5")]


def run(change: Callable[[ImapMarks], object], *steps: Step) -> tuple[object, list[bytes]]:
    """What it returned or raised, and the lines the server heard."""
    with scripted(*steps) as (port, heard, wrong):
        endpoint = Endpoint(host="127.0.0.1", port=port, tls="none", connect_timeout=5, silence_timeout=5)
        marks = ImapMarks(endpoint, PasswordSignIn("sales@contoso.example", Secret(b"pw")))
        result: object
        try:
            result = change(marks)
        except ReconcileError as error:
            result = error
        finally:
            marks.close()
    assert not wrong, wrong
    return result, heard


def unconnected(change: Callable[[ImapMarks], object]) -> object:
    """What it returned or raised without any server."""
    marks = ImapMarks(Endpoint(host="127.0.0.1", port=1, tls="none"), PasswordSignIn("sales@contoso.example", Secret(b"pw")))
    try:
        return change(marks)
    except ReconcileError as error:
        return error


def signed_in(capabilities: bytes) -> tuple[Step, ...]:
    return (*GREETING, expect(b"LOGIN"), b"TAG OK [CAPABILITY IMAP4rev1 %s] in\r\n" % capabilities)


def selected(*, flags: bytes = rb"\Deleted \Seen \*", validity: int = 7, code: bytes = b"READ-WRITE") -> tuple[Step, ...]:
    answer = b"* 1 EXISTS\r\n* OK [PERMANENTFLAGS (%s)] ok\r\n* OK [UIDVALIDITY %d] ok\r\n" % (flags, validity)
    return (expect(b"SELECT INBOX"), answer + b"TAG OK [%s] done\r\n" % code)


THERE: tuple[Step, ...] = (expect(b"UID FETCH 5 (UID FLAGS)"), b"* 1 FETCH (UID 5 FLAGS (\\Seen))\r\nTAG OK done\r\n")


@pytest.mark.parametrize("validity", [8, 0])
@pytest.mark.parametrize("way", ["delete", "mark", "move"])
def test_numbers_of_another_history_are_not_written_to(way: str, validity: int) -> None:
    result, heard = run(lambda marks: WAYS[way](marks, CURSOR), *signed_in(b"UIDPLUS MOVE"), *selected(validity=validity))
    assert result == []
    assert not any(word in line for line in heard for word in (b"STORE", b"EXPUNGE", b"MOVE"))


def test_a_server_without_uidvalidity_is_not_written_to() -> None:
    cursor = ImapPlace(account="127.0.0.1/sales@contoso.example", validity=0, uid=9).cursor()
    result, _ = run(lambda marks: marks.delete(FIVE, cursor=cursor), *signed_in(b"UIDPLUS"), *selected(validity=0))
    assert result == []


def test_a_cursor_of_another_account_needs_no_connection() -> None:
    cursor = ImapPlace(account="127.0.0.1/support@contoso.example", validity=7, uid=9).cursor()
    assert unconnected(lambda marks: marks.delete(FIVE, cursor=cursor)) == []


@pytest.mark.parametrize(
    ("way", "flags", "code", "error"),
    [
        ("delete", rb"\Seen", b"READ-WRITE", PermissionDenied),
        ("delete", rb"\Deleted", b"READ-ONLY", PermissionDenied),
        ("mark", rb"\Deleted \Seen", b"READ-WRITE", Unsupported),
        ("mark", rb"Other", b"READ-WRITE", Unsupported),
    ],
)
def test_what_the_server_does_not_allow_is_not_tried(way: str, flags: bytes, code: bytes, error: type[ReconcileError]) -> None:
    ways = {"delete": lambda marks: marks.delete(FIVE, cursor=CURSOR), "mark": lambda marks: marks.mark(FIVE, "Tracked", cursor=CURSOR)}
    before = () if code == b"READ-ONLY" else THERE
    result, heard = run(ways[way], *signed_in(b"UIDPLUS"), *selected(flags=flags, code=code), *before)
    assert type(result) is error
    assert not any(b"STORE" in line for line in heard)


@pytest.mark.parametrize("flags", [b"tracked \\Seen", b"\\*"])
def test_a_keyword_that_is_known_or_may_be_made_is_set(flags: bytes) -> None:
    result, _ = run(
        lambda marks: marks.mark(FIVE, "Tracked", cursor=CURSOR),
        *signed_in(b""),
        *selected(flags=flags),
        *THERE,
        expect(b"UID STORE 5 +FLAGS.SILENT (Tracked)"),
        b"* 1 FETCH (FLAGS (Tracked))\r\nTAG OK done\r\n",
        expect(b"UID FETCH 5 (UID FLAGS)"),
        b"* 1 FETCH (FLAGS (\\Seen tracked) UID 5)\r\nTAG OK done\r\n",
    )
    assert result == FIVE


def test_what_the_server_says_it_did_but_did_not_is_not_returned() -> None:
    result, _ = run(
        lambda marks: marks.delete(FIVE, cursor=CURSOR),
        *signed_in(b"UIDPLUS"),
        *selected(),
        *THERE,
        expect(b"STORE"),
        b"TAG OK done\r\n",
        expect(b"UID EXPUNGE 5"),
        b"TAG OK done\r\n",
        expect(b"UID FETCH 5 (UID FLAGS)"),
        b"* 1 FETCH (UID 5 FLAGS (\\Deleted))\r\nTAG OK done\r\n",
    )
    assert result == []


@pytest.mark.parametrize("keyword", ["", "two words", "\\Seen", "a{3}\r\nx", "ä", "x" * 65])
def test_what_is_no_keyword_never_leaves(keyword: str) -> None:
    assert isinstance(unconnected(lambda marks: marks.mark(FIVE, keyword, cursor=CURSOR)), Unsupported)


@pytest.mark.parametrize("folder", ["", "a\r\nb", "a\x00b"])
def test_what_is_no_folder_never_leaves(folder: str) -> None:
    steps = (*signed_in(b"MOVE"), *selected(), *THERE)
    result, heard = run(lambda marks: marks.move(FIVE, folder, cursor=CURSOR), *steps)
    assert isinstance(result, PermanentError)
    assert not any(b"MOVE" in line for line in heard)


def test_a_folder_stands_where_the_account_s_folders_begin() -> None:
    result, _ = run(
        lambda marks: marks.move(FIVE, 'Not "sent"', cursor=CURSOR),
        *signed_in(b"MOVE NAMESPACE"),
        *selected(),
        *THERE,
        expect(b"NAMESPACE"),
        b'* NAMESPACE (("INBOX." ".")) NIL (("#public." "."))\r\nTAG OK done\r\n',
        expect(b'UID MOVE 5 "INBOX.Not \\"sent\\""'),
        b"TAG NO [TRYCREATE] no such folder\r\n",
        expect(b'CREATE "INBOX.Not \\"sent\\""'),
        b"TAG OK done\r\n",
        expect(b"SUBSCRIBE"),
        b"TAG NO not here\r\n",
        expect(b"UID MOVE 5"),
        b"* 1 EXPUNGE\r\nTAG OK done\r\n",
        expect(b"UID FETCH 5"),
        b"TAG OK done\r\n",
    )
    assert result == FIVE


HELD: tuple[Step, ...] = (
    expect(b"UID FETCH 3,8 (UID BODY.PEEK[HEADER.FIELDS (Message-ID From Date To Cc)])"),
    b"* 1 FETCH (UID 3 BODY[HEADER.FIELDS (Message-ID From Date To Cc)] {30}\r\nMessage-ID: <11@c.example>\r\n\r\n)\r\n",
)


@pytest.mark.parametrize(
    ("capabilities", "listing", "folder"),
    [
        (b"SPECIAL-USE", b'* LIST (\\HasNoChildren \\Sent) "/" "Gesendete Objekte"\r\n', b'"Gesendete Objekte"'),
        (b"SPECIAL-USE", b'* LIST (\\Trash) "/" Trash\r\n* list (\\SENT) NIL {6}\r\nSe"nt\\\r\n', b'"Se\\"nt\\\\"'),
        (b"XLIST", b'* XLIST (\\HasNoChildren \\Sent) "/" "[Gmail]/Sent Mail"\r\n', b'"[Gmail]/Sent Mail"'),
    ],
)
def test_the_folder_for_sent_mail_is_the_declared_one(capabilities: bytes, listing: bytes, folder: bytes) -> None:
    result, _ = run(
        lambda marks: marks.sent("<1@c.example>"),
        *signed_in(capabilities),
        expect(b"LIST"),
        listing + b"TAG OK done\r\n",
        expect(b"EXAMINE " + folder),
        b"* 2 EXISTS\r\nTAG OK done\r\n",
        expect(b'UID SEARCH HEADER Message-ID "<1@c.example>"'),
        b"* SEARCH 3 8\r\nTAG OK done\r\n",
        *HELD,
        b"* 2 FETCH (UID 8 BODY[HEADER.FIELDS (Message-ID From Date To Cc)] {31}\r\nmessage-id:\r\n <1@c.example>\r\n\r\n)\r\nTAG OK done\r\n",
    )
    assert result == [b"message-id:\r\n <1@c.example>\r\n\r\n"]


@pytest.mark.parametrize(
    ("capabilities", "steps"),
    [
        (b"", ()),
        (b"SPECIAL-USE", (expect(b"LIST"), b'* LIST () "/" Sent\r\nTAG OK done\r\n')),
        (
            b"SPECIAL-USE",
            (expect(b"LIST (SPECIAL-USE)"), b"TAG BAD what\r\n", expect(b'LIST "" "*"'), b'* LIST () "/" Sent\r\nTAG OK x\r\n'),
        ),
        (b"SPECIAL-USE", (expect(b"LIST"), b'* LIST (\\Sent \\Noselect) "/" Sent\r\nTAG OK done\r\n')),
        (b"SPECIAL-USE", (expect(b"LIST"), b'* LIST (\\Sent) "/" {7}\r\nSe\r\nnt1\r\nTAG OK done\r\n')),
    ],
)
def test_a_folder_that_is_only_called_so_is_not_taken(capabilities: bytes, steps: tuple[Step, ...]) -> None:
    assert run(lambda marks: marks.sent("<1@c.example>"), *signed_in(capabilities), *steps)[0] is None


def test_a_declared_folder_that_is_not_there_yet_is_made() -> None:
    declared: tuple[Step, ...] = (expect(b"LIST"), b'* LIST (\\NonExistent \\Sent) "/" Sent\r\nTAG OK done\r\n')
    assert run(lambda marks: marks.sent("<1@c.example>"), *signed_in(b"SPECIAL-USE"), *declared)[0] == []
    result, heard = run(
        lambda marks: marks.keep_sent(b"Subject: x\r\n\r\n", message_id="<1@c.example>", at=NOW),
        *signed_in(b"SPECIAL-USE"),
        *declared,
        expect(b'CREATE "Sent"'),
        b"TAG OK done\r\n",
        expect(b"SUBSCRIBE"),
        b"TAG OK done\r\n",
        expect(b'APPEND "Sent" (\\Seen) "10-Mar-2026 12:00:00 +0000" {14}'),
        b"+ go on\r\n",
        lambda conversation: [conversation.line() for _ in range(3)] and None,
        b"TAG OK [APPENDUID 1 1] done\r\n",
    )
    assert result is True
    assert heard[-4:-1] == [b"Subject: x\r", b"\r", b"\r"] or heard[-3:] == [b"Subject: x\r", b"\r", b"\r"]


def test_an_append_that_is_refused_sends_nothing_of_the_mail() -> None:
    result, heard = run(
        lambda marks: marks.keep_sent(b"Subject: private\r\n\r\n", message_id="<1@c.example>", at=NOW),
        *signed_in(b"SPECIAL-USE"),
        expect(b"LIST"),
        b'* LIST (\\Sent) "/" Sent\r\nTAG OK done\r\n',
        expect(b"EXAMINE"),
        b"TAG OK done\r\n",
        expect(b"SEARCH"),
        b"* SEARCH\r\nTAG OK done\r\n",
        expect(b"APPEND"),
        b"TAG NO [OVERQUOTA] full\r\n",
    )
    assert isinstance(result, Unavailable)
    assert "full" in str(result)
    assert not any(b"private" in line for line in heard)
