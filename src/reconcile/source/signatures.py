"""Who signed a commit, and which commit gave a file its content: git's own check, with keys that the caller trusts.

Nothing that the repository is configured with has a say: neither its lists of signers nor the programs it would have run.
"""

from __future__ import annotations

import hashlib
import shutil
import tempfile
from collections.abc import Collection, Iterable, Sequence
from pathlib import Path

from reconcile.errors import ReconcileError
from reconcile.source.entries import is_document, is_hidden
from reconcile.source.folder import FolderSource
from reconcile.source.git_process import Git
from reconcile.source.history import GitHistory

#: The name that all keys of one question have in the list of signers: names of people may hold what steers it.
_SIGNER = "approver"
_SSH = b"-----BEGIN SSH SIGNATURE-----"
#: A program that is never there: signatures of other kinds are not checked.
_NO_PROGRAM = "/nonexistent"
#: Commits of one estate that are looked at.
_SAME = 20


class GitSignatures:
    """`folder` and `revision` as for GitSource; None means the working folder. Answers in words ("" stands for yes), because each
    reason why something is not proved is shown to people. Raises nothing."""

    def __init__(self, folder: Path, revision: str | None, *, timeout: float = 60.0) -> None:
        self._git = Git(folder, timeout=timeout)
        self._history = GitHistory(folder, revision, timeout=timeout, every_side=True)
        self._folder: str | None = None
        self._expected: set[str] = set()
        self._writers: dict[str, tuple[str, str]] = {}
        self._answers: dict[tuple[str, tuple[str, ...]], str] = {}

    def expect(self, files: Iterable[str]) -> None:
        """Files that will be asked about: one walk through the history answers for all."""
        self._expected.update(files)

    def writer(self, file: str, content: bytes) -> tuple[str, str]:
        """(the commit that gave the file this content, "") or ("", why there is none)."""
        if file not in self._writers:
            self._look_up({file, *self._expected} - self._writers.keys())
        commit, why = self._writers[file]
        if commit and not self.holds(commit, file, content):
            return "", f"{file} is no longer what commit {commit[:12]} made of it"
        return commit, why

    def holds(self, commit: str, file: str, content: bytes) -> bool:
        """Whether the file had this content in a commit; line ends aside, which git may have changed on checkout."""
        try:
            there = self._git.run("cat-file", "blob", f"{commit}:{self._prefix()}{file}")
        except ReconcileError:
            return False
        return there.replace(b"\r\n", b"\n") == content.replace(b"\r\n", b"\n")

    def same_tree(self, first: str, second: str, *, whole: bool = False) -> bool:
        """Whether two commits have the same estate; with `whole` the same files everywhere in the repository."""
        try:
            folder = "" if whole else self._prefix().rstrip("/")
            trees = {
                self._git.run("rev-parse", "--verify", "--quiet", "--end-of-options", f"{commit}:{folder}") for commit in (first, second)
            }
        except ReconcileError:
            return False
        return len(trees) == 1

    def committed(self) -> tuple[str, str]:
        """(the commit that holds all documents of the working folder as they are, "") or ("", why there is none).

        Octet by octet: what git is told to ignore, to keep out of a sparse checkout or to take for unchanged is read all the same.
        """
        try:
            commit = self._git.run("rev-parse", "--verify", "--quiet", "--end-of-options", "HEAD^{commit}").decode("ascii").strip()
            rows = self._git.run("ls-tree", "-r", "-z", commit, "--", ".").split(b"\0")
        except ReconcileError:
            return "", "the estate lies in no commit"
        held: dict[str, str] = {}
        for row in rows:
            about, _, path = row.decode("utf-8", "surrogateescape").partition("\t")
            *folders, name = path.split("/")
            if name and is_document(name) and not any(map(is_hidden, (*folders, name))):
                held[path] = about.split()[2]
        here = {file.path for file in FolderSource(self._git.folder).list().files}
        differs = next(iter(sorted(here ^ held.keys())), None)
        differs = differs or next((path for path in sorted(here) if self._blob(path, len(held[path])) != held[path]), None)
        return (commit, "") if differs is None else ("", f"{differs} is not committed as it is")

    def _blob(self, path: str, digits: int) -> str:
        """The id that git gives the content of a file; "" where it cannot be read."""
        try:
            data = (self._git.folder / path).read_bytes()
        except OSError:
            return ""
        return hashlib.new("sha1" if digits == 40 else "sha256", b"blob %d\0" % len(data) + data, usedforsecurity=False).hexdigest()

    def same_estate(self, commit: str) -> Sequence[str]:
        """The commit, and those before it from which on the estate is the same: who signed one of them signed what it holds."""
        found = [commit]
        for one in found:
            try:
                parents = self._git.run("rev-list", "--parents", "--max-count=1", "--end-of-options", one).decode("ascii").split()[1:]
            except ReconcileError:
                break
            found += [parent for parent in parents if parent not in found and self.same_tree(parent, commit)]
            if len(found) >= _SAME:
                break
        return found

    def unsigned(self, commit: str, keys: Collection[str]) -> str:
        """Why one of these public keys did not sign the commit; "" when one did."""
        question = commit, tuple(sorted(keys))
        if question not in self._answers:
            self._answers[question] = self._unsigned(commit, question[1])
        return self._answers[question]

    def texts_changed(self, commit: str) -> tuple[Sequence[bytes], Sequence[bytes]]:
        """The files of the estate that a commit changed: contents before and after. Raises DesiredStateError."""
        parents = self._git.run("rev-list", "--parents", "--max-count=1", "--end-of-options", commit).decode("ascii").split()[1:]
        both = [parents[0], commit] if parents else ["--root", commit]
        below = ["--", self._prefix()] if self._prefix() else []
        tokens = self._git.run("diff-tree", "-r", "-z", "--no-abbrev", "--no-renames", "--no-commit-id", *both, *below).split(b"\0")
        rows = [(token.decode("ascii").split(), path) for token, path in zip(tokens[::2], tokens[1::2], strict=False)]
        listed = [row for row, path in rows if path.lower().endswith((b".yaml", b".yml"))]
        return self._contents([row[2] for row in listed]), self._contents([row[3] for row in listed])

    def _prefix(self) -> str:
        """The estate's folder inside the repository, as git names it; a bare repository knows no relative paths."""
        if self._folder is None:
            self._folder = self._git.run("rev-parse", "--show-prefix").decode("utf-8", "surrogateescape").rstrip("\n")
        return self._folder

    def _contents(self, ids: Sequence[str]) -> Sequence[bytes]:
        return [content for content in self._git.objects([one for one in ids if one.strip("0")]) if content is not None]

    def _look_up(self, files: Collection[str]) -> None:
        last = self._history.last_commits(files)
        for file in files:
            commit = last.found.get(file)
            if commit is None:
                self._writers[file] = "", last.why_missing or f"no commit that wrote {file} is known"
            else:
                self._writers[file] = (commit.id, "") if commit.id else ("", f"{file} has edits that are not committed")

    def _unsigned(self, commit: str, keys: Sequence[str]) -> str:
        short = commit[:12]
        try:
            (content,) = self._git.objects([commit])
            head = (content or b"").partition(b"\n\n")[0]
            if b"\ngpgsig" not in head:
                return f"commit {short} is not signed"
            if _SSH not in head:
                return f"commit {short} is signed, but not with an SSH key"
            if shutil.which("ssh-keygen") is None:
                return "ssh-keygen, which checks signatures, is not installed"
            with tempfile.NamedTemporaryFile("w", prefix="reconcile-signers-", encoding="ascii") as signers:
                signers.writelines(f'{_SIGNER} namespaces="git" {key}\n' for key in keys)
                signers.flush()
                settings = [
                    f"gpg.ssh.allowedSignersFile={signers.name}",
                    "gpg.ssh.program=ssh-keygen",
                    "gpg.ssh.revocationFile=",
                    f"gpg.program={_NO_PROGRAM}",
                    f"gpg.openpgp.program={_NO_PROGRAM}",
                    f"gpg.x509.program={_NO_PROGRAM}",
                ]
                words = [word for setting in settings for word in ("-c", setting)]
                form = "--format=%G?%x00%GS"
                said = self._git.run(*words, "log", "--max-count=1", "--no-show-signature", "--no-color", form, commit)
        except ReconcileError as error:
            return f"the signature of commit {short} cannot be checked: {error.message}"
        verdict, _, signer = said.decode("utf-8", "replace").strip("\n").partition("\0")
        if verdict == "G" and signer == _SIGNER:
            return ""
        if verdict == "U":
            return f"commit {short} is signed with another key"
        return f"the signature of commit {short} does not hold"
