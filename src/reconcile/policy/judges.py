"""Who judges a change: the documents about the rules as they stand at its base, never those of the change. Pure.

What the change edits of them is told apart, so that somebody approves it; it counts once it is merged.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any, Final

from reconcile.model.document import PolicyDocument
from reconcile.model.gate import JudgeChange
from reconcile.model.key import Key
from reconcile.model.policy_declared import PolicyDeclared
from reconcile.model.resource import DesiredState

Documents = Mapping[Key, PolicyDeclared]
#: Environment → what it declares.
States = Mapping[str, DesiredState]

#: Values that are named of one edited document.
_NAMED: Final = 8
_BRAKES: Final = "brakes."
#: Files beside the estate that decide whether and how a change is judged: whole folders, and files by name.
_FOLDERS: Final = (".github/", ".gitlab/", ".circleci/", ".azuredevops/", ".forgejo/", ".gitea/", ".buildkite/", ".tekton/", ".woodpecker/")
_FILES: Final = frozenset(
    (
        *(".gitlab-ci.yml", ".pre-commit-config.yaml", "CODEOWNERS", "docs/CODEOWNERS", "azure-pipelines.yml", "Jenkinsfile"),
        *("bitbucket-pipelines.yml", ".travis.yml", ".woodpecker.yml", ".woodpecker.yaml", ".drone.yml"),
    )
)
#: In any folder: what git makes of files when it checks them out. `working-tree-encoding` gives a work tree other words than were judged.
_ATTRIBUTES: Final = ".gitattributes"


def judged_by(base: States) -> Callable[[DesiredState], Documents]:
    """The documents that an environment of the change is judged by: those of the same environment at the base.

    An environment that is new, or renamed, is judged by every rule of the base and by what all environments of the base share; what only
    some of them switched off or waived is no excuse for it.
    """
    shared = _shared([*base.values()])

    def documents(desired: DesiredState) -> Documents:
        before = base.get(desired.environment)
        return shared if before is None else before.policies

    return documents


def _shared(states: Iterable[DesiredState]) -> Documents:
    every = [state.policies for state in states]
    if not every:
        return {}
    found: dict[Key, PolicyDeclared] = {}
    for policies in every:
        for key, one in policies.items():
            everywhere = all(key in other and other[key].document == one.document for other in every)
            if key.kind == "PolicyRule" or everywhere:
                found.setdefault(key, one)
    return found


def judge_changes(base: States, head: States, files: Iterable[str], *, baseline: str, grown: Sequence[str]) -> list[JudgeChange]:
    """What a change edits of what judges it. `files` are the paths that differ, from the root of the repository; `baseline` is the file of
    known findings, and `grown` what it accepts now and did not before: one that shrinks judges more strictly. An edit that several
    environments take is told once."""
    told: dict[tuple[str, ...], JudgeChange] = {}
    for name in sorted({*base, *head}):
        before, after = base.get(name), head.get(name)
        for change in (*_documents(before, after), *_brakes(name, before, after)):
            told.setdefault((change.what, change.action, *change.changes), change)
    for file in sorted({*files}):
        if file in _FILES or file.startswith(_FOLDERS) or file.rpartition("/")[2] == _ATTRIBUTES:
            told.setdefault((file,), JudgeChange(what=file, action="changed"))
    if grown:
        more = (f"and {len(grown) - _NAMED} more",) if len(grown) > _NAMED else ()
        accepts = tuple(f"accepts {one}" for one in grown[:_NAMED])
        told[baseline,] = JudgeChange(what=baseline, action="changed", changes=(*accepts, *more))
    # What is added stands last: hundreds of new rules must not push the one edit that switches the gate off out of what is shown.
    return sorted(told.values(), key=lambda one: (one.action == "added", one.what.startswith("PolicyRule/") and one.action == "added"))


def _documents(before: DesiredState | None, after: DesiredState | None) -> Iterator[JudgeChange]:
    old = before.policies if before is not None else {}
    new = after.policies if after is not None else {}
    for key in sorted({*old, *new}):
        was, now = old.get(key), new.get(key)
        if now is None and was is not None:
            yield JudgeChange(what=str(key), action="removed", position=was.position)
        elif was is None and now is not None:
            yield JudgeChange(what=str(key), action="added", position=now.position)
        elif was is not None and now is not None and was.document != now.document:
            changes = _named(_leaves(was.document), _leaves(now.document))
            yield JudgeChange(what=str(key), action="changed", position=now.position, changes=changes)


def _brakes(name: str, before: DesiredState | None, after: DesiredState | None) -> Iterator[JudgeChange]:
    if before is None or after is None:
        return
    key = Key("Environment", name)
    old, new = _brakes_of(before, key), _brakes_of(after, key)
    if old != new:
        position = after.resources[key].position if key in after.resources else None
        yield JudgeChange(what=f"brakes of {key}", action="changed", position=position, changes=_named(old, new))


def _brakes_of(state: DesiredState, key: Key) -> Mapping[str, object]:
    spec = state.resources[key].spec if key in state.resources else {}
    return {path: leaf for path, leaf in spec.items() if path.startswith(_BRAKES)}


def _leaves(document: PolicyDocument) -> Mapping[str, object]:
    return dict(_flat("", document.model_dump(mode="json", by_alias=True, exclude_unset=True)))


def _flat(path: str, value: Any) -> Iterator[tuple[str, object]]:
    if isinstance(value, Mapping) and value:
        for name, inner in value.items():
            yield from _flat(f"{path}.{name}" if path else str(name), inner)
    elif isinstance(value, list) and any(isinstance(inner, Mapping) for inner in value):
        for number, inner in enumerate(value):
            yield from _flat(f"{path}.{number}", inner)
    else:
        yield path, value


def _named(old: Mapping[str, object], new: Mapping[str, object]) -> tuple[str, ...]:
    differing = [path for path in {**old, **new} if old.get(path) != new.get(path) or (path in old) != (path in new)]
    said = [f"{path}: {_shown(old, path)} → {_shown(new, path)}" for path in differing[:_NAMED]]
    if len(differing) > _NAMED:
        said.append(f"and {len(differing) - _NAMED} more")
    return tuple(said)


def _shown(values: Mapping[str, object], path: str) -> str:
    if path not in values:
        return "not set"
    value = values[path]
    if isinstance(value, list):
        return f"[{', '.join(map(str, value))}]"
    return {None: "null", True: "true", False: "false"}.get(value, str(value)) if isinstance(value, (bool, type(None))) else str(value)
