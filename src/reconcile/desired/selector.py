"""Which mailboxes an assignment means. Many selectors are asked at once."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from functools import lru_cache
from typing import Final
from unicodedata import normalize

from reconcile.desired.name_patterns import NamePatterns
from reconcile.lazy_dataclass import dataclass
from reconcile.model.canonical import Leaf, Spec
from reconcile.model.mail_address import ascii_domain, spellings

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

    @property
    def narrows(self) -> bool:
        """Whether anything is asked at all."""
        return bool(self.labels) or any(one is not None for one in (self.types, self.domains, self.business_units, self.groups, self.names))


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
        domains=None if (domains := _texts(spec, "domains")) is None else frozenset(map(_domain, domains)),
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
    return None if texts is None else frozenset(map(_fold, texts))


def _fold(text: str) -> str:
    """Without case, and a letter of two code points is that of one."""
    return text.lower() if text.isascii() else normalize("NFC", text.casefold())


@lru_cache(maxsize=4096)
def _domain(domain: str) -> str:
    return ascii_domain(domain)


class _Asked:
    """One condition over all selectors, as bits: bit n is set where selector n is content with a value."""

    def __init__(self, conditions: Iterable[frozenset[str] | None]) -> None:
        self.content = 0
        self.by_value: dict[str, int] = {}
        for place, wanted in enumerate(conditions):
            if wanted is None:
                self.content |= 1 << place
            for value in wanted or ():
                self.by_value[value] = self.by_value.get(value, 0) | 1 << place

    def of(self, value: str | None) -> int:
        """Those that ask for nothing or for this value."""
        return self.content if value is None else self.content | self.by_value.get(value, 0)

    def of_any(self, values: Iterable[str]) -> int:
        """Those that ask for nothing or for one of these values."""
        found = self.content
        for value in values:
            found |= self.by_value.get(value, 0)
        return found


class Selectors:
    """Several selectors, asked together: per condition a number whose bits are the selectors that are content, and all of them must be."""

    def __init__(self, selectors: Sequence[Selector]) -> None:
        self._types = _Asked(one.types for one in selectors)
        self._domains = _Asked(one.domains for one in selectors)
        self._units = _Asked(one.business_units for one in selectors)
        self._groups = _Asked(one.groups for one in selectors)
        self._names = _Asked(one.names for one in selectors)
        self._patterns = NamePatterns(self._names.by_value)
        asked = sorted({name for one in selectors for name, _ in one.labels})
        self._labels = {name: _Asked(_wanted(one, name) for one in selectors) for name in asked}
        self._unlabelled = _conjunction(label.content for label in self._labels.values())
        self._places: dict[int, tuple[int, ...]] = {}

    def selecting(self, traits: Traits) -> tuple[int, ...]:
        """The places of the selectors that mean this mailbox, whatever their scope. Equal answers are one object."""
        found = self._types.of(traits.type)
        if self._domains.by_value:
            found &= self._domains.of(_domain(traits.address.rpartition("@")[2]))
        if self._labels:
            found &= self._labelled(traits.labels) if traits.labels else self._unlabelled
        if self._units.by_value:
            found &= self._units.of(_fold(traits.business_unit))
        if self._groups.by_value:
            found &= self._groups.of_any([_fold(group) for group in traits.groups])
        if self._names.by_value:
            found &= self._names.of_any(self._patterns.matching(traits.slug, *spellings(traits.address)))
        places = self._places.get(found)
        if places is None:
            places = self._places[found] = tuple(place for place in range(found.bit_length()) if found >> place & 1)
        return places

    def _labelled(self, labels: Mapping[str, str]) -> int:
        return _conjunction(asked.of(labels.get(name)) for name, asked in self._labels.items())


def _wanted(one: Selector, name: str) -> frozenset[str] | None:
    values = frozenset(value for asked, value in one.labels if asked == name)
    return values or None


def _conjunction(bits: Iterable[int]) -> int:
    found = -1
    for some in bits:
        found &= some
    return found
