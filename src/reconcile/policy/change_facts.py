"""What rules see of one change of a plan: the variables `change.*`, and how each is made. Pure.

To add one: a line in `_ALL`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from types import MappingProxyType
from typing import Any, Final

from reconcile.lazy_dataclass import dataclass
from reconcile.model.canonical import Leaf, Spec
from reconcile.model.change import Adopt, Cause, Change, Command, Create, Delete, Forget, Moved, Plan, Update
from reconcile.model.key import Key
from reconcile.policy.variable import Type, Variable

_ACTIONS: Final[Mapping[type, str]] = MappingProxyType(
    {Create: "create", Adopt: "adopt", Update: "update", Delete: "delete", Forget: "forget", Command: "command"}
)
_MOVED: Final[Mapping[Moved, str]] = MappingProxyType(
    {
        Moved.GIT: "git",
        Moved.OUTSIDE: "outside",
        Moved.BOTH: "both",
        Moved.NEW: "new",
        Moved.ASKED: "asked",
        Moved.EITHER: "either",
    }
)


class ChangeSight:
    """What is looked up for the changes of one plan. `labels` gives those of a declared resource."""

    def __init__(self, plan: Plan, labels: Callable[[Key], Mapping[str, str]]) -> None:
        self.labels = labels
        figures = plan.figures
        self.known = figures is not None
        self.disabled = frozenset(figures.disabled) if figures is not None else frozenset()
        self.reprofiled = frozenset(figures.reprofiled) if figures is not None else frozenset()
        self.floors = frozenset(figures.floors_moved_back) if figures is not None else frozenset()
        self.accounts = frozenset(figures.other_accounts) if figures is not None else frozenset()
        self.used_by: Mapping[str, int] = figures.used_by if figures is not None else {}


@dataclass(frozen=True, slots=True, kw_only=True)
class ChangeFact:
    """`needs_figures`: not known of a plan whose changes were not counted."""

    variable: Variable
    of: Callable[[Change, ChangeSight], Any]
    needs_figures: bool = False


def causes(change: Change) -> list[Cause]:
    """Why it is there: of itself, or of each of its fields."""
    if isinstance(change, Update):
        found = [field.cause for field in (*change.fields, *change.records)] + [secret.cause for secret in change.rotated]
        return found or [Cause(moved=Moved.GIT, position=change.position)]
    return [change.cause]


def paths(change: Change) -> tuple[str, ...]:
    """The fields that change."""
    match change:
        case Create():
            return tuple(path for path, leaf in change.spec.items() if leaf is not None)
        case Adopt():
            return tuple(field.path for field in change.fields)
        case Update():
            return tuple(field.path for field in (*change.fields, *change.records))
        case _:
            return ()


def text(leaf: Leaf) -> str:
    """A value as rules compare it: truth values as true and false, lists with commas."""
    match leaf:
        case bool():
            return "true" if leaf else "false"
        case tuple():
            return ", ".join(leaf)
        case _:
            return str(leaf)


def _texts(spec: Spec | Iterable[tuple[str, Leaf]]) -> tuple[tuple[str, str], ...]:
    pairs = spec.items() if isinstance(spec, Mapping) else spec
    return tuple((path, text(leaf)) for path, leaf in pairs if leaf is not None)


def _before(change: Change) -> tuple[tuple[str, str], ...]:
    match change:
        case Adopt():
            return _texts((field.path, field.before) for field in change.fields)
        case Update():
            return _texts((field.path, field.before) for field in (*change.fields, *change.records))
        case Delete() | Forget():
            return _texts(change.before)
        case _:
            return ()


def _after(change: Change) -> tuple[tuple[str, str], ...]:
    match change:
        case Create():
            return _texts(change.spec)
        case Adopt():
            return _texts((field.path, field.after) for field in change.fields)
        case Update():
            return _texts((field.path, field.after) for field in (*change.fields, *change.records))
        case Command():
            return _texts(change.arguments)
        case _:
            return ()


def _moved(change: Change) -> str:
    moved = {cause.moved for cause in causes(change)}
    return _MOVED[moved.pop()] if len(moved) == 1 else _MOVED[Moved.BOTH]


def _fact(name: str, kind: Type, description: str, of: Callable[[Change, ChangeSight], Any], **more: Any) -> ChangeFact:
    counted = more.pop("counted", False)
    return ChangeFact(variable=Variable(name=f"change.{name}", type=kind, description=description, **more), of=of, needs_figures=counted)


_ALL: Final = (
    _fact("action", Type.TEXT, "What is done.", lambda change, _: _ACTIONS[type(change)], values=tuple(_ACTIONS.values())),
    _fact("kind", Type.TEXT, "Kind of the resource.", lambda change, _: change.key.kind),
    _fact("name", Type.TEXT, "metadata.name of the resource.", lambda change, _: change.key.name),
    _fact(
        "labels",
        Type.MAP,
        "metadata.labels of the resource; empty where its document is gone.",
        lambda change, seen: tuple(sorted(seen.labels(change.key).items())),
    ),
    _fact(
        "fields",
        Type.TEXTS,
        "Paths that change, of an update or adoption; of a creation all that get a value; else none.",
        lambda change, _: paths(change),
    ),
    _fact(
        "before",
        Type.MAP,
        "Path → text before, of what changes; of a deletion all that was applied. Without paths that had no value.",
        lambda change, _: _before(change),
    ),
    _fact(
        "after",
        Type.MAP,
        "Path → text after, of what changes; of a creation all of it. Without paths that lose their value.",
        lambda change, _: _after(change),
    ),
    _fact(
        "rotatedSecrets",
        Type.TEXTS,
        "Paths of secrets whose value is another one behind the same reference.",
        lambda change, _: tuple(secret.path for secret in change.rotated) if isinstance(change, Update) else (),
    ),
    _fact(
        "orphan",
        Type.TRUTH,
        "Whether the document is gone and the row is made inactive.",
        lambda change, _: isinstance(change, Update) and change.orphan,
    ),
    _fact(
        "previous",
        Type.TEXT,
        "The name it had before, where it is renamed.",
        lambda change, _: change.previous.name if isinstance(change, Update) and change.previous is not None else None,
        nullable=True,
    ),
    _fact("verb", Type.TEXT, "What a command does.", lambda change, _: change.verb if isinstance(change, Command) else None, nullable=True),
    _fact(
        "cause",
        Type.TEXT,
        "Which side moved: git, the target (outside), both, or nothing was applied that could tell (either); new is declared for the first "
        "time, asked is what a person asked for.",
        lambda change, _: _moved(change),
        values=tuple(_MOVED.values()),
    ),
    _fact(
        "disabled",
        Type.TRUTH,
        "Whether a row is made inactive, or a direction is switched off.",
        lambda change, seen: change.key in seen.disabled,
        counted=True,
    ),
    _fact(
        "reprofiled",
        Type.TRUTH,
        "Whether a mailbox gets another profile; the same one under a new name is none.",
        lambda change, seen: change.key in seen.reprofiled,
        counted=True,
    ),
    _fact(
        "floorMovedBack",
        Type.TRUTH,
        "Whether mail is read that was passed over: processEmailFrom moves back, or the new profile's is earlier.",
        lambda change, seen: change.key in seen.floors,
        counted=True,
    ),
    _fact(
        "impersonatingAccountChanged",
        Type.TRUTH,
        "Whether a profile opens mailboxes with another account than before.",
        lambda change, seen: change.key in seen.accounts,
        counted=True,
    ),
    _fact(
        "mailboxes",
        Type.NUMBER,
        "Of a profile: the mailboxes that use it; of one that goes, stops or is renamed, those that it leaves behind.",
        lambda change, seen: _users(change, seen),
        counted=True,
    ),
)


def _users(change: Change, seen: ChangeSight) -> int:
    if change.key.kind != "EmailServerProfile":
        return 0
    renamed = change.previous if isinstance(change, Update) else None
    return seen.used_by.get((renamed or change.key).name, 0)


#: Name of a variable → how it is made.
CHANGE_FACTS: Final[Mapping[str, ChangeFact]] = MappingProxyType({one.variable.name: one for one in _ALL})
