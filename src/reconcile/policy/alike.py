"""Which mailboxes say the same, but for what is each one's own: ten thousand come in few combinations. Pure.

What a rule reads of fields that are not a mailbox's own, of its profile or of everything around it is the same for all of a combination,
so it is judged once for them, and counted by their number.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from functools import cached_property
from itertools import count
from typing import Final

from reconcile.lazy_dataclass import dataclass
from reconcile.model.canonical import Spec
from reconcile.model.resource import Resource
from reconcile.policy.computed import COMPUTED

#: Fields that hardly two mailboxes share; of these, those that are alike agree in whether they are written, and whether as null.
_ALONE: Final = frozenset(("credentials.username", "credentials.password.ref", "credentials.refreshToken.ref"))
_NAMES: Final = frozenset(("emailAddress", "displayName"))
_OUTSIDE: Final = frozenset(("name", "labels", "lifecycle"))
_OWN: Final = _ALONE | _NAMES | _OUTSIDE
#: Computed from those.
_MADE: Final = frozenset(key for key, one in COMPUTED["Mailbox"].items() if not _OWN.isdisjoint(one.sources))
#: What is said of the profile and of everything around; the profile is a field like others.
_AROUND: Final = ("profile.", "provider.", "organization.", "environment.", "counts.profile.", "counts.organization.")
_ABSENT: Final = object()
#: Mailboxes that are looked at together; after each part it is asked whether telling them apart pays.
_PART: Final = 5_000


@dataclass(frozen=True)
class Alike:
    """`first` are the first of each combination in the order of `objects`; `numbers` has for each object where its first one stands in
    `objects`, `times` how many there are of each."""

    objects: Sequence[Resource]
    numbers: Sequence[int]
    first: Sequence[Resource]
    times: Sequence[int]

    def of(self, first: Resource) -> Sequence[Resource]:
        """All that are like it, itself among them."""
        return self._members[first.key.name]

    @cached_property
    def _members(self) -> Mapping[str, list[Resource]]:
        members: dict[int, list[Resource]] = {}
        for one, number in zip(self.objects, self.numbers, strict=True):
            members.setdefault(number, []).append(one)
        return {some[0].key.name: some for some in members.values()}


def shared(variable: str) -> bool:
    """Whether mailboxes that are alike agree in a variable (`NAME?`: in whether it is null)."""
    name = variable.removesuffix("?")
    prefix, _, key = name.partition(".")
    if prefix == "mailbox":
        return (key not in _OWN and key not in _MADE) or (name != variable and key in _ALONE)
    return name.startswith(_AROUND)


def alike(mailboxes: Sequence[Resource]) -> Alike:
    """Those that have the same specs but for their own fields; each for itself where that would leave more than half of them."""
    known: dict[tuple[object, ...], int] = {}
    numbers: list[int] = []
    at = count()
    paths = set[str]().union(*(one.spec for one in mailboxes))
    for start in range(0, len(mailboxes), _PART):
        specs = [one.spec for one in mailboxes[start : start + _PART]]
        columns = [_said(path, specs) if path in _ALONE else [spec.get(path, _ABSENT) for spec in specs] for path in paths - _NAMES]
        numbers += map(known.setdefault, zip(*columns, strict=True) if columns else [()] * len(specs), at)
        if len(known) * 2 > len(numbers):
            return Alike(mailboxes, range(len(mailboxes)), mailboxes, [1] * len(mailboxes))
    times = Counter(numbers)
    return Alike(mailboxes, numbers, [mailboxes[number] for number in times], [*times.values()])


def _said(path: str, specs: Sequence[Spec]) -> list[object]:
    """Whether it is written, and whether as null."""
    return [_ABSENT if path not in spec else None if spec[path] is None else True for spec in specs]
