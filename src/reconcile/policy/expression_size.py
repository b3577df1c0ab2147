"""How large the texts and lists can become that an expression makes: an upper bound, found before it ever runs. Pure.

The language ends every loop, but a text that is put into itself ten times over is a thousand times as long, and the library cannot be told
to stop at some size. So each part is given the size it can have at most, from the inside out; values of documents count as `VALUE`.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import reduce
from typing import Final, NamedTuple

from reconcile.lazy_dataclass import dataclass
from reconcile.policy.checked_expression import ANY_VALUE, CHECKED_EXPR, offsets_of
from reconcile.policy.wire_format import Fields, fields_of, message_of, messages_of, text_of

#: Octets that one part of an expression may make.
MOST: Final = 10_000_000
#: What is reckoned for a value of a document: octets of a text, elements of a list and octets of each.
VALUE: Final = 4_000
_ELEMENTS, _ELEMENT = 500, 400
#: The library ends loops after so many rounds, and keeps so many octets for each element beside what it holds.
_ROUNDS, _BESIDE = 10_000, 40
#: A number that format writes with the largest precision.
_NUMBER: Final = 1_400
#: What gives a truth value or a number, whatever it is given.
_OPERATORS: Final = ("_==_", "_!=_", "_<_", "_<=_", "_>_", "_>=_", "_&&_", "_||_", "!_", "-_", "_-_", "_*_", "_/_", "_%_", "@in")
_QUESTIONS: Final = ("matches", "contains", "startsWith", "endsWith", "indexOf", "lastIndexOf", "size", "@not_strictly_false")
_SMALL_RESULT: Final = frozenset((*_OPERATORS, *_QUESTIONS))
_ID, _CONST = 2, 3


@dataclass(frozen=True, slots=True)
class Size:
    """At most so many octets; of a list also how many elements, and how large each."""

    octets: float
    number: float = 1
    element: Size | None = None

    @property
    def each(self) -> Size:
        """Of whoever is taken out of it; a text is as large as itself."""
        return self.element or self


class Growth(NamedTuple):
    """The first part that can become too large: where it stands, in characters, and how many octets it may have."""

    offset: int
    octets: float


def growth(code: bytes) -> Growth | None:
    """What of a checked expression can become larger than `MOST`. Raises ValueError or IndexError where the bytes are none."""
    checked = fields_of(message_of(fields_of(code), ANY_VALUE))
    work = _Work(offsets_of(checked))
    work.size(message_of(checked, CHECKED_EXPR), {})
    return work.found


@dataclass(slots=True)
class _Work:
    offsets: Mapping[int, int]
    found: Growth | None = None

    def size(self, expression: bytes, names: Mapping[str, Size]) -> Size:
        """`names` are the variables of loops around it."""
        fields = fields_of(expression)
        size = _SMALL
        for number, value in fields:
            if isinstance(value, bytes) and number != _ID:
                size = self._one(number, fields_of(value), names)
        if size.octets > MOST and self.found is None:
            identity = next((value for number, value in fields if number == _ID and isinstance(value, int)), 0)
            self.found = Growth(self.offsets.get(identity, 0), size.octets)
        return size

    def _one(self, kind: int, inner: Fields, names: Mapping[str, Size]) -> Size:
        match kind:
            case 3:  # constant
                return Size(max((len(value) for _, value in inner if isinstance(value, bytes)), default=_SMALL.octets))
            case 4:  # name
                return names.get(text_of(inner, 1), _UNKNOWN)
            case 5:  # field of a map
                self.size(message_of(inner, 1), names)
                return _UNKNOWN
            case 6:
                return self._call(inner, names)
            case 7:
                return _list([self.size(one, names) for one in messages_of(inner, 1)])
            case 8:
                entries = [fields_of(one) for one in messages_of(inner, 2)]
                return _list([self.size(part, names) for one in entries for number in (3, 4) for part in messages_of(one, number)])
            case 9:
                return self._loop(inner, names)
            case _:
                return _SMALL

    def _call(self, call: Fields, names: Mapping[str, Size]) -> Size:
        function = text_of(call, 2)
        parts = [*messages_of(call, 1), *messages_of(call, 3)]
        sizes = [self.size(part, names) for part in parts]
        match function, sizes:
            case "replace", [text, _, new, *_]:
                # Each place is as long as what is replaced; nothing stands between all characters.
                old = _constant(parts[1])
                places = text.octets / len(old) if old else text.octets + 1
                return Size(text.octets + places * new.octets)
            case "_+_", [one, other]:
                return Size(one.octets + other.octets, one.number + other.number, _larger(one.each, other.each))
            case "join", [several, *between]:
                return Size(several.octets + several.number * sum(one.octets for one in between))
            case "format", [text, values]:
                return Size(text.octets * _NUMBER / 2 + values.octets)
            case "split", [text, *_]:
                return Size(text.octets + (text.octets + 1) * _BESIDE, text.octets + 1, Size(text.octets))
            case "_[_]", [several, _]:
                return several.each
            case _ if function in _SMALL_RESULT:
                return _SMALL
            case _:
                # Nothing else makes more than it is given, but for a quote that marks characters.
                largest = reduce(_larger, sizes, _SMALL)
                return Size(2 * largest.octets) if function.endswith("quote") else largest

    def _loop(self, loop: Fields, names: Mapping[str, Size]) -> Size:
        """A comprehension: what one round adds, times the rounds."""
        over = self.size(message_of(loop, 2), names)
        start = self.size(message_of(loop, 4), names)
        made = text_of(loop, 3)
        inside = {**names, text_of(loop, 1): over.each, made: start}
        self.size(message_of(loop, 5), inside)
        once = self.size(message_of(loop, 6), inside)
        rounds = min(over.number, _ROUNDS)
        size = Size(
            start.octets + rounds * max(once.octets - start.octets, 0),
            start.number + rounds * max(once.number - start.number, 0),
            once.element,
        )
        return _larger(size, self.size(message_of(loop, 7), {**names, made: size}))


_SMALL: Final = Size(16)
_UNKNOWN: Final = Size(VALUE, _ELEMENTS, Size(_ELEMENT))


def _larger(one: Size, other: Size) -> Size:
    element = None
    if one.element is not None or other.element is not None:
        element = _larger(one.element or _SMALL, other.element or _SMALL)
    return Size(max(one.octets, other.octets), max(one.number, other.number), element)


def _list(elements: list[Size]) -> Size:
    return Size(sum(one.octets + _BESIDE for one in elements), len(elements), reduce(_larger, elements, _SMALL))


def _constant(expression: bytes) -> bytes:
    """The text that stands there; empty for anything else."""
    return next((value for one in messages_of(fields_of(expression), _CONST) for value in messages_of(fields_of(one), 6)), b"")
