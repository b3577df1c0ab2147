"""Passwords over HTTP, which are shown with each request: no account is locked by them, whoever shares its name or its connections."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, replace

import pytest

from reconcile.errors import AuthenticationRejected, ReconcileError
from reconcile.mail.ews.account import ExchangeAccount
from reconcile.mail.ews.authorization import Authorization
from reconcile.mail.ews.link import Link
from reconcile.mail.ews.sessions import Sessions
from reconcile.mail.sign_in.guarded import GuardedSignIns, account_of
from reconcile.mail.sign_in.password import PasswordSignIn
from reconcile.model.mailbox_access import MailboxAccess
from reconcile.model.secret import Secret
from reconcile.model.sign_in import SignInKind, SignInPlan
from reconcile.ports.sign_in import SignIn
from reconcile.store.memory.sign_in_tries import MemorySignInTries
from support.applied import StillClock
from support.ews_accounts import account_of as account_at
from support.exchange_sandbox import SALES, SERVICE, SERVICE_PASSWORD, SUPPORT, ExchangeSandbox, exchange_sandbox

pytestmark = pytest.mark.servers
WRONG = "wr0ng-of-the-account"


@dataclass
class Declared:
    """One account, under which mailboxes declare a password each; what the server was shown and refused, in its order."""

    exchange: ExchangeSandbox
    passwords: dict[str, str] = field(default_factory=lambda: {SALES: SERVICE_PASSWORD, SUPPORT: WRONG})
    refused: list[str] = field(default_factory=list)
    taken: int = 0
    clock: StillClock = field(default_factory=StillClock)
    tries: MemorySignInTries = field(default_factory=lambda: MemorySignInTries(wait=0.5))
    sessions: Sessions = field(default_factory=Sessions)

    def __post_init__(self) -> None:
        checked = self.exchange.organization.sign_in

        def sign_in(username: str, password: str) -> object:
            found = checked(username, password)
            if found is None:
                self.refused.append(password)
            else:
                self.taken += 1
            return found

        self.exchange.organization.sign_in = sign_in  # type: ignore[method-assign, assignment]

    def of(self, plan: SignInPlan, *, name: str) -> SignIn | None:
        return PasswordSignIn(plan.username, Secret(self.passwords[name].encode()))

    def certificate(self, plan: SignInPlan) -> Secret | None:
        return None

    def account(self, address: str) -> ExchangeAccount:
        """As a process opens it; the account is left alone when it must be."""
        plan = SignInPlan(kind=SignInKind.PASSWORD, username=SERVICE, password=(address, "credentials.password"))
        guarded = GuardedSignIns(
            inner=self, tries=self.tries, credential=lambda of: self.passwords[(of.password or ("", ""))[0]], clock=self.clock
        )
        return replace(account_at(self.exchange, address, MailboxAccess.IMPERSONATION), sign_in=guarded.of(plan, name=address))

    def link(self, address: str = SALES) -> Link:
        return Link(self.account(address), self.sessions)

    def noted(self) -> list[str]:
        """Credentials that are known to be refused."""
        account = account_of(SignInPlan(kind=SignInKind.PASSWORD, username=SERVICE, password=None))
        return [one.credential for one in self.tries.recent(account, now=self.clock.now()) if one.answered]


@pytest.fixture
def declared() -> Iterator[Declared]:
    with exchange_sandbox((SALES, SUPPORT)) as exchange:
        yield Declared(exchange)


def ask(link: Link) -> None:
    link.one(link.requests.get_folder("inbox"))


def test_another_password_of_the_same_account_uses_no_connection_that_was_taken(declared: Declared) -> None:
    ask(declared.link(SALES))
    for _ in range(8):
        with pytest.raises(ReconcileError):
            ask(declared.link(SUPPORT))
        declared.clock.pass_by(seconds=10)
        ask(declared.link(SALES))
    assert declared.refused == declared.noted() == [WRONG] * 3
    # Who has the right one goes on over its connection.
    assert declared.taken == 9


def test_who_holds_a_mailbox_open_is_not_let_on_either(declared: Declared) -> None:
    """A watcher, a sender and a reader ask more than once."""
    link = declared.link(SUPPORT)
    for _ in range(8):
        ask(declared.link(SALES))
        with pytest.raises(AuthenticationRejected):
            ask(link)
        declared.clock.pass_by(seconds=10)
    assert declared.refused == declared.noted() == [WRONG] * 3


def test_what_tells_passwords_apart_tells_nobody_the_password() -> None:
    def identity(password: str, key: bytes) -> bytes:
        return Authorization(PasswordSignIn(SERVICE, Secret(password.encode())), "exchange.contoso.example").identity(key)

    one, another = Sessions(), Sessions()
    assert identity(WRONG, one.key) == identity(WRONG, one.key) != identity(SERVICE_PASSWORD, one.key)
    # Who sees one cannot try passwords against it, and every process has others.
    assert identity(WRONG, one.key) != identity(WRONG, another.key)
    assert WRONG.encode() not in identity(WRONG, one.key)
    assert one.key.hex() not in repr(one)
    assert repr(one.key) not in repr(one)
