"""A git revision as a source, read from its objects without a checkout.

git itself does the reading, in a closed environment: no configuration of the machine or of the user, no prompt, no network
(a partial clone would otherwise fetch what is missing), no replaced objects. The revision is resolved to a full commit id
once; everything after works with ids.
"""

from __future__ import annotations

import os
import posixpath
import subprocess
import threading
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO

from reconcile.errors import DesiredStateError, SettingsError, TimedOut
from reconcile.model.finding import Finding
from reconcile.ports.source import Listing, SourceFile
from reconcile.source import entries

# A request is 41 bytes and a pipe holds at least 4,096: so many can be written before the first answer is read.
_BATCH = 64

_LINK = "120000"
_SUBMODULE = "160000"


class GitSource:
    """`folder` is a repository (bare or not) or a folder inside its work tree; that folder is then the root of the estate.

    `timeout` in seconds is for each answer of git. Nothing is opened before `list`, `revision` or `read` is used.
    """

    def __init__(self, folder: Path, revision: str, *, largest: int = entries.LARGEST_FILE, timeout: float = 60.0) -> None:
        self._folder = folder
        self._wanted = revision
        self._largest = largest
        self._timeout = timeout
        self._commit = ""
        self._prefix = ""

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
        rows = [_row(line) for line in self._run(*tree).split(b"\0") if line]
        if self._prefix and not rows:
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
        return Listing(files=tuple(sorted(files, key=lambda file: file.path)), findings=tuple(findings))

    def read(self, files: Iterable[SourceFile]) -> Iterator[tuple[SourceFile, bytes | Finding]]:
        """One `git cat-file --batch` for all. Raises DesiredStateError when git ends early."""
        wanted = [*files]
        for file, content in zip(wanted, self._objects([file.content_id.removeprefix("git:") for file in wanted]), strict=True):
            yield file, entries.unreadable(file.path, "the object is missing in the repository") if content is None else content

    def _resolve(self) -> None:
        try:
            inside = self._run("rev-parse", "--show-prefix").decode("utf-8", "surrogateescape").rstrip("\n")
        except DesiredStateError as error:
            hint = "name a folder inside a git repository, or leave --revision out"
            if "dubious ownership" in error.message:
                hint = "folder and repository belong to different accounts: give both one owner, or make a clone of your own"
            raise DesiredStateError(f"{self._folder} cannot be read as a git repository: {error.message}", hint=hint) from error
        # --end-of-options: a revision that begins with a dash is a name, never an option.
        try:
            found = self._run("rev-parse", "--verify", "--quiet", "--end-of-options", f"{self._wanted}^{{commit}}")
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
        if size > self._largest:
            return entries.too_large(path, size, self._largest)
        return SourceFile(path=path, content_id=f"git:{object_id}", size=size)

    def _links(self, links: Sequence[tuple[str, str]], folders: frozenset[str]) -> Iterator[Finding]:
        for (path, _), content in zip(links, self._objects([object_id for _, object_id in links]), strict=True):
            target = (content or b"").decode("utf-8", "surrogateescape")
            lands = posixpath.normpath(posixpath.join(posixpath.dirname(self._prefix + path), target))
            outside = target.startswith("/") or not f"{lands}/".startswith(self._prefix) or lands.startswith("..")
            # Whether a link out of the tree leads to a folder cannot be known here; without an extension it is taken for one.
            if lands in folders or (outside and "." not in posixpath.basename(path)):
                yield entries.link_to_folder(path)
            elif entries.is_document(path):
                yield entries.link(path, "it leads out of the estate" if outside else "it stays inside the estate")

    def _objects(self, ids: Sequence[str]) -> Iterator[bytes | None]:
        if not ids:
            return
        with _process(self._command("cat-file", "--batch"), self._folder, self._timeout) as (process, alive):
            assert process.stdin is not None
            assert process.stdout is not None
            for start in range(0, len(ids), _BATCH):
                batch = ids[start : start + _BATCH]
                alive.waiting = True
                try:
                    process.stdin.write("".join(f"{object_id}\n" for object_id in batch).encode("ascii"))
                    process.stdin.flush()
                except BrokenPipeError as error:
                    raise DesiredStateError("git ended before it answered", hint="check the repository with git fsck") from error
                answers: Sequence[bytes | None] = [alive.count(_one_object(process.stdout)) for _ in batch]
                # Whoever takes the contents may take its time; only git is watched.
                alive.waiting = False
                yield from answers

    def _run(self, *arguments: str) -> bytes:
        try:
            done = subprocess.run(
                self._command(*arguments),
                cwd=self._folder,
                env=_environment(),
                stdin=subprocess.DEVNULL,
                capture_output=True,
                timeout=self._timeout,
                check=False,
            )
        except subprocess.TimeoutExpired as error:
            raise TimedOut(f"git {arguments[0]} did not answer within {self._timeout:g} s", hint="try again") from error
        except OSError as error:
            raise _cannot_start(error, self._folder) from error
        if done.returncode != 0:
            said = done.stderr.decode("utf-8", "replace").strip().splitlines()
            raise DesiredStateError(said[0].removeprefix("fatal: ") if said else f"git {arguments[0]} failed", hint="check the repository")
        return done.stdout

    def _command(self, *arguments: str) -> Sequence[str]:
        top = trusted_repository(self._folder)
        trust = () if top is None else ("-c", f"safe.directory={top}")
        return ["git", *trust, "-c", "core.quotePath=false", "-c", "protocol.allow=never", *arguments]


def trusted_repository(folder: Path) -> Path | None:
    """The repository a folder lies in, if one owner has both.

    git refuses repositories of another owner, so that nobody reads what a stranger put into a parent folder (CVE-2022-24765).
    In a container the whole checkout often belongs to another account; whoever named the folder then means its owner.
    """
    try:
        start = folder.resolve(strict=True)
        for top in (start, *start.parents):
            inner = top / ".git" if (top / ".git").exists() else top
            if inner is not top or ((top / "HEAD").is_file() and (top / "objects").is_dir()):
                owners = {path.lstat().st_uid for path in (start, top, inner)}
                return top if len(owners) == 1 else None
    except OSError:
        pass
    return None


def _environment() -> dict[str, str]:
    return {
        "PATH": os.environ.get("PATH", os.defpath),
        "LC_ALL": "C",
        "HOME": os.devnull,
        "GIT_CONFIG_NOSYSTEM": "1",
        "GIT_CONFIG_SYSTEM": os.devnull,
        "GIT_CONFIG_GLOBAL": os.devnull,
        "GIT_TERMINAL_PROMPT": "0",
        "GIT_OPTIONAL_LOCKS": "0",
        "GIT_NO_REPLACE_OBJECTS": "1",
        "GIT_NO_LAZY_FETCH": "1",
        "GIT_LITERAL_PATHSPECS": "1",
        "GIT_PAGER": "cat",
    }


def _cannot_start(error: OSError, folder: Path) -> DesiredStateError | SettingsError:
    if not folder.is_dir():
        return DesiredStateError(f"cannot read the folder {folder}: {error.strerror}", hint="name a folder inside a git repository")
    return SettingsError(
        f"git cannot be started: {error.strerror}", hint="install git, or read the estate from a folder without --revision"
    )


@contextmanager
def _process(command: Sequence[str], folder: Path, timeout: float) -> Iterator[tuple[subprocess.Popen[bytes], _Alive]]:
    """A process that is killed when it does not answer for `timeout` seconds (at most twice that), and at the end in any case."""
    try:
        process = subprocess.Popen(
            command,
            cwd=folder,
            env=_environment(),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
        )
    except OSError as error:
        raise _cannot_start(error, folder) from error
    alive = _Alive(process, timeout)
    try:
        yield process, alive
    except DesiredStateError as error:
        if alive.expired:
            raise TimedOut(f"git was silent for {timeout:g} s", hint="try again") from error
        raise
    finally:
        process.kill()
        alive.stop()
        # Not `with process`: closing its input flushes what git no longer takes.
        for stream in (process.stdin, process.stdout):
            with suppress(BrokenPipeError):
                if stream is not None:
                    stream.close()
        process.wait()


class _Alive:
    """A watchdog: one thread per process, not one per answer."""

    def __init__(self, process: subprocess.Popen[bytes], timeout: float) -> None:
        self._process = process
        self._timeout = timeout
        self._answers = 0
        self._done = threading.Event()
        self.waiting = False
        self.expired = False
        self._thread = threading.Thread(target=self._watch, daemon=True, name="git-watchdog")
        self._thread.start()

    def count(self, answer: bytes | None) -> bytes | None:
        """Another answer came."""
        self._answers += 1
        return answer

    def stop(self) -> None:
        self._done.set()
        self._thread.join()

    def _watch(self) -> None:
        seen = -1
        while not self._done.wait(self._timeout):
            if self.waiting and seen == self._answers:
                self.expired = True
                self._process.kill()
                return
            seen = self._answers if self.waiting else -1


def _one_object(stream: IO[bytes]) -> bytes | None:
    header = stream.readline()
    if header.endswith(b" missing\n"):
        return None
    parts = header.split()
    if len(parts) != 3 or not parts[2].isdigit():
        raise DesiredStateError("git ended before it answered", hint="check the repository with git fsck")
    size = int(parts[2])
    content = stream.read(size + 1)
    if len(content) != size + 1:
        raise DesiredStateError("git ended in the middle of an answer", hint="check the repository with git fsck")
    return content[:-1]


def _row(line: bytes) -> tuple[str, str, int, str]:
    """mode, object id, size, path of one row of `ls-tree --long -z`."""
    head, _, path = line.partition(b"\t")
    mode, _, object_id, size = head.decode("ascii").split()
    return mode, object_id, int(size) if size.isdigit() else 0, path.decode("utf-8", "surrogateescape")


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
