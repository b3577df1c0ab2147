"""SSH keys, and commits signed with them, as an approver makes them."""

from __future__ import annotations

import subprocess
from dataclasses import dataclass
from pathlib import Path

from support.repository import Repository


@dataclass(frozen=True, slots=True)
class SigningKey:
    """A key pair; `public` is the line that settings name."""

    private: Path
    public: str


def new_key(folder: Path, name: str) -> SigningKey:
    """An ed25519 key without a passphrase."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / name
    words = ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", f"{name}@contoso.example", "-f", str(path)]
    subprocess.run(words, check=True, capture_output=True)
    return SigningKey(path, path.with_suffix(".pub").read_text("ascii").strip())


def signed_commit(repository: Repository, message: str, files: dict[str, str | None], key: SigningKey) -> str:
    """Write, add everything, commit with a signature; the full id."""
    repository.write(files)
    repository.git("add", "-A", "-f")
    repository.git(
        *("-c", "user.name=Approver", "-c", "user.email=approver@contoso.example", "-c", "gpg.format=ssh"),
        *("-c", f"user.signingkey={key.private}", "commit", "-q", "--allow-empty", "-S", "-m", message),
    )
    return repository.git("rev-parse", "HEAD")
