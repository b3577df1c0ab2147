"""One run over the whole command line with secrets, bodies and subjects that can be told from everything else: where must none of them be?

Looked through: all that is printed, every log record of every level, the whole state directory, caches, files that traces of TLS would
fill, and command line and environment of a process while it runs.
"""

from __future__ import annotations

import base64
import json
import logging
import os
import re
import signal
import zlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from reconcile.cli.main import run
from support.dovecot import PASSWORD, Dovecot
from support.mail_estate import PROFILE, MailEstate, ended, wait_until
from support.oauth_server import CLIENT_ID, CLIENT_SECRET, SCOPE, OAuthServer, oauth_server
from support.smtp_fault import FaultServer
from support.token_mail import dovecot_with_tokens

pytestmark = pytest.mark.servers
SALES, TOKEN, WRONG = "sales@contoso.example", "info@contoso.example", "wrong@contoso.example"
#: Of no word, so that nothing else holds them; the second is refused by both servers, which repeat it.
REFUSED = "cAnArY-refused-81ac33"
SMTP = "cAnArY-smtp-5d02e7"
BODY, SUBJECT = "cAnArY-body-2f9b10", "cAnArY-subject-77ce42"
OUT_BODY, OUT_SUBJECT = "cAnArY-outbody-c3310f", "cAnArY-outsubject-9ab2d4"
TOKEN_PROFILE = """\
apiVersion: reconcile/v1alpha2
kind: EmailServerProfile
metadata: {name: tokens}
spec:
  displayName: Tokens
  serverType: imap-smtp
  useSameSettingsForOutgoing: false
  incoming: {server: localhost, port: IMAP, tls: implicit, caCertificate: "file:ca.pem", credentials: user-or-queue, authentication: oauth}
  outgoing: {server: localhost, port: SMTP, tls: starttls, caCertificate: "file:smtp.pem", credentials: anonymous}
  oauth:
    clientId: CLIENT
    clientSecret: "file:client-secret"
    grant: refresh-token
    tokenEndpoint: ENDPOINT
    scopes: ["SCOPE"]
    caCertificate: "file:oauth-ca.pem"
"""
BOX = """\
apiVersion: reconcile/v1alpha2
kind: Mailbox
metadata: {name: NAME}
spec:
  emailAddress: NAME@contoso.example
  profile: PROFILE
  incoming: INCOMING
  outgoing: OUTGOING
  filter: all
  credentials: {allowUse: true, username: NAME@contoso.example, SECRET}
"""
MAIL = f"""\
From: a@example.org\r
To: sales@contoso.example\r
Subject: {SUBJECT}\r
Message-ID: <NUMBER@example.org>\r
\r
{BODY}\r
"""


def forms(secret: str) -> tuple[bytes, ...]:
    """A text as it is, and as it would stand inside base64 at each of the three places, and in hexadecimal."""
    plain = secret.encode()
    shifted = (base64.b64encode(b"\0" * places + plain)[4 if places else 0 : -4] for places in range(3))
    return (plain, plain.hex().encode(), *(one for one in shifted if len(one) >= 8))


@dataclass
class Watched:
    """Everything that was printed and logged, by where it came from."""

    estate: MailEstate
    tokens: OAuthServer
    capture: pytest.CaptureFixture[str]
    log: pytest.LogCaptureFixture
    heard: dict[str, str] = field(default_factory=dict)

    def __call__(self, *words: str, code: int | None = None) -> str:
        """In this process, as text and with every record of the log; what it printed on stdout."""
        self.capture.readouterr()
        self.log.clear()
        ended_with = run(self.estate.arguments(*words)[3:])
        out, err = self.capture.readouterr()
        told = "\n".join(f"{record.getMessage()} {record.args} {record.exc_text or ''}" for record in self.log.records)
        assert code is None or ended_with == code, f"{words} {ended_with}\n{out}\n{err}"
        assert "Traceback" not in err, err
        name = " ".join(words)
        for where, text in (("stdout", out), ("stderr", err), ("log", told)):
            # A command that runs twice does not hide what it said first.
            self.heard[f"{where} of {name}"] = self.heard.get(f"{where} of {name}", "") + text
        return out

    def secrets(self) -> list[str]:
        """Passwords and tokens, those included that servers gave."""
        issued = [form[name] for _, form in self.tokens.asked for name in ("refresh_token", "client_secret") if name in form]
        key = (self.estate.secrets / "reconcile.key").read_text().split()
        return [PASSWORD, REFUSED, SMTP, CLIENT_SECRET, *self.tokens.users, *self.tokens.access, *issued, *key]

    def spoken(self, *canaries: str) -> list[str]:
        """Where in what was printed or logged one of them stands."""
        wanted = [form for canary in canaries for form in forms(canary)]
        return [where for where, text in self.heard.items() if any(form in text.encode() for form in wanted)]

    def kept(self, *canaries: str) -> list[str]:
        """Files outside of the folder of secrets in which one of them stands, also within what is packed with zlib."""
        wanted = re.compile(b"|".join(re.escape(form) for canary in canaries for form in forms(canary)))
        files = [path for path in self.estate.folder.rglob("*") if path.is_file() and self.estate.secrets not in path.parents]
        assert len(files) > 5
        return [str(path.relative_to(self.estate.folder)) for path in files if wanted.search(_unpacked(path.read_bytes()))]


def _unpacked(data: bytes) -> bytes:
    found = [data]
    for match in re.finditer(rb"\x78[\x01\x5e\x9c\xda]", data):
        stream = zlib.decompressobj()
        try:
            found.append(stream.decompress(data[match.start() :], 1 << 20))
        except zlib.error:
            continue
    return b"\n".join(found)


@pytest.fixture(scope="module")
def servers() -> Iterator[tuple[Dovecot, OAuthServer, FaultServer]]:
    with (
        oauth_server(rotates=True) as tokens,
        dovecot_with_tokens(tokens, SALES, TOKEN, WRONG) as dovecot,
        FaultServer(logins={"post@contoso.example": SMTP}, echo_login=True) as smtp,
    ):
        yield dovecot, tokens, smtp


@pytest.fixture
def watched(
    servers: tuple[Dovecot, OAuthServer, FaultServer],
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
) -> Watched:
    dovecot, tokens, smtp = servers
    for number, user in enumerate((SALES, TOKEN)):
        dovecot.deliver(user, MAIL.replace("NUMBER", str(number)).encode())
    estate = MailEstate(folder=tmp_path, imap=dovecot.imaps, authority=dovecot.authority, smtp=smtp.port, names=())
    declared = {"smtp.pem": smtp.authority, "oauth-ca.pem": tokens.authority, "client-secret": CLIENT_SECRET.encode()}
    declared |= {"password": PASSWORD.encode(), "refused": REFUSED.encode(), "smtp": SMTP.encode()}
    for name, content in {**declared, "refresh": tokens.consent(TOKEN).encode()}.items():
        estate.secret(name, content)
    profile = PROFILE.replace("HOST", "localhost").replace("IMAP", str(dovecot.imaps)).replace("SMTP", str(smtp.port))
    (estate.estate / "profile.yaml").write_text(profile.replace("credentials: anonymous", "credentials: user-or-queue"))
    filled = {"IMAP": dovecot.imaps, "SMTP": smtp.port, "CLIENT": CLIENT_ID, "ENDPOINT": tokens.url(), "SCOPE": SCOPE}
    text = TOKEN_PROFILE
    for word, value in filled.items():
        text = text.replace(word, str(value))
    (estate.estate / "tokens.yaml").write_text(text)
    for name, of, ways, secret in (
        ("sales", "contoso", ("server-side", "none"), 'password: "file:password"'),
        ("wrong", "contoso", ("server-side", "none"), 'password: "file:refused"'),
        ("info", "tokens", ("server-side", "none"), 'refreshToken: "file:refresh"'),
        ("post", "contoso", ("none", "server-side"), 'password: "file:smtp"'),
        ("barred", "contoso", ("none", "server-side"), 'password: "file:refused"'),
    ):
        box = BOX.replace("NAME", name).replace("PROFILE", of).replace("SECRET", secret)
        box = box.replace("INCOMING", ways[0]).replace("OUTGOING", ways[1])
        (estate.estate / f"{name}.yaml").write_text(box)
    monkeypatch.setenv("RECONCILE_CACHE_DIR", str(tmp_path / "cache"))
    # Whatever turns on traces or debugging in what we stand on.
    for name, value in {
        "SSLKEYLOGFILE": str(tmp_path / "tls-keys"),
        "PYTHONDEVMODE": "1",
        "KRB5_TRACE": str(tmp_path / "krb5-trace"),
    }.items():
        monkeypatch.setenv(name, value)
        estate.variables[name] = value
    caplog.set_level(logging.DEBUG)
    return Watched(estate=estate, tokens=tokens, capture=capsys, log=caplog)


#: Commands that print neither body nor subject.
PLAIN = (
    ("status",),
    ("mailboxes",),
    ("auth", "status"),
    ("history",),
    ("audit", "export"),
    ("drift",),
    ("readiness",),
    ("report", "mailboxes"),
    ("parties", "list"),
    ("quarantine", "list"),
    ("test-mailbox", "wrong", "sales"),
    ("key", "list"),
)


def test_nothing_secret_is_anywhere_and_mail_is_only_where_it_belongs(
    watched: Watched, servers: tuple[Dovecot, OAuthServer, FaultServer]
) -> None:
    estate, smtp = watched.estate, servers[2]
    watched("lint")
    watched("plan", "--verbose")
    watched("plan", "-o", "json")
    watched("plan", "--out", str(estate.folder / "plan.json"))
    watched("apply", "--yes", code=0)
    watched("sync")
    watched("sync", "-o", "json")
    assert json.loads(watched.heard["stdout of sync -o json"])["mailboxes"]
    out = ("--to", "b@contoso.example", "--subject", OUT_SUBJECT, "--text", OUT_BODY)
    for name in ("post", "barred"):
        watched("outbox", "add", "--from", name, *out, code=0)
    watched("sync")
    assert [OUT_BODY.encode() in taken.content for taken in smtp.taken] == [True]
    for words in PLAIN:
        watched(*words)
        watched(*words, "-o", "json")
    watched("run", "--once")
    # Both ways went as far as they could: mail came in by password and by token, and both servers refused the wrong password.
    assert len(json.loads("[" + watched("activities", "list", "-o", "json").strip().replace("\n", ",") + "]")) == 2
    assert any("rejected" in text.lower() or "refuse" in text.lower() for text in watched.heard.values())
    assert "auth" in smtp.steps
    assert any(form.get("grant_type") == "refresh_token" for _, form in watched.tokens.asked)

    secrets = watched.secrets()
    assert len(secrets) >= 8
    assert watched.spoken(*secrets) == []
    assert watched.kept(*secrets) == []
    # Subjects are for who lists mail; a body is for who shows it.
    listing = {"stdout of activities list -o json"}
    assert set(watched.spoken(SUBJECT)) <= listing
    assert watched.spoken(BODY, OUT_BODY) == []
    plainly = [where for where in watched.spoken(OUT_SUBJECT) if "outbox add" not in where]
    assert plainly == []
    packs = [where for where in watched.kept(BODY) if not where.endswith(".pack")]
    assert packs == [], "what was never shown is in packs only"
    # The state is for its owner.
    database = estate.state / "test" / "engine.db"
    for path in (estate.state / "test", database, *(estate.state / "test" / "packs").glob("*.pack")):
        assert path.stat().st_mode & 0o077 == 0, path
    # Python opens it when a context is made, and writes a comment.
    traced = estate.folder / "tls-keys"
    assert [line for line in (traced.read_text() if traced.exists() else "").splitlines() if not line.startswith("#")] == []
    # The search finds what is there.
    assert BODY in watched("activities", "show", "1")
    assert watched.spoken(BODY) == ["stdout of activities show 1"]
    assert watched.kept(BODY) != []
    assert REFUSED.encode() in (estate.secrets / "refused").read_bytes()
    estate.folder.joinpath("planted").write_bytes(zlib.compress(base64.b64encode(b"x" + SMTP.encode() + b"y" * 30)))
    assert watched.kept(SMTP) == ["planted"]


def test_a_bug_in_the_middle_of_a_look_tells_no_secret(watched: Watched, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its traceback goes to the log: with places in the code, without values."""
    watched("apply", "--yes", code=0)

    def broken(*arguments: object, **more: object) -> None:
        raise KeyError("a bug")

    monkeypatch.setattr("reconcile.sync.look.receive", broken)
    watched("sync")
    assert any("a bug" in text for where, text in watched.heard.items() if where.startswith(("log", "stderr"))), watched.heard
    assert watched.spoken(*watched.secrets(), BODY, SUBJECT) == []


def test_a_process_shows_no_secret_to_who_lists_processes(watched: Watched) -> None:
    estate = watched.estate
    watched("apply", "--yes", code=0)
    process = estate.start("run", "--interval", "1")
    try:
        wait_until(lambda: (estate.state / "test" / "packs").exists() and any((estate.state / "test" / "packs").iterdir()))
        place = Path(f"/proc/{process.pid}")
        shown = b"\n".join((place / name).read_bytes() for name in ("cmdline", "environ", "comm", "status"))
        threads = b"\n".join((task / "comm").read_bytes() for task in (place / "task").iterdir())
        opened = "\n".join(os.readlink(link) for link in (place / "fd").iterdir() if os.path.lexists(link))
    finally:
        process.send_signal(signal.SIGTERM)
        stopped = ended(process)
    assert b"run" in shown
    wanted = [form for secret in watched.secrets() for form in forms(secret)]
    text = shown + threads + opened.encode() + stopped.out.encode() + stopped.err.encode()
    assert [form for form in wanted if form in text] == []
