"""No account is locked by us: three refused sign-ins within an hour, over all mailboxes and directions, are the end of trying."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path

import pytest

from reconcile.errors import AuthenticationRejected, ReconcileError, Throttled
from reconcile.mail.memory_inbox import MemoryInbox, MemoryMailbox
from reconcile.mail.sign_in.guarded import GuardedSignIns
from reconcile.mail.sign_in.password import PasswordSignIn
from reconcile.model.secret import Secret
from reconcile.model.sign_in import SignInKind, SignInPlan
from reconcile.ports.mail import Inbox
from reconcile.ports.sign_in import SignIn
from reconcile.ports.sign_in_refusals import SignInRefusals
from reconcile.store.memory.sign_in_refusals import MemorySignInRefusals
from reconcile.store.sqlite.database import Database
from reconcile.store.sqlite.sign_in_refusals import SqliteSignInRefusals
from reconcile.sync.decide.eligible import ReceivingMailbox
from support.applied import StillClock
from support.mail_fleet import Fleet, fleet_mailbox


@dataclass
class Server:
    """Refuses every password but the right one, and counts."""

    right: str = "right"
    passwords: dict[str, str] = field(default_factory=dict)
    refused: int = 0

    def of(self, plan: SignInPlan, *, name: str) -> SignIn | None:
        return PasswordSignIn(plan.username, Secret(self.passwords[name].encode()))

    def certificate(self, plan: SignInPlan) -> Secret | None:
        return None

    def sign_in(self, account: SignIn) -> None:
        assert account.password is not None
        if account.password.reveal().decode() != self.right:
            self.refused += 1
            assert not account.refused()
            raise AuthenticationRejected("refused")


@pytest.fixture(params=["memory", "sqlite"])
def refusals(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[SignInRefusals]:
    if request.param == "memory":
        yield MemorySignInRefusals()
        return
    with Database.open(tmp_path / "engine.db") as database:
        yield SqliteSignInRefusals(database)


def plan(name: str, username: str = "Shared@contoso.example") -> SignInPlan:
    return SignInPlan(kind=SignInKind.PASSWORD, username=username, password=(name, "credentials.password"))


def guard(server: Server, refusals: SignInRefusals, clock: StillClock) -> GuardedSignIns:
    def credential(of: SignInPlan) -> str:
        assert of.password is not None
        return f"digest of {server.passwords[of.password[0]]}"

    return GuardedSignIns(inner=server, refusals=refusals, credential=credential, clock=clock)


def attempt(guarded: GuardedSignIns, server: Server, name: str, username: str = "shared@contoso.example") -> ReconcileError | None:
    try:
        account = guarded.of(plan(name, username), name=name)
        assert account is not None
        server.sign_in(account)
    except ReconcileError as error:
        return error
    return None


def test_a_storm_of_mailboxes_that_share_an_account_is_refused_three_times_an_hour(refusals: SignInRefusals) -> None:
    clock, server = StillClock(), Server(passwords={f"m{number}": "wrong" for number in range(50)})
    for hour in range(1, 4):
        for number in range(50):
            # Each mailbox in a process of its own.
            error = attempt(
                guard(server, refusals, clock), server, f"m{number}", "SHARED@contoso.example" if number % 2 else "shared@contoso.example"
            )
            assert isinstance(error, AuthenticationRejected)
            clock.pass_by(seconds=10)
        assert server.refused == 3 * hour
        assert "3 times" in str(error)
        assert "wrong" not in str(error).replace("wrong password", "")
        clock.pass_by(hours=1)


def test_another_credential_is_tried_at_once_and_other_accounts_go_on(refusals: SignInRefusals) -> None:
    clock, server = StillClock(), Server(passwords={"a": "wrong", "b": "right"})
    for _ in range(5):
        clock.pass_by(seconds=1)
        attempt(guard(server, refusals, clock), server, "a")
    assert server.refused == 3
    assert attempt(guard(server, refusals, clock), server, "b", "other@contoso.example") is None
    server.passwords["a"] = "also wrong"
    attempt(guard(server, refusals, clock), server, "a")
    assert server.refused == 4
    clock.pass_by(seconds=1)
    # Refused once itself, and the account has had enough.
    attempt(guard(server, refusals, clock), server, "a")
    assert server.refused == 4
    server.passwords["a"] = "right"
    assert attempt(guard(server, refusals, clock), server, "a") is None


def test_a_day_of_polling_with_a_wrong_password_and_a_server_that_asks_for_pauses(refusals: SignInRefusals) -> None:
    """Checklist: throttling and lock-out. Ten mailboxes share an account whose password is wrong; ten others are asked for pauses."""
    clock, server = StillClock(), Server(passwords={f"m{number}": "wrong" for number in range(10)})
    asked: list[str] = []

    def connect(mailbox: ReceivingMailbox) -> Inbox:
        if mailbox.name.startswith("m"):
            account = guard(server, refusals, clock).of(plan(mailbox.name), name=mailbox.name)
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


def test_what_was_begun_before_the_third_refusal_counts_and_the_moment_is_that_of_the_next_showing(refusals: SignInRefusals) -> None:
    """A test and both directions: four were let begin with two refusals known at most."""
    clock, server = StillClock(), Server(passwords={"a": "wrong"})
    for _ in range(2):
        attempt(guard(server, refusals, clock), server, "a")
        clock.pass_by(seconds=90)
    begun = [guard(server, refusals, clock).of(plan("a"), name="a") for _ in range(2)]
    for account in begun:
        assert account is not None
        with pytest.raises(AuthenticationRejected):
            server.sign_in(account)
        clock.pass_by(seconds=1)
    held = attempt(guard(server, refusals, clock), server, "a")
    assert held is not None
    assert "refused it 4 times" in held.message
    assert server.refused == 4
    # Refused at 08:00:00, 08:01:30, 08:03:00 and 08:03:01: three of them lie within the hour until 09:01:30.
    assert "by `reconcile sync` from 2026-03-01 09:02 UTC on" in held.hint
    clock.pass_by(minutes=58, seconds=26)
    assert attempt(guard(server, refusals, clock), server, "a") is not None
    assert server.refused == 4
    clock.pass_by(seconds=32)
    attempt(guard(server, refusals, clock), server, "a")
    assert server.refused == 5
