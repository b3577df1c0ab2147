"""YAML 1.2 core values from libyaml's events, with our own rules.

There are two readings. `read_values` is the fast one: values and the line of each document, or None as soon as anything is
unusual. `yaml_places.read_places` reads the same text again and says everything: findings, and the place of every key and
value. What the first refuses the second explains; what the first accepts the second accepts with the same values (a
property test holds them together).

Meanings are those of YAML 1.2's core schema (10.3.2): yes, no, on and off are text, 010 is ten, 0o10 is eight. Refused:
keys that are not text, duplicate keys, anchors, aliases, merge keys, tags, directives for another version, nesting beyond
`MAX_DEPTH`, numbers beyond 64 bits.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any, Final, TypeAlias

from reconcile.desired.text import NotText, read_text
from reconcile.desired.yaml_parser import (
    AliasEvent,
    CParser,
    DocumentStartEvent,
    MappingEndEvent,
    ScalarEvent,
    SequenceEndEvent,
    SequenceStartEvent,
    StreamEndEvent,
    YAMLError,
)

MAX_DEPTH: Final = 64
MAX_DOCUMENTS: Final = 10_000
MAX_SCALAR: Final = 65_536  # characters

Value: TypeAlias = "bool | int | float | str | list[Value] | dict[str, Value] | None"
Path: TypeAlias = tuple[str | int, ...]

_CONSTANTS: Final[dict[str, bool | None]] = {
    **dict.fromkeys(("", "~", "null", "Null", "NULL")),
    **dict.fromkeys(("true", "True", "TRUE"), True),
    **dict.fromkeys(("false", "False", "FALSE"), False),
}
_NUMBER_STARTS: Final = frozenset("0123456789+-.")
_INTEGER = re.compile(r"[-+]?[0-9]+|0o[0-7]+|0x[0-9a-fA-F]+")
_FLOAT = re.compile(r"[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?")
_NOT_FINITE = re.compile(r"[-+]?\.(?:inf|Inf|INF)|\.(?:nan|NaN|NAN)")
_LARGEST: Final = 2**63


class _Unusual(Exception):
    """Something the fast mode leaves to the other one."""


def plain_value(text: str) -> Value:
    """The meaning of an unquoted scalar. Raises ValueError for a number that no field could hold."""
    if text in _CONSTANTS:
        return _CONSTANTS[text]
    if text[0] not in _NUMBER_STARTS:
        return text
    if _INTEGER.fullmatch(text):
        if len(text) > 24:
            raise ValueError("the number has too many digits")
        number = int(text[2:], 8 if text[1] == "o" else 16) if text[:2] in ("0o", "0x") else int(text)
        if not -_LARGEST <= number < _LARGEST:
            raise ValueError("the number is beyond 64 bits")
        return number
    if _FLOAT.fullmatch(text):
        value = float(text)
        if value in (float("inf"), float("-inf")):
            raise ValueError("the number is too large")
        return value
    if _NOT_FINITE.fullmatch(text):
        raise ValueError("not a number that a field could hold")
    return text


def read_values(data: bytes) -> list[tuple[int, Value]] | None:
    """Per document the line it starts on and its value; None when `read_places` has something to say.

    An empty document (nothing but comments) is left out.
    """
    text = read_text(data)
    if isinstance(text, NotText):
        return None
    documents: list[tuple[int, Value]] = []
    try:
        parser = CParser(text)
        take = parser.get_event
        while type(event := take()) is not StreamEndEvent:
            if type(event) is DocumentStartEvent:
                if event.version is not None or event.tags or len(documents) >= MAX_DOCUMENTS:
                    return None
                root = take()
                value = _value(root, take, 1)
                if value is not None or root.start_mark.index != root.end_mark.index:
                    documents.append((root.start_mark.line + 1, value))
    except (_Unusual, YAMLError, ValueError):
        return None
    return documents


def _value(event: Any, take: Callable[[], Any], depth: int) -> Value:
    if event.anchor is not None or type(event) is AliasEvent or event.tag is not None:
        raise _Unusual
    if type(event) is ScalarEvent:
        text: str = event.value
        if len(text) > MAX_SCALAR:
            raise _Unusual
        return text if event.style else plain_value(text)
    if depth > MAX_DEPTH:
        raise _Unusual
    if type(event) is SequenceStartEvent:
        items: list[Value] = []
        while type(event := take()) is not SequenceEndEvent:
            items.append(_value(event, take, depth + 1))
        return items
    mapping: dict[str, Value] = {}
    while type(event := take()) is not MappingEndEvent:
        if type(event) is not ScalarEvent or event.anchor is not None or event.tag is not None:
            raise _Unusual
        key: str = event.value
        if key in mapping or (not event.style and not is_text_key(key)) or len(key) > MAX_SCALAR:
            raise _Unusual
        mapping[key] = _value(take(), take, depth + 1)
    return mapping


def is_text_key(key: str) -> bool:
    """Whether an unquoted key is text. Raises ValueError as `plain_value` does."""
    if key in _CONSTANTS or key == "<<":
        return False
    return key[0] not in _NUMBER_STARTS or isinstance(plain_value(key), str)
