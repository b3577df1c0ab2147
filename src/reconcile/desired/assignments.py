"""What assignments give to mailboxes: by priority, field by field, below what a mailbox says itself. Pure.

Mailboxes that look alike to all selectors share one merged answer, so that 100,000 of them cost little more than a dictionary each.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import field
from functools import lru_cache
from typing import Final

from reconcile.desired.organization_defaults import DEFAULTS, fitting
from reconcile.desired.selector import Selector, Selectors, Traits, selector
from reconcile.lazy_dataclass import dataclass
from reconcile.model import kinds, mailbox
from reconcile.model.canonical import Leaf, Spec
from reconcile.model.key import Key
from reconcile.model.resource import Resource

KIND: Final = "MailboxAssignment"
_SETTINGS: Final = "settings."


@dataclass(frozen=True, slots=True, kw_only=True)
class Assignment:
    """`values` are the fields of a mailbox that `settings` declares; `defaults` what it takes over from the organization."""

    key: Key
    priority: int
    selector: Selector
    values: Spec
    defaults: Spec

    def path(self, field_path: str) -> str:
        """Where the assignment says something of a field, as a path of its own spec."""
        return f"{_SETTINGS}{field_path}" if field_path in self.values else "useOrganizationDefaults"


def assignment(resource: Resource, organization: Spec) -> Assignment:
    """From a resource of kind MailboxAssignment and the spec of the organization (empty where there is none)."""
    spec = resource.spec
    priority = spec.get("priority")
    return Assignment(
        key=resource.key,
        priority=priority if isinstance(priority, int) else 0,
        selector=selector(spec),
        values={path.removeprefix(_SETTINGS): leaf for path, leaf in spec.items() if path.startswith(_SETTINGS)},
        defaults={path: organization[f"defaults.{path}"] for path in DEFAULTS if organization.get(f"defaults.{path}") is not None}
        if takes_defaults(spec)
        else {},
    )


def takes_defaults(spec: Spec) -> bool:
    """Whether an assignment stands for the organization's defaults."""
    return spec.get("useOrganizationDefaults") is True


@dataclass(frozen=True, slots=True)
class Clash:
    """Several assignments of equal priority that set one field."""

    path: str
    assignments: tuple[Key, ...]


@dataclass(frozen=True, slots=True)
class Misfit:
    """A field that an assignment set, and that cannot be beside the mailbox's others."""

    path: str
    message: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Given:
    """What one mailbox ends up with. `spec` is the effective one; with clashes or misfits it must not be used."""

    spec: Spec
    assigned: Mapping[str, Key]
    clashes: tuple[Clash, ...] = ()
    misfits: tuple[Misfit, ...] = ()


@dataclass(frozen=True, slots=True)
class _Merged:
    """What the assignments that select a mailbox give together."""

    values: Mapping[str, tuple[Leaf, Key]]
    clashes: Mapping[str, tuple[Key, ...]]


@dataclass(frozen=True, slots=True)
class _Blend:
    """The merged fields below a certain set of own fields: all paths in order, and what is assigned of them."""

    paths: tuple[str, ...]
    values: Spec
    assigned: Mapping[str, Key]
    clashes: tuple[Clash, ...]
    combined: bool
    misfits: dict[tuple[Leaf, ...], tuple[Misfit, ...]] = field(default_factory=dict)


_NOBODY: Final[Mapping[str, Key]] = {}


@dataclass(slots=True)
class Assignments:
    """All assignments of one environment. Remembers answers."""

    of: Sequence[Assignment]
    _selectors: Selectors = field(init=False)
    _merged: dict[tuple[tuple[int, ...], str], _Merged] = field(init=False, default_factory=dict)
    _blends: dict[tuple[tuple[int, ...], str, tuple[str, ...]], _Blend] = field(init=False, default_factory=dict)
    _scoped: dict[tuple[tuple[int, ...], bool], tuple[int, ...]] = field(init=False, default_factory=dict)

    def __post_init__(self) -> None:
        self.of = sorted(self.of, key=lambda one: (-one.priority, one.key))
        self._selectors = Selectors([one.selector for one in self.of])

    def selecting(self, traits: Traits) -> Sequence[Assignment]:
        """Those whose conditions a mailbox meets, whatever their scope, strongest first."""
        return [self.of[place] for place in self._selectors.selecting(traits)]

    def idle(self) -> list[Assignment]:
        """Those that met nobody among all that `give` was asked about."""
        met = {place for places in self._scoped.values() for place in places}
        return [one for place, one in enumerate(self.of) if place not in met]

    def give(self, traits: Traits, own: Spec, *, on_target: bool = False, beneath: Spec | None = None) -> Given | None:
        """What a mailbox with these own fields ends up with; None when nothing is given to it.

        `on_target`: it exists on the target only, and `beneath` are the fields of its row, which count where nothing is given.
        """
        places = self._in_scope(self._selectors.selecting(traits), on_target)
        if not places:
            return None
        blend = self._blend(places, traits.type, tuple(own))
        if not blend.assigned:
            return None
        values = blend.values
        spec = {path: values[path] if path in values else own[path] for path in blend.paths}
        misfits: tuple[Misfit, ...] = ()
        if blend.combined and not blend.clashes:
            misfits = _misfits(spec if beneath is None else {**beneath, **spec}, blend)
        return Given(spec=spec, assigned=blend.assigned, clashes=blend.clashes, misfits=misfits)

    def _in_scope(self, places: tuple[int, ...], on_target: bool) -> tuple[int, ...]:
        found = self._scoped.get((places, on_target))
        if found is None:
            selectors = {place: self.of[place].selector for place in places}
            found = tuple(place for place, one in selectors.items() if (one.target if on_target else one.declared))
            self._scoped[places, on_target] = found
        return found

    def _blend(self, places: tuple[int, ...], owner: str, own: tuple[str, ...]) -> _Blend:
        known = self._blends.get((places, owner, own))
        if known is None:
            merged = self._merge(places, owner)
            taken = {path: value for path, value in merged.values.items() if path not in own}
            known = self._blends[places, owner, own] = _Blend(
                paths=tuple(sorted({*own, *taken})),
                values={path: leaf for path, (leaf, _) in taken.items()},
                assigned={path: key for path, (_, key) in sorted(taken.items())} or _NOBODY,
                clashes=tuple(Clash(path, keys) for path, keys in sorted(merged.clashes.items()) if path not in own),
                combined=any(path in taken for path in mailbox.COMBINED),
            )
        return known

    def _merge(self, places: tuple[int, ...], owner: str) -> _Merged:
        known = self._merged.get((places, owner))
        if known is None:
            values: dict[str, tuple[Leaf, Key]] = {}
            givers: dict[str, list[Assignment]] = {}
            for place in places:
                one = self.of[place]
                for path, leaf in {**fitting(owner, one.defaults), **one.values}.items():
                    values.setdefault(path, (leaf, one.key))
                    if not givers.setdefault(path, []) or givers[path][0].priority == one.priority:
                        givers[path].append(one)
            clashes = {path: tuple(one.key for one in equals) for path, equals in givers.items() if len(equals) > 1}
            known = self._merged[places, owner] = _Merged(values, clashes)
        return known


def _misfits(spec: Spec, blend: _Blend) -> tuple[Misfit, ...]:
    combination = tuple(map(spec.get, mailbox.COMBINED))
    found = blend.misfits.get(combination)
    if found is None:
        found = blend.misfits[combination] = tuple(one for one in misfits(combination) if one.path in blend.assigned)
    return found


@lru_cache(maxsize=256)
def misfits(combination: tuple[Leaf, ...]) -> tuple[Misfit, ...]:
    """What cannot be, given the values of `mailbox.COMBINED` in that order."""
    some = {path: leaf for path, leaf in zip(mailbox.COMBINED, combination, strict=True) if leaf is not None}
    typed = kinds.typed("Mailbox", {"emailAddress": "any@mailbox.example", **some})
    return tuple(Misfit(problem.path, problem.message) for problem in mailbox.problems(typed))
