"""Tokens over time: kept as long as they last, renewed by one at a time, never lost by us."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from dataclasses import replace

import pytest

from reconcile.errors import AuthenticationRejected, PermanentError, Throttled, Unavailable
from reconcile.mail.oauth.access import RenewedTokens
from reconcile.mail.oauth.post import Poster
from reconcile.model.secret import Secret
from reconcile.model.sign_in import Grant, OAuthPlan
from reconcile.ports.token_store import TokenFacts
from reconcile.store.memory.tokens import MemoryTokens
from support.applied import Passwords, StillClock
from support.oauth_server import CLIENT_ID, CLIENT_SECRET, OAuthServer, Reply, oauth_server

SALES = "sales@contoso.example"


@pytest.fixture(scope="module")
def running() -> Iterator[OAuthServer]:
    with oauth_server() as server:
        yield server


@pytest.fixture
def server(running: OAuthServer) -> OAuthServer:
    running.asked.clear()
    running.faults.clear()
    running.users.clear()
    running.rotates = True
    running.lifetime = 3600
    return running


class World:
    """One process's tokens. `again` is another process on the same store."""

    def __init__(self, server: OAuthServer, store: MemoryTokens | None = None, clock: StillClock | None = None) -> None:
        self.server, self.store, self.clock = server, store or MemoryTokens(), clock or StillClock()
        self.secrets = Passwords({("p1", "oauth.clientSecret"): CLIENT_SECRET})
        self.tokens = RenewedTokens(
            store=self.store, credentials=self.secrets, poster=lambda _: Poster(authority=server.authority), clock=self.clock
        )
        self.plan = OAuthPlan(
            grant=Grant.REFRESH_TOKEN,
            account="m1",
            client_id=CLIENT_ID,
            client_secret=("p1", "oauth.clientSecret"),
            refresh_token=("m1", "credentials.refreshToken"),
            token_endpoint=server.url(),
            scopes=("mail",),
        )

    def declare(self, token: str) -> None:
        self.secrets.values["m1", "credentials.refreshToken"] = token

    def again(self) -> World:
        other = World(self.server, self.store, self.clock)
        other.secrets = self.secrets
        other.tokens.credentials = self.secrets
        return other

    def token(self) -> str:
        return self.tokens.current(self.plan, name="sales")[0].text()

    @property
    def questions(self) -> int:
        return len(self.server.asked)


@pytest.fixture
def world(server: OAuthServer) -> World:
    made = World(server)
    made.declare(server.consent(SALES))
    return made


def test_a_token_serves_until_shortly_before_its_end(world: World) -> None:
    first = world.token()
    world.clock.pass_by(seconds=3600 - 301)
    assert (world.token(), world.questions) == (first, 1)
    world.clock.pass_by(seconds=2)
    assert world.token() != first
    assert world.questions == 2


@pytest.mark.parametrize("minutes", [-10, 10, -600, 600])
def test_a_wrong_time_of_day_changes_nothing(world: World, minutes: float, monkeypatch: pytest.MonkeyPatch) -> None:
    first = world.token()
    now = world.clock.now
    from datetime import timedelta

    monkeypatch.setattr(world.clock, "now", lambda: now() + timedelta(minutes=minutes))
    assert (world.token(), world.questions) == (first, 1)
    world.clock.pass_by(seconds=3400)
    assert world.token() != first


def test_a_short_lived_token_serves_half_of_its_life(world: World) -> None:
    world.server.lifetime = 60
    first = world.token()
    world.clock.pass_by(seconds=29)
    assert world.token() == first
    world.clock.pass_by(seconds=2)
    assert world.token() != first


def test_rotation_is_kept_before_the_token_is_used_and_the_next_process_goes_on(world: World) -> None:
    declared = world.secrets.values["m1", "credentials.refreshToken"]
    world.token()
    kept = world.store.refresh_token("m1")
    assert kept is not None
    assert kept.text() != declared
    assert world.server.users == {kept.text(): SALES}
    world.again().token()
    assert world.store.facts("m1").renewing_since == ""  # type: ignore[union-attr]


def test_what_could_not_be_kept_is_kept_before_anything_else(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """A full disk, once the provider has given the token and taken the old one away."""
    keep = world.store.keep
    full = [True]

    def failing(facts: TokenFacts, token: Secret) -> None:
        if full[0]:
            raise PermanentError("no space left for the store")
        keep(facts, token)

    monkeypatch.setattr(world.store, "keep", failing)
    for _ in range(2):
        with pytest.raises(PermanentError, match="no space"):
            world.token()
    assert world.questions == 1
    full[0] = False
    world.token()
    kept = world.store.refresh_token("m1")
    assert kept is not None
    assert kept.text() in world.server.users


def test_many_threads_ask_once(world: World) -> None:
    found: list[str] = []
    threads = [threading.Thread(target=lambda: found.append(world.token())) for _ in range(20)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert (len(found), len(set(found)), world.questions) == (20, 1, 1)


def test_processes_take_turns_so_that_no_token_is_shown_twice(world: World) -> None:
    """The provider takes each refresh token once; two that asked at the same time would lose the account."""
    worlds = [world, *(world.again() for _ in range(5))]
    failures: list[BaseException] = []

    def run(one: World) -> None:
        try:
            for _ in range(3):
                one.token()
                one.tokens.refuse(one.plan, one.tokens.current(one.plan, name="sales")[0])
        except BaseException as error:
            failures.append(error)
            raise

    threads = [threading.Thread(target=run, args=(one,)) for one in worlds]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []
    shown = [form["refresh_token"] for _, form in world.server.asked]
    assert len(shown) == len(set(shown)) == 18


def test_without_any_token_it_says_who_must_do_what(server: OAuthServer) -> None:
    with pytest.raises(AuthenticationRejected, match="sales: nobody has signed in for it yet") as refused:
        World(server).token()
    assert refused.value.hint == "Run `reconcile auth login sales`."
    assert server.asked == []


def test_a_token_that_is_no_longer_taken_needs_a_person(world: World) -> None:
    world.server.users.clear()
    for _ in range(2):
        with pytest.raises(AuthenticationRejected, match="no longer accepts the sign-in") as refused:
            world.token()
        assert "interrupted" not in refused.value.message
        assert refused.value.hint == "Run `reconcile auth login sales`."
        assert "canary" not in refused.value.message + refused.value.hint


def test_an_interrupted_renewal_is_told_by_its_time(world: World) -> None:
    world.token()
    facts = world.store.facts("m1")
    assert facts is not None
    # As a process leaves it that died between the provider's answer and the commit.
    world.store.note(replace(facts, renewing_since="2026-03-01T07:59:00Z"))
    world.server.users.clear()
    for _ in range(2):
        with pytest.raises(AuthenticationRejected, match="begun at 2026-03-01T07:59:00Z was interrupted"):
            world.again().token()


def test_trouble_at_the_endpoint_passes_and_the_token_stays(world: World) -> None:
    world.server.faults["/token"].extend([Reply(status=503), Reply(cut=True), Reply(status=429, headers={"Retry-After": "9"})])
    for kind in (Unavailable, Unavailable, Throttled):
        with pytest.raises(kind):
            world.token()
    world.token()


def test_what_is_declared_anew_goes_before_what_is_kept(world: World) -> None:
    world.token()
    kept = world.store.refresh_token("m1")
    fresh = world.server.consent(SALES)
    world.declare(fresh)
    world.again().token()
    assert world.server.asked[-1][1]["refresh_token"] == fresh
    assert kept not in (None, world.store.refresh_token("m1"))


@pytest.mark.parametrize("change", ["endpoint", "client"])
def test_a_kept_token_goes_to_nobody_else(world: World, change: str) -> None:
    """Whoever may change the profile must not be able to have the tokens sent to an endpoint of his own."""
    world.token()
    kept = world.store.refresh_token("m1")
    assert kept is not None
    with oauth_server() as elsewhere:
        other = world.again()
        del other.secrets.values["m1", "credentials.refreshToken"]
        other.tokens.poster = lambda _: Poster(authority=elsewhere.authority)
        asking = {"token_endpoint": elsewhere.url()} if change == "endpoint" else {"client_id": "another"}
        other.plan = replace(other.plan, refresh_token=None, **asking)
        with pytest.raises(AuthenticationRejected, match="nobody has signed in"):
            other.token()
        assert elsewhere.asked == []


def test_an_application_signs_in_once_for_all_mailboxes(server: OAuthServer) -> None:
    world = World(server)
    world.plan = replace(world.plan, grant=Grant.CLIENT_CREDENTIALS, account="p1", refresh_token=None)
    first = world.tokens.current(world.plan, name="sales")
    assert (world.tokens.current(world.plan, name="info"), first[1]) == ((first[0], False), True)
    assert [form for _, form in server.asked] == [
        {"grant_type": "client_credentials", "client_id": CLIENT_ID, "client_secret": CLIENT_SECRET, "scope": "mail"}
    ]
    assert world.store.facts("p1") is None


def test_a_wrong_client_secret_is_not_the_persons_fault(world: World) -> None:
    world.secrets.values["p1", "oauth.clientSecret"] = "canary-wrong"
    with pytest.raises(AuthenticationRejected, match="does not accept the application") as refused:
        world.token()
    assert "oauth.clientSecret" in refused.value.hint
    assert "canary" not in refused.value.message


def test_nothing_of_it_shows(world: World) -> None:
    world.token()
    assert "canary" not in f"{world.tokens!r} {world.store.facts('m1')!r} {world.plan!r}"


def test_when_a_token_was_refused_is_kept_until_another_one_works(world: World) -> None:
    world.token()
    good = dict(world.server.users)
    world.server.users.clear()
    for minutes in (70, 5):
        world.clock.pass_by(minutes=minutes)
        with pytest.raises(AuthenticationRejected):
            world.token()
        facts = world.store.facts("m1")
        assert facts is not None
        assert facts.expires_at == world.clock.now().strftime("%Y-%m-%dT%H:%M:%SZ")
        assert facts.by == "renewal"
    world.server.users.update(good)
    world.clock.pass_by(minutes=5)
    world.token()
    facts = world.store.facts("m1")
    assert facts is not None
    assert facts.expires_at == ""


def test_what_is_wrong_with_the_application_ends_nobodys_sign_in(world: World) -> None:
    world.token()
    world.secrets.values["p1", "oauth.clientSecret"] = "other"
    world.clock.pass_by(minutes=70)
    with pytest.raises(AuthenticationRejected):
        world.token()
    facts = world.store.facts("m1")
    assert facts is not None
    assert facts.expires_at == ""
