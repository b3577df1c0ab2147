"""COMPRESS=DEFLATE: Dovecot packs and is read as ever; what unpacks beyond all measure is cut off."""

from __future__ import annotations

import resource
import zlib
from collections.abc import Iterator
from pathlib import Path

import pytest

from reconcile.errors import Unavailable
from reconcile.mail.endpoint import Endpoint
from reconcile.mail.imap import deflate
from reconcile.mail.imap.inbox import ImapInbox
from reconcile.mail.sign_in.password import PasswordSignIn
from reconcile.model.secret import Secret
from reconcile.ports.mail import Listed
from support.dovecot import PASSWORD, Dovecot, running
from support.hostile import HOSTILE
from support.imap_script import GREETING, Conversation, Step, examined, expect, reconnect, scripted
from support.receiving_world import World, mail

pytestmark = pytest.mark.servers
USERS = [f"desk{number}@contoso.example" for number in range(10)]


@pytest.fixture(autouse=True)
def _servers_without_history(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(deflate, "_plain", {})


@pytest.fixture(scope="module")
def dovecot() -> Iterator[Dovecot]:
    extra = "protocol imap {\n mail_plugins = $mail_plugins imap_zlib\n}\n"
    with running(users=dict.fromkeys(USERS, PASSWORD), extra=extra, fresh=iter(USERS)) as server:
        yield server


def read(inbox: ImapInbox) -> dict[str, bytes]:
    bodies: dict[str, bytes] = {}

    def accept(listed: Listed, chunks: Iterator[bytes]) -> None:
        bodies[listed.remote_id.value] = b"".join(chunks)

    try:
        inbox.look(None)
        list(inbox.read(None, since=None, retry=(), wanted=lambda _: True, accept=accept))
    finally:
        inbox.close()
    return bodies


@pytest.mark.parametrize("tls", ["implicit", "starttls", "none"])
def test_what_comes_packed_is_read_as_ever(dovecot: Dovecot, tls: str, monkeypatch: pytest.MonkeyPatch) -> None:
    user = next(dovecot.fresh)
    sent = [raw.replace(b"\r\n", b"\n").replace(b"\n", b"\r\n").replace(b"\x00", b"") for _, raw in HOSTILE]
    sent += [b"Subject: %d\r\n\r\n" % number + b"0123456789abcde\r\n" * 40_000 * number for number in range(12)]
    dovecot.deliver_all(user, [(raw, None) for raw in sent])
    port = dovecot.imaps if tls == "implicit" else dovecot.imap
    endpoint = Endpoint(host="localhost", port=port, tls=tls, authority=dovecot.authority, compress=True)
    switched: list[object] = []
    made = deflate._Deflated.__init__
    monkeypatch.setattr(deflate._Deflated, "__init__", lambda self, *given: switched.append(self) or made(self, *given))
    inbox = ImapInbox(endpoint, PasswordSignIn(user, Secret(PASSWORD.encode())))
    assert sorted(read(inbox).values()) == sorted(sent)
    assert len(switched) == 1


@pytest.mark.parametrize("declared", [True, False])
def test_it_is_asked_for_where_it_is_declared(dovecot: Dovecot, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, declared: bool) -> None:
    world = World(dovecot, tmp_path)
    user = world.user("packed")
    dovecot.deliver(user, mail(1))
    switched: list[object] = []
    made = deflate._Deflated.__init__
    monkeypatch.setattr(deflate._Deflated, "__init__", lambda self, *given: switched.append(self) or made(self, *given))
    for _ in range(2):
        run = world.sync(profile={"incoming.compression": declared})[user]
        assert run.error is None
    assert len(switched) == (2 if declared else 0)
    assert world.kept(user) == dovecot.messages(user)


def test_where_it_is_not_offered_or_refused_nothing_is_packed() -> None:
    offer = b"TAG OK [CAPABILITY IMAP4rev1 COMPRESS=DEFLATE] in\r\n"
    refusing: tuple[Step, ...] = (expect(b"COMPRESS DEFLATE"), b"TAG NO [COMPRESSIONACTIVE] no\r\n")
    opened = examined(0, next_uid=1)[-2:]
    searched = (expect(b"SEARCH"), b"* SEARCH\r\nTAG OK done\r\n", expect(b"UID FETCH"), b"TAG OK done\r\n")
    for steps in ((b"TAG OK [CAPABILITY IMAP4rev1] in\r\n",), (offer, *refusing)):
        with scripted(*GREETING, expect(b"LOGIN"), *steps, *opened, *searched) as (port, _, wrong):
            endpoint = Endpoint(host="127.0.0.1", port=port, tls="none", compress=True, silence_timeout=5)
            assert read(ImapInbox(endpoint, PasswordSignIn("u", Secret(b"pw")))) == {}
        assert not wrong


class Packed:
    """The server's side of a compressed connection."""

    def __init__(self) -> None:
        self.pack = zlib.compressobj(9, wbits=-15)
        self.unpack = zlib.decompressobj(-15)
        self.rest = b""

    def line(self, conversation: Conversation) -> bytes:
        while b"\n" not in self.rest:
            data = conversation.connection.recv(4096)
            if not data:
                return b""
            self.rest += self.unpack.decompress(data)
        line, _, self.rest = self.rest.partition(b"\n")
        conversation.tag = line.partition(b" ")[0]
        return line

    def say(self, conversation: Conversation, text: bytes) -> None:
        packed = self.pack.compress(text.replace(b"TAG", conversation.tag)) + self.pack.flush(zlib.Z_SYNC_FLUSH)
        conversation.connection.sendall(packed)


COMPRESSED: tuple[Step, ...] = (
    *GREETING,
    expect(b"LOGIN"),
    b"TAG OK [CAPABILITY IMAP4rev1 COMPRESS=DEFLATE] in\r\n",
    expect(b"COMPRESS DEFLATE"),
    b"TAG OK begin\r\n",
)
OPENED = b"* 1 EXISTS\r\n* OK [UIDVALIDITY 1] ok\r\n* OK [UIDNEXT 6] ok\r\nTAG OK done\r\n"


def bomb(size: int) -> Step:
    """A message of `size` zeros in one literal, about a thousandth of it on the wire."""

    def step(conversation: Conversation) -> None:
        server = Packed()
        assert b"EXAMINE" in server.line(conversation)
        server.say(conversation, OPENED)
        server.line(conversation)
        server.say(conversation, b"* SEARCH 5\r\nTAG OK done\r\n")
        server.line(conversation)
        server.say(conversation, b"* 1 FETCH (UID 5 RFC822.SIZE %d)\r\nTAG OK done\r\n" % size)
        server.line(conversation)
        try:
            server.say(conversation, b"* 1 FETCH (UID 5 BODY[]<0> {%d}\r\n" % size)
            for _ in range(size >> 20):
                server.say(conversation, bytes(1 << 20))
        except OSError:
            return  # it was cut off

    return step


def test_a_decompression_bomb_is_cut_off_and_the_next_visit_comes_without_compression() -> None:
    plain = (
        reconnect,
        *GREETING,
        expect(b"LOGIN"),
        b"TAG OK [CAPABILITY IMAP4rev1 COMPRESS=DEFLATE] in\r\n",
        expect(b"EXAMINE"),
        OPENED,
        expect(b"SEARCH"),
        b"* SEARCH 5\r\nTAG OK done\r\n",
        expect(b"UID FETCH"),
        b"* 1 FETCH (UID 5 RFC822.SIZE 4)\r\nTAG OK done\r\n",
        expect(b"BODY.PEEK"),
        b"* 1 FETCH (UID 5 BODY[] {4}\r\nmail)\r\nTAG OK done\r\n",
    )
    with scripted(*COMPRESSED, bomb(10 << 30), *plain) as (port, _, wrong):
        endpoint = Endpoint(host="127.0.0.1", port=port, tls="none", compress=True, silence_timeout=10)
        account = PasswordSignIn("u", Secret(b"pw"))
        before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        with pytest.raises(Unavailable, match="unpack to more than"):
            read(ImapInbox(endpoint, account))
        # In kilobytes here: the cap, and what the scripted server itself takes.
        assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 150 << 10
        assert read(ImapInbox(endpoint, account)) == {"5": b"mail"}
    assert not wrong


@pytest.mark.parametrize("rubbish", [b"\xff\xff\xff\xff no deflate", b"* OK plain after all\r\n"])
def test_what_is_not_packed_as_it_should_be_ends_the_connection(rubbish: bytes) -> None:
    with scripted(*COMPRESSED, rubbish, lambda conversation: conversation.line() and None) as (port, _, _):
        endpoint = Endpoint(host="127.0.0.1", port=port, tls="none", compress=True, silence_timeout=5)
        with pytest.raises(Unavailable):
            read(ImapInbox(endpoint, PasswordSignIn("u", Secret(b"pw"))))


def test_an_end_in_the_middle_is_an_end() -> None:
    with scripted(*COMPRESSED, zlib.compress(b"x" * 100)[2:20]) as (port, _, _):
        endpoint = Endpoint(host="127.0.0.1", port=port, tls="none", compress=True, silence_timeout=5)
        with pytest.raises(Unavailable):
            read(ImapInbox(endpoint, PasswordSignIn("u", Secret(b"pw"))))
