"""No account is locked by us: three refused sign-ins within an hour, over all mailboxes and directions, are the end of trying."""

from __future__ import annotations

import errno
import fcntl
import os
import threading
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from reconcile.errors import AuthenticationRejected, HeldBack, PermanentError, ReconcileError, Throttled, Unavailable
from reconcile.mail.memory_inbox import MemoryInbox, MemoryMailbox
from reconcile.mail.sign_in.guarded import GuardedSignIns
from reconcile.mail.sign_in.password import PasswordSignIn
from reconcile.model.secret import Secret
from reconcile.model.sign_in import SignInKind, SignInPlan
from reconcile.model.sign_in_try import SignInTry
from reconcile.ports.mail import Inbox
from reconcile.ports.sign_in import SignIn
from reconcile.ports.sign_in_tries import SignInTries
from reconcile.store.memory.sign_in_tries import MemorySignInTries
from reconcile.store.sign_in_tries import SignInTryFiles
from reconcile.sync.decide.eligible import ReceivingMailbox
from support.applied import StillClock
from support.mail_fleet import Fleet, fleet_mailbox


@dataclass
class Server:
    """Refuses every password but the right one, and counts."""

    right: str = "right"
    passwords: dict[str, str] = field(default_factory=dict)
    refused: int = 0
    silent: int = 0
    busy: bool = False

    def of(self, plan: SignInPlan, *, name: str) -> SignIn | None:
        return PasswordSignIn(plan.username, Secret(self.passwords[name].encode()))

    def certificate(self, plan: SignInPlan) -> Secret | None:
        return None

    def sign_in(self, account: SignIn) -> None:
        assert account.password is not None
        with account.showing():
            if self.silent:
                self.silent -= 1
                raise ConnectionResetError
            if self.busy:
                raise Unavailable("the server cannot check the login now")
            if account.password.reveal().decode() != self.right:
                self.refused += 1
                assert not account.refused()
                raise AuthenticationRejected("refused")


@pytest.fixture(params=["memory", "files"])
def tries(request: pytest.FixtureRequest, tmp_path: Path) -> SignInTries:
    return MemorySignInTries(wait=0.1) if request.param == "memory" else SignInTryFiles(tmp_path / "sign-ins", wait=0.1)


def plan(name: str, username: str = "Shared@contoso.example") -> SignInPlan:
    return SignInPlan(kind=SignInKind.PASSWORD, username=username, password=(name, "credentials.password"))


def guard(server: Server, tries: SignInTries, clock: StillClock) -> GuardedSignIns:
    def credential(of: SignInPlan) -> str:
        assert of.password is not None
        return f"digest of {server.passwords[of.password[0]]}"

    return GuardedSignIns(inner=server, tries=tries, credential=credential, clock=clock)


def attempt(guarded: GuardedSignIns, server: Server, name: str, username: str = "shared@contoso.example") -> ReconcileError | None:
    try:
        account = guarded.of(plan(name, username), name=name)
        assert account is not None
        server.sign_in(account)
    except ReconcileError as error:
        return error
    return None


def test_a_storm_of_mailboxes_that_share_an_account_is_refused_three_times_an_hour(tries: SignInTries) -> None:
    clock, server = StillClock(), Server(passwords={f"m{number}": "wrong" for number in range(50)})
    for hour in range(1, 4):
        for number in range(50):
            # Each mailbox in a process of its own.
            error = attempt(
                guard(server, tries, clock), server, f"m{number}", "SHARED@contoso.example" if number % 2 else "shared@contoso.example"
            )
            assert isinstance(error, AuthenticationRejected)
            clock.pass_by(seconds=10)
        assert server.refused == 3 * hour
        assert "3 times" in str(error)
        assert "wrong" not in str(error).replace("wrong password", "")
        clock.pass_by(hours=1)


def test_another_credential_is_tried_at_once_and_other_accounts_go_on(tries: SignInTries) -> None:
    clock, server = StillClock(), Server(passwords={"a": "wrong", "b": "right"})
    for _ in range(5):
        clock.pass_by(seconds=1)
        attempt(guard(server, tries, clock), server, "a")
    assert server.refused == 3
    assert attempt(guard(server, tries, clock), server, "b", "other@contoso.example") is None
    server.passwords["a"] = "also wrong"
    attempt(guard(server, tries, clock), server, "a")
    assert server.refused == 4
    clock.pass_by(seconds=1)
    # Refused once itself, and the account has had enough.
    attempt(guard(server, tries, clock), server, "a")
    assert server.refused == 4
    server.passwords["a"] = "right"
    assert attempt(guard(server, tries, clock), server, "a") is None


def test_a_day_of_polling_with_a_wrong_password_and_a_server_that_asks_for_pauses(tries: SignInTries) -> None:
    """Checklist: throttling and lock-out. Ten mailboxes share an account whose password is wrong; ten others are asked for pauses."""
    clock, server = StillClock(), Server(passwords={f"m{number}": "wrong" for number in range(10)})
    asked: list[str] = []

    def connect(mailbox: ReceivingMailbox) -> Inbox:
        if mailbox.name.startswith("m"):
            account = guard(server, tries, clock).of(plan(mailbox.name), name=mailbox.name)
            assert account is not None
            server.sign_in(account)
        asked.append(mailbox.name)
        if len(asked) % 2:
            raise Throttled("429", retry_after=1800)
        return MemoryInbox(MemoryMailbox())

    fleet = Fleet(clock=clock)
    fleet.connect = connect  # type: ignore[method-assign, assignment]
    boxes = [fleet_mailbox(f"m{number}", account_group="shared") for number in range(10)] + [fleet_mailbox(f"t{n}") for n in range(10)]
    refused_at: list[tuple[int, timedelta]] = []
    began = clock.now()
    for _ in range(24 * 12):
        fleet.look([box for box in boxes if fleet.is_due(box)])
        refused_at.append((server.refused, clock.now() - began))
        clock.pass_by(minutes=5)
    for hour in range(23):
        of_hour = [count for count, at in refused_at if timedelta(hours=hour) <= at < timedelta(hours=hour + 1)]
        assert max(of_hour) - min(of_hour) <= 3, hour
    assert server.refused <= 3 * 4
    # Each pause was kept: nobody was asked again within half an hour of a 429.
    assert len(asked) < 10 * 24 * 12 / 2
    assert fleet.enablements.enablements() == {}


def test_what_was_let_begin_before_the_third_refusal_is_held_before_it_is_shown(tries: SignInTries) -> None:
    """A test and both directions: all were let begin with two refusals known at most."""
    clock, server = StillClock(), Server(passwords={"a": "wrong"})
    for _ in range(2):
        attempt(guard(server, tries, clock), server, "a")
        clock.pass_by(seconds=90)
    begun = [guard(server, tries, clock).of(plan("a"), name="a") for _ in range(3)]
    for account in begun:
        assert account is not None
        with pytest.raises(AuthenticationRejected):
            server.sign_in(account)
        clock.pass_by(seconds=1)
    held = attempt(guard(server, tries, clock), server, "a")
    assert held is not None
    assert "refused it 3 times" in held.message
    assert server.refused == 3
    # Refused at 08:00:00, 08:01:30 and 08:03:00: three of them lie within the hour until 09:00:00.
    assert "by `reconcile sync` from 2026-03-01 09:01 UTC on" in held.hint
    clock.pass_by(minutes=56, seconds=56)
    assert attempt(guard(server, tries, clock), server, "a") is not None
    assert server.refused == 3
    clock.pass_by(seconds=2)
    attempt(guard(server, tries, clock), server, "a")
    assert server.refused == 4


def test_many_passwords_of_one_account_end_after_six(tries: SignInTries) -> None:
    """Forty mailboxes that declare one user name and forty passwords: nobody mended anything."""
    clock, server = StillClock(), Server(passwords={f"m{number}": f"wrong {number}" for number in range(40)})
    for number in range(40):
        error = attempt(guard(server, tries, clock), server, f"m{number}")
        clock.pass_by(seconds=1)
    assert server.refused == 6
    assert isinstance(error, HeldBack)
    assert "took none of 6 within an hour" in error.message
    assert "different passwords" in error.hint
    clock.pass_by(seconds=error.retry_after)
    attempt(guard(server, tries, clock), server, "m39")
    assert server.refused == 7


def test_a_server_that_breaks_off_may_have_refused(tries: SignInTries) -> None:
    clock, server = StillClock(), Server(passwords={"a": "wrong"}, silent=9)
    for _ in range(3):
        with pytest.raises(ConnectionResetError):
            attempt(guard(server, tries, clock), server, "a")
        clock.pass_by(seconds=10)
    error = attempt(guard(server, tries, clock), server, "a")
    assert isinstance(error, HeldBack)
    assert error.retry_after == 3600 - 30
    assert "did not answer 3 times" in error.message
    assert server.silent == 6
    server.passwords["a"] = "another one, which nobody refused"
    with pytest.raises(ConnectionResetError):
        attempt(guard(server, tries, clock), server, "a")


def test_one_that_is_taken_shows_that_nobody_had_refused_it(tries: SignInTries) -> None:
    clock, server = StillClock(), Server(passwords={"a": "right"})
    for _ in range(10):
        server.silent = 2
        for _ in range(2):
            with pytest.raises(ConnectionResetError):
                attempt(guard(server, tries, clock), server, "a")
            clock.pass_by(seconds=1)
        assert attempt(guard(server, tries, clock), server, "a") is None
        assert tries.recent("shared@contoso.example", now=clock.now()) == []


def test_a_server_that_says_it_cannot_check_has_refused_nobody(tries: SignInTries) -> None:
    clock, server = StillClock(), Server(passwords={"a": "right"}, busy=True)
    for _ in range(10):
        assert isinstance(attempt(guard(server, tries, clock), server, "a"), Unavailable)
    server.busy = False
    assert attempt(guard(server, tries, clock), server, "a") is None


def test_a_refusal_over_a_connection_that_had_been_taken_counts(tries: SignInTries) -> None:
    clock, server = StillClock(), Server(passwords={"a": "right"})
    account = guard(server, tries, clock).of(plan("a"), name="a")
    assert account is not None
    server.sign_in(account)
    assert not account.refused()
    assert [one.answered for one in tries.recent("shared@contoso.example", now=clock.now())] == [True]


def test_one_signs_in_at_a_time_and_nobody_waits_for_ever(tries: SignInTries) -> None:
    clock, server = StillClock(), Server(passwords={"a": "right"})
    first = guard(server, tries, clock).of(plan("a"), name="a")
    other = guard(server, tries, clock).of(plan("a"), name="a")
    assert first is not None
    assert other is not None
    with first.showing():
        with pytest.raises(HeldBack, match="is being signed in elsewhere"), other.showing():
            pass
        # Somebody else's account does not wait.
        assert attempt(guard(server, tries, clock), server, "a", "other@contoso.example") is None
    server.sign_in(other)


def test_who_waits_in_vain_for_others_of_the_account_does_not_blame_the_server(tries: SignInTries) -> None:
    clock, server, fleet = StillClock(), Server(passwords={"a": "right"}), Fleet()
    guarded = guard(server, tries, clock)

    def connect(mailbox: ReceivingMailbox) -> Inbox:
        account = guarded.of(plan("a", f"{mailbox.account_group}@contoso.example"), name="a")
        assert account is not None
        server.sign_in(account)
        return MemoryInbox(MemoryMailbox())

    fleet.connect = connect  # type: ignore[method-assign, assignment]
    boxes = [fleet_mailbox(name, account_group="shared") for name in ("m1", "m2", "m3")] + [fleet_mailbox("m4", account_group="other")]
    elsewhere = guarded.of(plan("a"), name="a")
    assert elsewhere is not None
    with elsewhere.showing():
        runs = fleet.look(boxes)
    # The pause is that of the account, and no failure of its mailboxes.
    assert [runs[name].error is None for name in ("m1", "m2", "m3", "m4")] == [False, False, False, True]
    assert [runs[name].tried for name in ("m1", "m2", "m3")].count(False) == 2
    for name in ("m1", "m2", "m3"):
        assert "shared@contoso.example is being signed in elsewhere" in runs[name].error_words()[1]
    assert {fleet.state(box).failures for box in boxes if runs[box.name].tried} == {0}


def test_threads_that_begin_together_are_refused_three_times(tries: SignInTries) -> None:
    clock, server = StillClock(), Server(passwords={f"m{number}": "wrong" for number in range(40)})
    ready = threading.Barrier(8)

    def work(start: int) -> None:
        ready.wait()
        for number in range(start, 40, 8):
            attempt(guard(server, tries, clock), server, f"m{number}")

    threads = [threading.Thread(target=work, args=(start,)) for start in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert server.refused == 3


def test_what_is_left_of_a_process_that_died_counts(tmp_path: Path) -> None:
    clock, server = StillClock(), Server(passwords={"a": "wrong"})
    for _ in range(3):
        died = SignInTryFiles(tmp_path).turn("shared@contoso.example")
        died.keep([*died.tries, SignInTry(credential="", at=clock.now(), answered=False)], durable=False)
        died.close()
    error = attempt(guard(server, SignInTryFiles(tmp_path), clock), server, "a")
    assert isinstance(error, HeldBack)
    assert server.refused == 0


def test_a_try_that_ends_well_while_others_are_looked_up_holds_nobody_back(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Another process takes its try out and ends its turn after the file was read, just before it is asked who has the turn."""
    clock, server, tries, lock = StillClock(), Server(passwords={"a": "right"}), SignInTryFiles(tmp_path), fcntl.flock
    other = tries.turn("shared@contoso.example")
    other.keep([SignInTry(credential="", at=clock.now(), answered=False)] * 3, durable=False)

    def locking(descriptor: int, how: int) -> None:
        if other.tries:
            other.keep([], durable=False)
            other.close()
        lock(descriptor, how)

    monkeypatch.setattr("fcntl.flock", locking)
    assert tries.recent("shared@contoso.example", now=clock.now()) == []
    assert attempt(guard(server, tries, clock), server, "a") is None


def test_a_try_that_is_under_way_holds_nobody_back_and_refusals_do(tmp_path: Path) -> None:
    clock, tries = StillClock(), SignInTryFiles(tmp_path)
    other = tries.turn("a")
    other.keep([SignInTry(credential="d", at=clock.now(), answered=answered) for answered in (True, False)], durable=False)
    assert [one.answered for one in tries.recent("a", now=clock.now())] == [True]
    other.close()
    assert [one.answered for one in tries.recent("a", now=clock.now())] == [True, False]


@pytest.mark.parametrize("content", [b"2026-03-01T07:5", b"\xff\xfe\x00", b"what is this\n", b"9999-99-99T00:00:00Z refused x\n"])
def test_a_damaged_line_is_a_try(tmp_path: Path, content: bytes) -> None:
    tries = SignInTryFiles(tmp_path)
    tries.turn("a").close()
    (path,) = tmp_path.iterdir()
    path.write_bytes(content)
    turn = tries.turn("a")
    assert [(one.credential, one.answered) for one in turn.tries] == [("", False)]
    assert abs((turn.tries[0].at - datetime.now(UTC)).total_seconds()) < 60
    turn.keep([], durable=False)
    turn.close()
    assert path.read_bytes().strip(b"\n") == b""
    assert tries.turn("a").tries == ()


def test_shorter_words_leave_nothing_of_longer_ones(tmp_path: Path) -> None:
    tries, now = SignInTryFiles(tmp_path), datetime.now(UTC)
    turn = tries.turn("a")
    turn.keep([SignInTry(credential="d" * 32, at=now, answered=True)], durable=True)
    short = [SignInTry(credential="", at=now, answered=False)]
    turn.keep(short, durable=False)
    turn.close()
    assert tries.turn("a").tries == short


def test_where_nothing_can_be_written_down_nothing_is_shown(tmp_path: Path) -> None:
    (tmp_path / "sign-ins").write_text("a file")
    clock, server = StillClock(), Server(passwords={"a": "wrong"})
    error = attempt(guard(server, SignInTryFiles(tmp_path / "sign-ins"), clock), server, "a")
    assert isinstance(error, PermanentError)
    assert error.hint
    assert server.refused == 0


def test_a_full_disk_shows_nothing_and_is_over_by_itself(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> int:
        raise OSError(errno.ENOSPC, "no space left on device")

    clock, server = StillClock(), Server(passwords={"a": "wrong"})
    with monkeypatch.context() as patched:
        patched.setattr("os.pwrite", full)
        error = attempt(guard(server, SignInTryFiles(tmp_path), clock), server, "a")
    assert isinstance(error, PermanentError)
    # Not the account's matter, so that nobody has to enable it: see sync/decide/failures.py.
    assert (error.about, server.refused) == ("profile", 0)
    assert isinstance(attempt(guard(server, SignInTryFiles(tmp_path), clock), server, "a"), AuthenticationRejected)
    assert server.refused == 1


def test_a_refusal_that_cannot_be_written_down_counts_all_the_same(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The disk fills up between the try and its outcome: the try stays without one."""
    clock, server, write = StillClock(), Server(passwords={"a": "wrong"}), os.pwrite

    def full(descriptor: int, content: bytes, place: int) -> int:
        if b"refused" in content:
            raise OSError(errno.ENOSPC, "no space left on device")
        return write(descriptor, content, place)

    monkeypatch.setattr("os.pwrite", full)
    for _ in range(5):
        attempt(guard(server, SignInTryFiles(tmp_path), clock), server, "a")
    assert server.refused == 3


def test_two_threads_over_one_connection_know_their_own_tries_apart(tries: SignInTries) -> None:
    """As a watcher of Exchange has it, whose stream ends while the next one begins."""
    clock, server = StillClock(), Server(passwords={"a": "wrong"})
    account = guard(server, tries, clock).of(plan("a"), name="a")
    assert account is not None
    held: list[ReconcileError] = []

    def other() -> None:
        try:
            with account.showing():
                pass
        except ReconcileError as error:
            held.append(error)

    waiting = threading.Thread(target=other)
    with account.showing():
        waiting.start()
        waiting.join()
        assert not account.refused()
    assert [type(error) for error in held] == [HeldBack], "it waited for its turn in vain"
    assert [one.answered for one in tries.recent("shared@contoso.example", now=clock.now())] == [True]


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (
            HeldBack("the account is not signed in now: none was answered", retry_after=1800, hint="Check its password."),
            "none was answered",
        ),
        (Throttled("429", retry_after=1800), "its server asked for a pause"),
    ],
)
def test_who_was_not_tried_is_told_whose_pause_it_is(error: Throttled, said: str) -> None:
    fleet = Fleet(clock=StillClock())

    def connect(mailbox: ReceivingMailbox) -> Inbox:
        raise error

    fleet.connect = connect  # type: ignore[method-assign]
    runs = fleet.look([fleet_mailbox(name, account_group="shared") for name in ("m1", "m2", "m3")])
    untried = [run.error for run in runs.values() if not run.tried]
    assert len(untried) == 2
    for one in untried:
        assert one is not None
        assert one.message.startswith("not tried: ")
        assert said in one.message
        assert one.hint == (error.hint or "Try again later.")
