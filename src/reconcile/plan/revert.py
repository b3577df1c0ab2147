"""Taking one commit back: what it changed in the desired state is undone in today's, field by field. Pure.

Three-way: where today still says what the commit said, what was before it comes back; where today says what was before, nothing is
left to do; anything else was changed again since, and the resource is held for a person, with all values. Git itself is not touched.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import field, replace

from reconcile.lazy_dataclass import dataclass
from reconcile.model.canonical import Spec, same
from reconcile.model.change import Adopt, Cause, Change, Create, Delete, Forget, Note, Plan, Update
from reconcile.model.key import Key
from reconcile.model.kinds import defaults, natural_identity, references
from reconcile.model.position import Position
from reconcile.model.resource import DesiredState, Resource


@dataclass(frozen=True, slots=True, kw_only=True)
class Reverted:
    """`desired` is today's state without the commit. `touched` maps each key the commit changed, as it is called from now on, to the
    paths that go back ("" for the whole resource); `names` maps it to what it is called today; `restored` are those it had removed."""

    desired: DesiredState
    touched: Mapping[Key, frozenset[str]]
    names: Mapping[Key, Key]
    restored: frozenset[Key]
    notes: tuple[Note, ...]


def revert(before: DesiredState, after: DesiredState, today: DesiredState, *, commit: str) -> Reverted:
    """`before` and `after` are the states at the commit's parent and at the commit; `commit` is its short id, for words."""
    work = _Work(before=before, after=after, today=today, commit=commit, resources=dict(today.resources), held=dict(today.held))
    work.run()
    sound = {key: resource for key, resource in work.resources.items() if key not in work.held}
    origin = work.names

    def locate(key: Key, path: str) -> Position:
        if key in work.restored:
            return before.locate(key, path)
        return today.locate(origin.get(key, key), path)

    desired = replace(today, resources=sound, held=work.held, locate=locate)
    return Reverted(desired=desired, touched=work.touched, names=work.names, restored=frozenset(work.restored), notes=tuple(work.notes))


def explained(plan: Plan, reverted: Reverted, *, commit: str) -> Plan:
    """The plan with causes that name the commit that is taken back. The digest stays."""
    return replace(plan, changes=tuple(_explained(change, reverted, commit) for change in plan.changes))


def _explained(change: Change, reverted: Reverted, commit: str) -> Change:
    paths = reverted.touched.get(change.key, frozenset())
    whole = replace(change.cause, note=f"takes back commit {commit}") if not isinstance(change, Update) else None
    match change:
        case Create() | Delete() | Forget():
            return replace(change, cause=whole) if whole is not None and "" in paths else change
        case Adopt() | Update():
            fields = tuple(
                replace(item, cause=_taken_back(item.cause, commit)) if item.path in paths or "" in paths else item
                for item in change.fields
            )
            return replace(change, fields=fields)
        case _:
            return change


def _taken_back(cause: Cause, commit: str) -> Cause:
    return replace(cause, note=", ".join(text for text in (f"takes back commit {commit}", cause.note) if text))


@dataclass(slots=True, kw_only=True)
class _Work:
    before: DesiredState
    after: DesiredState
    today: DesiredState
    commit: str
    resources: dict[Key, Resource]
    held: dict[Key, str]
    touched: dict[Key, frozenset[str]] = field(default_factory=dict)
    names: dict[Key, Key] = field(default_factory=dict)
    restored: set[Key] = field(default_factory=set)
    notes: list[Note] = field(default_factory=list)

    def run(self) -> None:
        renamed = self._renamed()
        for key in sorted({*self.before.resources, *self.after.resources}):
            then, made = self.before.resources.get(key), self.after.resources.get(key)
            if key in renamed.values() or self._unreadable(key, then, made):
                continue
            new = renamed.get(key)
            if then is not None and new is not None:
                self._back(then, self.after.resources[new], new)
            elif then is not None and made is not None:
                self._back(then, made, key)
            elif then is not None:
                self._restore(then)
            elif made is not None:
                self._remove(made)
        self._check_references()

    def _renamed(self) -> dict[Key, Key]:
        """Old key → new key of what the commit called otherwise."""
        gone = [key for key in self.before.resources if key not in self.after.resources]
        came: dict[tuple[str, str], list[Key]] = {}
        for key, resource in self.after.resources.items():
            if key not in self.before.resources:
                identity = natural_identity(key.kind, resource.spec)
                slugs = [f"slug {resource.management.moved_from}"] if resource.management.moved_from else []
                for name in [*slugs, *([f"is {identity}"] if identity else [])]:
                    came.setdefault((key.kind, name), []).append(key)
        found: dict[Key, Key] = {}
        for key in gone:
            identity = natural_identity(key.kind, self.before.resources[key].spec)
            heirs = came.get((key.kind, f"slug {key.name}")) or came.get((key.kind, f"is {identity}"), [])
            if len(heirs) == 1 and heirs[0] not in found.values():
                found[key] = heirs[0]
        return found

    def _unreadable(self, key: Key, then: Resource | None, made: Resource | None) -> bool:
        """Whether nobody can tell what the commit did to it, because files had errors on one side."""
        if key in self.before.held or key in self.after.held:
            why = self.before.held.get(key) or self.after.held[key]
        elif then is None and self.before.held_files:
            why = min(self.before.held_files.values())
        elif made is None and self.after.held_files:
            why = min(self.after.held_files.values())
        else:
            return False
        self._hold(key, f"what commit {self.commit} did to it cannot be told: {why}")
        return True

    def _back(self, then: Resource, made: Resource, name: Key) -> None:
        """The commit changed it, and may have renamed it to `name`."""
        key = then.key
        paths = sorted(path for path in {*then.spec, *made.spec} if not _agree(then.spec, made.spec, path))
        managed = then.management != made.management or then.lifecycle is not made.lifecycle
        if not paths and not managed and key == name:
            return
        now = self.today.resources.get(name)
        if now is None:
            if name in self.today.held:
                return
            self._note(name, f"commit {self.commit} changed it, and it is no longer declared: nothing of it is taken back")
            return
        spec, conflicts, back = dict(now.spec), [], set[str]()
        for path in paths:
            if _agree(now.spec, then.spec, path):
                continue
            if not _agree(now.spec, made.spec, path):
                conflicts.append(
                    f"{path} was {_said(then.spec, path)}, the commit made it {_said(made.spec, path)}, today it is {_said(now.spec, path)}"
                )
                continue
            spec[path] = then.spec[path] if path in then.spec else defaults(key.kind, then.spec).get(path)
            back.add(path)
        management, lifecycle = now.management, now.lifecycle
        if managed and (now.management, now.lifecycle) == (made.management, made.lifecycle):
            management, lifecycle = then.management, then.lifecycle
            back.add("management")
        elif managed and (now.management, now.lifecycle) != (then.management, then.lifecycle):
            conflicts.append("management was changed by the commit and again since")
        if conflicts:
            self._hold(name, f"changed again since commit {self.commit}, decide by hand: {'; '.join(conflicts)}")
            return
        if key != name:
            if key in self.today.resources:
                self._hold(name, f"commit {self.commit} renamed it from {key}, and another resource has that name today")
                return
            del self.resources[name]
            management = replace(management, moved_from=name.name)
        if back or key != name:
            self.resources[key] = now._replace(
                key=key,
                spec=dict(sorted(spec.items())),
                management=management,
                lifecycle=lifecycle,
                references=references(key.kind, spec),
            )
            self.touched[key], self.names[key] = frozenset(back), name

    def _restore(self, then: Resource) -> None:
        """The commit removed it."""
        key = then.key
        if key in self.today.resources or key in self.today.held:
            self._note(key, f"commit {self.commit} removed it, and it is declared again today: nothing to take back")
            return
        identity = natural_identity(key.kind, then.spec)
        rivals = (
            one for one, now in self.today.resources.items() if (one.kind, natural_identity(one.kind, now.spec)) == (key.kind, identity)
        )
        other = next(rivals, None) if identity is not None else None
        if other is not None:
            self._hold(key, f"commit {self.commit} removed it, and {other} has its {identity} today")
            return
        self.resources[key] = then
        self.restored.add(key)
        self.touched[key], self.names[key] = frozenset(("",)), key

    def _remove(self, made: Resource) -> None:
        """The commit declared it first."""
        key = made.key
        now = self.today.resources.get(key)
        if now is None:
            return
        changed = sorted(path for path in {*made.spec, *now.spec} if not _agree(made.spec, now.spec, path))
        if changed:
            said = "; ".join(f"{path} was {_said(made.spec, path)}, today it is {_said(now.spec, path)}" for path in changed)
            self._hold(key, f"commit {self.commit} declared it first, and it was changed since, decide by hand: {said}")
            return
        del self.resources[key]
        self.touched[key], self.names[key] = frozenset(("",)), key

    def _check_references(self) -> None:
        """What goes must not be needed, what comes must find what it needs. Ends, because each round gives something up."""
        while (found := self._dangling()) is not None:
            key, other = found
            gone = next((one for one, name in self.names.items() if name == other and one in self.touched), None)
            if gone is not None:
                # Taking it away would pull the ground from under this one.
                self.resources.pop(gone, None)
                self.resources[other] = self.today.resources[other]
                self._hold(gone, f"{key} needs {other} today, so it cannot be taken back")
            else:
                self.resources.pop(key)
                self._hold(key, f"as it was before commit {self.commit} it needs {other}, which is not declared today")

    def _dangling(self) -> tuple[Key, Key] | None:
        for key, resource in sorted(self.resources.items()):
            for other in resource.references if key not in self.held else ():
                if other not in self.resources and other not in self.today.held:
                    return key, other
        return None

    def _hold(self, key: Key, reason: str) -> None:
        self.held.setdefault(key, reason)
        self.touched.pop(key, None)

    def _note(self, key: Key, message: str) -> None:
        self.notes.append(Note(message=message, key=key))


def _agree(one: Spec, other: Spec, path: str) -> bool:
    return (path in one) == (path in other) and same(one.get(path), other.get(path))


def _said(spec: Spec, path: str) -> str:
    return json.dumps(spec[path], ensure_ascii=False) if path in spec else "not declared"
