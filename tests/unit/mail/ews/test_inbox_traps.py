"""What goes wrong between an Exchange server and who reads from it, one test each. The server does as the test says."""

from __future__ import annotations

import base64
import threading
import time
import zlib
from collections.abc import Iterator
from dataclasses import dataclass, replace

import pytest

from reconcile.errors import AuthenticationRejected, PermanentError, ReconcileError, Throttled, Unavailable
from reconcile.mail.ews.inbox import EwsInbox
from reconcile.mail.ews.sessions import Sessions
from reconcile.mail.sign_in.guarded import GuardedSignIns
from reconcile.mail.sign_in.password import PasswordSignIn
from reconcile.model.cursor import Cursor
from reconcile.model.mailbox_access import MailboxAccess
from reconcile.model.secret import Secret
from reconcile.model.sign_in import SignInKind, SignInPlan
from reconcile.ports.mail import Batch, Listed
from reconcile.ports.sign_in import SignIn
from reconcile.store.memory.sign_in_tries import MemorySignInTries
from support.applied import StillClock
from support.ews_script import ADDRESS, Asked, Said, ScriptedExchange, ScriptedInbox, answer, done, fault, refused, running


def message(number: int) -> bytes:
    return b"Message-ID: <%d@contoso.example>\r\nSubject: %d\r\n\r\nbody\r\n" % (number, number)


def names(count: int) -> dict[str, bytes]:
    return {f"AAMk{number:03}": message(number) for number in range(count)}


def visit(script: ScriptedExchange, cursor: Cursor | None = None, *, careful: bool = False) -> tuple[list[bytes], list[Batch]]:
    inbox, bodies = EwsInbox(script.account(), Sessions()), list[bytes]()

    def accept(_: Listed, chunks: Iterator[bytes]) -> None:
        bodies.append(b"".join(chunks))

    try:
        look = inbox.look(cursor)
        start = None if look.restarted else cursor
        return bodies, [*inbox.read(start, since=None, retry=(), wanted=lambda _: True, accept=accept, careful=careful)]
    finally:
        inbox.close()


def test_a_first_look_and_a_quiet_one_cost_one_request_each() -> None:
    """exchangelib asks twice to learn authentication and version, and once for the root before each folder."""
    with running(ScriptedInbox(names(3))) as script:
        inbox = EwsInbox(script.account(), Sessions())
        assert inbox.look(None).restarted
        assert script.counts() == {"GetFolder": 1}
        _, batches = visit(script)
        script.asked.clear()
        assert not EwsInbox(script.account(), Sessions()).look(batches[-1].cursor).news
        assert script.counts() == {"SyncFolderItems": 1}


def test_connections_are_shared_by_the_mailboxes_of_an_account() -> None:
    with running(ScriptedInbox(names(1))) as script:
        sessions = Sessions()
        for _ in range(5):
            inbox = EwsInbox(script.account(MailboxAccess.IMPERSONATION), sessions)
            inbox.look(None)
            inbox.close()
        assert (len(script.asked), script.connections) == (5, 1)


def test_each_page_comes_with_the_state_behind_it() -> None:
    """A crash in a large first synchronisation must not begin it again: 250 messages, three pages, each cursor brings the rest."""
    with running(ScriptedInbox(names(250))) as script:
        bodies, batches = visit(script)
        assert [len(batch.read) for batch in batches] == [100, 100, 50]
        assert len(bodies) == 250
        again, _ = visit(script, batches[0].cursor)
        assert again == [message(number) for number in range(100, 250)]


def test_a_refused_state_begins_anew() -> None:
    server = ScriptedInbox(names(2))

    def answering(asked: Asked) -> Said:
        if b"<m:SyncState>old" in asked.body:
            return answer("SyncFolderItems", refused("ErrorInvalidSyncStateData", more="<m:SyncState/>"))
        return server(asked)

    with running(answering) as script:
        _, batches = visit(script)
        stale = Cursor("ews", batches[-1].cursor.value.replace('"2"', '"old"'))
        look = EwsInbox(script.account(), Sessions()).look(stale)
        assert (look.restarted, look.news, look.messages) == (True, True, 2)


@pytest.mark.parametrize("code", ["ErrorServerBusy", "ErrorMailboxStoreUnavailable", "ErrorInternalServerTransientError"])
def test_busy_within_a_batch_gives_up_the_batch_instead_of_mixing_it_up(code: str) -> None:
    server = ScriptedInbox(
        names(5), instead={"AAMk002": refused(code, pause=4000 if code == "ErrorServerBusy" else None, more="<m:Items/>")}
    )
    with running(server) as script:
        with pytest.raises(ReconcileError) as caught:
            visit(script)
        assert isinstance(caught.value, Throttled if code == "ErrorServerBusy" else Unavailable)
        if isinstance(caught.value, Throttled):
            assert caught.value.retry_after == 4.0
        assert script.counts()["GetItem"] == 1
        # One by one the others come through, whatever the third one does.
        bodies, kept = list[bytes](), list[Batch]()
        inbox = EwsInbox(script.account(), Sessions())
        inbox.look(None)
        reading = inbox.read(
            None, since=None, retry=(), wanted=lambda _: True, accept=lambda _, chunks: bodies.append(b"".join(chunks)), careful=True
        )
        with pytest.raises(ReconcileError):
            kept.extend(reading)
        assert (bodies, len(kept)) == ([message(0), message(1)], 2)


def test_one_item_that_is_refused_does_not_hide_the_others() -> None:
    server = ScriptedInbox(names(4), instead={"AAMk001": refused("ErrorMimeContentConversionFailed", more="<m:Items/>")})
    with running(server) as script:
        bodies, batches = visit(script)
        assert bodies == [message(0), message(2), message(3)]
        assert [one.remote_id.value for one in batches[0].missing] == ["AAMk001"]


@pytest.mark.parametrize("wrong", ["fewer", "others"])
def test_answers_that_do_not_line_up_are_not_believed(wrong: str) -> None:
    server = ScriptedInbox(names(3))

    def answering(asked: Asked) -> Said:
        if asked.operation != "GetItem":
            return server(asked)
        asked_for = ("AAMk000", "AAMk001") if wrong == "fewer" else ("AAMk001", "AAMk000", "AAMk002")
        return answer("GetItem", *(server.item(name, asked) for name in asked_for))

    with running(answering) as script, pytest.raises(Unavailable):
        visit(script)


def test_a_refused_password_is_shown_once() -> None:
    """exchangelib's fault tolerance takes 401 for "busy" and goes on for an hour."""
    with running(lambda _: Said(b"", status=401, headers={"WWW-Authenticate": "Basic realm=x"})) as script:
        with pytest.raises(AuthenticationRejected) as caught:
            EwsInbox(script.account(), Sessions()).look(None)
        assert len(script.asked) == 1
        assert "correct horse" not in caught.value.message + caught.value.hint + repr(script.account())


@dataclass
class Passwords:
    """`SignIns` of accounts by their names."""

    accounts: dict[str, SignIn]

    def of(self, plan: SignInPlan, *, name: str) -> SignIn | None:
        return self.accounts[name]

    def certificate(self, plan: SignInPlan) -> Secret | None:
        return None


def test_a_refusal_is_written_down_once() -> None:
    """Three within an hour lock the account out here, so that its server does not."""
    tries, clock, wrong = MemorySignInTries(), StillClock(), PasswordSignIn(ADDRESS, Secret(b"wrong"))
    guard = GuardedSignIns(inner=Passwords({ADDRESS: wrong}), tries=tries, credential=lambda _: "digest", clock=clock)
    with running(lambda _: Said(b"", status=401)) as script:
        plan = SignInPlan(kind=SignInKind.PASSWORD, username=ADDRESS, password=("sales", "credentials.password"))
        guarded = guard.of(plan, name=ADDRESS)
        assert guarded is not None
        with pytest.raises(AuthenticationRejected):
            EwsInbox(script.account(sign_in=guarded), Sessions()).look(None)
    assert [(one.credential, one.answered) for one in tries.recent(ADDRESS, now=clock.now())] == [("digest", True)]


def test_nothing_weaker_is_shown_than_what_is_declared() -> None:
    """The server offers basic only; NTLM is declared."""
    from reconcile.mail.sign_in.ntlm import NtlmSignIn

    with running(lambda _: Said(b"", status=401, headers={"WWW-Authenticate": "Basic realm=x"})) as script:
        with pytest.raises(AuthenticationRejected):
            EwsInbox(script.account(sign_in=NtlmSignIn("CONTOSO\\svc", Secret(b"correct horse"))), Sessions()).look(None)
        shown = [asked.headers.get("authorization", "") for asked in script.asked]
        assert [one.split()[0] for one in shown] == ["NTLM"]
        assert b"svc:" not in base64.b64decode(shown[0].split()[1])


@pytest.mark.parametrize(
    ("said", "expected"),
    [
        (Said(b"", status=503, headers={"Retry-After": "17"}), Throttled),
        (Said(b"", status=502), Unavailable),
        (Said(b"<html>", status=500, headers={"Content-Type": "text/html"}), Unavailable),
        (Said(b"<html>", status=200, headers={"Content-Type": "text/html"}), Unavailable),
        (Said(b"", status=404), PermanentError),
    ],
)
def test_a_busy_server_refuses_nobody_in_the_first_step_of_ntlm(said: Said, expected: type[Exception]) -> None:
    from reconcile.mail.sign_in.ntlm import NtlmSignIn

    with running(lambda _: said) as script, pytest.raises(expected) as caught:
        EwsInbox(script.account(sign_in=NtlmSignIn("CONTOSO\\svc", Secret(b"correct horse"))), Sessions()).look(None)
    assert not isinstance(caught.value, AuthenticationRejected)


@pytest.mark.parametrize(
    ("said", "seconds"),
    [
        (Said(b"", status=503, headers={"Retry-After": "17"}), 17.0),
        (fault("ErrorServerBusy", pause=2500), 2.5),
        (answer("GetFolder", refused("ErrorInternalServerError", pause=1500, more="<m:Folders/>")), 1.5),
    ],
)
def test_the_pause_a_server_asks_for_is_kept(said: Said, seconds: float) -> None:
    with running(lambda _: said) as script, pytest.raises(Throttled) as caught:
        EwsInbox(script.account(), Sessions()).look(None)
    assert caught.value.retry_after == seconds


def test_a_quiet_busy_is_seen_behind_its_inner_code() -> None:
    inner = '<m:MessageXml><t:Value Name="InnerErrorResponseCode">ErrorServerBusy</t:Value></m:MessageXml><m:Folders/>'
    with running(lambda _: answer("GetFolder", refused("ErrorInternalServerError", more=inner))) as script, pytest.raises(Throttled):
        EwsInbox(script.account(), Sessions()).look(None)


def test_impersonation_stands_in_the_header_and_delegation_in_the_folder() -> None:
    with running(ScriptedInbox(names(1))) as script:
        for access in (MailboxAccess.IMPERSONATION, MailboxAccess.DELEGATION, MailboxAccess.OWN):
            EwsInbox(script.account(access), Sessions()).look(None)
        impersonated, delegated, own = (asked.body.decode() for asked in script.asked)
        sid = "<t:ExchangeImpersonation><t:ConnectingSID><t:PrimarySmtpAddress>sales@contoso.example</t:PrimarySmtpAddress>"
        named = '<t:DistinguishedFolderId Id="inbox"><t:Mailbox><t:EmailAddress>sales@contoso.example</t:EmailAddress>'
        assert (sid in impersonated, named in impersonated) == (True, False)
        assert (sid in delegated, named in delegated) == (False, True)
        assert (sid in own, named in own) == (False, False)
        assert {asked.headers["x-anchormailbox"] for asked in script.asked} == {"sales@contoso.example"}


def test_an_answer_in_the_middle_of_which_the_connection_ends_is_no_answer() -> None:
    server = ScriptedInbox(names(3))

    def answering(asked: Asked) -> Said:
        said = server(asked)
        return Said(said.body, cut=len(said.body) // 2) if asked.operation == "GetItem" else said

    with running(answering) as script:
        with pytest.raises(Unavailable):
            visit(script)
        assert script.counts()["GetItem"] == 1


def test_hostile_xml_is_refused_and_bounded() -> None:
    bomb = b'<!DOCTYPE s [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;&a;&a;">]>' + b"<s>&b;</s>"
    file = b'<!DOCTYPE s [<!ENTITY x SYSTEM "file:///etc/hostname">]><s>&x;</s>'
    deep = b"<s>" * 200_000 + b"</s>" * 200_000
    for body in (bomb, file, deep, b"<html>", b"", b"\x00\x01", b'{"json": 1}'):
        with running(lambda _, body=body: Said(body)) as script, pytest.raises(Unavailable):  # type: ignore[misc]
            EwsInbox(script.account(), Sessions()).look(None)


def test_a_good_answer_with_a_dtd_is_refused_too() -> None:
    """Whatever stands in its entities: none is ever declared by a server that means well."""
    server = ScriptedInbox(names(1))

    def answering(asked: Asked) -> Said:
        return Said(server(asked).body.replace(b"?><s:", b'?><!DOCTYPE s [<!ENTITY a "x">]><s:', 1).replace(b"?>\n<s:", b"?><s:"))

    with running(answering) as script, pytest.raises(Unavailable, match="DTD"):
        EwsInbox(script.account(), Sessions()).look(None)


def test_an_answer_larger_than_was_asked_for_is_cut() -> None:
    with running(lambda _: Said(b" " * (33 << 20))) as script, pytest.raises(Unavailable, match="more than"):
        EwsInbox(script.account(), Sessions()).look(None)


def test_an_answer_that_unpacks_without_end_is_cut() -> None:
    """A gigabyte of spaces in a megabyte: no more of it is unpacked than was agreed."""
    packed = zlib.compress(b" " * (1 << 20), 9, wbits=31) * 1024

    with running(lambda _: Said(packed, headers={"Content-Encoding": "gzip"})) as script:
        account = script.account()
        account = replace(account, endpoint=replace(account.endpoint, compress=True))
        before = time.thread_time()
        with pytest.raises(Unavailable, match="more than"):
            EwsInbox(account, Sessions()).look(None)
        assert time.thread_time() - before < 2.0
    assert script.asked[0].headers["accept-encoding"] == "gzip, deflate"


def test_characters_that_xml_does_not_have_do_not_hide_a_message() -> None:
    server = ScriptedInbox(names(1))

    def answering(asked: Asked) -> Said:
        said = server(asked)
        return Said(said.body.replace(b"<t:Size>", b"<t:Subject>a&#x1F;b&#0;c</t:Subject><t:Size>"))

    with running(answering) as script:
        bodies, _ = visit(script)
        assert bodies == [message(0)]


def test_a_page_that_never_ends_is_noticed() -> None:
    page = done("<m:SyncState>7</m:SyncState><m:IncludesLastItemInRange>false</m:IncludesLastItemInRange><m:Changes/>")
    folder = done('<m:Folders><t:Folder><t:FolderId Id="INBOX"/></t:Folder></m:Folders>')

    def answering(asked: Asked) -> Said:
        return answer(asked.operation, page if asked.operation == "SyncFolderItems" else folder)

    with running(answering) as script:
        with pytest.raises(Unavailable, match="again and again"):
            visit(script)
        assert script.counts()["SyncFolderItems"] == 2


def test_a_large_answer_is_read_in_large_pieces() -> None:
    """Byte by byte, 20 MB take half a minute of CPU; in pieces of 64 kB less than one second."""
    server = ScriptedInbox({f"AAMk{number}": message(number) + b"x" * 7_000_000 for number in range(2)})
    with running(server) as script:
        before = time.thread_time()
        bodies, _ = visit(script)
        assert [len(body) for body in bodies] == [len(content) for content in server.messages.values()]
        assert time.thread_time() - before < 2.0


@pytest.mark.parametrize("seconds", [0.5, pytest.param(60.0, marks=pytest.mark.slow)])
def test_ten_throttled_threads_do_not_wait_for_each_other_for_ever(seconds: float) -> None:
    """exchangelib shrinks its pool at each "busy", under the lock that giving a session back needs: with all sessions out it hangs."""
    counter = iter(range(10**9))
    server = ScriptedInbox(names(1))

    def answering(asked: Asked) -> Said:
        return fault("ErrorServerBusy", pause=1) if next(counter) % 6 == 0 else server(asked)

    with running(answering) as script:
        sessions, end, rounds = Sessions(), time.monotonic() + seconds, [0] * 10

        def work(place: int) -> None:
            while time.monotonic() < end:
                inbox = EwsInbox(script.account(MailboxAccess.IMPERSONATION), sessions)
                try:
                    inbox.look(None)
                except Throttled:
                    pass
                finally:
                    inbox.close()
                rounds[place] += 1

        threads = [threading.Thread(target=work, args=(place,), daemon=True) for place in range(10)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(seconds + 10)
        assert not any(thread.is_alive() for thread in threads)
        assert min(rounds) > 0


def test_the_pool_is_not_shrunk_by_the_library_either() -> None:
    """What exchangelib's own services would call, with every session out."""
    with running(ScriptedInbox(names(1))) as script:
        protocol = Sessions().protocol(script.account(), b"")
        out = [protocol.get_session(), protocol.get_session()]
        ended = threading.Event()

        def shrink() -> None:
            protocol.decrease_poolsize()
            ended.set()

        threading.Thread(target=shrink, daemon=True).start()
        assert ended.wait(2.0)
        for session in out:
            protocol.release_session(session)
