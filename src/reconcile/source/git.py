"""A git revision as a source, read from its objects without a checkout.

git itself does the reading, in a closed environment. The revision is resolved to a full commit id
once; everything after works with ids.
"""

from __future__ import annotations

import posixpath
from bisect import bisect_right
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from reconcile.errors import DesiredStateError
from reconcile.model.finding import Finding
from reconcile.ports.source import Listing, SourceFile
from reconcile.source import entries
from reconcile.source.git_process import Git

_LINK = "120000"
_SUBMODULE = "160000"
#: What is read with a file that is asked for alone: so many that follow it, of so many octets together.
_AHEAD = 100
_AHEAD_OCTETS = 4_000_000
_FOLDER = "040000"


class GitSource:
    """`folder` is a repository (bare or not) or a folder inside its work tree; that folder is then the root of the estate.

    `timeout` in seconds is for each answer of git. Nothing is opened before `list`, `revision` or `read` is used. With `may_be_new` a
    revision that does not have the folder yet is an empty tree, not an error.
    """

    def __init__(
        self, folder: Path, revision: str, *, largest: int = entries.LARGEST_FILE, timeout: float = 60.0, may_be_new: bool = False
    ) -> None:
        self._may_be_new = may_be_new
        self._folder = folder
        self._wanted = revision
        self._largest = largest
        self._git = Git(folder, timeout=timeout)
        self._commit = ""
        self._prefix = ""
        self._listed: Sequence[SourceFile] = ()
        self._ahead: Mapping[str, bytes | None] = {}

    @property
    def label(self) -> str:
        """folder@revision, as it was asked for."""
        return entries.shown(f"{self._folder}@{self._wanted}")

    @property
    def revision(self) -> str:
        """The full commit id. Raises DesiredStateError when there is no such revision."""
        if not self._commit:
            self._resolve()
        return self._commit

    def list(self) -> Listing:
        """Raises DesiredStateError when folder or revision cannot be read."""
        commit = self.revision
        tree = ["ls-tree", "-r", "-z", "--long", "--full-tree", commit]
        if self._prefix:
            tree += ["--", self._prefix]
        rows = [_row(line) for line in self._git.listed(*tree)]
        if self._prefix and not rows and not self._may_be_new:
            raise DesiredStateError(
                f"the revision {self._wanted} has no folder {self._prefix}", hint="name a folder that exists in that revision"
            )
        files: list[SourceFile] = []
        findings: list[Finding] = []
        links: list[tuple[str, str]] = []
        folders = _folders(path for _, _, _, path in rows)
        for mode, object_id, size, full_path in rows:
            path = full_path.removeprefix(self._prefix)
            if any(entries.is_hidden(part) for part in path.split("/")):
                continue
            if mode == _SUBMODULE:
                findings.append(entries.submodule(path))
            elif mode == _LINK:
                links.append((path, object_id))
            elif isinstance(taken := self._entry(path, object_id, size), SourceFile):
                files.append(taken)
            elif taken is not None:
                findings.append(taken)
        findings += self._links(links, folders)
        findings += [
            entries.folder_named_like_a_file(folder.removeprefix(self._prefix))
            for folder in sorted(folders)
            if folder.startswith(self._prefix) and entries.is_document(folder) and not _in_hidden(folder.removeprefix(self._prefix))
        ]
        self._listed = tuple(sorted(files, key=lambda file: file.path))
        return Listing(files=self._listed, findings=tuple(findings))

    def read(self, files: Iterable[SourceFile]) -> Iterator[tuple[SourceFile, bytes | Finding]]:
        """One `git cat-file --batch` for all. Raises DesiredStateError when git ends early."""
        wanted = [*files]
        contents = self._alone(wanted[0]) if len(wanted) == 1 else self._objects(wanted)
        for file, content in zip(wanted, contents, strict=True):
            yield file, entries.unreadable(file.path, "the object is missing in the repository") if content is None else content

    def _objects(self, files: Iterable[SourceFile]) -> Iterator[bytes | None]:
        return self._git.objects([file.content_id.removeprefix("git:") for file in files])

    def _alone(self, file: SourceFile) -> Iterator[bytes | None]:
        """Places of findings are looked up file by file, mostly in order: with each come those that follow it, or ten thousand findings
        would start git ten thousand times."""
        if file.content_id not in self._ahead:
            group = [*self._from(file)]
            self._ahead = {one.content_id: content for one, content in zip(group, self._objects(group), strict=True)}
        yield self._ahead[file.content_id]

    def _from(self, file: SourceFile) -> Iterator[SourceFile]:
        yield file
        start = bisect_right(self._listed, file.path, key=lambda one: one.path)
        left = _AHEAD_OCTETS - file.size
        for following in self._listed[start : start + _AHEAD]:
            left -= following.size
            if left < 0:
                return
            yield following

    def octets(self, path: str) -> bytes | None:
        """See `Source.octets`."""
        commit = self.revision
        rows = [
            row
            for line in self._git.run("ls-tree", "-z", "--long", "--full-tree", commit, "--", self._prefix + path).split(b"\0")
            if line and (row := _row(line)).path == self._prefix + path
        ]
        for mode, object_id, size, _ in rows:
            if mode in (_LINK, _SUBMODULE, _FOLDER) or size > entries.largest(path, self._largest):
                raise DesiredStateError(f"{self.label}: {path} is not read", hint="put an ordinary file of at most 64 MiB there")
            return next(iter(self._git.objects([object_id])))
        return None

    def _resolve(self) -> None:
        try:
            inside = self._git.run("rev-parse", "--show-prefix").decode("utf-8", "surrogateescape").rstrip("\n")
        except DesiredStateError as error:
            hint = "name a folder inside a git repository with -C; what reads the files as they lie there works without one"
            if "dubious ownership" in error.message:
                hint = "folder and repository belong to different accounts: give both one owner, or make a clone of your own"
            if "another one's work tree" in error.message:
                hint = error.hint
            raise DesiredStateError(f"{self._folder} cannot be read as a git repository: {error.message}", hint=hint) from error
        # --end-of-options: a revision that begins with a dash is a name, never an option.
        try:
            found = self._git.run("rev-parse", "--verify", "--quiet", "--end-of-options", f"{self._wanted}^{{commit}}")
        except DesiredStateError as error:
            raise DesiredStateError(
                f"{self._folder} has no revision {self._wanted!r}",
                hint="name a branch, a tag or a commit id that is in this clone (git fetch brings newer ones)",
            ) from error
        self._commit = found.decode("ascii").strip()
        self._prefix = inside

    def _entry(self, path: str, object_id: str, size: int) -> SourceFile | Finding | None:
        folder, _, name = path.rpartition("/")
        if not entries.is_document(name):
            return None
        if not entries.is_utf8(path):
            return entries.name_not_utf8(path) if entries.is_utf8(folder) else entries.folder_name_not_utf8(folder)
        if size > (largest := entries.largest(path, self._largest)):
            return entries.too_large(path, size, largest)
        return SourceFile(path=path, content_id=f"git:{object_id}", size=size)

    def _links(self, links: Sequence[tuple[str, str]], folders: frozenset[str]) -> Iterator[Finding]:
        for (path, _), content in zip(links, self._git.objects([object_id for _, object_id in links]), strict=True):
            target = (content or b"").decode("utf-8", "surrogateescape")
            lands = posixpath.normpath(posixpath.join(posixpath.dirname(self._prefix + path), target))
            outside = target.startswith("/") or not f"{lands}/".startswith(self._prefix) or lands.startswith("..")
            # Whether a link out of the tree leads to a folder cannot be known here; without an extension it is taken for one.
            if lands in folders or (outside and "." not in posixpath.basename(path)):
                yield entries.link_to_folder(path)
            elif entries.is_document(path):
                yield entries.link(path, "it leads out of the estate" if outside else "it stays inside the estate")


class _Row(NamedTuple):
    mode: str
    object_id: str
    size: int
    path: str


def _row(line: bytes) -> _Row:
    """One row of `ls-tree --long -z`."""
    head, _, path = line.partition(b"\t")
    mode, _, object_id, size = head.decode("ascii").split()
    return _Row(mode, object_id, int(size) if size.isdigit() else 0, path.decode("utf-8", "surrogateescape"))


def _folders(paths: Iterable[str]) -> frozenset[str]:
    found: set[str] = set()
    for path in paths:
        folder = posixpath.dirname(path)
        while folder and folder not in found:
            found.add(folder)
            folder = posixpath.dirname(folder)
    return frozenset(found)


def _in_hidden(path: str) -> bool:
    return any(entries.is_hidden(part) for part in path.split("/"))
