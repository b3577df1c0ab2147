"""The rules that come with reconcile, and the rule book of an estate."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Final

from reconcile.errors import SettingsError

if TYPE_CHECKING:
    from reconcile.desired.documents import DocumentCache
    from reconcile.model.finding import Finding
    from reconcile.model.key import Key
    from reconcile.model.policy_declared import PolicyDeclared
    from reconcile.ports.source import SourceFile

_PACKAGE: Final = Path(__file__).parents[1]


def shipped_folder() -> Path:
    """The folder of rules of this version: carried by the package, or in the repository for an editable install. Raises SettingsError."""
    for folder in (_PACKAGE / "policies", _PACKAGE.parents[1] / "policies"):
        if folder.is_dir():
            return folder
    raise SettingsError("this installation of reconcile lacks its folder policies", hint="Install the package again: `make install`.")


#: What the files of the shipped rules are called in findings.
SHIPPED_PREFIX: Final = "reconcile/policies/"
#: The provider catalogue lies beside the rules and is read by others.
_PROVIDERS: Final = "providers/"


def shipped_rules(cache: DocumentCache | None) -> tuple[Mapping[Key, PolicyDeclared], tuple[Finding, ...]]:
    """The rules that come with reconcile, by key, and what is wrong with them (a test holds that nothing is)."""
    return policies_of(shipped_folder(), cache, prefix=SHIPPED_PREFIX, takes=lambda path: not path.startswith(_PROVIDERS))


def policies_of(
    place: Path, cache: DocumentCache | None, *, prefix: str = "", takes: Callable[[str], bool] = lambda path: True
) -> tuple[Mapping[Key, PolicyDeclared], tuple[Finding, ...]]:
    """The documents about the rules in a folder that is no estate, or in one file. `prefix` stands before the names of its files.

    Raises DesiredStateError where the folder cannot be read.
    """
    from reconcile.desired.policies import read_policies
    from reconcile.source.folder import FolderSource

    folder = place if place.is_dir() else place.parent
    source = FolderSource(folder, now=time.time)
    listing = source.list()

    def meant(path: str) -> bool:
        return (folder == place or path == place.name) and takes(path)

    def read(files: Iterable[SourceFile]) -> Iterator[tuple[SourceFile, bytes | Finding]]:
        inner = [file._replace(path=file.path.removeprefix(prefix)) for file in files]
        for file, content in source.read(inner):
            yield file._replace(path=prefix + file.path), content

    named = [file._replace(path=prefix + file.path) for file in listing.files if meant(file.path)]
    return read_policies(named, [finding for finding in listing.findings if meant(finding.position.file)], read, cache=cache)
