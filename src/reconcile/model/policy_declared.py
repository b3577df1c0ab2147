"""One document about the rules as an environment takes it, and where each of its parts was written."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, NamedTuple

from reconcile.model.key import Key
from reconcile.model.position import Position

if TYPE_CHECKING:
    from reconcile.model.document import PolicyDocument


class PolicyDeclared(NamedTuple):
    """`document` is the typed document (a PolicyRule, PolicySettings, Waiver …), `position` where it begins.

    `place` finds a part of it again by its path ("spec", "rules", "tls-required", "severity"; lists by number), or the nearest parent that
    was written; of a document in several layers it is the last that says it. `content` gives the octets of a file, None where they cannot
    be had. `digest` changes whenever what is written, or where, may have changed.
    """

    key: Key
    document: PolicyDocument
    position: Position
    place: Callable[[tuple[str | int, ...]], Position]
    content: Callable[[str], bytes | None]
    digest: str
