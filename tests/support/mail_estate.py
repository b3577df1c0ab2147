"""A whole estate on real servers: files, secrets, state, and the command line in processes of its own."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

ENVIRONMENT = """\
apiVersion: reconcile/v1alpha2
kind: Environment
metadata: {name: test}
spec: {allowedRecipients: [ALLOWED]}
"""
PROFILE = """\
apiVersion: reconcile/v1alpha2
kind: EmailServerProfile
metadata: {name: contoso}
spec:
  displayName: Contoso
  serverType: imap-smtp
  useSameSettingsForOutgoing: false
  incoming: {server: HOST, port: IMAP, tls: implicit, caCertificate: "file:ca.pem", credentials: user-or-queue}
  outgoing: {server: localhost, port: SMTP, tls: starttls, caCertificate: "file:smtp.pem", credentials: anonymous}
"""
MAILBOX = """\
apiVersion: reconcile/v1alpha2
kind: Mailbox
metadata: {name: NAME}
spec:
  emailAddress: NAME@contoso.example
  profile: contoso
  incoming: server-side
  outgoing: server-side
  filter: all
  credentials: {allowUse: true, username: NAME@contoso.example, password: {ref: "file:password", generation: GENERATION}}
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Ended:
    """What a command ended with."""

    code: int
    out: str
    err: str

    @property
    def document(self) -> Any:
        """Its only output, as JSON."""
        return json.loads(self.out)


@dataclass(slots=True, kw_only=True)
class MailEstate:
    """`imap` and `smtp` are ports on this machine, each with the PEM of its authority."""

    folder: Path
    imap: int
    authority: bytes
    smtp: int = 9
    smtp_authority: bytes = b""
    password: str = ""
    names: Sequence[str] = ("sales",)
    allowed: str = '"@contoso.example"'
    host: str = "localhost"
    generation: int = 1
    variables: dict[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.secrets.mkdir(parents=True)
        self.estate.mkdir()
        self.secret("ca.pem", self.authority)
        self.secret("smtp.pem", self.smtp_authority or self.authority)
        self.secret("password", self.password.encode())
        self.write()

    @property
    def estate(self) -> Path:
        return self.folder / "estate"

    @property
    def secrets(self) -> Path:
        return self.folder / "secrets"

    @property
    def state(self) -> Path:
        return self.folder / "state"

    def secret(self, name: str, content: bytes) -> None:
        path = self.secrets / name
        path.write_bytes(content)
        path.chmod(0o600)

    def write(self) -> None:
        """The estate as the attributes say now."""
        for old in self.estate.glob("*.yaml"):
            old.unlink()
        (self.estate / "environment.yaml").write_text(ENVIRONMENT.replace("ALLOWED", self.allowed))
        profile = PROFILE.replace("HOST", self.host).replace("IMAP", str(self.imap)).replace("SMTP", str(self.smtp))
        (self.estate / "profile.yaml").write_text(profile)
        for name in self.names:
            mailbox = MAILBOX.replace("NAME", name).replace("GENERATION", str(self.generation))
            (self.estate / f"{name}.yaml").write_text(mailbox)

    def arguments(self, *words: str) -> list[str]:
        """The command line of `reconcile WORDS…` on this estate."""
        count = 2 if words[0] in ("outbox", "activities", "alerts", "key", "parties", "quarantine") else 1
        count += words[:2] == ("activities", "items")
        places = ["-C", str(self.estate), "--state-dir", str(self.state), "--secrets-dir", str(self.secrets)]
        return [sys.executable, "-m", "reconcile.cli.main", *words[:count], *places, *words[count:]]

    def environment(self) -> dict[str, str]:
        mine = {name: value for name, value in os.environ.items() if not name.startswith("RECONCILE_")}
        return {**mine, "RECONCILE_CACHE_DIR": str(self.folder / "cache"), "RECONCILE_SILENCE_TIMEOUT": "20", **self.variables}

    def start(self, *words: str) -> subprocess.Popen[str]:
        """Started and left running."""
        return subprocess.Popen(
            self.arguments(*words),
            env=self.environment(),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def __call__(self, *words: str, code: int | None = 0, stdin: bytes = b"") -> Ended:
        """Run to the end; the exit code must be as given, and no traceback may show."""
        done = subprocess.run(self.arguments(*words), env=self.environment(), input=stdin, capture_output=True, timeout=120)
        ended = Ended(code=done.returncode, out=done.stdout.decode(), err=done.stderr.decode())
        assert code is None or ended.code == code, (words, ended)
        assert "Traceback" not in ended.err, ended.err
        return ended


def ended(process: subprocess.Popen[str], *, within: float = 60.0) -> Ended:
    """Wait for a started command."""
    out, err = process.communicate(timeout=within)
    assert "Traceback" not in err, err
    return Ended(code=process.returncode, out=out, err=err)


def wait_until(true: Callable[[], bool], *, within: float = 30.0) -> None:
    """Fails when it does not become true in time."""
    deadline = time.monotonic() + within
    while not true():
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.002)


def end(process: subprocess.Popen[str]) -> None:
    """However it stands."""
    if process.poll() is None:
        process.kill()
    process.communicate()
