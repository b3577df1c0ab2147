"""The operands of an expression's outermost || or &&. Pure."""

from __future__ import annotations

from typing import Literal, NamedTuple

from reconcile.policy.expression_tokens import TOKEN

_OPEN, _CLOSE = "([{", ")]}"


class Operands(NamedTuple):
    """`operator` is "" where there is one operand: the whole expression."""

    operator: Literal["||", "&&", ""]
    texts: tuple[str, ...]


def operands(text: str) -> Operands:
    """Splits at || where there is one outside of all brackets, else at &&. A condition (a ? b : c) stays whole."""
    text = _unwrapped(text)
    depth = 0
    places: dict[str, list[int]] = {"||": [], "&&": []}
    for found in TOKEN.finditer(text):
        token = found[0]
        if token in _OPEN:
            depth += 1
        elif token in _CLOSE:
            depth -= 1
        elif depth == 0 and token == "?":
            return Operands("", (text,))
        elif depth == 0 and token in places:
            places[token].append(found.start())
    if places["||"]:
        return Operands("||", _cut(text, places["||"]))
    if places["&&"]:
        return Operands("&&", _cut(text, places["&&"]))
    return Operands("", (text,))


def _cut(text: str, places: list[int]) -> tuple[str, ...]:
    starts, ends = [0, *(place + 2 for place in places)], [*places, len(text)]
    return tuple(text[start:end].strip() for start, end in zip(starts, ends, strict=True))


def _unwrapped(text: str) -> str:
    """Without brackets around the whole."""
    text = text.strip()
    while text.startswith("("):
        depth = 0
        for found in TOKEN.finditer(text):
            depth += (found[0] in _OPEN) - (found[0] in _CLOSE)
            if depth == 0:
                if found.end() < len(text):
                    return text
                text = text[1:-1].strip()
                break
        else:
            return text
    return text
