"""`${name}` in a scalar: a variable of the environment.

A scalar that is nothing but `${name}` takes the variable's value with its type; inside other text the value is written as
text. `$${` is a literal `${`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import TypeAlias

from reconcile.desired.yaml import Path, Value
from reconcile.lazy_dataclass import dataclass

Scalar: TypeAlias = "str | int | float | bool"

_WHOLE = re.compile(r"\$\{([^{}]*)\}")
_INSIDE = re.compile(r"\$\$\{|\$\{([^{}]*)\}|\$\{")


@dataclass(frozen=True, slots=True)
class UnknownVariable:
    """`name` is "" where the braces are never closed."""

    path: Path
    name: str


def substitute(value: Value, variables: Mapping[str, Scalar], path: Path = ()) -> tuple[Value, list[UnknownVariable]]:
    """The value with variables put in, and the places where one is not known (left as written there)."""
    unknown: list[UnknownVariable] = []
    return _walk(value, variables, path, unknown), unknown


def _walk(value: Value, variables: Mapping[str, Scalar], path: Path, unknown: list[UnknownVariable]) -> Value:
    if isinstance(value, str):
        return _scalar(value, variables, path, unknown) if "${" in value else value
    if isinstance(value, dict):
        return {key: _walk(item, variables, (*path, key), unknown) for key, item in value.items()}
    if isinstance(value, list):
        return [_walk(item, variables, (*path, index), unknown) for index, item in enumerate(value)]
    return value


def _scalar(text: str, variables: Mapping[str, Scalar], path: Path, unknown: list[UnknownVariable]) -> Value:
    whole = _WHOLE.fullmatch(text)
    if whole is not None and whole.group(1) in variables:
        return variables[whole.group(1)]
    missing = [name for name in names(text) if name not in variables]
    if missing:
        unknown.extend(UnknownVariable(path, name) for name in missing)
        return text
    return _INSIDE.sub(lambda found: "${" if found.group() == "$${" else _as_text(variables[found.group(1)]), text)


def names(text: str) -> Iterator[str]:
    """Names used in a text; "" for one that is not closed."""
    for found in _INSIDE.finditer(text):
        if found.group() != "$${":
            yield found.group(1) or ""


def _as_text(value: Scalar) -> str:
    """As YAML writes it: true, not True."""
    return str(value).lower() if isinstance(value, bool) else str(value)
