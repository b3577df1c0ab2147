"""A server that answers Exchange Web Services as a test says, over plain HTTP on this machine, and remembers what it was asked."""

from __future__ import annotations

import base64
import re
import threading
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from reconcile.mail.endpoint import Endpoint
from reconcile.mail.ews.account import ExchangeAccount
from reconcile.mail.sign_in.password import PasswordSignIn
from reconcile.model.mailbox_access import MailboxAccess
from reconcile.model.secret import Secret

_OPERATION = re.compile(rb"<s:Body><m:(\w+)")
_NAMES = (
    'xmlns:s="http://schemas.xmlsoap.org/soap/envelope/" xmlns:m="http://schemas.microsoft.com/exchange/services/2006/messages"'
    ' xmlns:t="http://schemas.microsoft.com/exchange/services/2006/types"'
)
ADDRESS = "sales@contoso.example"
PASSWORD = "correct horse"


@dataclass(frozen=True)
class Asked:
    operation: str
    body: bytes
    headers: Mapping[str, str]


@dataclass(frozen=True)
class Said:
    """`cut`: so many octets of the body are sent, then the connection ends. `silent`: it ends without a word."""

    body: bytes
    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)
    cut: int | None = None
    silent: bool = False


Answering = Callable[[Asked], Said]


@dataclass
class ScriptedExchange:
    answering: Answering
    url_port: int = 0
    asked: list[Asked] = field(default_factory=list)
    connections: int = 0

    def account(self, access: MailboxAccess = MailboxAccess.OWN, *, sign_in: object = None, silence: float = 5.0) -> ExchangeAccount:
        endpoint = Endpoint(host="127.0.0.1", port=self.url_port, tls="none", silence_timeout=silence, connect_timeout=5.0)
        shown = sign_in or PasswordSignIn(ADDRESS, Secret(PASSWORD.encode()))
        return ExchangeAccount(endpoint=endpoint, sign_in=shown, address=ADDRESS, access=access)  # type: ignore[arg-type]

    def counts(self) -> dict[str, int]:
        return dict(Counter(one.operation for one in self.asked))


@contextmanager
def running(answering: Answering) -> Iterator[ScriptedExchange]:
    script = ScriptedExchange(answering)

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = True

        def setup(self) -> None:
            script.connections += 1
            super().setup()

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length", "0")))
            found = _OPERATION.search(body)
            asked = Asked(found[1].decode() if found else "", body, {name.lower(): value for name, value in self.headers.items()})
            script.asked.append(asked)
            said = script.answering(asked)
            if said.silent:
                self.close_connection = True
                return
            self.send_response(said.status)
            for name, value in {"Content-Type": "text/xml; charset=utf-8", **said.headers}.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(said.body)))
            self.end_headers()
            self.wfile.write(said.body if said.cut is None else said.body[: said.cut])
            if said.cut is not None:
                self.close_connection = True

        def log_message(self, *_: object) -> None:
            pass

    class Server(ThreadingHTTPServer):
        def handle_error(self, *_: object) -> None:
            """Clients that hang up in the middle are part of what is tried."""

    server = Server(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    script.url_port = server.server_port
    try:
        yield script
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def envelope(body: str) -> bytes:
    return f'<?xml version="1.0" encoding="utf-8"?><s:Envelope {_NAMES}><s:Body>{body}</s:Body></s:Envelope>'.encode()


def answer(operation: str, *messages: str) -> Said:
    """Response messages of one operation, each as `done` or `refused` makes it."""
    inside = "".join(message.replace("@", operation, 2) for message in messages)
    return Said(envelope(f"<m:{operation}Response><m:ResponseMessages>{inside}</m:ResponseMessages></m:{operation}Response>"))


def done(content: str = "") -> str:
    return f'<m:@ResponseMessage ResponseClass="Success"><m:ResponseCode>NoError</m:ResponseCode>{content}</m:@ResponseMessage>'


def refused(code: str, *, pause: int | None = None, more: str = "") -> str:
    value = "" if pause is None else f'<m:MessageXml><t:Value Name="BackOffMilliseconds">{pause}</t:Value></m:MessageXml>'
    return (
        f'<m:@ResponseMessage ResponseClass="Error"><m:MessageText>No.</m:MessageText><m:ResponseCode>{code}</m:ResponseCode>'
        f"<m:DescriptiveLinkKey>0</m:DescriptiveLinkKey>{value}{more}</m:@ResponseMessage>"
    )


def fault(code: str, *, pause: int | None = None, text: str = "No.", status: int = 500) -> Said:
    value = "" if pause is None else f'<t:MessageXml><t:Value Name="BackOffMilliseconds">{pause}</t:Value></t:MessageXml>'
    errors = 'xmlns:e="http://schemas.microsoft.com/exchange/services/2006/errors"'
    return Said(
        envelope(
            f"<s:Fault><faultcode>a:{code}</faultcode><faultstring>{text}</faultstring><detail>"
            f"<e:ResponseCode {errors}>{code}</e:ResponseCode><e:Message {errors}>{text}</e:Message>{value}</detail></s:Fault>"
        ),
        status=status,
    )


@dataclass
class ScriptedInbox:
    """What a scripted server's inbox holds, by id. Enough for SyncFolderItems, GetFolder and GetItem."""

    messages: dict[str, bytes] = field(default_factory=dict)
    #: What is said about an item instead of its content.
    instead: dict[str, str] = field(default_factory=dict)
    received: str = "2026-03-10T12:00:00Z"

    def __call__(self, asked: Asked) -> Said:
        match asked.operation:
            case "GetFolder":
                folder = f'<t:Folder><t:FolderId Id="INBOX"/><t:TotalCount>{len(self.messages)}</t:TotalCount></t:Folder>'
                return answer("GetFolder", done(f"<m:Folders>{folder}</m:Folders>"))
            case "SyncFolderItems":
                return self.sync(asked)
            case "GetItem":
                return answer("GetItem", *(self.item(name, asked) for name in ids_in(asked.body)))
            case _:
                return fault("ErrorInvalidRequest")

    def sync(self, asked: Asked) -> Said:
        found = re.search(rb"<m:SyncState>(\d+)</m:SyncState>", asked.body)
        start, most = int(found[1]) if found else 0, int(re.search(rb"MaxChangesReturned>(\d+)", asked.body)[1])  # type: ignore[index]
        names = [*self.messages]
        part = names[start : start + most]
        creates = "".join(f"<t:Create><t:Message>{self.facts(name)}</t:Message></t:Create>" for name in part)
        last = "true" if start + most >= len(names) else "false"
        return answer(
            "SyncFolderItems",
            done(
                f"<m:SyncState>{start + len(part)}</m:SyncState><m:IncludesLastItemInRange>{last}</m:IncludesLastItemInRange>"
                f"<m:Changes>{creates}</m:Changes>"
            ),
        )

    def facts(self, name: str) -> str:
        size = len(self.messages[name])
        return f'<t:ItemId Id="{name}" ChangeKey="K"/><t:DateTimeReceived>{self.received}</t:DateTimeReceived><t:Size>{size}</t:Size>'

    def item(self, name: str, asked: Asked) -> str:
        if name in self.instead:
            return self.instead[name]
        if name not in self.messages:
            return refused("ErrorItemNotFound", more="<m:Items/>")
        content = self.messages[name]
        mime = b"IncludeMimeContent" in asked.body
        inside = f'<t:MimeContent CharacterSet="UTF-8">{base64.b64encode(content).decode()}</t:MimeContent>' if mime else ""
        facts = self.facts(name) if b"DateTimeReceived" in asked.body else f'<t:ItemId Id="{name}" ChangeKey="K"/>'
        return done(f"<m:Items><t:Message>{inside}{facts}</t:Message></m:Items>")


def ids_in(body: bytes) -> Sequence[str]:
    return [one.decode() for one in re.findall(rb'<t:ItemId Id="([^"]*)"', body)]
