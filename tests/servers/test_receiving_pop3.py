"""Receiving over POP3 from a real Dovecot, through the same calls that `reconcile sync` makes, and once through the command itself."""

from __future__ import annotations

import json
import poplib
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from support.dovecot import PASSWORD, Dovecot, running
from support.mail_estate import MailEstate
from support.receiving_world import World, mail

pytestmark = pytest.mark.servers
NEW_YEAR = datetime(2026, 1, 1, tzinfo=UTC)


@pytest.fixture(scope="module")
def dovecot() -> Iterator[Dovecot]:
    users = {"sales@contoso.example": PASSWORD} | {f"box{number}@contoso.example": PASSWORD for number in range(60)}
    # As POP3 has it: a mailbox is open once.
    with running(users=users, extra="protocol pop3 {\n  pop3_lock_session = yes\n}\n") as server:
        server.fresh = (user for user in server.users if user.startswith("box"))
        yield server


class Pop3World(World):
    known_by = str

    def sync(self, **options):  # type: ignore[no-untyped-def]
        profile = {"incoming.protocol": "pop3", **options.pop("profile", {})}
        return super().sync(**{"port": self.dovecot.pop3s, "profile": profile, **options})

    def bodies(self, user: str) -> list[bytes]:
        return sorted(self.kept(user).values())


@pytest.fixture
def world(dovecot: Dovecot, tmp_path: Path) -> Pop3World:
    return Pop3World(dovecot, tmp_path)


def received(number: int, at: datetime, text: bytes = b"body") -> bytes:
    return at.strftime("Received: from relay by mx; %a, %d %b %Y %H:%M:%S +0000\r\n").encode() + mail(number, text)


def at_server(dovecot: Dovecot, user: str) -> list[bytes]:
    """What another POP3 program gets."""
    client = poplib.POP3("localhost", dovecot.pop3)
    client.user(user)
    client.pass_(PASSWORD)
    texts = [b"\r\n".join(client.retr(number + 1)[1]) + b"\r\n" for number in range(client.stat()[0])]
    client.quit()
    return sorted(texts)


def test_a_mailbox_of_a_pop3_profile_through_the_command(dovecot: Dovecot, tmp_path: Path) -> None:
    """As a new user does it: files, apply, sync, and what was tracked."""
    for number in range(3):
        dovecot.deliver("sales@contoso.example", received(number, NEW_YEAR + timedelta(hours=number)))
    estate = MailEstate(folder=tmp_path / "e", imap=dovecot.pop3s, authority=dovecot.authority, password=PASSWORD)
    profile = estate.estate / "profile.yaml"
    profile.write_text(profile.read_text().replace("imap-smtp", "pop3-smtp"))
    estate("apply", "--yes")
    ended = estate("sync", "--output", "json").document
    (sales,) = ended["mailboxes"]
    assert (sales["atServer"], sales["tracked"]) == (3, 3)
    listed = [json.loads(line)["received"] for line in estate("activities", "list", "--output", "json").out.splitlines()]
    assert listed == [f"2026-01-01T0{hour}:00:00Z" for hour in (2, 1, 0)]
    assert estate("sync", "--output", "json").document["mailboxes"][0]["read"] == 0
    dovecot.deliver("sales@contoso.example", received(9, NEW_YEAR))
    assert estate("sync", "--output", "json").document["mailboxes"][0]["tracked"] == 1
    (status,) = estate("status", "--output", "json").document["mailboxes"]
    assert (status["tracked"], status["atServer"]) == (4, 4)


def test_many_messages_then_only_what_is_new(world: Pop3World) -> None:
    user = world.user("many")
    world.dovecot.deliver_all(user, [(mail(number), None) for number in range(700)])
    assert world.sync()[user].received.tracked == 700
    assert world.bodies(user) == at_server(world.dovecot, user)
    quiet = world.sync()[user].received
    assert (quiet.read, quiet.server_messages) == (0, 700)
    world.dovecot.deliver_all(user, [(mail(number), None) for number in (700, 701)])
    assert world.sync()[user].received.tracked == 2
    assert world.bodies(user) == at_server(world.dovecot, user)


def test_the_floor_is_held_by_the_topmost_received_field(world: Pop3World) -> None:
    user = world.user("floor")
    for number, hours in enumerate((-72, -1, 0, 1)):
        world.dovecot.deliver(user, received(number, NEW_YEAR + timedelta(hours=hours)))
    world.dovecot.deliver(user, mail(4))  # no date: first seen now
    run = world.sync(mailbox={"processEmailFrom": "2026-01-01T00:00:00Z"})[user]
    assert (run.received.tracked, run.received.ignored) == (3, 2)
    assert sorted(int(each.header.subject.split()[1]) for each in world.activities()) == [2, 3, 4]
    again = world.sync(mailbox={"processEmailFrom": "2026-01-01T00:00:00Z"})[user].received
    assert (again.read, again.ignored) == (0, 0)
    # Going back finds what was passed over, and nothing twice.
    back = world.sync(mailbox={"processEmailFrom": "2025-12-31T00:00:00Z"})[user].received
    assert (back.tracked, back.duplicates) == (1, 0)
    assert world.state(user).ignored == 1


def test_other_unique_ids_import_nothing_twice(world: Pop3World) -> None:
    user = world.user("validity")
    twin = b"Received: from a by b; Thu, 01 Jan 2026 00:00:00 +0000\r\nFrom: a@contoso.example\r\n\r\nno id, twice\r\n"
    world.dovecot.deliver_all(user, [(mail(1), None), (mail(2), None), (twin, None), (twin, None)])
    assert world.sync()[user].received.tracked == 4
    for validity in (7_000_000, 5, 7_000_000):
        world.dovecot.renew_uidvalidity(user, validity)
        run = world.sync()[user].received
        assert (run.reindexed, run.tracked, run.duplicates) == (True, 0, 4)
        assert len(world.activities()) == 4
    world.dovecot.deliver(user, mail(3))
    assert world.sync()[user].received.tracked == 1


def test_deleted_messages_disturb_nothing_and_stay_tracked(world: Pop3World) -> None:
    user = world.user("expunge")
    world.dovecot.deliver_all(user, [(mail(number), None) for number in range(5)])
    world.sync()
    world.dovecot.expunge(user, 1, 3)
    gone = world.sync()[user].received
    assert (gone.server_messages, gone.read, gone.reindexed) == (3, 0, False)
    world.dovecot.expunge(user, 2, 4, 5)
    world.dovecot.deliver(user, mail(9, b"another text"))
    new = world.sync()[user].received
    assert (new.tracked, new.reindexed) == (1, False)
    assert len(world.activities()) == 6


@pytest.mark.parametrize("tls", ["implicit", "starttls", "none"])
def test_all_ways_to_connect(world: Pop3World, tls: str) -> None:
    user = world.user("tls")
    world.dovecot.deliver(user, mail(1))
    run = world.sync(tls=tls, port=world.dovecot.pop3s if tls == "implicit" else world.dovecot.pop3)[user]
    assert (run.error, run.received.tracked) == (None, 1)


def test_one_bad_mailbox_never_stops_another(world: Pop3World) -> None:
    good, bad = world.user("good"), world.user("bad")
    world.dovecot.deliver(good, mail(1))
    runs = world.sync(passwords={good: PASSWORD, bad: "wrong"})
    assert runs[good].received.tracked == 1
    assert type(runs[bad].error).__name__ == "AuthenticationRejected"
    assert "wrong" not in str(runs[bad].error)


def test_a_message_of_any_size_streams_through(world: Pop3World) -> None:
    user = world.user("large")
    lines = b".a dotted line\r\n..\r\n" * 400_000
    world.dovecot.deliver(user, mail(1) + lines)
    world.dovecot.deliver(user, mail(2))
    assert world.sync()[user].received.tracked == 2
    assert world.bodies(user) == sorted([mail(1) + lines, mail(2)])


def test_a_certificate_of_another_authority_is_refused(world: Pop3World) -> None:
    import trustme

    user = world.user("cert")
    world.dovecot.deliver(user, mail(1))
    for estate in (
        {"authority": trustme.CA().cert_pem.bytes()},
        {"authority": trustme.CA().cert_pem.bytes(), "tls": "starttls", "port": world.dovecot.pop3},
    ):
        error = world.sync(**estate)[user].error
        assert type(error).__name__ == "PermanentError", estate
        assert "authority" in str(error)
        assert world.activities() == []


def test_a_queue_that_deletes_does_so_after_its_mail_is_kept(dovecot: Dovecot, tmp_path: Path) -> None:
    """In a connection of its own: the server holds the mailbox while it is read. What stays tracked is every byte of it."""
    user = next(dovecot.fresh)
    for number in range(3):
        dovecot.deliver(user, received(number, NEW_YEAR))
    name = user.partition("@")[0]
    estate = MailEstate(folder=tmp_path / "e", imap=dovecot.pop3s, authority=dovecot.authority, password=PASSWORD, names=(name,))
    profile = estate.estate / "profile.yaml"
    profile.write_text(profile.read_text().replace("imap-smtp", "pop3-smtp"))
    mailbox = estate.estate / f"{name}.yaml"
    mailbox.write_text(mailbox.read_text() + "  type: queue\n  deleteAfterProcessing: true\n")
    estate("apply", "--yes")
    assert estate("sync", "--output", "json").document["mailboxes"][0]["tracked"] == 3
    assert at_server(dovecot, user) == []
    dovecot.deliver(user, received(7, NEW_YEAR, b"one more"))
    (second,) = estate("sync", "--output", "json").document["mailboxes"]
    assert (second["tracked"], second["reindexed"]) == (1, False)
    assert at_server(dovecot, user) == []
    (third,) = estate("sync", "--output", "json").document["mailboxes"]
    assert (third["tracked"], third["atServer"]) == (0, 0)
    assert len(estate("activities", "list", "--output", "json").out.splitlines()) == 4
