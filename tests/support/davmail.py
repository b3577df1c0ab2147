"""DavMail in front of the sandbox's Exchange: IMAP, SMTP, CalDAV and CardDAV spoken to it become EWS."""

from __future__ import annotations

import os
import socket
import subprocess
import time
import urllib.error
import urllib.request
from base64 import b64encode
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from support.servers import require

_SERVICES = ("imap", "smtp", "caldav", "pop", "ldap")


@dataclass(frozen=True, slots=True, kw_only=True)
class DavMail:
    """`ports` by protocol, all on loopback, none with TLS."""

    ports: dict[str, int]

    def dav(
        self, method: str, path: str, sign_in: tuple[str, str], body: bytes = b"", kind: str = "text/xml", depth: str = "1"
    ) -> tuple[int, bytes]:
        """Status and body of a CalDAV or CardDAV request."""
        headers = {"Authorization": "Basic " + b64encode(":".join(sign_in).encode()).decode(), "Content-Type": kind, "Depth": depth}
        request = urllib.request.Request(f"http://127.0.0.1:{self.ports['caldav']}{path}", body or None, headers, method=method)
        try:
            with urllib.request.urlopen(request, timeout=30) as answer:
                return answer.status, answer.read()
        except urllib.error.HTTPError as error:
            return error.code, error.read()


@contextmanager
def davmail(url: str, folder: Path) -> Iterator[DavMail]:
    """Start it against an EWS endpoint; it writes below `folder` only."""
    program = require("davmail")
    ports = {service: _free_port() for service in _SERVICES}
    lines = ["davmail.server=true", "davmail.mode=EWS", f"davmail.url={url}", "davmail.bindAddress=127.0.0.1", "davmail.allowRemote=false"]
    lines += ["davmail.disableUpdateCheck=true", f"davmail.logFilePath={folder}/davmail.log", "davmail.enableKerberos=false"]
    lines += [f"davmail.{service}Port={port}" for service, port in ports.items()]
    settings = folder / "davmail.properties"
    settings.write_text("\n".join(lines) + "\n")
    with (folder / "output").open("wb") as output:
        process = subprocess.Popen([program, settings], stdout=output, stderr=output, env={**os.environ, "HOME": str(folder)})
    try:
        _wait(ports["imap"], process, folder / "output")
        yield DavMail(ports=ports)
    finally:
        process.terminate()
        process.wait(20)


def _wait(port: int, process: subprocess.Popen[bytes], output: Path) -> None:
    until = time.monotonic() + 60
    while time.monotonic() < until and process.poll() is None:
        try:
            socket.create_connection(("127.0.0.1", port), 1).close()
        except OSError:
            time.sleep(0.2)
        else:
            return
    raise AssertionError(f"DavMail did not start:\n{output.read_text()[-2000:]}")


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return int(listener.getsockname()[1])
