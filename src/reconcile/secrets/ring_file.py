"""Changing the ring of keys where it lies in a file: whole or not at all, and one process at a time.

Two processes that each put a key in front would otherwise lose one of them, and with it what was sealed with it.
"""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from reconcile.errors import Locked, SettingsError
from reconcile.lazy_dataclass import dataclass
from reconcile.model.secret import Secret, SecretRef
from reconcile.secrets.key import resolve_ring, ring_reference, sync_folder, write_draft
from reconcile.settings import Settings


@dataclass(frozen=True, slots=True, kw_only=True)
class RingFile:
    """The ring as it lies there now; valid while the lock is held."""

    settings: Settings
    reference: SecretRef
    path: Path

    def keys(self) -> tuple[Secret, ...]:
        """The first one seals."""
        return resolve_ring(self.settings, self.reference)

    def put(self, keys: tuple[Secret, ...]) -> None:
        """Replace the ring; durable when it returns. Owner and permissions stay, so whoever could read it still can."""
        try:
            before = self.path.stat()
            draft = write_draft(self.path, keys)
            try:
                if (before.st_uid, before.st_gid) != (os.geteuid(), draft.stat().st_gid):
                    os.chown(draft, before.st_uid, before.st_gid)
                draft.chmod(before.st_mode & 0o777)
                draft.replace(self.path)
            finally:
                draft.unlink(missing_ok=True)
            sync_folder(self.path.parent)
        except OSError as error:
            raise SettingsError(
                f"{self.reference}: {self.path} cannot be changed ({error.strerror})",
                hint="Run this with the account that owns the file, or change it by hand: one key a line, the first one seals.",
            ) from error


@contextmanager
def held_ring(settings: Settings) -> Iterator[RingFile]:
    """Hold the right to change the ring. Raises Locked while another process has it, SettingsError for a ring that cannot be changed
    from here, with what to do instead."""
    reference = ring_reference(settings)
    by_hand = "Change it where it is kept: one key a line, a new one (openssl rand -base64 32) in front. Then `reconcile key rotate`."
    if reference.scheme != "file":
        raise SettingsError(f"the ring of keys is {reference}, which cannot be changed from here", hint=by_hand)
    path = settings.secrets_directory / reference.name
    # What a platform mounts is a link into a folder that it replaces as a whole.
    if path.exists() and path.resolve() != settings.secrets_directory.resolve() / reference.name:
        raise SettingsError(f"{reference}: {path} is a link to {path.resolve()}, and is not changed from here", hint=by_hand)
    resolve_ring(settings, reference)
    lock = path.with_name(f".{path.name}.lock")
    try:
        descriptor = os.open(lock, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    except OSError as error:
        raise SettingsError(f"{reference}: {lock} cannot be made ({error.strerror})", hint=by_hand) from error
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise Locked("another process changes the ring of keys", hint="Wait until it is done.") from None
        yield RingFile(settings=settings, reference=reference, path=path)
    finally:
        os.close(descriptor)
