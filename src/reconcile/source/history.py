"""Who changed files last, from git: one walk of the log that ends as soon as every file was met.

A commit is read from its object, not from what `git log` prints: a name or a subject may hold anything, and an object has a length.
Merges count only for files in which they differ from every parent, so that the author of a change is named and not who merged it.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path

from reconcile.errors import DesiredStateError, ReconcileError
from reconcile.model import instant
from reconcile.model.commit import NOTHING_KNOWN, Commit, LastCommits, Recorded
from reconcile.source.git_process import Git

NOT_COMMITTED = Commit(id="", author="", at="", subject="")

#: Commits. A file that was never committed would otherwise cost the whole history of a large repository.
_FARTHEST = 50_000
#: Up to so many files are named to git, which then passes over commits that touch none of them.
_NAMED = 50
#: Characters of a subject that are kept.
_SUBJECT = 200
_SHALLOW = "this clone is shallow: git fetch --unshallow brings the commits that changed the other files"


class GitHistory:
    """`folder` as for GitSource; `revision` None means the working folder, whose edits are not committed yet. `every_side`: the last commit
    of a file is one that no other that touched it builds on, whatever merges and dates say. That takes a walk to the first commit."""

    def __init__(
        self, folder: Path, revision: str | None, *, timeout: float = 60.0, farthest: int = _FARTHEST, every_side: bool = False
    ) -> None:
        self._git = Git(folder, timeout=timeout)
        self._revision = revision
        self._farthest = farthest
        # Otherwise git follows the one side of a merge that has the file as it is, and goes by dates that authors write.
        self._order = ("--full-history", "--topo-order") if every_side else ()

    def last_commits(self, files: Collection[str]) -> LastCommits:
        """See `History.last_commits`."""
        wanted = {file for file in files if file}
        if not wanted:
            return NOTHING_KNOWN
        try:
            prefix = self._prefix()
        except ReconcileError:
            return NOTHING_KNOWN  # no repository, or none that may be read: there is no history to miss
        try:
            return self._last_commits(prefix, wanted)
        except ReconcileError as error:
            return LastCommits(why_missing=f"who changed the files is not known: {error.message}")

    def blame(self, file: str, line: int) -> Commit | None:
        """See `History.blame`."""
        try:
            start = () if self._revision is None else (self._start() or "",)
            said = self._git.run("blame", "--porcelain", "--no-progress", "-L", f"{line},{line}", *start, "--", file)
            wrote = _text(said).partition(" ")[0]
            if not wrote.strip("0"):
                return NOT_COMMITTED
            return None if wrote in self._edges() else self._read([wrote]).get(wrote)
        except ReconcileError:
            return None

    def recorded(self, name: str) -> Recorded:
        """A commit that belongs to what is read. Raises DesiredStateError when there is none, or it is not part of that."""
        try:
            found = _text(self._git.run("rev-parse", "--verify", "--quiet", "--end-of-options", f"{name}^{{commit}}")).strip()
        except DesiredStateError as error:
            raise DesiredStateError(
                f"there is no commit {name!r}",
                hint="Name a commit that is in this clone (git log shows them, git fetch brings newer ones).",
            ) from error
        start = self._start()
        try:
            self._git.run("merge-base", "--is-ancestor", found, start or found)
        except DesiredStateError as error:
            raise DesiredStateError(
                f"commit {found[:12]} is not part of {self._revision or 'HEAD'}: there is nothing to take back",
                hint="Check out the branch it was merged into, or name that with --revision.",
            ) from error
        if found in self._edges():
            raise DesiredStateError(
                f"this clone is shallow and ends at commit {found[:12]}: what was before it is not known", hint="Run git fetch --unshallow."
            )
        (content,) = self._git.objects([found])
        head = (content or b"").partition(b"\n\n")[0].split(b"\n")
        parents = tuple(_text(line[len(b"parent ") :]) for line in head if line.startswith(b"parent "))
        committer = next((line for line in head if line.startswith(b"committer ")), b"")
        return Recorded(id=found, parents=parents, at=_instant(committer.rpartition(b"> ")[2]) or "1970-01-01T00:00:00Z")

    def _last_commits(self, prefix: str, wanted: set[str]) -> LastCommits:
        start = self._start()
        if start is None:
            return LastCommits(found=dict.fromkeys(filter(self._is_here, wanted), NOT_COMMITTED))
        edited = self._edited(prefix, wanted) if self._revision is None else set()
        paths = {prefix + file: file for file in wanted - edited}
        edges = self._edges()
        edge_reached = False
        touched: dict[str, str] = {}
        for commit, path in self._walk(start, prefix, paths) if paths else ():
            if path in paths:
                # The first commit of a shallow clone seems to add every file.
                if commit in edges:
                    edge_reached = True
                else:
                    touched[paths[path]] = commit
                del paths[path]
                if not paths:
                    break
        commits = self._read({*touched.values()})
        found = {file: commits[commit] for file, commit in touched.items() if commit in commits}
        return LastCommits(found={**found, **dict.fromkeys(edited, NOT_COMMITTED)}, why_missing=_SHALLOW if edge_reached else "")

    def _prefix(self) -> str:
        return _text(self._git.run("rev-parse", "--show-prefix")).rstrip("\n")

    def _start(self) -> str | None:
        """The full id of the commit to start from; None in a repository without any."""
        # --end-of-options: a revision that begins with a dash is a name, never an option.
        wanted = f"{self._revision or 'HEAD'}^{{commit}}"
        try:
            return _text(self._git.run("rev-parse", "--verify", "--quiet", "--end-of-options", wanted)).strip()
        except DesiredStateError:
            if self._revision is None:
                return None
            raise

    def _is_here(self, file: str) -> bool:
        return (self._git.folder / file).is_file()

    def _edited(self, prefix: str, wanted: set[str]) -> set[str]:
        """Files that are not as in HEAD: changed, added, ignored or removed since."""
        rows = self._git.run("status", "--porcelain", "-z", "--no-renames", "--untracked-files=no", "--", ".").split(b"\0")
        edited = {_text(row[3:]).removeprefix(prefix) for row in rows} & wanted
        tracked = {_text(row) for row in self._git.run("ls-files", "-z", "--", ".").split(b"\0")}
        return edited | {file for file in wanted - tracked - edited if self._is_here(file)}

    def _edges(self) -> frozenset[str]:
        """Commits whose parents a shallow clone does not have."""
        file = _text(self._git.run("rev-parse", "--git-path", "shallow")).rstrip("\n")
        try:
            return frozenset((self._git.folder / file).read_text("ascii").split())
        except (OSError, ValueError):
            return frozenset()

    def _walk(self, start: str, prefix: str, paths: Mapping[str, str]) -> Iterator[tuple[str, str]]:
        """(commit, path from the top of the repository), newest commit first."""
        limits = [*paths.values()] if len(paths) <= _NAMED else ["."] if prefix else []
        arguments = ["log", "--format=%H", "--raw", "-z", "-c", "--no-abbrev", "--no-renames", "--no-ext-diff", "--no-color"]
        arguments += ["--no-show-signature", *self._order, f"--max-count={self._farthest}", start, "--", *limits]
        commit = ""
        path_follows = False
        for token in self._git.tokens(*arguments):
            if path_follows:
                path_follows = False
                yield commit, _text(token)
            elif token.lstrip(b"\n").startswith(b":"):
                path_follows = True
            elif token.strip():
                commit = _text(token).strip()

    def _read(self, ids: Collection[str]) -> Mapping[str, Commit]:
        wanted = sorted(ids)
        contents = zip(wanted, self._git.objects(wanted), strict=True)
        return {name: _commit(name, content) for name, content in contents if content is not None}


def _text(octets: bytes) -> str:
    return octets.decode("utf-8", "surrogateescape")


def _commit(name: str, content: bytes) -> Commit:
    """From the object: header lines, an empty line, the message (git-commit-tree)."""
    head, _, message = content.partition(b"\n\n")
    fields = dict(line.split(b" ", 1) for line in reversed(head.split(b"\n")) if b" " in line and not line.startswith(b" "))
    encoding = fields.get(b"encoding", b"utf-8").decode("ascii", "replace")
    who, _, when = fields.get(b"author", b"").rpartition(b"> ")
    subject = next((line for line in message.split(b"\n") if line.strip()), b"")
    author = _decoded(who + b">" if who else b"", encoding)
    return Commit(id=name, author=author, at=_instant(when), subject=_decoded(subject, encoding).strip()[:_SUBJECT])


def _decoded(octets: bytes, encoding: str) -> str:
    """What is not in its declared encoding shows its octets, so that it can be stored and printed."""
    try:
        text = octets.decode(encoding, "backslashreplace")
    except (LookupError, ValueError):
        text = octets.decode("utf-8", "backslashreplace")
    return text.encode("utf-8", "backslashreplace").decode("utf-8")


def _instant(when: bytes) -> str:
    """Seconds since 1970 and an offset; "" for a moment that no calendar has."""
    try:
        return instant.text(datetime.fromtimestamp(int(when.split()[0]), UTC))
    except (ValueError, IndexError, OverflowError, OSError):
        return ""
