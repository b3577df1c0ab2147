"""Our own connector against the sandbox: what it reads is what the server holds, also after each fault."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from reconcile.errors import AuthenticationRejected, TransientError
from reconcile.mail.endpoint import Endpoint
from reconcile.mail.imap.inbox import ImapInbox
from reconcile.mail.sign_in.password import PasswordSignIn
from reconcile.model.cursor import Cursor
from reconcile.model.secret import Secret
from reconcile.ports.mail import Batch, Listed
from reconcile.sandbox.corpus.addresses import MAILBOXES, SUPPORT
from reconcile.sandbox.world import Place, World

NOW = datetime(2026, 3, 10, 12, 0, tzinfo=UTC)


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    place = Place(directory=tmp_path, secrets_directory=tmp_path / "secrets")
    with World(place=place, mailboxes=MAILBOXES, now=lambda: NOW) as running:
        running.fill()
        yield running


def read(world: World, cursor: Cursor | None = None, tls: str = "implicit") -> tuple[dict[str, bytes], list[Batch]]:
    port = world.ports.imaps if tls == "implicit" else world.ports.imap
    endpoint = Endpoint(host="localhost", port=port, tls=tls, authority=world.authority_file.read_bytes(), silence_timeout=10)
    inbox = ImapInbox(endpoint, PasswordSignIn(SUPPORT, Secret(world.password_file("support").read_bytes())))
    found: dict[str, bytes] = {}

    def accept(listed: Listed, chunks: Iterator[bytes]) -> None:
        found[listed.remote_id.value] = b"".join(chunks)

    try:
        inbox.look(cursor)
        return found, list(inbox.read(cursor, since=None, retry=(), wanted=lambda _: True, accept=accept))
    finally:
        inbox.close()


@pytest.mark.parametrize("tls", ["implicit", "starttls"])
def test_every_message_octet_by_octet_and_no_flag_changes(world: World, tls: str) -> None:
    before = world.messages(SUPPORT)
    found, batches = read(world, tls=tls)
    assert found == {str(message.uid): message.raw for message in before}
    dates = {listed.remote_id.value: listed.received for batch in batches for listed in batch.read}
    assert dates == {str(message.uid): message.internal_date.replace(microsecond=0) for message in before}
    assert world.messages(SUPPORT) == before
    world.deliver(SUPPORT, b"Subject: new\r\n\r\n")
    assert read(world, batches[-1].cursor)[0] == {str(before[-1].uid + 1): b"Subject: new\r\n\r\n"}


def test_a_message_left_out_is_reported_missing(world: World) -> None:
    world.omit_from_fetch(SUPPORT, 3)
    found, batches = read(world)
    assert set(found) == {str(message.uid) for message in world.messages(SUPPORT)} - {"3"}
    assert [listed.remote_id.value for batch in batches for listed in batch.missing] in (["3"], [])


@pytest.mark.parametrize("octets", [0, 40, 200, 700, 5_000, 60_000, 300_000])
def test_a_broken_connection_is_transient_and_the_next_try_reads_everything(world: World, octets: int) -> None:
    world.drop_imap_after(octets)
    with pytest.raises(TransientError):
        read(world)
    assert len(read(world)[0]) == len(world.messages(SUPPORT))


@pytest.mark.parametrize("tls", ["implicit", "starttls"])
def test_a_poll_that_breaks_anywhere_is_transient_or_right(world: World, tls: str) -> None:
    cursor = read(world, tls=tls)[1][-1].cursor
    world.deliver(SUPPORT, b"Subject: new\r\n\r\n")
    broke = 0
    for octets in (0, 40, 120, 160, 200, 240, 280, 320, 400):
        world.drop_imap_after(octets)
        try:
            assert len(read(world, cursor, tls=tls)[0]) == 1
        except TransientError:
            broke += 1
            assert len(read(world, cursor, tls=tls)[0]) == 1
    assert broke >= 3


def test_a_goodbye_is_transient(world: World) -> None:
    world.bye("FETCH")
    with pytest.raises(TransientError):
        read(world)


def test_a_refused_password_needs_a_person(world: World) -> None:
    world.refuse_login(SUPPORT)
    with pytest.raises(AuthenticationRejected):
        read(world)
