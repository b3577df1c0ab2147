"""One mailbox belongs to one environment: who synchronises which address, over all environments of a state directory.

One small file, replaced as a whole under a lock, so that a process that dies leaves the old one. Environments that keep their state
on different machines cannot see each other here.
"""

from __future__ import annotations

import fcntl
import json
import os
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from reconcile.errors import SettingsError
from reconcile.model.mail_address import mailbox_identity

_FILE = "mailbox-claims.json"


class Claims:
    """`folder` is the state directory; a missing one reads as empty. Addresses are kept and given as `mailbox_identity` has them."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._path = folder / _FILE
        self._seen: tuple[int, int, int] | None = None
        self._known: dict[str, str] = {}

    def held_by_others(self, environment: str) -> Mapping[str, str]:
        """Address → the other environment that holds it."""
        return {address: holder for address, holder in self._read().items() if holder != environment}

    def claim(self, environment: str, addresses: Collection[str]) -> Mapping[str, str]:
        """What of `addresses` nobody holds belongs to `environment` from here on; what it held and no longer names is free. Durable
        when it returns; writes nothing when nothing changes. Returns what others hold then."""
        wanted = {mailbox_identity(one) for one in addresses}
        if _claimed(self._read(), environment, wanted) != self._known:
            with self._locked():
                after = _claimed(self._read(), environment, wanted)
                if after != self._known:
                    self._write(after)
        return self.held_by_others(environment)

    def take_over(self, environment: str, addresses: Collection[str]) -> Mapping[str, str]:
        """These belong to `environment` from here on, whoever held them; returns who did, by address."""
        with self._locked():
            before = self._read()
            taken = {mailbox_identity(one) for one in addresses}
            self._write({**before, **dict.fromkeys(taken, environment)})
            return {address: before[address] for address in taken if before.get(address, environment) != environment}

    def _read(self) -> dict[str, str]:
        try:
            found = self._path.stat()
        except FileNotFoundError:
            self._seen, self._known = None, {}
            return self._known
        seen = (found.st_ino, found.st_mtime_ns, found.st_size)
        if seen != self._seen:
            try:
                document = json.loads(self._path.read_bytes())
                self._known = {}
                for address, holder in document["claims"].items():
                    # Once they were written in lower case only.
                    self._known.setdefault(mailbox_identity(str(address)), str(holder))
            except (ValueError, TypeError, KeyError, AttributeError) as error:
                raise SettingsError(f"{self._path} is damaged", hint="Remove it: each environment claims its mailboxes anew.") from error
            self._seen = seen
        return self._known

    def _write(self, after: Mapping[str, str]) -> None:
        temporary = self._path.with_suffix(".new")
        with temporary.open("w", encoding="utf-8") as file:
            json.dump({"formatVersion": "1.0", "claims": dict(sorted(after.items()))}, file, ensure_ascii=False, indent=0)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(self._path)
        directory = os.open(self._folder, os.O_RDONLY)
        try:
            os.fsync(directory)
        finally:
            os.close(directory)
        self._seen = None

    @contextmanager
    def _locked(self) -> Iterator[None]:
        with (self._folder / "mailbox-claims.lock").open("w") as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            yield


def _claimed(before: Mapping[str, str], environment: str, wanted: set[str]) -> dict[str, str]:
    after = {address: holder for address, holder in before.items() if holder != environment or address in wanted}
    for address in wanted:
        after.setdefault(address, environment)
    return after
