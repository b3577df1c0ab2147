"""git as a child process, in a closed environment: no configuration of the machine or of the user, no prompt, no network (a partial
clone would otherwise fetch what is missing), no replaced objects.
"""

from __future__ import annotations

import os
import subprocess
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO, TypeVar

from reconcile.errors import DesiredStateError, SettingsError, TimedOut
from reconcile.source.git_place import embedded

# A request is 41 bytes and a pipe holds at least 4,096: so many can be written before the first answer is read.
_BATCH = 64
_CHUNK = 1 << 16
#: Files of one listing, and octets of it. A tree of a few objects can name the same folders over and over, without end.
MOST_FILES = 500_000
_MOST_OCTETS = 200_000_000
_LONGEST = 10_000_000
#: Above what the repository itself is configured with: core.fsmonitor names a program, log.follow changes what a log shows.
_SETTINGS = ("core.quotePath=false", "protocol.allow=never", "core.fsmonitor=false", "log.follow=false")

T = TypeVar("T")


class Git:
    """`folder` is a repository (bare or not) or a folder inside its work tree. `timeout` in seconds is for each answer."""

    def __init__(self, folder: Path, *, timeout: float = 60.0) -> None:
        self.folder = folder
        self._timeout = timeout

    def run(self, *arguments: str) -> bytes:
        """What git prints. Raises DesiredStateError with its words when it fails, TimedOut, SettingsError when there is no git."""
        try:
            done = subprocess.run(
                self._command(*arguments),
                cwd=self.folder,
                env=_environment(),
                stdin=subprocess.DEVNULL,
                capture_output=True,
                timeout=self._timeout,
                check=False,
            )
        except subprocess.TimeoutExpired as error:
            raise TimedOut(f"git {arguments[0]} did not answer within {self._timeout:g} s", hint="try again") from error
        except OSError as error:
            raise _cannot_start(error, self.folder) from error
        if done.returncode != 0:
            said = done.stderr.decode("utf-8", "replace").strip().splitlines()
            raise DesiredStateError(said[0].removeprefix("fatal: ") if said else f"git {arguments[0]} failed", hint="check the repository")
        return done.stdout

    def tokens(self, *arguments: str) -> Iterator[bytes]:
        """What git prints, split at NUL, while it runs; whoever stops early ends it. Raises as `run`, without git's words."""
        with _process(self._command(*arguments), self.folder, self._timeout) as (process, alive):
            assert process.stdin is not None
            assert process.stdout is not None
            process.stdin.close()
            rest = b""
            while True:
                alive.waiting = True
                chunk = alive.count(os.read(process.stdout.fileno(), _CHUNK))
                alive.waiting = False
                if not chunk:
                    break
                *whole, rest = (rest + chunk).split(b"\0")
                if len(rest) > _LONGEST:
                    raise DesiredStateError(f"git {arguments[0]} tells of a name of more than {_LONGEST:,} octets", hint="rename it")
                yield from whole
            if rest:
                yield rest
            if process.wait(self._timeout) != 0:
                raise DesiredStateError(f"git {arguments[0]} failed", hint="check the repository with git fsck")

    def listed(self, *arguments: str) -> Iterator[bytes]:
        """`tokens` of a listing of files, as long as there are not too many of them."""
        octets = 0
        for number, token in enumerate(self.tokens(*arguments)):
            octets += len(token)
            if number >= MOST_FILES or octets > _MOST_OCTETS:
                hint = "name the folder of the estate alone with -C; take folders out that hold each other over and over"
                raise DesiredStateError(f"git {arguments[0]} lists more than {MOST_FILES:,} files", hint=hint)
            if token:
                yield token

    def objects(self, ids: Sequence[str]) -> Iterator[bytes | None]:
        """Contents in the order asked for, None for a missing one. Raises DesiredStateError when git ends early."""
        if not ids:
            return
        with _process(self._command("cat-file", "--batch"), self.folder, self._timeout) as (process, alive):
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

    def _command(self, *arguments: str) -> Sequence[str]:
        if (inner := embedded(self.folder)) is not None:
            # Its configuration could name programs, and its branches are what its author wants them to be.
            raise DesiredStateError(
                f"{inner} is a repository inside of another one's work tree", hint="remove it: its history is no part of this one"
            )
        top = trusted_repository(self.folder)
        trust = () if top is None else ("-c", f"safe.directory={top}")
        settings = (part for setting in _SETTINGS for part in ("-c", setting))
        return ["git", *trust, *settings, *arguments]


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

    def count(self, answer: T) -> T:
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
