"""How fast the sandbox's Exchange answers GetItem, so that it does not hide the client that is measured on it.

    python bench/ewssandbox.py [--messages 2000] [--octets 36000]

GetItem of 100 messages over one loopback connection: six fields and the MIME of each, asked for the first time ("cold": nothing written
before) and again; then the six fields alone. The floor, in the same minute, is a bare http.server
that sends octets of the same length. The client is a plain socket reader in a process of its own.
"""

from __future__ import annotations

import argparse
import http.client
import multiprocessing
import re
import time
from base64 import b64encode
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread

ADDRESS, PASSWORD = "sales@contoso.example", "correct horse battery"
HEAD = (
    '<s:Envelope xmlns:s="http://schemas.xmlsoap.org/soap/envelope/" xmlns:t="http://schemas.microsoft.com/exchange/services/2006/types" '
    'xmlns:m="http://schemas.microsoft.com/exchange/services/2006/messages"><s:Body>'
)
TAIL = "</s:Body></s:Envelope>"
FIND = (
    '<m:FindItem Traversal="Shallow"><m:ItemShape><t:BaseShape>IdOnly</t:BaseShape></m:ItemShape>'
    '<m:IndexedPageItemView MaxEntriesReturned="1000" Offset="{}" BasePoint="Beginning"/>'
    '<m:ParentFolderIds><t:DistinguishedFolderId Id="inbox"/></m:ParentFolderIds></m:FindItem>'
)
NAMES = ("item:Subject", "message:From", "message:ToRecipients", "message:InternetMessageId", "item:DateTimeReceived", "message:IsRead")


def main() -> None:
    """Print one line a measurement."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--messages", type=int, default=2000)
    parser.add_argument("--octets", type=int, default=36_000)
    given = parser.parse_args()
    from reconcile.sandbox.accounts import PostOffice
    from reconcile.sandbox.ews.exchange import ExchangeServer

    office = PostOffice()
    office.open_account(ADDRESS, PASSWORD, ("INBOX", "Sent"))
    for number in range(given.messages):
        office.deliver(ADDRESS, letter(number, given.octets), datetime.now(UTC))
    server = ExchangeServer(office, lambda: datetime.now(UTC))
    port = server.start("127.0.0.1", 0)
    floor = ThreadingHTTPServer(("127.0.0.1", 0), Floor)
    Thread(target=floor.serve_forever, daemon=True).start()
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        pool.apply(client, (port, floor.server_address[1], given.messages))
    server.stop()
    floor.shutdown()


def client(port: int, floor_port: int, messages: int) -> None:
    """Ask for all of them, three times, and the floor likewise."""
    server = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
    ids: list[str] = []
    for offset in range(0, messages, 1000):
        ids += re.findall(r'<t:ItemId Id="([^"]+)"', post(server, FIND.format(offset)).decode())
    assert len(ids) == messages, (len(ids), messages)
    bare = http.client.HTTPConnection("127.0.0.1", floor_port, timeout=60)
    for name, mime in (("with MIME, cold", True), ("with MIME, again", True), ("without, again", False)):
        began, octets = time.perf_counter(), 0
        for start in range(0, messages, 100):
            octets += len(post(server, get_item(ids[start : start + 100], mime=mime)))
        took = time.perf_counter() - began
        began = time.perf_counter()
        for _ in range(0, messages, 100):
            bare.request("GET", f"/{octets * 100 // messages}")
            bare.getresponse().read()
        least = time.perf_counter() - began
        print(
            f"{name:18} {messages / took:8,.0f} items/s  {octets / took / 1e6:6.0f} MB/s  floor {messages / least:9,.0f} items/s",
            flush=True,
        )


def get_item(ids: list[str], *, mime: bool) -> str:
    """The request."""
    fields = "".join(f'<t:FieldURI FieldURI="{name}"/>' for name in NAMES)
    shape = f"<t:BaseShape>IdOnly</t:BaseShape><t:IncludeMimeContent>{'true' if mime else 'false'}</t:IncludeMimeContent>"
    shape += f"<t:AdditionalProperties>{fields}</t:AdditionalProperties>"
    wanted = "".join(f'<t:ItemId Id="{id_}"/>' for id_ in ids)
    return f"<m:GetItem><m:ItemShape>{shape}</m:ItemShape><m:ItemIds>{wanted}</m:ItemIds></m:GetItem>"


def post(server: http.client.HTTPConnection, body: str) -> bytes:
    """The answer's octets."""
    sign_in = "Basic " + b64encode(f"{ADDRESS}:{PASSWORD}".encode()).decode()
    server.request("POST", "/EWS/Exchange.asmx", (HEAD + body + TAIL).encode(), {"Authorization": sign_in, "Content-Type": "text/xml"})
    answer = server.getresponse()
    octets = answer.read()
    assert answer.status == 200, octets[:500]
    return octets


def letter(number: int, octets: int) -> bytes:
    """A message of about that length."""
    head = f"From: Buyer {number} <buyer{number}@elsewhere.example>\r\nTo: {ADDRESS}\r\nSubject: Order {number}\r\n"
    head += f"Message-ID: <order-{number}@elsewhere.example>\r\nDate: Tue, 10 Mar 2026 09:00:00 +0000\r\n\r\n"
    line = f"Line of order {number}, with some words in it that say nothing.\r\n"
    return (head + line * (octets // len(line))).encode()


class Floor(BaseHTTPRequestHandler):
    """As many octets as the path says."""

    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        """Send them."""
        octets = b"x" * int(self.path[1:])
        self.send_response(200)
        self.send_header("Content-Length", str(len(octets)))
        self.end_headers()
        self.wfile.write(octets)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the name is the base class's
        """Nothing."""


if __name__ == "__main__":
    main()
