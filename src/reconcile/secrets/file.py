"""`file:PATH`: a secret in a file below the secrets directory, as Docker, Kubernetes and systemd mount them.

Files outside that directory are never read, whatever links say. What is refused is refused before the content is read.
"""

from __future__ import annotations

import os
import stat
from pathlib import Path

from reconcile.errors import SettingsError
from reconcile.lazy_dataclass import dataclass
from reconcile.model.secret import Secret, SecretRef

#: A secret is a password, a token, a key or a chain of certificates; more is a wrong path.
LIMIT = 64 * 1024

_CERTIFICATE = b"-----BEGIN CERTIFICATE-----"


@dataclass(frozen=True, slots=True)
class FileSecrets:
    """`directory` need not exist before the first reference is resolved."""

    directory: Path

    def resolve(self, reference: SecretRef) -> Secret:
        """The content without one trailing line end. Raises SettingsError when it cannot or must not be read."""
        path = self.directory / reference.name
        try:
            path = self._inside(reference)
            # O_NONBLOCK: a named pipe is refused below and must not block here. O_NOFOLLOW: links were followed by _inside.
            flags = os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_BINARY", 0)
            with open(os.open(path, flags), "rb") as file:  # noqa: PTH123 - a descriptor, opened with flags of ours
                status = os.fstat(file.fileno())
                _refuse_kind_and_size(reference, path, status)
                content = Secret(file.read(LIMIT + 1))
        except PermissionError as error:
            raise SettingsError(
                f"{reference}: {path} may not be read by this account",
                hint="Give the account that runs reconcile the right to read the file and to enter the folders above it.",
            ) from error
        except (OSError, RuntimeError, ValueError) as error:  # a loop of links before Python 3.13; a NUL in the name
            raise SettingsError(
                f"{reference}: there is no file {path}",
                hint="Write the secret into it (chmod 600), or say with RECONCILE_SECRETS_DIR where the secrets lie.",
            ) from error
        return _checked(reference, path, status, content)

    def _inside(self, reference: SecretRef) -> Path:
        name = Path(reference.name)
        if name.is_absolute() or name.drive or ".." in name.parts:
            raise SettingsError(
                f"{reference}: a secret's file is named relative to the secrets directory, without '..'",
                hint=f"Put it below {self.directory} and name it from there.",
            )
        directory = self.directory.resolve(strict=True)
        path = (directory / name).resolve(strict=True)
        if not path.is_relative_to(directory):
            raise SettingsError(
                f"{reference}: {self.directory / name} is a link that leads out of the secrets directory",
                hint=f"Put the file itself below {self.directory}.",
            )
        return path


def _refuse_kind_and_size(reference: SecretRef, path: Path, status: os.stat_result) -> None:
    if not stat.S_ISREG(status.st_mode):
        kind = "a directory" if stat.S_ISDIR(status.st_mode) else "not a regular file"
        raise SettingsError(f"{reference}: {path} is {kind}", hint="Name the file that holds the secret.")
    if status.st_size > LIMIT:
        raise SettingsError(
            f"{reference}: {path} has {status.st_size} bytes, a secret has at most {LIMIT}",
            hint="Check the path: this is hardly a password, a key or a certificate.",
        )


def _checked(reference: SecretRef, path: Path, status: os.stat_result, content: Secret) -> Secret:
    # Certificates are public and usually installed readable for all; anything else in such a file is a leak.
    open_to_all = status.st_mode & stat.S_IWOTH or (status.st_mode & stat.S_IROTH and not _only_certificates(content))
    if os.name == "posix" and open_to_all:
        raise SettingsError(f"{reference}: every account of this machine can read or change {path}", hint=f"chmod 600 {path}")
    value = content.reveal()
    kept = Secret(value[:-1].removesuffix(b"\r") if value.endswith(b"\n") else value)
    if not kept.reveal():
        raise SettingsError(f"{reference}: {path} is empty", hint="Write the secret into it.")
    return kept


def _only_certificates(content: Secret) -> bool:
    value = content.reveal()
    return value.startswith(_CERTIFICATE) and value.count(b"-----BEGIN ") == value.count(_CERTIFICATE)
