"""Over HTTP each request shows the account, and not each answer says something about it: what nobody knew of is still not known after an
answer of a gateway or of a busy server, and the account stays held back."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from contextlib import suppress
from dataclasses import dataclass, field, replace

import pytest

from reconcile.errors import AuthenticationRejected, PermanentError, ReconcileError
from reconcile.mail.autodiscover.authorization import signed_in
from reconcile.mail.autodiscover.web import Reply
from reconcile.mail.ews.link import Link
from reconcile.mail.ews.sessions import Sessions
from reconcile.mail.sign_in.guarded import GuardedSignIns
from reconcile.mail.sign_in.ntlm import NtlmSignIn
from reconcile.mail.sign_in.uncounted import Uncounted
from reconcile.model.secret import Secret
from reconcile.model.sign_in import SignInKind, SignInPlan
from reconcile.model.sign_in_try import SignInTry
from reconcile.ports.sign_in import Mechanism, SignIn
from reconcile.store.memory.sign_in_tries import MemorySignInTries
from support.applied import StillClock
from support.ews_script import ADDRESS, Said, answer, done, fault, running

HTML = {"Content-Type": "text/html"}
PLAN = SignInPlan(kind=SignInKind.PASSWORD, username=ADDRESS, password=("sales", "credentials.password"))


@dataclass
class Renewed(Uncounted):
    """Has something else to show so many times."""

    others: int = 0
    kind: SignInKind = SignInKind.PASSWORD
    username: str = ADDRESS
    password: Secret = field(default_factory=lambda: Secret(b"correct horse"))

    def mechanism(self, *, protocol: str, host: str, offered: Collection[str]) -> Mechanism:
        raise AssertionError("a password is shown as it is")

    def refused(self) -> bool:
        self.others -= 1
        return self.others >= 0


@dataclass
class Held:
    """An account of which two tries had no answer."""

    sign_in: SignIn = field(default_factory=Renewed)
    tries: MemorySignInTries = field(default_factory=lambda: MemorySignInTries(wait=0.1))
    clock: StillClock = field(default_factory=StillClock)

    def __post_init__(self) -> None:
        turn = self.tries.turn(ADDRESS)
        turn.keep([SignInTry(credential=one, at=self.clock.now(), answered=False) for one in ("", "digest")], durable=False)
        turn.close()

    def of(self, plan: SignInPlan, *, name: str) -> SignIn | None:
        return self.sign_in

    def certificate(self, plan: SignInPlan) -> Secret | None:
        return None

    def guarded(self) -> SignIn:
        found = GuardedSignIns(inner=self, tries=self.tries, credential=lambda _: "digest", clock=self.clock).of(PLAN, name=ADDRESS)
        assert found is not None
        return found

    @property
    def unanswered(self) -> int:
        known = self.tries.recent(ADDRESS, now=self.clock.now())
        assert not any(one.answered for one in known)
        return len(known)


@pytest.mark.parametrize(
    ("said", "maybe_done"),
    [
        (Said(b"", status=503), False),
        (Said(b"", status=503, headers={"Retry-After": "17"}), False),
        (Said(b"", status=429), False),
        (Said(b"", status=403), False),
        (Said(b"", status=404), False),
        (Said(b"", status=302, headers={"Location": "/elsewhere"}), False),
        (Said(b"", status=413), False),
        (Said(b"<html>", status=500, headers=HTML), True),
        (Said(b"<html/>", status=500, headers={"Content-Type": "application/xhtml+xml"}), True),
        (Said(b"<html>Sign in</html>", status=200, headers=HTML), True),
        (Said(b"", status=524), True),
        (Said(b"", status=502), True),
        (Said(b"", status=504), True),
    ],
    ids=lambda one: str(one.status) if isinstance(one, Said) else None,
)
@pytest.mark.parametrize("attempt", [1, 2])
def test_exchange_takes_nobody_by_an_answer_that_is_not_its_own(said: Said, maybe_done: bool, attempt: int) -> None:
    held = Held(Renewed(others=attempt - 1))
    with running(lambda _: said if len(script.asked) == attempt else Said(b"", status=401)) as script:
        link = Link(script.account(sign_in=held.guarded()), Sessions())
        with pytest.raises(ReconcileError):
            link.one(link.requests.get_folder("inbox"))
        assert len(script.asked) == attempt
        assert (held.unanswered, link.maybe_done) == (2, maybe_done)


@pytest.mark.parametrize("attempt", [1, 2])
@pytest.mark.parametrize("said", [answer("GetFolder", done("<m:Folders/>")), fault("ErrorInvalidRequest")], ids=["answer", "fault"])
def test_what_exchange_itself_answers_shows_that_the_account_was_taken(said: Said, attempt: int) -> None:
    held = Held(Renewed(others=attempt - 1))
    with running(lambda _: said if len(script.asked) == attempt else Said(b"", status=401)) as script:
        link = Link(script.account(sign_in=held.guarded()), Sessions())
        with suppress(PermanentError):
            link.one(link.requests.get_folder("inbox"))
        assert (len(script.asked), held.unanswered) == (attempt, 0)


def reply(status: int) -> Reply:
    return Reply(status=status, headers={"location": "https://elsewhere.contoso.example/"}, challenges=(), content=b"said")


@pytest.mark.parametrize("attempt", [1, 2])
@pytest.mark.parametrize("status", [301, 302, 307, 400, 403, 404, 429, 500, 502, 503])
def test_autodiscover_takes_nobody_by_a_redirect_or_a_refusal_to_serve(status: int, attempt: int) -> None:
    held, asked = Held(Renewed(others=attempt - 1)), list[str]()

    def ask(headers: Mapping[str, str]) -> Reply:
        asked.append(headers["Authorization"])
        return reply(status if len(asked) == attempt else 401)

    # Whoever asked follows it, or tries another way.
    assert signed_in(held.guarded(), "autodiscover.contoso.example", ask) == reply(status)
    assert (len(asked), held.unanswered) == (attempt, 2)


@pytest.mark.parametrize("attempt", [1, 2])
def test_what_autodiscover_answers_shows_that_the_account_was_taken(attempt: int) -> None:
    held, asked = Held(Renewed(others=attempt - 1)), list[str]()

    def ask(headers: Mapping[str, str]) -> Reply:
        asked.append(headers["Authorization"])
        return reply(200 if len(asked) == attempt else 401)

    assert signed_in(held.guarded(), "autodiscover.contoso.example", ask) == reply(200)
    assert (len(asked), held.unanswered) == (attempt, 0)


class Ntlm(Renewed):
    """Shows its first message, and what it was asked for."""

    kind: SignInKind = SignInKind.NTLM

    def mechanism(self, *, protocol: str, host: str, offered: Collection[str]) -> Mechanism:
        return NtlmSignIn("CONTOSO\\svc", Secret(b"correct horse")).mechanism(protocol=protocol, host=host, offered=offered)


@pytest.mark.parametrize("status", [200, 302, 503])
def test_autodiscover_takes_nobody_who_has_proved_nothing_yet(status: int) -> None:
    """NTLM begins with a message that has no secret in it."""
    held = Held(Ntlm(kind=SignInKind.NTLM))
    assert signed_in(held.guarded(), "autodiscover.contoso.example", lambda _: reply(status)) == reply(status)
    assert held.unanswered == 2


def test_autodiscover_refuses_nobody_who_has_proved_nothing_yet() -> None:
    held = Held(Ntlm(kind=SignInKind.NTLM))
    for _ in range(4):
        with pytest.raises(AuthenticationRejected, match="it offers Basic"):
            signed_in(held.guarded(), "autodiscover.contoso.example", lambda _: replace(reply(401), challenges=("Basic realm=x",)))
    assert held.unanswered == 2
