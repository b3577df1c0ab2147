"""A Postfix of one's own: free ports on loopback, its own configuration, queue and certificates, mail into Maildir files.

Three ports: submission with STARTTLS (no login), the same with TLS from the first byte, and one that wants a login (checked by a
Dovecot of its own). Addresses at contoso.example are taken, with exceptions that tests name.
"""

from __future__ import annotations

import os
import pwd
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from email.parser import BytesHeaderParser
from pathlib import Path
from tempfile import TemporaryDirectory

import trustme

DOMAIN = "contoso.example"
REFUSED = f"refused@{DOMAIN}"
GREYLISTED = f"greylisted@{DOMAIN}"
REFUSED_SENDER = f"nobody@{DOMAIN}"
USER, PASSWORD = "sales@contoso.example", "pässword ☃"
SIZE_LIMIT = 2_000_000
RECIPIENTS_LIMIT = 20

_MASTER = """\
127.0.0.1:{submission} inet n - n - - smtpd
    -o syslog_name=postfix/submission -o smtpd_tls_security_level=encrypt
127.0.0.1:{implicit} inet n - n - - smtpd
    -o syslog_name=postfix/smtps -o smtpd_tls_wrappermode=yes
127.0.0.1:{login} inet n - n - - smtpd
    -o syslog_name=postfix/login -o smtpd_tls_security_level=encrypt -o smtpd_tls_auth_only=yes
    -o smtpd_sasl_auth_enable=yes -o smtpd_sasl_type=dovecot -o smtpd_sasl_path=private/auth
    -o smtpd_relay_restrictions=permit_sasl_authenticated,reject
cleanup unix n - n - 0 cleanup
qmgr unix n - n 300 1 qmgr
tlsmgr unix - - n 1000? 1 tlsmgr
rewrite unix - - n - - trivial-rewrite
bounce unix - - n - 0 discard
defer unix - - n - 0 discard
trace unix - - n - 0 discard
verify unix - - n - 1 verify
proxymap unix - - n - - proxymap
error unix - - n - - error
retry unix - - n - - error
virtual unix - n n - - virtual
anvil unix - - n - 1 anvil
scache unix - - n - 1 scache
postlog unix-dgram n - n - 1 postlogd
"""

_MAIN = """\
compatibility_level = 3.6
myhostname = mail.contoso.example
mydestination =
mynetworks = 127.0.0.0/8
inet_protocols = ipv4
queue_directory = {root}/queue
data_directory = {root}/data
maillog_file = {root}/log/mail.log
maillog_file_prefixes = {root}
alias_maps =
alias_database =
local_recipient_maps =
smtpd_recipient_limit = 20
smtpd_recipient_overshoot_limit = 1000
virtual_mailbox_domains = contoso.example
virtual_mailbox_base = {root}/mail
virtual_mailbox_maps = static:all/
virtual_uid_maps = static:{uid}
virtual_gid_maps = static:{gid}
virtual_minimum_uid = 1
default_transport = error:nothing leaves this machine
relay_transport = error:nothing leaves this machine
smtpd_tls_security_level = may
smtpd_tls_cert_file = {root}/tls/server.pem
smtpd_tls_key_file = {root}/tls/server.pem
smtpd_relay_restrictions = reject_unauth_destination
smtpd_recipient_restrictions = check_recipient_access inline:{{ {{refused@contoso.example = 550 5.1.1 no such person}}, {{greylisted@contoso.example = 450 4.2.0 greylisted, come back later}} }}
smtpd_sender_restrictions = check_sender_access inline:{{ {{nobody@contoso.example = 553 5.7.1 not you}} }}
smtpd_delay_reject = no
message_size_limit = {size}
virtual_mailbox_limit = 0
mailbox_size_limit = 0
smtpd_timeout = 30s
always_add_missing_headers = no
enable_long_queue_ids = yes
"""

_DOVECOT = """\
base_dir = {root}/dovecot
state_dir = {root}/dovecot-state
log_path = {root}/log/dovecot.log
protocols =
ssl = no
auth_mechanisms = plain login
disable_plaintext_auth = no
passdb {{
  driver = passwd-file
  args = {root}/users
}}
userdb {{
  driver = static
  args = uid={uid} gid={gid} home=/nonexistent
}}
service auth {{
  unix_listener {root}/queue/private/auth {{
    mode = 0660
    user = postfix
    group = postfix
  }}
}}
service stats {{
  unix_listener stats-writer {{
    mode = 0666
  }}
}}
service anvil {{
  chroot =
}}
"""


def _program(name: str) -> str | None:
    return shutil.which(name, path=f"{os.environ.get('PATH', '')}:/usr/sbin:/sbin")


@dataclass(frozen=True, slots=True, kw_only=True)
class Delivered:
    """One copy in the Maildir. `recipient` is the envelope's, `content` the mail as it was sent (CRLF)."""

    sender: str
    recipient: str
    content: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Postfix:
    """A running one."""

    root: Path
    submission: int
    implicit: int
    login: int
    authority: bytes

    def delivered(self) -> list[Delivered]:
        """All copies that arrived so far."""
        found = []
        for path in sorted((self.root / "mail" / "all" / "new").glob("*")):
            raw = path.read_bytes()
            trace = BytesHeaderParser().parsebytes(raw)
            # Postfix puts Return-Path, X-Original-To, Delivered-To and one Received in front.
            lines, start = raw.splitlines(keepends=True), 0
            while (
                lines[start].split(b":")[0] in (b"Return-Path", b"X-Original-To", b"Delivered-To", b"Received")
                or lines[start][:1] in b"\t "
            ):
                start += 1
            found.append(
                Delivered(
                    sender=str(trace["Return-Path"]).strip("<>"),
                    recipient=str(trace["X-Original-To"] or trace["Delivered-To"]),
                    content=b"".join(lines[start:]).replace(b"\n", b"\r\n"),
                )
            )
        return found

    def wait(self, copies: int, *, seconds: float = 20.0) -> list[Delivered]:
        """Until so many copies arrived (or the time is over)."""
        deadline = time.monotonic() + seconds
        while len(found := self.delivered()) < copies and time.monotonic() < deadline:
            time.sleep(0.05)
        return found

    @property
    def log(self) -> str:
        return (self.root / "log" / "mail.log").read_text(errors="replace")


def _free_ports(count: int) -> list[int]:
    listeners = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    ports = [listener.getsockname()[1] for listener in listeners]
    for listener in listeners:
        listener.close()
    return ports


@contextmanager
def running() -> Iterator[Postfix]:
    """Start, and stop at the end. Raises RuntimeError with the log when it does not start.

    Not below pytest's temporary folder: that one is closed to other users, again and again while sessions run side by side,
    and Postfix works as a user of its own.
    """
    with TemporaryDirectory(prefix="reconcile-postfix-", ignore_cleanup_errors=True) as folder, ExitStack() as stack:
        Path(folder).chmod(0o755)
        for attempt in range(3):
            try:
                server = stack.enter_context(_started(Path(folder) / str(attempt)))
                break
            except RuntimeError:
                # A port that was free a moment ago may be taken by now.
                if attempt == 2:
                    raise
        yield server


@contextmanager
def _started(root: Path) -> Iterator[Postfix]:
    authority = trustme.CA(organization_name="tests of reconcile")
    submission, implicit, login = _free_ports(3)
    account = pwd.getpwnam("postfix")
    names = {"root": root, "size": SIZE_LIMIT, "uid": account.pw_uid, "gid": account.pw_gid}
    for folder in ("etc", "queue", "data", "log", "mail", "tls", "dovecot", "dovecot-state"):
        (root / folder).mkdir(parents=True)
    for folder in ("data", "mail"):
        os.chown(root / folder, account.pw_uid, account.pw_gid)
    certificate = authority.issue_cert("localhost", "127.0.0.1")
    certificate.private_key_and_cert_chain_pem.write_to_path(root / "tls" / "server.pem")
    (root / "users").write_text(f"{USER}:{{PLAIN}}{PASSWORD}\n", encoding="utf-8")
    (root / "etc" / "main.cf").write_text(_MAIN.format(**names))
    (root / "etc" / "master.cf").write_text(_MASTER.format(submission=submission, implicit=implicit, login=login))
    (root / "dovecot.conf").write_text(_DOVECOT.format(**names))
    postfix, dovecot = str(_program("postfix")), str(_program("dovecot"))
    etc = str(root / "etc")
    started = subprocess.run([postfix, "-c", etc, "start"], capture_output=True, text=True, timeout=60)
    logins = subprocess.Popen([dovecot, "-F", "-c", str(root / "dovecot.conf")], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    server = Postfix(root=root, submission=submission, implicit=implicit, login=login, authority=authority.cert_pem.bytes())
    try:
        deadline = time.monotonic() + 30
        while not (_answers(submission) and (root / "queue" / "private" / "auth").exists()):
            if time.monotonic() > deadline:
                logs = "\n".join(path.read_text(errors="replace") for path in (root / "log").glob("*"))
                raise RuntimeError(f"Postfix did not start: {started.stderr}\n{logs}")
            time.sleep(0.05)
        yield server
    finally:
        logins.terminate()
        logins.wait(timeout=20)
        subprocess.run([postfix, "-c", etc, "stop"], capture_output=True, timeout=60)


def _answers(port: int) -> bool:
    try:
        with socket.create_connection(("127.0.0.1", port), timeout=5) as connected:
            return connected.recv(4) == b"220 "
    except OSError:
        return False


def require() -> None:
    """Fails the test in continuous integration when Postfix cannot be started, skips it elsewhere, with what to do."""
    from support import servers

    servers.require("postfix")
    servers.require("dovecot")
    if os.geteuid() == 0:
        return
    import pytest

    reason = "Postfix can only be started by root: run `sudo make test`"
    if os.environ.get("CI", "").lower() in ("true", "1"):
        pytest.fail(reason, pytrace=False)
    raise pytest.skip.Exception(reason)
