"""A Dovecot of our own on loopback: free ports, a test authority, passwd-file users, Maildir. As root it drops to `nobody`."""

from __future__ import annotations

import getpass
import grp
import os
import pwd
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import trustme

from support.servers import require

PASSWORD = "a horse; a {battery} and % a staple"  # what quoting may get wrong

_CONFIGURATION = """
base_dir = {base}/run
log_path = {base}/dovecot.log
protocols = imap pop3
listen = 127.0.0.1
ssl = {ssl}
ssl_cert = <{base}/server.pem
ssl_key = <{base}/server.key
ssl_min_protocol = TLSv1.2
disable_plaintext_auth = no
auth_mechanisms = plain login
auth_failure_delay = 0
auth_cache_negative_ttl = 0
mail_location = maildir:{base}/mail/%u
mail_fsync = never
first_valid_uid = 1
mail_max_userip_connections = 1000
default_internal_user = {internal}
default_internal_group = {group}
default_login_user = {internal}
passdb {{
  driver = passwd-file
  args = scheme=PLAIN username_format=%u {base}/users
}}
userdb {{
  driver = static
  args = uid={owner} gid={group} home={base}/mail/%u
}}
namespace inbox {{
  inbox = yes
}}
service anvil {{
  chroot =
}}
service imap-login {{
  chroot =
  service_count = 0
  inet_listener imap {{
    port = {imap}
  }}
  inet_listener imaps {{
    port = {imaps}
    ssl = yes
  }}
}}
service pop3-login {{
  chroot =
  service_count = 0
  inet_listener pop3 {{
    port = {pop3}
  }}
  inet_listener pop3s {{
    port = {pop3s}
    ssl = yes
  }}
}}
service pop3 {{
  service_count = 0
  client_limit = 200
}}
service imap {{
  service_count = 0
  client_limit = 200
}}
{extra}
"""


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextmanager
def running(**options: Any) -> Iterator[Dovecot]:
    """A server that is gone afterwards. Its folder is none of pytest's: those are closed to the account Dovecot drops to."""
    folder = Path(tempfile.mkdtemp(prefix="reconcile-dovecot-"))
    server = Dovecot(folder, **options)
    try:
        server.start()
        yield server
    finally:
        server.stop()
        shutil.rmtree(folder, ignore_errors=True)


@dataclass
class Dovecot:
    """`imap` and `pop3` take STARTTLS and clear text, `imaps` and `pop3s` implicit TLS. `authority` is the CA's PEM.

    All `users` must be there from the start: Dovecot looks at its password file once a second. `fresh` is for tests that share a
    server: it hands out users not used yet.
    """

    base: Path
    extra: str = ""
    users: Mapping[str, str] = field(default_factory=dict)
    imap: int = 0
    imaps: int = 0
    pop3: int = 0
    pop3s: int = 0
    authority: bytes = b""
    ssl: bool = True
    fresh: Iterator[str] = field(default_factory=lambda: iter(()))
    _process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        self.imap, self.imaps = self.imap or free_port(), self.imaps or free_port()
        self.pop3, self.pop3s = self.pop3 or free_port(), self.pop3s or free_port()
        root = os.getuid() == 0
        self.owner = "nobody" if root else getpass.getuser()
        self.group = grp.getgrgid(pwd.getpwnam(self.owner).pw_gid).gr_name
        self.base.chmod(0o755)
        (self.base / "mail").mkdir(exist_ok=True)
        self._certificates()
        self.write_users()
        (self.base / "dovecot.conf").write_text(
            _CONFIGURATION.format(
                base=self.base,
                imap=self.imap,
                imaps=self.imaps,
                pop3=self.pop3,
                pop3s=self.pop3s,
                owner=self.owner,
                internal=self.owner,
                group=self.group,
                ssl="yes" if self.ssl else "no",
                extra=self.extra,
            )
        )
        self._own(self.base / "mail")
        program = require("dovecot")
        self._process = subprocess.Popen(
            [program, "-F", "-c", str(self.base / "dovecot.conf")], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        self._wait()

    def _certificates(self) -> None:
        authority = trustme.CA()
        certificate = authority.issue_cert("localhost", "127.0.0.1")
        certificate.private_key_pem.write_to_path(self.base / "server.key")
        for index, blob in enumerate(certificate.cert_chain_pems):
            blob.write_to_path(self.base / "server.pem", append=index > 0)
        self.authority = authority.cert_pem.bytes()

    def write_users(self) -> None:
        path = self.base / "users"
        path.write_text("".join(f"{user}:{{PLAIN}}{password}\n" for user, password in self.users.items()))
        path.chmod(0o644)

    def _wait(self) -> None:
        deadline = time.monotonic() + 20
        while True:
            try:
                with socket.create_connection(("127.0.0.1", self.imap), timeout=5) as probe:
                    if probe.recv(4) == b"* OK":
                        return
            except OSError:
                pass
            assert self._process is not None
            if self._process.poll() is not None or time.monotonic() > deadline:
                log = self.base / "dovecot.log"
                raise RuntimeError(f"Dovecot did not start: {log.read_text()[-2000:] if log.exists() else 'no log'}")
            time.sleep(0.05)

    def stop(self) -> None:
        if self._process is not None:
            self._process.terminate()
            self._process.wait(20)
            self._process = None

    def _own(self, *paths: Path) -> None:
        if os.getuid() == 0:
            entry = pwd.getpwnam(self.owner)
            for path in paths:
                os.chown(path, entry.pw_uid, entry.pw_gid)
                for folder, folders, files in os.walk(path):
                    for name in (*folders, *files):
                        # A session that ends takes its locks away meanwhile.
                        with suppress(FileNotFoundError):
                            os.chown(os.path.join(folder, name), entry.pw_uid, entry.pw_gid)

    def deliver(self, user: str, message: bytes, *, received: float | None = None) -> None:
        """Drop a message into the Maildir, byte for byte; `received` (seconds) becomes its INTERNALDATE."""
        self.deliver_all(user, [(message, received)])

    def deliver_all(self, user: str, messages: list[tuple[bytes, float | None]]) -> None:
        box = self.base / "mail" / user
        if not (box / "new").exists():
            for name in ("cur", "new", "tmp"):
                (box / name).mkdir(parents=True, exist_ok=True)
            self._own(box)
        entry = pwd.getpwnam(self.owner)
        for message, received in messages:
            self._count = getattr(self, "_count", 0) + 1
            name = f"{1_700_000_000 + self._count}.M{self._count:06d}P{os.getpid()}.test"
            path = box / "tmp" / name
            path.write_bytes(message)
            if received is not None:
                os.utime(path, (received, received))
            if os.getuid() == 0:
                os.chown(path, entry.pw_uid, entry.pw_gid)
            path.rename(box / "new" / name)

    def client(self, user: str, password: str = PASSWORD):
        """A logged-in imaplib connection in clear, for what a person does with a mail program."""
        import imaplib

        client = imaplib.IMAP4("127.0.0.1", self.imap, timeout=20)

        client.login(user, password)
        return client

    def messages(self, user: str, password: str = PASSWORD) -> dict[int, bytes]:
        """UID to bytes of the inbox, as the server gives them."""
        client = self.client(user, password)
        try:
            client.select("INBOX", readonly=True)
            _, data = client.uid("FETCH", "1:*", "(UID BODY.PEEK[])")
            found = {}
            for item in data:
                if isinstance(item, tuple):
                    words = item[0].split()
                    found[int(words[words.index(b"(UID") + 1])] = item[1]
            return found
        finally:
            client.shutdown()

    def expunge(self, user: str, *uids: int) -> None:
        client = self.client(user)
        client.select("INBOX")
        for uid in uids:
            client.uid("STORE", str(uid), "+FLAGS", "(\\Deleted)")
        client.expunge()
        client.shutdown()

    def renew_uidvalidity(self, user: str, validity: int | None = None) -> None:
        """As a restore from a backup does: the same messages, other numbers."""
        box = self.base / "mail" / user
        listed = box / "dovecot-uidlist"
        deadline, good = time.monotonic() + 5, 0
        # A session that is just ending writes its own list once more.
        while good < 2 and time.monotonic() < deadline:
            if validity is not None and listed.exists() and listed.read_text().startswith(f"3 V{validity} "):
                good += 1
                time.sleep(0.03)
                continue
            good = 0
            for name in ("dovecot-uidlist", "dovecot.index.log", "dovecot.index", "dovecot.index.cache", "dovecot-uidvalidity"):
                (box / name).unlink(missing_ok=True)
            for path in box.glob("dovecot-uidvalidity*"):
                path.unlink(missing_ok=True)
            if validity is None:
                return
            listed.write_text(f"3 V{validity} N1\n")
            self._own(box)
