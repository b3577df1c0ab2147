"""Hosts of Autodiscover in one process: names that resolve to it, over TLS and plain http, with answers a test chooses and a record of
what was asked with which credentials."""

from __future__ import annotations

import ssl
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from ipaddress import ip_network

import trustme

from reconcile.errors import Unavailable
from reconcile.mail.autodiscover.discovery import Discoverer, Outside, Rules
from reconcile.mail.autodiscover.service_records import ServiceRecord
from reconcile.mail.sign_in.password import PasswordSignIn
from reconcile.model.secret import Secret
from reconcile.ports.sign_in import SignIn

_SOAP = "http://schemas.microsoft.com/exchange/2010/Autodiscover"
_POX = "http://schemas.microsoft.com/exchange/autodiscover"
LOOPBACK = ip_network("127.0.0.0/8")


@dataclass(frozen=True, slots=True)
class Seen:
    """One request."""

    host: str
    path: str
    secure: bool
    authorization: str
    body: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Says:
    """One answer."""

    status: int = 200
    content: bytes = b""
    headers: dict[str, str] = field(default_factory=dict)


Answering = Callable[[Seen], Says]


@dataclass(slots=True)
class Hosts:
    """`answers` by (host, end of the path); anything else is 404. `names` resolve to this process, `addresses` of others may be set."""

    port: int
    http_port: int
    authority: bytes
    answers: dict[tuple[str, str], Says | Answering] = field(default_factory=dict)
    names: set[str] = field(default_factory=set)
    addresses: dict[str, Sequence[str]] = field(default_factory=dict)
    records: dict[str, list[ServiceRecord]] = field(default_factory=dict)
    seen: list[Seen] = field(default_factory=list)
    asked_of_dns: list[str] = field(default_factory=list)

    def on(self, host: str, path: str, says: Says | Answering) -> None:
        """Answer so, and let the name resolve."""
        self.names.add(host)
        self.answers[host, path] = says

    def forget(self) -> None:
        """As at the start."""
        for kept in (self.answers, self.names, self.addresses, self.records, self.seen, self.asked_of_dns):
            kept.clear()

    def resolve(self, host: str, port: int) -> Sequence[str]:
        self.asked_of_dns.append(host)
        if host in self.addresses:
            return self.addresses[host]
        if host in self.names:
            return ["127.0.0.1"]
        raise OSError("no such host")

    def lookup(self, name: str) -> Sequence[ServiceRecord]:
        self.asked_of_dns.append(name)
        if name in self.records:
            return self.records[name]
        if "broken" in name:
            raise Unavailable("DNS does not say")
        return []

    def signed_in_at(self) -> set[str]:
        """Hosts that were shown credentials."""
        return {one.host for one in self.seen if one.authorization}

    def discoverer(
        self,
        *,
        sign_in: SignIn | None = PasswordSignIn("anna@contoso.example", Secret(b"canary-7391")),
        loopback: bool = True,
        hosts: Sequence[str] = (),
        root_domain: bool = False,
        plain_http: bool = False,
        confirmed: frozenset[str] = frozenset(),
        standard_port: bool = False,
    ) -> Discoverer:
        """Asks these hosts. Their port stands for 443."""
        return Discoverer(
            rules=Rules(
                hosts=tuple(hosts),
                private_networks=(LOOPBACK,) if loopback else (),
                root_domain=root_domain,
                plain_http=plain_http,
                confirmed=confirmed,
                ports=frozenset({443}) if standard_port else frozenset({443, self.port}),
            ),
            sign_in=sign_in,
            random=lambda: 0.0,
            authority=self.authority,
            timeout=5.0,
            outside=self.outside(),
        )

    def outside(self) -> Outside:
        """Names, records and ports as they are here."""
        return Outside(resolve=self.resolve, records=self.lookup, http_port=self.http_port, https_port=self.port)


def soap(url: str = "", *, code: str = "NoError", target: str = "", setting: str = "ExternalEwsUrl") -> Says:
    """An answer to GetUserSettings."""
    settings = f"<UserSetting><Name>{setting}</Name><Value>{url}</Value></UserSetting>" if url else ""
    return Says(
        content=(
            '<s:Envelope xmlns:s="http://schemas.xmlsoap.org/soap/envelope/"><s:Body>'
            f'<GetUserSettingsResponseMessage xmlns="{_SOAP}"><Response><ErrorCode>NoError</ErrorCode><ErrorMessage/><UserResponses>'
            f"<UserResponse><ErrorCode>{code}</ErrorCode><ErrorMessage>No error.</ErrorMessage><RedirectTarget>{target}</RedirectTarget>"
            f"<UserSettingErrors/><UserSettings>{settings}</UserSettings></UserResponse></UserResponses></Response>"
            "</GetUserSettingsResponseMessage></s:Body></s:Envelope>"
        ).encode()
    )


def pox(inside: str) -> Says:
    """An answer in plain old XML; `inside` stands in its Account."""
    return Says(
        content=(
            f'<Autodiscover xmlns="{_POX}/responseschema/2006"><Response xmlns="{_POX}/outlook/responseschema/2006a">'
            f"<Account>{inside}</Account></Response></Autodiscover>"
        ).encode()
    )


def redirect(url: str, status: int = 302) -> Says:
    """302 and the like."""
    return Says(status=status, headers={"Location": url})


@contextmanager
def autodiscover_hosts(*names: str) -> Iterator[Hosts]:
    """Serve until the end of the block; the certificate holds for `names`."""
    authority = trustme.CA()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert(*names).configure_cert(context)
    hosts = Hosts(port=0, http_port=0, authority=authority.cert_pem.bytes())

    def handler(*, secure: bool) -> type[BaseHTTPRequestHandler]:
        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def _answer(self) -> None:
                body = self.rfile.read(int(self.headers.get("Content-Length") or 0)).decode()
                host = (self.headers.get("Host") or "").partition(":")[0]
                seen = Seen(host, self.path, secure, self.headers.get("Authorization") or "", body)
                hosts.seen.append(seen)
                found = next((says for (of, end), says in hosts.answers.items() if of == host and end in self.path), Says(status=404))
                says = found if isinstance(found, Says) else found(seen)
                self.send_response(says.status)
                for name, value in says.headers.items():
                    self.send_header(name, value)
                self.send_header("Content-Length", str(len(says.content)))
                self.end_headers()
                self.wfile.write(says.content)

            do_GET = do_POST = _answer

            def log_message(self, *args: object) -> None:
                pass

        return Handler

    class Quiet(ThreadingHTTPServer):
        def handle_error(self, request: object, client_address: object) -> None:
            pass

    servers = [Quiet(("127.0.0.1", 0), handler(secure=secure)) for secure in (True, False)]
    servers[0].socket = context.wrap_socket(servers[0].socket, server_side=True)
    hosts.port, hosts.http_port = (server.server_address[1] for server in servers)
    threads = [threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True) for server in servers]
    for thread in threads:
        thread.start()
    try:
        yield hosts
    finally:
        for server in servers:
            server.shutdown()
            server.server_close()
        for thread in threads:
            thread.join()
