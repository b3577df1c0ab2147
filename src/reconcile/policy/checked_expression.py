"""Reading a checked expression: which variables it reads, and what it compares with which literal texts. Pure.

The library hands a checked expression out as the protobuf message `cel.expr.CheckedExpr` (in an `Any`) of the Common Expression
Language's specification (checked.proto, syntax.proto) and offers no way to walk it; the protobuf package costs 43 ms to import. These
are the few fields that are needed, by their numbers in the specification; `wire_format` reads them.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping

from reconcile.lazy_dataclass import dataclass
from reconcile.policy.wire_format import Fields, fields_of, message_of, messages_of, pair_of, text_of

ANY_VALUE = 2
CHECKED_EXPR, CHECKED_SOURCE = 4, 5
_SOURCE_POSITIONS = 4
_EXPR_ID, _CONST, _IDENT, _SELECT, _CALL, _LIST, _STRUCT, _COMPREHENSION = 2, 3, 4, 5, 6, 7, 8, 9
_CONST_NULL, _CONST_STRING = 1, 6
_CALL_TARGET, _CALL_FUNCTION, _CALL_ARGUMENT = 1, 2, 3
_COMPARING = ("_==_", "_!=_", "@in")


@dataclass(frozen=True, slots=True)
class Comparison:
    """A variable compared with a literal text; `offset` is where the literal stands in the expression, in characters."""

    variable: str
    text: str
    offset: int


@dataclass(frozen=True, slots=True)
class Checked:
    """`reads` are all names that are read, loop variables included; `asked` are those of them of which only is asked whether they are
    null."""

    reads: frozenset[str]
    asked: frozenset[str]
    comparisons: tuple[Comparison, ...]


def read_checked(code: bytes) -> Checked:
    """What the bytes of a checked expression say. Raises ValueError or IndexError where they are none."""
    checked = fields_of(message_of(fields_of(code), ANY_VALUE))
    expression = message_of(checked, CHECKED_EXPR)
    offsets = offsets_of(checked)
    reads: Counter[str] = Counter()
    asked: Counter[str] = Counter()
    comparisons: list[Comparison] = []
    for fields in _walk(expression):
        for number, value in fields:
            if number == _IDENT and isinstance(value, bytes):
                reads[text_of(fields_of(value), 1)] += 1
            elif number == _CALL and isinstance(value, bytes):
                call = fields_of(value)
                comparisons += _compared(call, offsets)
                asked.update(_with_null(call))
    only = frozenset(name for name, times in asked.items() if times == reads[name])
    return Checked(frozenset(reads), only, tuple(sorted(comparisons, key=lambda one: one.offset)))


def offsets_of(checked: Fields) -> Mapping[int, int]:
    """Number of an expression → where it stands, in characters."""
    return {
        key: value
        for number, entry in fields_of(message_of(checked, CHECKED_SOURCE))
        if number == _SOURCE_POSITIONS
        for key, value in [pair_of(entry)]
    }


def _walk(expression: bytes) -> Iterator[Fields]:
    """The fields of an expression and of all below it."""
    pending = [expression]
    while pending:
        fields = fields_of(pending.pop())
        yield fields
        for number, value in fields:
            if not isinstance(value, bytes):
                continue
            match number:
                case 5:  # select: operand
                    pending += messages_of(fields_of(value), 1)
                case 6:  # call: target and arguments
                    pending += [*messages_of(fields_of(value), _CALL_TARGET), *messages_of(fields_of(value), _CALL_ARGUMENT)]
                case 7:  # list: elements
                    pending += messages_of(fields_of(value), 1)
                case 8:  # map: entries of key and value
                    for entry in messages_of(fields_of(value), 2):
                        pending += [*messages_of(fields_of(entry), 3), *messages_of(fields_of(entry), 4)]
                case 9:  # comprehension: range, initial value, condition, step, result
                    pending += [part for field in (2, 4, 5, 6, 7) for part in messages_of(fields_of(value), field)]
                case _:
                    pass


def _compared(call: Fields, offsets: Mapping[int, int]) -> Iterator[Comparison]:
    if text_of(call, _CALL_FUNCTION) not in _COMPARING:
        return
    sides = [fields_of(argument) for argument in messages_of(call, _CALL_ARGUMENT)]
    for one, other in zip(sides, reversed(sides), strict=True):
        names = [text_of(fields_of(ident), 1) for ident in messages_of(one, _IDENT)]
        literals = [other, *(fields_of(item) for items in messages_of(other, _LIST) for item in messages_of(fields_of(items), 1))]
        for name in names:
            for literal in literals:
                for constant in messages_of(literal, _CONST):
                    for text in messages_of(fields_of(constant), _CONST_STRING):
                        where = next((value for number, value in literal if number == _EXPR_ID and isinstance(value, int)), 0)
                        yield Comparison(name, text.decode("utf-8", "replace"), offsets.get(where, 0))


def _with_null(call: Fields) -> Iterator[str]:
    """The variable that a call compares with null."""
    if text_of(call, _CALL_FUNCTION) not in ("_==_", "_!=_"):
        return
    sides = [fields_of(argument) for argument in messages_of(call, _CALL_ARGUMENT)]
    for one, other in zip(sides, reversed(sides), strict=True):
        constants = [fields_of(constant) for constant in messages_of(other, _CONST)]
        if any(number == _CONST_NULL for constant in constants for number, _ in constant):
            yield from (text_of(fields_of(ident), 1) for ident in messages_of(one, _IDENT))
