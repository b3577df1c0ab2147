"""Receiving from a real Dovecot, through the same calls that `reconcile sync` makes."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from reconcile.mail.imap import listing
from reconcile.store.sqlite.database import Database
from reconcile.store.sqlite.mail import SqliteMailStore
from reconcile.sync.decide.text import parse_text
from support.dovecot import PASSWORD, Dovecot, running
from support.hostile import HOSTILE
from support.receiving_world import World, mail

pytestmark = pytest.mark.servers
SALES, INFO = "sales@contoso.example", "info@contoso.example"
NEW_YEAR = datetime(2026, 1, 1, tzinfo=UTC).timestamp()


@pytest.fixture(scope="module")
def dovecot() -> Iterator[Dovecot]:
    with running(users={f"box{number}@contoso.example": PASSWORD for number in range(100)}) as server:
        server.fresh = iter(server.users)
        yield server


@pytest.fixture
def world(dovecot: Dovecot, tmp_path: Path) -> World:
    return World(dovecot, tmp_path)


def test_a_thousand_messages_then_only_what_is_new(world: World) -> None:
    user = world.user("many")
    world.dovecot.deliver_all(user, [(mail(number), None) for number in range(1000)])
    assert world.sync()[user].received.tracked == 1000
    assert world.kept(user) == world.dovecot.messages(user)
    quiet = world.sync()[user].received
    assert (quiet.read, quiet.server_messages) == (0, 1000)
    world.dovecot.deliver_all(user, [(mail(number), None) for number in (1000, 1001)])
    assert world.sync()[user].received.tracked == 2
    assert world.kept(user) == world.dovecot.messages(user)


def test_nothing_changes_at_the_server(world: World) -> None:
    user = world.user("peek")
    world.dovecot.deliver(user, mail(1))
    world.sync()
    client = world.dovecot.client(user)
    client.select("INBOX", readonly=True)
    flags = client.uid("FETCH", "1", "(FLAGS)")[1][0]
    client.shutdown()
    assert b"\\Seen" not in flags
    assert b"\\Recent" in flags, "EXAMINE leaves even that to the person's own program"


@pytest.mark.parametrize("tls", ["implicit", "starttls", "none"])
def test_all_ways_to_connect(world: World, tls: str) -> None:
    user = world.user("tls")
    world.dovecot.deliver(user, mail(1))
    run = world.sync(tls=tls, port=world.dovecot.imaps if tls == "implicit" else world.dovecot.imap)[user]
    assert run.error is None
    assert run.received.tracked == 1


@pytest.mark.parametrize("window", [listing.WINDOW, 1], ids=["all dates", "search by date"])
def test_the_floor_is_the_later_date_and_a_search_only_helps(world: World, window: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(listing, "WINDOW", window)
    monkeypatch.setattr(listing, "END", 1)
    user = world.user("floor")
    ages = (-86_400 * 3, -3600, -1, 0, 1, 3600)
    for number, age in enumerate(ages):
        world.dovecot.deliver(user, mail(number), received=NEW_YEAR + age)
    run = world.sync(profile={"processEmailFrom": "2025-06-01T00:00:00Z"}, mailbox={"processEmailFrom": "2026-01-01T00:00:00Z"})[user]
    assert run.received.tracked == 3
    assert sorted(int(each.header.subject.split()[1]) for each in world.activities()) == [3, 4, 5]
    # Whether the server left it out by its date or we did: the one three days older counts, too.
    assert run.received.ignored == 3
    assert world.sync(mailbox={"processEmailFrom": "2026-01-01T00:00:00Z"})[user].received.read == 0


def test_another_uidvalidity_imports_nothing_twice(world: World) -> None:
    user = world.user("validity")
    twin = b"From: a@contoso.example\r\n\r\nno id, twice\r\n"
    world.dovecot.deliver_all(user, [(mail(1), NEW_YEAR), (mail(2), NEW_YEAR), (twin, NEW_YEAR), (twin, NEW_YEAR)])
    assert world.sync()[user].received.tracked == 4
    for validity in (7_000_000, 5, 7_000_000):  # forward, back, and to one that was there before
        world.dovecot.renew_uidvalidity(user, validity)
        run = world.sync()[user]
        assert run.received.reindexed
        assert (run.received.tracked, run.received.duplicates) == (0, 4)
        assert len(world.activities()) == 4
        assert world.kept(user) == world.dovecot.messages(user)
    world.dovecot.deliver(user, mail(3))
    assert world.sync()[user].received.tracked == 1


def test_what_is_expunged_stays_tracked(world: World) -> None:
    user = world.user("expunge")
    world.dovecot.deliver_all(user, [(mail(number), None) for number in range(5)])
    world.sync()
    world.dovecot.expunge(user, 2, 5)
    assert world.sync()[user].received.server_messages == 3
    world.dovecot.deliver(user, mail(9))
    assert world.sync()[user].received.tracked == 1
    assert len(world.activities()) == 6


def test_one_message_in_two_mailboxes_is_one_activity(world: World) -> None:
    one, two = world.user("one"), world.user("two")
    world.dovecot.deliver(one, b"Received: by relay one\r\nDelivered-To: one@contoso.example\r\n" + mail(1))
    world.dovecot.deliver(two, b"Received: by relay two\r\n with another\r\nX-Spam: no\r\n" + mail(1))
    runs = world.sync()
    assert sum(run.received.tracked for run in runs.values()) == 1
    assert sum(run.received.duplicates for run in runs.values()) == 1
    (activity,) = world.activities()
    assert len(activity.mailboxes) == 2
    assert not activity.conflicting


def test_a_reused_message_id_suppresses_nothing(world: World) -> None:
    user = world.user("reuse")
    world.dovecot.deliver_all(user, [(mail(1, b"first"), None), (mail(1, b"other"), None), (mail(1, b"first"), None)])
    run = world.sync()[user].received
    assert (run.tracked, run.duplicates, run.conflicting) == (2, 1, 1)
    assert sorted(each.conflicting for each in world.activities()) == [False, True]


def test_hostile_messages_are_kept_byte_for_byte_and_can_be_shown(world: World) -> None:
    user = world.user("hostile")
    assert len(HOSTILE) >= 40
    world.dovecot.deliver_all(user, [(message, None) for _, message in HOSTILE])
    run = world.sync()[user]
    assert run.error is None
    # Dovecot gives every message with CRLF: what it gives is what must be kept.
    kept = world.kept(user)
    assert kept == world.dovecot.messages(user)
    assert len(kept) == len(HOSTILE)

    def show(store: SqliteMailStore, _: Database) -> None:
        from reconcile.report.activities_json import activity_json, text_json
        from reconcile.report.activities_text import activities_table, activity_text

        for activity in store.activities(mailbox_id=None, since=None, limit=None):
            text = parse_text(b"".join(store.raw(activity.id)))
            shown = activity_text(activity, text, {}) + activities_table([activity], {})
            assert "\x1b" not in shown
            assert "\u202e" not in shown
            assert activity_json(activity, {})
            assert text_json(text)

    world.read(show)


def test_a_message_of_any_size_streams_through(world: World) -> None:
    user = world.user("large")
    line = b"0123456789abcde" * 5 + b"\r\n"
    world.dovecot.deliver(user, mail(1) + line * ((12 << 20) // len(line)))
    world.dovecot.deliver(user, mail(2))
    assert world.sync()[user].received.tracked == 2
    assert world.kept(user) == world.dovecot.messages(user)
    # The same content again, of a size that is known to be a duplicate only after it was read: no byte of it stays.
    size = sum(path.stat().st_size for path in (world.folder / "state" / "test" / "packs").glob("*.pack"))
    world.dovecot.deliver(user, b"X-Copy: 1\r\n" + mail(1) + line * ((12 << 20) // len(line)))
    assert world.sync()[user].received.duplicates == 1
    assert sum(path.stat().st_size for path in (world.folder / "state" / "test" / "packs").glob("*.pack")) == size


def test_one_bad_mailbox_never_stops_another(world: World) -> None:
    good, bad = world.user("good"), world.user("bad")
    world.dovecot.deliver(good, mail(1))
    runs = world.sync(passwords={good: PASSWORD, bad: "wrong"})
    assert runs[good].received.tracked == 1
    assert type(runs[bad].error).__name__ == "AuthenticationRejected"
    assert "wrong" not in str(runs[bad].error)
    state = world.state(bad)
    assert (state.error_kind, state.permanent, state.about, state.failures) == ("AuthenticationRejected", True, "account", 0)


def test_a_certificate_of_another_authority_or_name_is_refused(world: World) -> None:
    import trustme

    user = world.user("cert")
    world.dovecot.deliver(user, mail(1))
    for estate in (
        {"authority": trustme.CA().cert_pem.bytes()},
        {"server": "127.0.0.2"},
        {"authority": trustme.CA().cert_pem.bytes(), "tls": "starttls", "port": world.dovecot.imap},
    ):
        error = world.sync(**estate)[user].error
        assert type(error).__name__ in ("PermanentError", "Unavailable"), estate
        assert world.activities() == []


def test_clear_text_needs_an_on_premises_organization_that_allows_it(world: World) -> None:
    user = world.user("clear")
    world.dovecot.deliver(user, mail(1))
    for organization in ({"deployment": "online", "deploymentSettings.allowNonSslEmail": True}, {"deployment": "on-premises"}):
        assert world.sync(tls="none", port=world.dovecot.imap, organization=organization) == {}
        assert world.activities() == []
