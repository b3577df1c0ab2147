"""Which real servers tests need, whether they are here, and what to say when they are not.

In continuous integration (CI=true) a missing server fails the test that needs it. Elsewhere the test is reported as not
run, and the run ends with the line that installs what was missing. `python -m support.servers` prints the Debian packages
that are lacking, for the Makefile and CI; for that it needs nothing but Python.
"""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

#: Debian keeps servers out of an ordinary account's PATH.
_SYSTEM_FOLDERS: Final = ("/usr/local/sbin", "/usr/sbin", "/sbin", "/opt/homebrew/sbin")


@dataclass(frozen=True, slots=True, kw_only=True)
class Server:
    """`program` is looked for in PATH and the system's folders; each of `parts` is a choice of further files, one of which must exist.

    One that is older than `oldest` does not serve. Its version is the line `Version=` of the file `told_by`; where that is not, it is taken.
    """

    program: str
    packages: tuple[str, ...]
    parts: tuple[tuple[str, ...], ...] = ()
    oldest: int = 0
    told_by: str = ""

    def find(self) -> Path | None:
        """Where the program is, or None when it or one of its parts is missing."""
        path = os.pathsep.join([os.environ.get("PATH", os.defpath), *_SYSTEM_FOLDERS])
        program = shutil.which(self.program, path=path)
        if program is None or not all(any(Path(choice).exists() for choice in choices) for choices in self.parts):
            return None
        return None if self._is_too_old() else Path(program)

    def _is_too_old(self) -> bool:
        try:
            told = _VERSION.search(Path(self.told_by).read_text("utf-8")) if self.oldest else None
        except OSError:
            return False
        return told is not None and int(told["version"]) < self.oldest


SERVERS: Final[Mapping[str, Server]] = {
    "dovecot": Server(
        program="dovecot",
        packages=("dovecot-imapd", "dovecot-pop3d"),
        parts=tuple(
            (f"/usr/lib/dovecot/{part}", f"/usr/libexec/dovecot/{part}", f"/opt/homebrew/libexec/dovecot/{part}")
            for part in ("imap", "pop3")
        ),
    ),
    "dovecot-gssapi": Server(
        program="dovecot",
        packages=("dovecot-gssapi",),
        parts=(("/usr/lib/dovecot/modules/auth/libmech_gssapi.so", "/usr/lib64/dovecot/auth/libmech_gssapi.so"),),
    ),
    "krb5kdc": Server(program="krb5kdc", packages=("krb5-kdc", "krb5-admin-server", "krb5-user")),
    "postfix": Server(program="postfix", packages=("postfix",)),
    "smtp-sink": Server(program="smtp-sink", packages=("postfix",)),
    "mbsync": Server(program="mbsync", packages=("isync",)),
    "davmail": Server(program="davmail", packages=("davmail", "default-jre-headless")),
    # Exchange accounts are finished in 145; Debian's first package of bookworm is older, its security updates are newer.
    "thunderbird": Server(program="thunderbird", packages=("thunderbird",), oldest=145, told_by="/usr/lib/thunderbird/application.ini"),
    "git": Server(program="git", packages=("git",)),
}

_VERSION = re.compile(r"^Version=(?P<version>\d+)", re.MULTILINE)
_NOT_RUN = re.compile(r"needs (?P<name>[^,]+), which is not installed \(Debian: (?P<packages>[^)]+)\)")


def require(name: str) -> Path:
    """The program of a server of `SERVERS`. Fails the test in continuous integration when it is missing, skips it elsewhere."""
    server = SERVERS[name]
    program = server.find()
    if program is not None:
        return program
    import pytest

    needed = f"{name} {server.oldest} or later" if server.oldest else name
    reason = f"needs {needed}, which is not installed (Debian: {' '.join(server.packages)})"
    if os.environ.get("CI", "").lower() in ("true", "1"):
        pytest.fail(reason, pytrace=False)
    raise pytest.skip.Exception(reason)


def missing_packages() -> tuple[str, ...]:
    """Debian packages of all servers that are not here."""
    return tuple(sorted({package for server in SERVERS.values() if server.find() is None for package in server.packages}))


def closing_lines(skip_reasons: Iterable[str]) -> list[str]:
    """What the run says last when tests were not run for want of a server; empty when none was."""
    wanting = [match for reason in skip_reasons if (match := _NOT_RUN.search(reason))]
    packages = sorted({package for match in wanting for package in match["packages"].split()})
    if not packages:
        return []
    names = ", ".join(sorted({match["name"] for match in wanting}))
    return [
        f"{len(wanting)} tests were not run: they need {names}. To run them, install (Debian, Ubuntu):",
        f"    sudo apt-get install -y --no-install-recommends {' '.join(packages)}",
    ]


if __name__ == "__main__":
    print(*missing_packages())
