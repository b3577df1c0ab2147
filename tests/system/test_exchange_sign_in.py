"""A whole estate whose profile signs in at Exchange by Kerberos, or by a client certificate: from the files to tracked and sent mail.

Before the sandbox's Exchange stands a front that checks who asks; what proves nobody reaches no mailbox.
"""

from __future__ import annotations

import json
import os
import re
import ssl
import zlib
from base64 import b64decode
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest
import trustme

from support.ews_front import Front, certified, front, negotiated
from support.exchange_estate import ExchangeEstate
from support.exchange_sandbox import OFFICE, SALES, SERVICE, SERVICE_PASSWORD, ExchangeSandbox, exchange_sandbox
from support.kerberos import REALM, realm

pytestmark = [pytest.mark.servers, pytest.mark.slow]
NAME = "svc@contoso.example"
KERBEROS = """\
    credentials: windows-integrated
    authentication: negotiate
    useImpersonation: true
"""
CERTIFICATE = f"""\
    credentials: profile
    username: {NAME}
    useImpersonation: true
    certificateSignIn: true
    clientCertificate: {{ref: "file:client.pem", generation: 1, expires: 2099-12-31}}
"""


@pytest.fixture
def exchange() -> Iterator[ExchangeSandbox]:
    with exchange_sandbox((SALES, OFFICE)) as server:
        server.letters(3)
        yield server


def serving(authority: trustme.CA) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("localhost").configure_cert(context)
    return context


def written(folder: Path, at: Front, authority: trustme.CA, credentials: str, variables: Mapping[str, str]) -> ExchangeEstate:
    return ExchangeEstate(
        folder=folder,
        imap=0,
        authority=authority.cert_pem.bytes(),
        password="",
        url=f"https://localhost:{at.port}/EWS/Exchange.asmx",
        credentials=credentials,
        variables=dict(variables),
    )


def worked(estate: ExchangeEstate, exchange: ExchangeSandbox) -> list[str]:
    """The estate from lint to mail that came in and went out; all that was said."""
    steps = [
        ("lint", "--gate", "error"),
        ("plan",),
        ("apply", "--yes"),
        ("test-mailbox", "sales"),
        ("sync",),
        ("outbox", "add", "--from", "sales", "--to", OFFICE, "--subject", "Reply", "--text", "Good afternoon."),
        ("sync",),
        ("activities", "list", "--output", "json"),
        ("status",),
    ]
    ended = [estate(*words) for words in steps]
    tracked = [json.loads(line)["subject"] for line in ended[-2].out.splitlines()]
    assert sorted(subject for subject in tracked if subject.startswith("Letter")) == ["Letter 1", "Letter 2", "Letter 3"]
    assert exchange.subjects("inbox", OFFICE) == exchange.subjects("sentitems", SALES) != []
    return [text for one in ended for text in (one.out, one.err)]


def test_by_kerberos(tmp_path: Path, exchange: ExchangeSandbox, monkeypatch: pytest.MonkeyPatch) -> None:
    servers = trustme.CA()
    with realm("svc", "stranger", services=("HTTP/localhost",)) as kdc:
        for name, value in {**kdc.environment, "KRB5_KTNAME": f"FILE:{kdc.keytab}", "KRB5RCACHETYPE": "none"}.items():
            monkeypatch.setenv(name, value)
        kdc.kinit("svc")
        accounts = {f"svc@{REALM}": (SERVICE, SERVICE_PASSWORD)}
        with front(exchange, negotiated, accounts, challenge="Negotiate", tls=serving(servers)) as at:
            estate = written(tmp_path, at, servers, KERBEROS, {})
            said = worked(estate, exchange)
            assert ({*at.proven}, at.turned_away) == ({f"svc@{REALM}"}, 0)
            assert "".join(said).count("Negotiate") == 0
            # Who has another ticket, or none, is told so, and what came in stays.
            passed = at.passed_on
            kdc.kinit("stranger")
            refused = estate("sync", code=1)
            assert "refused the credentials" in refused.out + refused.err
            kdc.kdestroy()
            none = estate("test-mailbox", "sales", code=1)
            assert "kinit" in none.out + none.err
            assert at.passed_on == passed


def test_by_a_client_certificate(tmp_path: Path, exchange: ExchangeSandbox) -> None:
    servers, people = trustme.CA(), trustme.CA()
    context = serving(servers)
    people.configure_trust(context)
    context.verify_mode = ssl.CERT_REQUIRED
    with front(exchange, certified, {NAME: (SERVICE, SERVICE_PASSWORD)}, tls=context) as at:
        estate = written(tmp_path, at, servers, CERTIFICATE, {"KRB5CCNAME": f"FILE:{tmp_path}/none"})
        shown = people.issue_cert(NAME).private_key_and_cert_chain_pem.bytes()
        estate.secret("client.pem", shown)
        said = worked(estate, exchange)
        assert ({*at.proven}, at.turned_away) == ({NAME}, 0)
        assert found(estate, said, shown) == []
        # Another authority's certificate proves nobody; the next step names the setting.
        passed = at.passed_on
        other = trustme.CA().issue_cert(NAME).private_key_and_cert_chain_pem.bytes()
        estate.secret("client.pem", other)
        profile = estate.estate / "profile.yaml"
        profile.write_text(profile.read_text().replace("generation: 1", "generation: 2"))
        refused = [estate("apply", "--yes"), estate("sync", code=1)]
        texts = [text for one in refused for text in (one.out, one.err)]
        assert "clientCertificate" in "".join(texts)
        assert at.passed_on == passed
        assert found(estate, texts, other) == []


def found(estate: ExchangeEstate, said: list[str], certificate: bytes) -> list[str]:
    """Where the private key stands outside of the folder of secrets: in what was said, or in a file, also packed."""
    match = re.search(rb"-----BEGIN [A-Z ]*PRIVATE KEY-----\s+(.*?)\s+-----END", certificate, re.DOTALL)
    assert match is not None
    lines = match[1].split()
    wanted = [lines[0], lines[-1], b64decode(b"".join(lines))[-24:]]
    assert min(map(len, wanted)) >= 16
    places = [f"said: {text[:80]}" for text in said if any(one in text.encode() for one in wanted[:2])]
    files = [path for path in estate.folder.rglob("*") if path.is_file() and estate.secrets not in path.parents]
    assert len(files) > 5
    return places + [os.fspath(path) for path in files if any(one in unpacked(path.read_bytes()) for one in wanted)]


def unpacked(data: bytes) -> bytes:
    """With what is packed with zlib in it."""
    parts = [data]
    for match in re.finditer(rb"\x78[\x01\x5e\x9c\xda]", data):
        stream = zlib.decompressobj()
        try:
            parts.append(stream.decompress(data[match.start() :]))
        except zlib.error:
            continue
    return b"\0".join(parts)
