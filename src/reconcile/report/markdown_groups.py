"""Changes with one cause, told once: the same action on the same fields of a kind, with the same consequences and commits."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Hashable, Iterator, Sequence
from typing import TypeAlias

from reconcile.lazy_dataclass import dataclass
from reconcile.model.canonical import Leaf
from reconcile.model.change import Adopt, Change, Command, Create, Delete, FieldChange, Forget, Plan, Update
from reconcile.plan.commits import causes
from reconcile.report.commit_words import behind_all, several
from reconcile.report.markdown_text import code, inside_html, prose
from reconcile.report.plan_text import value

#: More groups than this help nobody: then they are told by fewer properties.
_MOST = 40
_FIELDS = 12
_SENTENCES = 6
_PATHS_IN_HEAD = 4
#: What may stand around a word.
_AROUND = "(“.,;:)!?”"

Shape: TypeAlias = Callable[[Change], Hashable]


@dataclass(frozen=True, slots=True, kw_only=True)
class Group:
    """`by` are the commits behind it in words, "" where none is known."""

    changes: Sequence[Change]
    by: str

    def block(self, names: int) -> str:
        """Folded details with at most so many names."""
        return "\n".join(["<details><summary>" + self._summary() + "</summary>\n", *self._lines(names), "\n</details>\n"])

    def _summary(self) -> str:
        first = self.changes[0]
        subject = inside_html(str(first.key)) if len(self.changes) == 1 else f"{len(self.changes):,} {inside_html(first.key.kind)}"
        if len(self.changes) == 1 and isinstance(first, Update) and first.previous is not None:
            subject = f"{subject} (was {inside_html(str(first.previous))})"
        paths = list(dict.fromkeys(field.path for change in self.changes for field in _fields(change)))
        shown = ", ".join(inside_html(path) for path in paths[:_PATHS_IN_HEAD])
        more = f" and {len(paths) - _PATHS_IN_HEAD} more" if len(paths) > _PATHS_IN_HEAD else ""
        return f"{_action(first)} {subject}{f': {shown}{more}' if paths else ''}"

    def _lines(self, names: int) -> Iterator[str]:
        why = [*dict.fromkeys(_why(change) for change in self.changes)]
        said = why[0] if len(why) == 1 else ""
        both = ", ".join(part for part in (said, self.by) if part)
        places = {_place(change) for change in self.changes}
        place = places.pop() if len(places) == 1 else ""
        if both or place:
            yield f"- why: {' '.join(part for part in (place, prose(both)) if part)}"
        sentences = list(dict.fromkeys(words for change in self.changes for words in _sentences(change)))
        if len(self.changes) == 1:
            sentences = list(self.changes[0].consequences)
        yield from (f"- means: {prose(words)}" for words in sentences[:_SENTENCES])
        if len(sentences) > _SENTENCES:
            yield f"- and {len(sentences) - _SENTENCES:,} more consequences"
        yield from self._values()
        if len(self.changes) > 1:
            more = f" and {len(self.changes) - names:,} more" if len(self.changes) > names else ""
            yield f"- {', '.join(_name(change) for change in self.changes[:names])}{more}"

    def _values(self) -> Iterator[str]:
        """A field with one value for all is told; of another only that it differs."""
        common: dict[str, list[str]] = {}
        for change in self.changes:
            for field in _fields(change):
                common.setdefault(field.path, []).append(f"{_leaf(field.before)} → {_leaf(field.after)}")
        for path, values in list(common.items())[:_FIELDS]:
            one = len({*values}) == 1
            yield f"- {code(path)}: {values[0] if one else f'{len({*values}):,} different values'}"
        if len(common) > _FIELDS:
            yield f"- and {len(common) - _FIELDS:,} more fields"


def grouped(plan: Plan) -> Sequence[Group]:
    """In the order of the plan. The finest way of grouping that leaves few groups."""
    commits = plan.commits
    often = Counter(_place(change) for change in plan.changes)

    def place(change: Change) -> str:
        """Where several are declared at once, as by an assignment; "" for what stands in a document of its own."""
        return found if often[found := _place(change)] > 1 else ""

    shapes: Sequence[Shape] = (
        lambda change: (*_coarse(change), _sentences(change), _why(change), place(change), frozenset(behind_all([change], commits))),
        lambda change: (*_coarse(change), _sentences(change), _why(change)),
        _coarse,
        lambda change: (_action(change), change.key.kind),
    )
    found: Sequence[Sequence[Change]] = ()
    for shape in shapes:
        groups: dict[Hashable, list[Change]] = {}
        for change in plan.changes:
            groups.setdefault(shape(change), []).append(change)
        found = list(groups.values())
        if len(found) <= _MOST:
            break
    return [Group(changes=changes, by=several(behind_all(changes, commits))) for changes in found]


def _coarse(change: Change) -> tuple[Hashable, ...]:
    return _action(change), change.key.kind, tuple(field.path for field in _fields(change))


def _action(change: Change) -> str:
    match change:
        case Create():
            return "create"
        case Adopt():
            return "take over"
        case Update(orphan=True):
            return "declared no more, so made inactive:"
        case Update(previous=None):
            return "update"
        case Update():
            return "rename"
        case Delete():
            return "delete"
        case Forget():
            return "forget (the row stays)"
        case Command():
            return "command"


def _fields(change: Change) -> Sequence[FieldChange]:
    match change:
        case Update():
            secrets = [FieldChange(path=one.path, before=one.before[:8], after=one.after[:8], cause=one.cause) for one in change.rotated]
            return (*change.fields, *change.records, *secrets)
        case Adopt():
            return change.fields
        case _:
            return ()


def _why(change: Change) -> str:
    """Which side moved, and what else is known of it; not where: that differs for each."""
    said = [cause.moved.value if isinstance(change, (Adopt, Update)) else cause.note for cause in causes(change)]
    if isinstance(change, Command):
        said = [change.reason]
    return ", ".join(dict.fromkeys(text for text in said if text and not text.startswith("no longer declared (was in")))


def _place(change: Change) -> str:
    """Where it is declared, or was."""
    for cause in causes(change):
        if cause.was_in:
            return f"no longer declared, was in {code(cause.was_in)}"
        if cause.position is not None:
            return code(f"{cause.position.file}:{cause.position.line}")
    return ""


def _sentences(change: Change) -> tuple[str, ...]:
    """Consequences without what is each resource's own: its name, its address, its number of messages."""
    return tuple(_own(words, change) for words in change.consequences)


def _own(words: str, change: Change) -> str:
    own = {_address(change), change.key.name} - {""}
    parts = words.split(" ")
    if own:
        parts = [part.replace(core, "…") if (core := part.strip(_AROUND)) in own else part for part in parts]
    numbers = (number for number, part in enumerate(parts[1:]) if part.strip(_AROUND) in ("message", "messages"))
    for number in numbers:
        if parts[number][:1].isdigit():
            parts[number] = "…"
    return " ".join(parts)


def _address(change: Change) -> str:
    leaf = change.before.get("emailAddress") if isinstance(change, (Delete, Forget)) else None
    if isinstance(change, (Create, Adopt, Update)):
        leaf = change.spec.get("emailAddress")
    return leaf if isinstance(leaf, str) else ""


def _name(change: Change) -> str:
    was = f" (was {code(change.previous.name)})" if isinstance(change, Update) and change.previous is not None else ""
    return code(change.key.name) + was


def _leaf(leaf: Leaf) -> str:
    return "none" if leaf is None else code(value(leaf))
