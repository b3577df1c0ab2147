"""Which mailboxes an assignment means. Many selectors are asked at once, and mailboxes that look alike to all of them are asked once."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

from reconcile.desired.name_patterns import NamePatterns
from reconcile.model.canonical import Leaf, Spec

_LABELS: Final = "selector.labels."


@dataclass(frozen=True, slots=True, kw_only=True)
class Selector:
    """Conditions, all of which must hold; None where nothing is asked. Domains are in ASCII, units and groups folded."""

    types: frozenset[str] | None = None
    domains: frozenset[str] | None = None
    labels: tuple[tuple[str, str], ...] = ()
    business_units: frozenset[str] | None = None
    groups: frozenset[str] | None = None
    names: frozenset[str] | None = None
    declared: bool = True
    target: bool = False


#: Stands for a selector that cannot be read: it may mean any mailbox.
ANY: Final = Selector(target=True)


@dataclass(frozen=True, slots=True)
class Traits:
    """What selectors look at. `labels` are those of the document; a row of the target has none."""

    type: str
    slug: str
    address: str
    labels: Mapping[str, str]
    business_unit: str
    groups: Collection[str]


def selector(spec: Spec) -> Selector:
    """From the canonical spec of a MailboxAssignment."""
    scope = spec.get("selector.scope", "declared")
    return Selector(
        types=_texts(spec, "types"),
        domains=None if (domains := _texts(spec, "domains")) is None else frozenset(map(ascii_domain, domains)),
        labels=tuple((path.removeprefix(_LABELS), str(leaf)) for path, leaf in spec.items() if path.startswith(_LABELS)),
        business_units=_folded(_texts(spec, "businessUnits")),
        groups=_folded(_texts(spec, "groups")),
        names=_texts(spec, "names"),
        declared=scope in ("declared", "both"),
        target=scope in ("target", "both"),
    )


def declared_traits(slug: str, spec: Spec, labels: Mapping[str, str]) -> Traits:
    """Of a mailbox that has a document."""
    groups = spec.get("facts.groups")
    return Traits(
        str(spec.get("type") or "user"),
        slug,
        _text(spec.get("emailAddress")),
        labels,
        _text(spec.get("facts.businessUnit")),
        groups if isinstance(groups, tuple) else (),
    )


def _text(leaf: Leaf) -> str:
    return leaf if isinstance(leaf, str) else ""


def _texts(spec: Spec, name: str) -> frozenset[str] | None:
    leaf = spec.get(f"selector.{name}")
    return frozenset(leaf) if isinstance(leaf, tuple) else None


def _folded(texts: frozenset[str] | None) -> frozenset[str] | None:
    return None if texts is None else frozenset(text.casefold() for text in texts)


@lru_cache(maxsize=4096)
def ascii_domain(domain: str) -> str:
    """Lower case, in ASCII where that exists (RFC 3490, 4.1): müller.example and xn--mller-kva.example are one domain."""
    try:
        return domain.lower().encode("idna").decode("ascii")
    except UnicodeError:
        return domain.lower()


_Signature = tuple[str, str, tuple[str | None, ...], str, frozenset[str], frozenset[str]]
_NOTHING: Final[frozenset[str]] = frozenset()


class Selectors:
    """Several selectors, asked together."""

    def __init__(self, selectors: Sequence[Selector]) -> None:
        self._selectors = selectors
        self._domains = frozenset().union(*(one.domains or () for one in selectors))
        self._labels = {pair for one in selectors for pair in one.labels}
        self._label_names = sorted({name for name, _ in self._labels})
        self._unlabelled: tuple[str | None, ...] = (None,) * len(self._label_names)
        self._units = frozenset().union(*(one.business_units or () for one in selectors))
        self._groups = frozenset().union(*(one.groups or () for one in selectors))
        self._names = NamePatterns(name for one in selectors for name in one.names or ())
        self._named = any(one.names is not None for one in selectors)
        self._known: dict[_Signature, tuple[int, ...]] = {}

    def selecting(self, traits: Traits) -> tuple[int, ...]:
        """The places of the selectors that mean this mailbox, whatever their scope. Equal answers are one object."""
        signature = self._signature(traits)
        found = self._known.get(signature)
        if found is None:
            found = tuple(place for place, one in enumerate(self._selectors) if _means(one, signature, self._label_names))
            self._known[signature] = found
        return found

    def _signature(self, traits: Traits) -> _Signature:
        """Only what some selector asks for, so that few mailboxes differ."""
        domain = ascii_domain(traits.address.rpartition("@")[2]) if self._domains else ""
        labels = self._unlabelled
        if traits.labels and self._label_names:
            labels = tuple(self._label(name, traits.labels.get(name)) for name in self._label_names)
        unit = traits.business_unit.casefold() if self._units and traits.business_unit else ""
        groups = self._groups.intersection(group.casefold() for group in traits.groups) if self._groups and traits.groups else _NOTHING
        names = self._names.matching(traits.slug, traits.address) if self._named else _NOTHING
        return (
            traits.type,
            domain if domain in self._domains else "",
            labels,
            unit if unit in self._units else "",
            groups,
            names,
        )

    def _label(self, name: str, value: str | None) -> str | None:
        return value if value is not None and (name, value) in self._labels else None


def _means(one: Selector, signature: _Signature, label_names: Sequence[str]) -> bool:
    owner, domain, labels, unit, groups, names = signature
    return (
        (one.types is None or owner in one.types)
        and (one.domains is None or domain in one.domains)
        and (not one.labels or all(labels[label_names.index(name)] == value for name, value in one.labels))
        and (one.business_units is None or unit in one.business_units)
        and (one.groups is None or not one.groups.isdisjoint(groups))
        and (one.names is None or not one.names.isdisjoint(names))
    )
