"""What a client sees of faults that were asked for on the command line of `reconcile sandbox`, and of many mailboxes."""

from __future__ import annotations

import http.client
import imaplib
import json
import signal
import smtplib
import ssl
import subprocess
import time
from base64 import b64encode
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from reconcile.sandbox.asked_faults import asked_fault
from reconcile.sandbox.corpus.addresses import mailboxes
from reconcile.sandbox.world import SERVICE, Place, World
from support.command import Commands

LAST = "desk7@contoso.example"
_ENVELOPE = (
    '<?xml version="1.0"?><s:Envelope xmlns:s="http://schemas.xmlsoap.org/soap/envelope/"'
    ' xmlns:t="http://schemas.microsoft.com/exchange/services/2006/types"'
    ' xmlns:m="http://schemas.microsoft.com/exchange/services/2006/messages"><s:Header><t:ExchangeImpersonation><t:ConnectingSID>'
    "<t:PrimarySmtpAddress>%s</t:PrimarySmtpAddress></t:ConnectingSID></t:ExchangeImpersonation></s:Header><s:Body>%s</s:Body></s:Envelope>"
)
_INBOX = '<t:DistinguishedFolderId Id="inbox"/>'
_SHAPE = "<t:BaseShape>IdOnly</t:BaseShape>"
REQUESTS = {
    "GetFolder": f"<m:GetFolder><m:FolderShape>{_SHAPE}</m:FolderShape><m:FolderIds>{_INBOX}</m:FolderIds></m:GetFolder>",
    "CreateItem": '<m:CreateItem MessageDisposition="SaveOnly"><m:Items><t:Message><t:Subject>Draft</t:Subject></t:Message></m:Items>'
    "</m:CreateItem>",
    "SyncFolderItems": f"<m:SyncFolderItems><m:ItemShape>{_SHAPE}</m:ItemShape><m:SyncFolderId>{_INBOX}</m:SyncFolderId>%s"
    "<m:MaxChangesReturned>512</m:MaxChangesReturned></m:SyncFolderItems>",
}


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    folder = tmp_path_factory.mktemp("sandbox")
    place = Place(directory=folder, secrets_directory=folder / "secrets")
    with World(place=place, mailboxes=mailboxes(7), now=lambda: datetime(2026, 3, 10, 12, 0, tzinfo=UTC)) as found:
        yield found


@pytest.fixture
def switch(world: World) -> Iterator[Callable[[str], None]]:
    yield lambda text: (asked_fault(text, world.mailboxes).switch_on(world), None)[1]
    world.clear_faults()


def trust(world: World) -> ssl.SSLContext:
    return ssl.create_default_context(cafile=str(world.authority_file))


def ask(world: World, operation: str, *, state: str = "", address: str = LAST) -> tuple[int, Any, bytes]:
    """One request of the service account for a mailbox, on a connection of its own: status, headers, body."""
    client = http.client.HTTPSConnection("127.0.0.1", world.ports.ews, timeout=5, context=trust(world))
    try:
        password = world.password_file(SERVICE).read_text()
        body = REQUESTS[operation] % (f"<m:SyncState>{state}</m:SyncState>" if state else "") if operation.startswith("Sync") else ""
        headers = {
            "Authorization": "Basic " + b64encode(f"{SERVICE}:{password}".encode()).decode(),
            "Content-Type": "text/xml; charset=utf-8",
        }
        client.request("POST", "/EWS/Exchange.asmx", (_ENVELOPE % (address, body or REQUESTS[operation])).encode(), headers)
        answer = client.getresponse()
        return answer.status, answer.headers, answer.read()
    finally:
        client.close()


@pytest.mark.parametrize(
    ("fault", "operation", "status", "words"),
    [
        ("busy", "GetFolder", 500, b'<t:Value Name="BackOffMilliseconds">1000</t:Value>'),
        ("busy:back-off=2.5", "GetFolder", 500, b'<t:Value Name="BackOffMilliseconds">2500</t:Value>'),
        ("impersonation-denied:mailbox=desk7", "GetFolder", 500, b"<e:ResponseCode"),
        ("quota", "CreateItem", 200, b"<m:ResponseCode>ErrorQuotaExceeded"),
        ("quota", "GetFolder", 200, b"<m:ResponseCode>NoError"),
        ("store-unavailable", "GetFolder", 200, b"<m:ResponseCode>ErrorMailboxStoreUnavailable"),
        ("refused:code=ErrorItemCorrupt,operation=CreateItem", "CreateItem", 200, b"<m:ResponseCode>ErrorItemCorrupt"),
        ("401", "GetFolder", 401, b""),
        ("503:retry-after=7", "GetFolder", 503, b""),
        ("busy:mailbox=sales", "GetFolder", 200, b"<m:ResponseCode>NoError"),
        ("busy:operation=FindItem", "GetFolder", 200, b"<m:ResponseCode>NoError"),
    ],
)
def test_what_is_answered(world: World, switch: Callable[[str], None], fault: str, operation: str, status: int, words: bytes) -> None:
    switch(fault)
    found, headers, body = ask(world, operation)
    assert (found, words in body) == (status, True)
    assert headers.get("Retry-After") == ("7" if status == 503 else None)
    assert (headers.get("WWW-Authenticate") is not None) == (status == 401)


def test_each_third_request_is_busy(world: World, switch: Callable[[str], None]) -> None:
    switch("busy:every=3,times=2")
    assert [ask(world, "GetFolder")[0] for _ in range(8)] == [200, 200, 500, 200, 200, 500, 200, 200]


def test_only_a_state_that_is_given_is_stale(world: World, switch: Callable[[str], None]) -> None:
    switch("stale-state")
    first = ask(world, "SyncFolderItems")[2]
    assert b"NoError" in first
    state = first.partition(b"<m:SyncState>")[2].partition(b"</m:SyncState>")[0].decode()
    assert b"ErrorInvalidSyncStateData" in ask(world, "SyncFolderItems", state=state)[2]
    world.clear_faults()
    assert b"NoError" in ask(world, "SyncFolderItems", state=state)[2]


def test_answers_that_are_lost_or_cut_were_carried_out(world: World, switch: Callable[[str], None]) -> None:
    def drafts() -> int:
        mailbox = world.exchange.organization.mailbox(LAST)
        assert mailbox is not None
        folder = mailbox.distinguished("drafts")
        assert folder is not None
        return len(folder.items)

    before = drafts()
    switch("answer-lost:times=1")
    with pytest.raises((http.client.HTTPException, OSError)):
        ask(world, "CreateItem")
    switch("cut:octets=40,times=1")
    with pytest.raises(http.client.IncompleteRead) as cut:
        ask(world, "CreateItem")
    assert (len(cut.value.partial), drafts() - before) == (40, 2)


def test_late_and_never(world: World, switch: Callable[[str], None]) -> None:
    switch("slow:seconds=0.3,times=1")
    begun = time.monotonic()
    assert (ask(world, "GetFolder")[0], time.monotonic() - begun >= 0.3) == (200, True)
    switch("hang:seconds=0.2,times=1")
    with pytest.raises((http.client.HTTPException, OSError)):
        ask(world, "GetFolder")


def test_faults_of_imap_and_smtp(world: World, switch: Callable[[str], None]) -> None:
    password = world.password_file("desk7").read_text()

    def imap() -> imaplib.IMAP4_SSL:
        return imaplib.IMAP4_SSL("127.0.0.1", world.ports.imaps, ssl_context=trust(world), timeout=5)

    switch("login-refused:mailbox=desk7")
    with imap() as client, pytest.raises(imaplib.IMAP4.error):
        client.login(LAST, password)
    world.clear_faults()
    switch("imap-bye:command=SELECT,times=1")
    client = imap()
    client.login(LAST, password)
    with pytest.raises((imaplib.IMAP4.abort, OSError)):
        client.select("INBOX")
    client.shutdown()
    switch("smtp-refused:recipient=buyer@fabrikam.example,reply=450 4.2.1 try later")
    with smtplib.SMTP("127.0.0.1", world.ports.submission, timeout=5) as sender:
        sender.starttls(context=trust(world))
        sender.login(LAST, password)
        with pytest.raises(smtplib.SMTPRecipientsRefused) as refused:
            sender.sendmail(LAST, "buyer@fabrikam.example", b"Subject: 1\r\n\r\n")
    assert refused.value.recipients["buyer@fabrikam.example"][0] == 450


def test_the_command_has_so_many_mailboxes_and_does_what_it_was_asked_for(tmp_path: Path) -> None:
    commands = Commands(state=tmp_path / "state", cache=tmp_path / "cache")
    ports = [word for name in ("imaps", "imap", "submission", "ews") for word in (f"--{name}-port", "0")]
    words = ["sandbox", "-C", str(tmp_path / "world"), *ports, "--mailboxes", "12", "--fault", "503:times=1,retry-after=9", "-o", "json"]
    process = subprocess.Popen(commands.arguments(*words), env=commands.environment(), stdout=subprocess.PIPE)
    try:
        assert process.stdout is not None
        said = json.loads(process.stdout.readline())
        assert ([one["name"] for one in said["mailboxes"]][-1], len(said["mailboxes"])) == ("desk12", 12)
        assert said["faults"] == ["503:times=1,retry-after=9"]
        trusted = ssl.create_default_context(cafile=said["caCertificate"])
        last = said["mailboxes"][-1]
        secret = Path(last["passwordFile"]).read_text()
        with imaplib.IMAP4_SSL("127.0.0.1", said["ports"]["imaps"], ssl_context=trusted, timeout=5) as client:
            client.login(last["username"], secret)
            assert int(client.select("INBOX", readonly=True)[1][0] or 0) >= 1
        service = b64encode(f"{SERVICE}:{Path(said['exchange']['passwordFile']).read_text()}".encode()).decode()
        found = []
        for _ in range(2):
            exchange = http.client.HTTPSConnection("127.0.0.1", said["ports"]["ews"], timeout=5, context=trusted)
            body = (_ENVELOPE % (last["address"], REQUESTS["GetFolder"])).encode()
            exchange.request("POST", "/EWS/Exchange.asmx", body, {"Authorization": f"Basic {service}"})
            found.append(exchange.getresponse().status)
            exchange.close()
        assert found == [503, 200]
    finally:
        process.send_signal(signal.SIGINT)
        process.communicate(timeout=20)
    assert process.returncode == 0


def test_a_wrong_fault_is_said_before_anything_starts(tmp_path: Path) -> None:
    commands = Commands(state=tmp_path / "state", cache=tmp_path / "cache")
    done = commands.run("sandbox", "-C", str(tmp_path / "world"), "--fault", "bussy:every=10")
    assert (done.code, (tmp_path / "world").exists()) == (64, False)
    assert "did you mean busy?" in done.err
    listed = commands.run("sandbox", "--fault", "list")
    assert (listed.code, "ErrorServerBusy with a back-off" in listed.out) == (0, True)
