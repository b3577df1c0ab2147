"""Rules and their examples, wherever they are: a file, a folder, the estate, or those that come with reconcile."""

from __future__ import annotations

import time
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import field, replace
from pathlib import Path
from typing import TYPE_CHECKING

from reconcile.errors import SettingsError
from reconcile.lazy_dataclass import dataclass
from reconcile.wiring.policies import policies_of, shipped_rules

if TYPE_CHECKING:
    from reconcile.desired.documents import DocumentCache
    from reconcile.model.change import Plan
    from reconcile.model.finding import Finding
    from reconcile.model.policy_declared import PolicyDeclared
    from reconcile.model.resource import DesiredState
    from reconcile.policy.try_rule import Tried


@dataclass(slots=True, kw_only=True)
class Tries:
    """Rules that are to be tried, by name, and what is wrong with the documents around them."""

    declared: dict[str, PolicyDeclared] = field(default_factory=dict)
    findings: list[Finding] = field(default_factory=list)

    def content(self, file: str) -> bytes | None:
        """The octets of one of their files."""
        for one in self.declared.values():
            if one.position.file == file:
                return one.content(file)
        from reconcile.errors import DesiredStateError
        from reconcile.source.folder import FolderSource

        try:
            return FolderSource(Path(file).parent).octets(Path(file).name)
        except DesiredStateError:
            return None


def rules_to_try(words: Sequence[str], directory: Path, cache: DocumentCache | None) -> Tries:
    """Of words that are files or folders all rules in them, of others the rule of that name; without words all there are.

    Raises SettingsError for a word that is neither, and where there is no rule at all.
    """
    tries = Tries()
    paths = [Path(word) for word in words if Path(word).exists()]
    names = [word for word in words if not Path(word).exists()]
    for path in paths:
        if path.is_symlink() and not path.is_dir():
            raise SettingsError(f"{path} is a link, and links to files are never followed", hint="Name the file itself.")
        _take(tries, path, cache)
    if names or not words:
        everywhere = Tries()
        shipped, findings = shipped_rules(cache)
        _add(everywhere, shipped.values(), findings)
        if directory.is_dir():
            _take(everywhere, directory, cache)
        if not words:
            tries = everywhere
        for name in names:
            if name not in everywhere.declared:
                raise _nothing_called(name, everywhere.declared)
            tries.declared[name] = everywhere.declared[name]
            tries.findings += [finding for finding in everywhere.findings if finding.resource == tries.declared[name].key]
    if not tries.declared and not tries.findings:
        raise SettingsError(f"there is no rule in {', '.join(words)}", hint="`reconcile policy new NAME` writes one to begin with.")
    return tries


def tried(tries: Tries, *, mutating: bool = False) -> Iterator[Tried]:
    """Each rule with what its examples say, in the order of the names. A rule that does not compile has failed.

    `mutating`: rules that pass are also made wrong on purpose.
    """
    from reconcile.policy.compile import compile_rules
    from reconcile.policy.mutants import unnoticed
    from reconcile.policy.sight import Around
    from reconcile.policy.try_rule import Trial, Tried

    book, faults = compile_rules(tries.declared.values())
    rules = {rule.id: rule for rule in book}
    around = Around(clock=time.thread_time, planned=between)
    for name, declared in sorted(tries.declared.items()):
        trial = Trial(declared, around)
        if name in rules:
            result = trial.run(rules[name])
            yield replace(result, gaps=(*unnoticed(trial),)) if mutating and result.passed else result
        else:
            mine = tuple(fault for fault in faults if fault.resource == declared.key)
            yield Tried(rule=name, good=trial.count(good=True), bad=trial.count(good=False), failures=mine)


def between(before: DesiredState, after: DesiredState, lifted: Collection[str]) -> tuple[Plan, DesiredState]:
    """The plan from one state to another, and what it was made from."""
    from reconcile.apply.against import against

    made = against(after, before, "before", lifted=lifted)
    return made.plan, made.desired


def _take(tries: Tries, path: Path, cache: DocumentCache | None) -> None:
    folder = path if path.is_dir() else path.parent
    prefix = "" if folder == Path() else f"{folder.as_posix()}/"
    declared, findings = policies_of(path, cache, prefix=prefix)
    _add(tries, declared.values(), findings)


def _add(tries: Tries, declared: Iterable[PolicyDeclared], findings: Iterable[Finding]) -> None:
    """Documents of other kinds are not tried, nor is anything said of them."""
    tries.declared |= {one.key.name: one for one in declared if one.key.kind == "PolicyRule"}
    tries.findings += [finding for finding in findings if finding.resource is None or finding.resource.kind == "PolicyRule"]


def _nothing_called(name: str, known: Mapping[str, object]) -> SettingsError:
    from reconcile.desired.suggest import did_you_mean

    near = did_you_mean(name, known)
    hint = near if near.startswith("did") else "`reconcile policy list` shows all."
    return SettingsError(f"{name!r} is neither a file or folder nor the name of a rule", hint=hint)
