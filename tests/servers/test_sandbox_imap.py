"""The sandbox's IMAP server, driven by clients we did not write (imaplib, imapclient), over TLS."""

from __future__ import annotations

import imaplib
import socket
import ssl
import time
from collections.abc import Iterator
from datetime import UTC, date, datetime
from pathlib import Path

import pytest
from imapclient import IMAPClient
from imapclient.exceptions import IMAPClientAbortError, IMAPClientError, LoginError

from reconcile.sandbox.world import Place, World

SALES, SUPPORT = "sales@contoso.example", "support@contoso.example"
NOW = datetime(2026, 3, 10, 12, 0, tzinfo=UTC)
PLAIN = (
    b"From: orders@fabrikam.example\r\nTo: sales@contoso.example\r\nSubject: First\r\nMessage-ID: <1@fabrikam.example>\r\n\r\nHello.\r\n"
)
MIXED = (
    b"From: =?utf-8?q?B=C3=BCro?= <office@tailspin.example>\r\nTo: sales@contoso.example\r\nSubject: Second\r\n"
    b"Date: Mon, 09 Mar 2026 08:00:00 +0100\r\nMessage-ID: <2@tailspin.example>\r\nMIME-Version: 1.0\r\n"
    b'Content-Type: multipart/mixed; boundary="b"\r\n\r\n'
    b"--b\r\nContent-Type: text/plain; charset=utf-8\r\n\r\nText\r\n"
    b'--b\r\nContent-Type: text/csv\r\nContent-Disposition: attachment; filename="a.csv"\r\n\r\n1;2\r\n--b--\r\n'
)


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    place = Place(directory=tmp_path, secrets_directory=tmp_path / "secrets")
    with World(place=place, mailboxes={"sales": SALES, "support": SUPPORT}, now=lambda: NOW) as running:
        running.deliver(SALES, PLAIN, internal_date=datetime(2026, 3, 1, 9, tzinfo=UTC))
        running.deliver(SALES, MIXED, internal_date=datetime(2026, 3, 9, 9, tzinfo=UTC))
        yield running


def trusting(world: World) -> ssl.SSLContext:
    return ssl.create_default_context(cafile=str(world.authority_file))


def password(world: World, slug: str = "sales") -> str:
    return world.password_file(slug).read_text()


@pytest.fixture
def client(world: World) -> Iterator[IMAPClient]:
    connected = IMAPClient("127.0.0.1", world.ports.imaps, ssl_context=trusting(world), timeout=10)
    connected.login(SALES, password(world))
    yield connected
    connected.shutdown()


def test_only_a_client_that_trusts_the_ca_gets_in(world: World) -> None:
    with pytest.raises(ssl.SSLCertVerificationError):
        IMAPClient("127.0.0.1", world.ports.imaps, ssl_context=ssl.create_default_context(), timeout=10)
    assert world.password_file("sales").stat().st_mode & 0o777 == 0o600


def test_starttls_comes_before_login(world: World) -> None:
    with IMAPClient("localhost", world.ports.imap, ssl=False, timeout=10) as plain:
        assert plain.has_capability("LOGINDISABLED")
        with pytest.raises(LoginError, match="STARTTLS first"):
            plain.login(SALES, password(world))
        plain.starttls(trusting(world))
        plain.login(SALES, password(world))
        assert plain.select_folder("INBOX")[b"EXISTS"] == 2


def test_commands_sent_before_the_handshake_are_thrown_away(world: World) -> None:
    """RFC 3501, section 6.2.1: a line smuggled in behind STARTTLS must not run after it."""
    with socket.create_connection(("127.0.0.1", world.ports.imap), timeout=10) as raw:
        raw.recv(1000)
        raw.sendall(b"a STARTTLS\r\nb NOOP\r\n")
        answer = b""
        while not answer.endswith(b"\r\n"):
            answer += raw.recv(1000)
        assert answer == b"a OK begin now\r\n"
        with trusting(world).wrap_socket(raw, server_hostname="localhost") as safe:
            safe.sendall(b"c NOOP\r\n")
            assert safe.recv(1000) == b"c OK NOOP done\r\n"


def test_authenticate_plain_with_and_without_initial_response(world: World) -> None:
    secret = password(world)
    with IMAPClient("127.0.0.1", world.ports.imaps, ssl_context=trusting(world), timeout=10) as one:
        one.plain_login(SALES, secret)
    with imaplib.IMAP4_SSL("127.0.0.1", world.ports.imaps, ssl_context=trusting(world), timeout=10) as two:
        two.authenticate("PLAIN", lambda _: f"\0{SALES}\0{secret}".encode())
        assert two.select("INBOX", readonly=True) == ("OK", [b"2"])


def test_examine_reads_without_a_trace(world: World, client: IMAPClient) -> None:
    opened = client.select_folder("INBOX", readonly=True)
    assert opened[b"UIDNEXT"] == 3
    assert opened[b"READ-ONLY"] is not None
    client.fetch([1], ["BODY[]"])
    with pytest.raises(IMAPClientError, match="READ-ONLY"):
        client.add_flags([1], [b"\\Seen"])
    assert [message.flags for message in world.messages(SALES)] == [frozenset(), frozenset()]


def test_fetch_gives_the_stored_octets(world: World, client: IMAPClient) -> None:
    client.select_folder("INBOX", readonly=True)
    asked = ["FLAGS", "INTERNALDATE", "RFC822.SIZE", "BODY.PEEK[]", "BODY.PEEK[HEADER]", "BODY.PEEK[TEXT]", "RFC822.HEADER"]
    found = client.fetch(
        [2], [*asked, "BODY.PEEK[HEADER.FIELDS (Subject Message-ID)]", "BODY.PEEK[2]", "BODY.PEEK[2.MIME]", "BODY.PEEK[]<5.9>"]
    )[2]
    header, body = MIXED.split(b"\r\n\r\n", 1)
    assert found[b"BODY[]"] == MIXED
    assert found[b"RFC822.SIZE"] == len(MIXED)
    assert found[b"BODY[HEADER]"] == found[b"RFC822.HEADER"] == header + b"\r\n\r\n"
    assert found[b"BODY[TEXT]"] == body
    assert found[b"BODY[HEADER.FIELDS (SUBJECT MESSAGE-ID)]"] == b"Subject: Second\r\nMessage-ID: <2@tailspin.example>\r\n\r\n"
    assert found[b"BODY[2]"] == b"1;2"
    assert b'filename="a.csv"' in found[b"BODY[2.MIME]"]
    assert found[b"BODY[]<5>"] == MIXED[5:14]


def test_envelope_and_structure(client: IMAPClient) -> None:
    client.select_folder("INBOX", readonly=True)
    found = client.fetch([2], ["ENVELOPE", "BODYSTRUCTURE"])[2]
    assert found[b"ENVELOPE"].message_id == b"<2@tailspin.example>"
    assert found[b"ENVELOPE"].from_[0].mailbox == b"office"
    parts, kind = found[b"BODYSTRUCTURE"][:2]
    assert kind == b"MIXED"
    assert [(part[0], part[1]) for part in parts] == [(b"TEXT", b"PLAIN"), (b"TEXT", b"CSV")]
    assert parts[1][9] == (b"ATTACHMENT", (b"FILENAME", b"a.csv"))


@pytest.mark.parametrize(
    ("criteria", "expected"),
    [
        (["ALL"], [1, 2]),
        (["UID", "2:*"], [2]),
        (["UID", "7:*"], [2]),
        (["SINCE", date(2026, 3, 9)], [2]),
        (["BEFORE", date(2026, 3, 9)], [1]),
        (["ON", date(2026, 3, 1)], [1]),
        (["UNSEEN"], [1, 2]),
        (["SEEN"], []),
        (["HEADER", "Message-ID", "<1@fabrikam.example>"], [1]),
        (["NOT", ["SUBJECT", "first"]], [2]),
        (["OR", ["FROM", "tailspin"], ["TEXT", "hello"]], [1, 2]),
        (["LARGER", 200], [2]),
    ],
)
def test_search(client: IMAPClient, criteria: list[object], expected: list[int]) -> None:
    client.select_folder("INBOX", readonly=True)
    assert list(client.search(criteria)) == expected


def test_extended_search_and_status(world: World) -> None:
    with imaplib.IMAP4_SSL("127.0.0.1", world.ports.imaps, ssl_context=trusting(world), timeout=10) as client:
        client.login(SALES, password(world))
        client.select("INBOX", readonly=True)
        tag = client._new_tag()
        client.send(tag + b" UID SEARCH RETURN (ALL COUNT) ALL\r\n")
        assert client.readline() == b'* ESEARCH (TAG "' + tag + b'") UID ALL 1:2 COUNT 2\r\n'
        assert client.readline().startswith(tag + b" OK")
        validity = world.post_office.folder(SALES, "INBOX").uid_validity
        assert client.status("INBOX", "(MESSAGES UIDNEXT UIDVALIDITY UNSEEN RECENT)") == (
            "OK",
            [f'"INBOX" (MESSAGES 2 UIDNEXT 3 UIDVALIDITY {validity} UNSEEN 2 RECENT 0)'.encode()],
        )


def test_store_append_expunge_and_news_from_elsewhere(world: World, client: IMAPClient) -> None:
    client.select_folder("INBOX")
    client.append("INBOX", PLAIN, flags=[b"\\Flagged"], msg_time=datetime(2026, 3, 3, tzinfo=UTC))
    assert world.messages(SALES)[2].flags == {"\\Flagged"}
    assert world.messages(SALES)[2].internal_date == datetime(2026, 3, 3, tzinfo=UTC)
    client.fetch([1], ["BODY[]"])
    assert world.messages(SALES)[0].flags == {"\\Seen"}
    world.deliver(SALES, PLAIN)
    assert (4, b"EXISTS") in client.noop()[1]
    client.delete_messages([2])
    client.expunge()
    assert [message.uid for message in world.messages(SALES)] == [1, 3, 4]
    assert {name for _, _, name in client.list_folders()} == {"INBOX", "Sent"}
    assert client.list_folders(pattern="S%")[0][2] == "Sent"


def test_a_wrong_password_and_a_password_switched_off(world: World) -> None:
    context = trusting(world)
    with (
        IMAPClient("127.0.0.1", world.ports.imaps, ssl_context=context, timeout=10) as client,
        pytest.raises(LoginError, match="AUTHENTICATIONFAILED"),
    ):
        client.login(SALES, "no")
    world.refuse_login(SALES)
    with (
        IMAPClient("127.0.0.1", world.ports.imaps, ssl_context=context, timeout=10) as client,
        pytest.raises(LoginError, match="AUTHENTICATIONFAILED"),
    ):
        client.login(SALES, password(world))
    world.clear_faults()
    with IMAPClient("127.0.0.1", world.ports.imaps, ssl_context=context, timeout=10) as client:
        client.login(SALES, password(world))


def test_the_connection_breaks_after_so_many_octets_once(world: World) -> None:
    world.drop_imap_after(900)
    broken = IMAPClient("127.0.0.1", world.ports.imaps, ssl_context=trusting(world), timeout=10)
    broken.login(SALES, password(world))
    broken.select_folder("INBOX", readonly=True)
    with pytest.raises((IMAPClientAbortError, OSError)):
        broken.fetch([1, 2], ["BODY.PEEK[]"])
    broken.shutdown()
    with IMAPClient("127.0.0.1", world.ports.imaps, ssl_context=trusting(world), timeout=10) as client:
        client.login(SALES, password(world))
        client.select_folder("INBOX", readonly=True)
        assert len(client.fetch([1, 2], ["BODY.PEEK[]"])) == 2


def test_bye_instead_of_an_answer(world: World, client: IMAPClient) -> None:
    world.bye("examine")
    with pytest.raises((IMAPClientAbortError, OSError)):
        client.select_folder("INBOX", readonly=True)


def test_uidvalidity_changes_under_an_open_session(world: World, client: IMAPClient) -> None:
    before = client.select_folder("INBOX", readonly=True)[b"UIDVALIDITY"]
    world.post_office.remove(SALES, [1])
    after = world.change_uid_validity(SALES)
    with pytest.raises((IMAPClientAbortError, OSError)):
        client.noop()
    assert after > before
    assert [(message.uid, message.raw) for message in world.messages(SALES)] == [(1, MIXED)]


def test_fetch_leaves_a_message_out(world: World, client: IMAPClient) -> None:
    world.omit_from_fetch(SALES, 1)
    assert client.select_folder("INBOX", readonly=True)[b"EXISTS"] == 2
    assert list(client.search(["ALL"])) == [1, 2]
    assert set(client.fetch([1, 2], ["BODY.PEEK[]"])) == {2}


def test_delay(world: World, client: IMAPClient) -> None:
    world.delay(0.3, times=1)
    started = time.monotonic()
    client.noop()
    assert time.monotonic() - started >= 0.3


@pytest.mark.parametrize("poison", [b"a LOGIN {9999999999}\r\n", b"x" * 70_000 + b"\r\n", b"a NOOP {70000+}\r\n"])
def test_hostile_sizes_end_the_connection_and_not_the_server(world: World, poison: bytes) -> None:
    with socket.create_connection(("127.0.0.1", world.ports.imap), timeout=10) as raw:
        raw.recv(1000)
        raw.sendall(poison)
        assert b"TOOBIG" in raw.recv(1000)
    with IMAPClient("127.0.0.1", world.ports.imaps, ssl_context=trusting(world), timeout=10) as client:
        client.login(SALES, password(world))


def test_stop_closes_open_sessions(world: World, client: IMAPClient) -> None:
    client.select_folder("INBOX")
    world.stop()
    with pytest.raises((IMAPClientAbortError, OSError)):
        client.noop()
    with pytest.raises(OSError):
        socket.create_connection(("127.0.0.1", world.ports.imaps), timeout=2)
