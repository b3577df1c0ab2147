"""The key that seals credentials at rest: 32 bytes, written as base64 where a secret reference says.

Only the default reference is made on first use; a key that somebody named must be there. Who asks for one to be made
must know that nothing is sealed yet: a new key opens no old value.
"""

from __future__ import annotations

import base64
import binascii
import os
import secrets
from contextlib import suppress
from pathlib import Path
from typing import Final

from reconcile.errors import SettingsError
from reconcile.model.secret import Secret, SecretRef
from reconcile.secrets.resolver import Resolver
from reconcile.settings import Settings

KEY_SIZE: Final = 32
DEFAULT_REFERENCE: Final = SecretRef("file", "reconcile.key")


def load_key(settings: Settings, *, create: bool) -> Secret:
    """The key behind `settings.key_reference`. With `create`, the default file is made when it is not there yet.

    Raises SettingsError when the reference is none, cannot be resolved, or leads to something else than 32 bytes in base64.
    """
    try:
        reference = SecretRef.parse(settings.key_reference)
    except ValueError as error:
        # The text is not repeated: it may be the key itself.
        raise SettingsError(
            f"RECONCILE_KEY: {error}", hint="Put the key into a file of the secrets directory and name it file:NAME."
        ) from None
    path = settings.secrets_directory / DEFAULT_REFERENCE.name
    if reference == DEFAULT_REFERENCE and not os.path.lexists(path):
        if not create:
            raise SettingsError(
                f"{reference}: there is no key {path}, and what was applied is sealed with one",
                hint=(
                    "Put the key back, or name its folder with --secrets-dir. If it is lost, make one (openssl rand -base64 32), "
                    "raise the generation of every secret and apply."
                ),
            )
        _make(path)
    return _decoded(reference, Resolver(settings.secrets_directory).resolve(reference))


def _decoded(reference: SecretRef, text: Secret) -> Secret:
    try:
        key = Secret(base64.b64decode(text.reveal().strip(), validate=True))
    except binascii.Error:
        key = Secret(b"")
    if len(key.reveal()) != KEY_SIZE:
        raise SettingsError(
            f"{reference}: this is not a key of {KEY_SIZE} bytes in base64 (44 characters)",
            hint="Make one with: openssl rand -base64 32",
        )
    return key


def _make(path: Path) -> None:
    """Durable and whole before it has its name: whoever sees the file sees the key that will be used from then on.

    Linking refuses an existing name, so of two processes that start together one wins and both read its key. A process
    that dies in between leaves a dot file that nobody ever sealed with.
    """
    draft = path.with_name(f".{path.name}.{secrets.token_hex(8)}")
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        # By default this lies inside the estate's repository, where `git add .` must not find the key.
        with suppress(FileExistsError), (path.parent / ".gitignore").open("x") as ignore:
            ignore.write("*\n")
        descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "wb") as file:
            file.write(base64.b64encode(secrets.token_bytes(KEY_SIZE)) + b"\n")
            file.flush()
            os.fsync(file.fileno())
        with suppress(FileExistsError):
            os.link(draft, path)
        draft.unlink()
        for folder in (path.parent, path.parent.parent):
            _sync(folder)
    except OSError as error:
        raise SettingsError(
            f"{DEFAULT_REFERENCE}: {path} cannot be made ({error.strerror})",
            hint="Make the directory writable, or set RECONCILE_KEY to the reference of a key of your own.",
        ) from error


def _sync(folder: Path) -> None:
    # A folder can be opened for fsync on POSIX only; elsewhere the file system writes its entries by itself.
    if os.name != "posix":
        return
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
