"""Text that must fit: blocks of lines that stand or fall together, and a line that says what was left out.

GitHub takes 65,536 characters in a comment (docs.github.com, REST API, issue comments).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator

from reconcile.lazy_dataclass import dataclass

LIMIT = 60_000

#: How many names each group shows: the first of these with which everything fits.
NAMES = (1000, 300, 100, 30, 10, 3, 1)
#: For the line that says what was left out.
_RESERVE = 300


@dataclass(frozen=True, slots=True)
class Block:
    """`weight` is how many things (changes, findings) it tells of; none for what frames them."""

    text: str
    weight: int = 0


def fitted(blocks: Callable[[int], Iterable[Block]], limit: int, left_out: Callable[[int, int], str]) -> str:
    """`blocks(names)` with as many names as fit into `limit` characters; where even one is too many, without the last blocks.

    `left_out(blocks, weight)` is the line that says what is missing.
    """
    for names in NAMES:
        made, left = [], limit
        for block in blocks(names):
            made.append(block.text)
            left -= len(block.text) + 1
            if left < 0:
                break
        else:
            return "\n".join(made)
    return "\n".join(_cut(blocks(NAMES[-1]), limit, left_out))


def _cut(blocks: Iterable[Block], limit: int, left_out: Callable[[int, int], str]) -> Iterator[str]:
    """The blocks that fit, in order, then what is missing."""
    left = limit - _RESERVE
    missing = weight = 0
    for block in blocks:
        if len(block.text) + 1 > left:
            missing += 1
            weight += block.weight
        else:
            left -= len(block.text) + 1
            yield block.text
    yield left_out(missing, weight)
