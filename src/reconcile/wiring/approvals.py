"""Proof that somebody approved a waiver or a change: from git's signatures and the reviews that the forge tells of."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import field
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from reconcile.errors import ReconcileError, SettingsError
from reconcile.lazy_dataclass import dataclass
from reconcile.policy.approvals import Means, NotProved, Proof, Proved, approved_by, proof

if TYPE_CHECKING:
    from reconcile.model.policy_declared import PolicyDeclared
    from reconcile.policy.configure import Configuration
    from reconcile.source.signatures import GitSignatures

_COMMIT = re.compile(r"[0-9a-f]{40}|[0-9a-f]{64}")


class Review(NamedTuple):
    """Somebody approved what `commit` (a full id) holds, at the forge. Who calls us vouches for it."""

    name: str
    commit: str


def review(text: str) -> Review:
    """NAME@COMMIT, as `--approval` takes it. Raises SettingsError."""
    name, _, commit = text.rpartition("@")
    if not name or _COMMIT.fullmatch(commit) is None:
        raise SettingsError(
            f"{text!r} is not NAME@COMMIT", hint="Name the account that approved, and the full id of the commit it looked at."
        )
    return Review(name, commit)


@dataclass(slots=True, kw_only=True)
class Approvals:
    """`folder` and `revision` are those of the estate that is judged; without a folder nothing is proved. `of_a_change`: what is judged was
    let in by nobody yet, but for what `let_in` names."""

    folder: Path | None
    revision: str | None = None
    reviews: Sequence[Review] = ()
    of_a_change: bool = False
    _expected: set[str] = field(default_factory=set, init=False)
    _let_in: set[str] = field(default_factory=set, init=False)
    _taken_back: set[str] = field(default_factory=set, init=False)
    _signatures: GitSignatures | None = field(default=None, init=False)

    def expect(self, waivers: Iterable[PolicyDeclared]) -> None:
        """These will be asked about."""
        self._expected |= {one.position.file for one in waivers}

    def let_in(self, waivers: Iterable[PolicyDeclared]) -> None:
        """These stand on the base as they do in the change."""
        self._let_in |= {one.digest for one in waivers}

    def take_back(self, waivers: Iterable[PolicyDeclared]) -> None:
        """These stand in the change as they stood where it began, and on the base no more."""
        self._taken_back |= {one.digest for one in waivers}

    def of_waiver(self, waiver: PolicyDeclared, configuration: Configuration) -> Proof:
        """Whether the approver that a waiver names approved it. What was let in already is asked for signatures alone: a review was asked
        for when it came, and no forge tells of it later."""
        if waiver.digest in self._taken_back:
            return NotProved("the base has taken it back since the change was begun")
        written = self.of_a_change and waiver.digest not in self._let_in
        means = configuration.approvals
        if written:
            means = max(means, Means.REVIEWS, key=lambda one: one.rank)
        elif means is not Means.SIGNATURES:
            return Proved("let in with a name")
        answer = self._proof(waiver, configuration, means, written=written)
        if written and configuration.approvals is Means.NAMES and isinstance(answer, NotProved):
            return NotProved(answer.why, waits=True)
        return answer

    def _proof(self, waiver: PolicyDeclared, configuration: Configuration, means: Means, *, written: bool) -> Proof:
        git, files = self._git(), _files(waiver)
        if git is None:
            return NotProved("nobody looked for it")
        if isinstance(files, NotProved):
            return files
        name: str = waiver.document.spec.approver  # type: ignore[attr-defined]

        def signature(keys: Collection[str]) -> Proof:
            for file, content in files.items():
                answer = _signed(git, file, content, keys, of_same_estate=not written)
                if isinstance(answer, NotProved):
                    return answer
            return Proved(f"signed with a key of {name}")

        holding = [one.name for one in self.reviews if all(git.holds(one.commit, file, content) for file, content in files.items())]
        return proof(name, approvers=configuration.approvers, means=means, reviewers=holding, signature=signature)

    def of_change(self, names: Iterable[str], configuration: Configuration, *, commit: str) -> Mapping[str, Proof]:
        """Whether each of these approved all that the repository is in `commit`: with a review of it, or of a commit with the same files,
        or by signing it. Files beside the estate count: the pipeline that judges is among them. `configuration` is that of the base."""
        git = self._git()
        if git is None:
            return dict.fromkeys(names, NotProved("nobody looked for it"))

        def signature(keys: Collection[str]) -> Proof:
            why = git.unsigned(commit, keys)
            return NotProved(why) if why else Proved("signed")

        holding = {one.name for one in self.reviews if one.commit == commit or git.same_tree(one.commit, commit, whole=True)}
        return approved_by(names, approvers=configuration.approvers, means=Means.REVIEWS, reviewers=holding, signature=signature)

    def of_plan(self, names: Iterable[str], configuration: Configuration, *, revision: str) -> tuple[str, Mapping[str, Proof]]:
        """(the commit that was looked at, whether each of these approved what the estate is in it). `revision` is that of the plan, "" for
        the working folder as it is. Signatures under commits before it count while the estate is the same."""
        git = self._git()
        if git is None:
            return "", dict.fromkeys(names, NotProved("nobody looked for it"))
        commit, why = (revision, "") if revision else git.committed()
        if why:
            return "", dict.fromkeys(names, NotProved(why))
        line = git.same_estate(commit)

        def signature(keys: Collection[str]) -> Proof:
            answers = [_signed_by(git, one, line, keys) for one in line]
            return next((answer for answer in answers if isinstance(answer, Proved)), answers[0])

        holding = {one.name for one in self.reviews if one.commit in line or git.same_tree(one.commit, commit)}
        found = approved_by(names, approvers=configuration.approvers, means=Means.REVIEWS, reviewers=holding, signature=signature)
        return commit, found

    def _git(self) -> GitSignatures | None:
        from reconcile.source.signatures import GitSignatures

        if self._signatures is None and self.folder is not None:
            self._signatures = GitSignatures(self.folder, self.revision)
            self._signatures.expect(self._expected)
        return self._signatures


def _signed(git: GitSignatures, file: str, content: bytes, keys: Collection[str], *, of_same_estate: bool) -> Proof:
    """`of_same_estate`: the keys stand in the estate that was signed, so none counts that the signed commit brought itself."""
    commit, why = git.writer(file, content)
    if why:
        return NotProved(why)
    if of_same_estate:
        try:
            brought = _brought(git, commit, keys)
        except ReconcileError as error:
            return NotProved(f"commit {commit[:12]} cannot be read: {error.message}")
        if brought and not git.unsigned(commit, brought):
            return NotProved(f"commit {commit[:12]} brought the key that signed it")
        keys = [key for key in keys if key not in brought]
    why = git.unsigned(commit, keys)
    return NotProved(why) if why else Proved("signed")


def _signed_by(git: GitSignatures, commit: str, line: Iterable[str], keys: Collection[str]) -> Proof:
    """Of a commit that is one of several with the same estate: no key counts that one of them brought."""
    try:
        brought = {key for one in line for key in _brought(git, one, keys)}
    except ReconcileError as error:
        return NotProved(f"commit {commit[:12]} cannot be read: {error.message}")
    known = [key for key in keys if key not in brought]
    why = git.unsigned(commit, known) if known else f"commit {commit[:12]} is no approval: the key came with what it signs"
    return NotProved(why) if why else Proved(f"signed commit {commit[:12]}")


def _brought(git: GitSignatures, commit: str, keys: Collection[str]) -> list[str]:
    """The keys that no file had before the commit, and one of its files has since."""
    before, after = git.texts_changed(commit)
    return [key for key in keys if _named(key, after) and not _named(key, before)]


def _named(key: str, texts: Iterable[bytes]) -> bool:
    from reconcile.desired.yaml import read_values

    wanted = key.split()[1]
    return any(
        wanted.encode("ascii") in text or any(wanted in said for _, value in read_values(text) or () for said in _texts(value))
        for text in texts
    )


def _texts(value: object) -> Iterator[str]:
    match value:
        case str():
            yield value
        case dict():
            for inner in value.values():
                yield from _texts(inner)
        case list():
            for inner in value:
                yield from _texts(inner)
        case _:
            return


def _files(waiver: PolicyDeclared) -> dict[str, bytes] | NotProved:
    """Every file that says something of a waiver, with its content."""
    said = waiver.document.model_dump(mode="json", by_alias=True, exclude_unset=True)["spec"]
    files = {waiver.position.file, *(waiver.place(("spec", *path)).file for path in _paths(said))}
    contents: dict[str, bytes] = {}
    for file in sorted(files):
        content = waiver.content(file)
        if content is None:
            return NotProved(f"{file} cannot be read")
        if b"${" in content:
            return NotProved(f"{file} holds a variable, whose value stands in another file")
        contents[file] = content
    return contents


def _paths(value: object) -> Iterator[tuple[str | int, ...]]:
    match value:
        case dict():
            for name, inner in value.items():
                yield (name,)
                for path in _paths(inner):
                    yield (name, *path)
        case list():
            for number, _ in enumerate(value):
                yield (number,)
        case _:
            return
