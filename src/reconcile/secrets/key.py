"""The key ring that seals credentials at rest: keys of 32 bytes, written as base64, one a line, where a secret reference says.

The first key seals, all of them open: a new key is put in front, and what older ones sealed still opens. Only the default reference
is made on first use; a key that somebody named must be there. Who asks for one to be made must know that nothing is sealed yet: a
new key opens no old value.
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
    """The key that seals: the first of the ring. As `load_ring`."""
    return load_ring(settings, create=create)[0]


def load_ring(settings: Settings, *, create: bool) -> tuple[Secret, ...]:
    """The keys behind `settings.key_reference`, never none. With `create`, the default file is made when it is not there yet.

    Raises SettingsError when the reference is none, cannot be resolved, or leads to something else than keys of 32 bytes in base64.
    """
    reference = ring_reference(settings)
    path = settings.secrets_directory / DEFAULT_REFERENCE.name
    if reference == DEFAULT_REFERENCE and not os.path.lexists(path):
        if not create:
            raise SettingsError(
                f"{reference}: there is no key {path}, and what was applied is sealed with one",
                hint=(
                    "Put the key back, or name its folder with --secrets-dir (RECONCILE_SECRETS_DIR). If it is lost, make one "
                    "(openssl rand -base64 32), raise the generation of every secret and apply."
                ),
            )
        _make(path)
    return resolve_ring(settings, reference)


def ring_reference(settings: Settings) -> SecretRef:
    """Where the ring lies. Raises SettingsError without repeating the text: it may be a key itself."""
    return parse_reference(settings.key_reference, "RECONCILE_KEY")


def parse_reference(text: str, setting: str) -> SecretRef:
    """A reference that a person gave as `setting`."""
    if "{environment}" in text:
        raise SettingsError(f"{setting} names a key for each environment, and no environment was named", hint="Name it with -e NAME.")
    try:
        return SecretRef.parse(text)
    except ValueError as error:
        raise SettingsError(f"{setting}: {error}", hint="Put the key into a file of the secrets directory and name it file:NAME.") from None


def resolve_ring(settings: Settings, reference: SecretRef) -> tuple[Secret, ...]:
    """The keys behind a reference, in their order, each once. Makes nothing."""
    return decoded(reference, Resolver(settings.secrets_directory).resolve(reference))


def decoded(reference: SecretRef, text: Secret) -> tuple[Secret, ...]:
    """Raises SettingsError that says which line is no key, and never shows it."""
    words = text.reveal().split()
    keys: dict[bytes, Secret] = {}
    for number, word in enumerate(words, 1):
        try:
            key = Secret(base64.b64decode(word, validate=True))
        except binascii.Error:
            key = Secret(b"")
        if len(key.reveal()) != KEY_SIZE:
            which = f"key {number} of {len(words)}: " if len(words) > 1 else ""
            raise SettingsError(
                f"{reference}: {which}this is not a key of {KEY_SIZE} bytes in base64 (44 characters)",
                hint="Make one with: openssl rand -base64 32 (several keys stand one a line; the first one seals)",
            )
        keys.setdefault(key.reveal(), key)
    if not keys:
        raise SettingsError(f"{reference}: there is no key in it", hint="Make one with: openssl rand -base64 32")
    return tuple(keys.values())


def encoded(keys: tuple[Secret, ...]) -> Secret:
    """The ring as text, one key a line."""
    return Secret(b"".join(base64.b64encode(key.reveal()) + b"\n" for key in keys))


def new_key() -> Secret:
    """32 random bytes."""
    return Secret(secrets.token_bytes(KEY_SIZE))


def _make(path: Path) -> None:
    """Durable and whole before it has its name: whoever sees the file sees the key that will be used from then on.

    Linking refuses an existing name, so of two processes that start together one wins and both read its key. A process
    that dies in between leaves a dot file that nobody ever sealed with.
    """
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        # By default this lies inside the estate's repository, where `git add .` must not find the key.
        with suppress(FileExistsError), (path.parent / ".gitignore").open("x") as ignore:
            ignore.write("*\n")
        draft = write_draft(path, (new_key(),))
        with suppress(FileExistsError):
            os.link(draft, path)
        draft.unlink()
        for folder in (path.parent, path.parent.parent):
            sync_folder(folder)
    except OSError as error:
        raise SettingsError(
            f"{DEFAULT_REFERENCE}: {path} cannot be made ({error.strerror})",
            hint="Make the directory writable, or set RECONCILE_KEY to the reference of a key of your own.",
        ) from error


def write_draft(path: Path, keys: tuple[Secret, ...]) -> Path:
    """The ring in a file beside `path`, durable, readable for its owner only; it has no name that anybody reads yet."""
    draft = path.with_name(f".{path.name}.{secrets.token_hex(8)}")
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(encoded(keys).reveal())
        file.flush()
        os.fsync(file.fileno())
    return draft


def sync_folder(folder: Path) -> None:
    """Names that were made or changed in it survive a power loss when this returns."""
    # A folder can be opened for fsync on POSIX only; elsewhere the file system writes its entries by itself.
    if os.name != "posix":
        return
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
