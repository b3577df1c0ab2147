"""Reading a checked expression: which variables it reads, and what it compares with which literal texts. Pure.

The library hands a checked expression out as the protobuf message `cel.expr.CheckedExpr` (in an `Any`) of the Common Expression
Language's specification (checked.proto, syntax.proto) and offers no way to walk it; the protobuf package costs 43 ms to import. These
are the few fields that are needed, by their numbers in the specification.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TypeAlias

_Fields: TypeAlias = list[tuple[int, "int | bytes"]]

_ANY_VALUE = 2
_CHECKED_EXPR, _CHECKED_SOURCE = 4, 5
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
    checked = _fields(_message(_fields(code), _ANY_VALUE))
    expression = _message(checked, _CHECKED_EXPR)
    offsets = {
        key: value
        for number, entry in _fields(_message(checked, _CHECKED_SOURCE))
        if number == _SOURCE_POSITIONS
        for key, value in [_pair(entry)]
    }
    reads: Counter[str] = Counter()
    asked: Counter[str] = Counter()
    comparisons: list[Comparison] = []
    for fields in _walk(expression):
        for number, value in fields:
            if number == _IDENT and isinstance(value, bytes):
                reads[_text(_fields(value), 1)] += 1
            elif number == _CALL and isinstance(value, bytes):
                call = _fields(value)
                comparisons += _compared(call, offsets)
                asked.update(_with_null(call))
    only = frozenset(name for name, times in asked.items() if times == reads[name])
    return Checked(frozenset(reads), only, tuple(sorted(comparisons, key=lambda one: one.offset)))


def _walk(expression: bytes) -> Iterator[_Fields]:
    """The fields of an expression and of all below it."""
    pending = [expression]
    while pending:
        fields = _fields(pending.pop())
        yield fields
        for number, value in fields:
            if not isinstance(value, bytes):
                continue
            match number:
                case 5:  # select: operand
                    pending += _messages(_fields(value), 1)
                case 6:  # call: target and arguments
                    pending += [*_messages(_fields(value), _CALL_TARGET), *_messages(_fields(value), _CALL_ARGUMENT)]
                case 7:  # list: elements
                    pending += _messages(_fields(value), 1)
                case 8:  # map: entries of key and value
                    for entry in _messages(_fields(value), 2):
                        pending += [*_messages(_fields(entry), 3), *_messages(_fields(entry), 4)]
                case 9:  # comprehension: range, initial value, condition, step, result
                    pending += [part for field in (2, 4, 5, 6, 7) for part in _messages(_fields(value), field)]
                case _:
                    pass


def _compared(call: _Fields, offsets: Mapping[int, int]) -> Iterator[Comparison]:
    if _text(call, _CALL_FUNCTION) not in _COMPARING:
        return
    sides = [_fields(argument) for argument in _messages(call, _CALL_ARGUMENT)]
    for one, other in zip(sides, reversed(sides), strict=True):
        names = [_text(_fields(ident), 1) for ident in _messages(one, _IDENT)]
        literals = [other, *(_fields(item) for items in _messages(other, _LIST) for item in _messages(_fields(items), 1))]
        for name in names:
            for literal in literals:
                for constant in _messages(literal, _CONST):
                    for text in _messages(_fields(constant), _CONST_STRING):
                        where = next((value for number, value in literal if number == _EXPR_ID and isinstance(value, int)), 0)
                        yield Comparison(name, text.decode("utf-8", "replace"), offsets.get(where, 0))


def _with_null(call: _Fields) -> Iterator[str]:
    """The variable that a call compares with null."""
    if _text(call, _CALL_FUNCTION) not in ("_==_", "_!=_"):
        return
    sides = [_fields(argument) for argument in _messages(call, _CALL_ARGUMENT)]
    for one, other in zip(sides, reversed(sides), strict=True):
        constants = [_fields(constant) for constant in _messages(other, _CONST)]
        if any(number == _CONST_NULL for constant in constants for number, _ in constant):
            yield from (_text(_fields(ident), 1) for ident in _messages(one, _IDENT))


def _fields(data: bytes) -> _Fields:
    """Wire format of protobuf: (number of the field, integer or octets)."""
    fields: _Fields = []
    place = 0
    while place < len(data):
        tag, place = _varint(data, place)
        match tag & 7:
            case 0:
                value, place = _varint(data, place)
                fields.append((tag >> 3, value))
            case 2:
                length, place = _varint(data, place)
                fields.append((tag >> 3, data[place : place + length]))
                place += length
            case 1:
                place += 8
            case 5:
                place += 4
            case _:
                raise ValueError("not a checked expression")
    return fields


def _varint(data: bytes, place: int) -> tuple[int, int]:
    value = shift = 0
    while True:
        octet = data[place]
        place += 1
        value |= (octet & 127) << shift
        if octet < 128:
            return value, place
        shift += 7


def _messages(fields: _Fields, number: int) -> list[bytes]:
    return [value for found, value in fields if found == number and isinstance(value, bytes)]


def _message(fields: _Fields, number: int) -> bytes:
    return next(iter(_messages(fields, number)), b"")


def _text(fields: _Fields, number: int) -> str:
    return _message(fields, number).decode("utf-8", "replace")


def _pair(entry: int | bytes) -> tuple[int, int]:
    """Key and value of a map of integers; what is zero is not written."""
    numbers = {number: value for number, value in _fields(entry) if isinstance(value, int)} if isinstance(entry, bytes) else {}
    return numbers.get(1, 0), numbers.get(2, 0)
