"""Whether somebody approved: a name in a file is only what its author wrote, so proof comes from outside of the change. Pure.

The facts (who signed which commit, what a review at the forge was about) are asked for by the caller, and only where they matter.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Sequence
from enum import StrEnum
from typing import TYPE_CHECKING, TypeAlias

from reconcile.lazy_dataclass import dataclass

if TYPE_CHECKING:
    from reconcile.model.policy_settings import Approver


class Means(StrEnum):
    """What shows that somebody approved, from the weakest to the strongest."""

    NAMES = "names"
    REVIEWS = "reviews"
    SIGNATURES = "signatures"

    @property
    def rank(self) -> int:
        """Larger asks for more."""
        return [*Means].index(self)


@dataclass(frozen=True, slots=True)
class Proved:
    """How."""

    how: str


@dataclass(frozen=True, slots=True)
class NotProved:
    """Why not, as a part of a sentence. `waits`: nothing is asked for but that the change is merged."""

    why: str
    waits: bool = False


Proof: TypeAlias = Proved | NotProved

#: Public keys → whether one of them signed what is to be approved.
Signature: TypeAlias = Callable[[Collection[str]], Proof]


def means_of(declared: str | None, approvers: Collection[Approver]) -> Means:
    """What settings ask for: what they say, else the strongest that their approvers can give."""
    if declared is not None:
        return Means(declared)
    if any(one.keys for one in approvers):
        return Means.SIGNATURES
    return Means.REVIEWS if approvers else Means.NAMES


def proof(name: str, *, approvers: Sequence[Approver] | None, means: Means, reviewers: Collection[str], signature: Signature) -> Proof:
    """Whether `name` approved something. `reviewers` are the names whose review at the forge was about exactly this, `signature` asks who
    signed it. `approvers` are those of settings that the change did not write; None where nobody is named and any name will do."""
    from reconcile.model.policy_settings import bare_key

    keys: Collection[str] = ()
    if approvers is not None:
        known = next((one for one in approvers if one.name == name), None)
        if known is None:
            return NotProved(f"{name!r} is not among the approvers of the policy settings")
        keys = [bare_key(key) for key in known.keys]
    if means is Means.NAMES:
        return Proved("named")
    if means is Means.REVIEWS and name in reviewers:
        return Proved(f"reviewed by {name}")
    if keys:
        return signature(keys)
    if means is Means.SIGNATURES:
        return NotProved(f"{name!r} has no key in the policy settings, and only signatures count")
    return NotProved(f"no review of {name!r} at the forge was about this")


def approved_by(
    names: Iterable[str], *, approvers: Sequence[Approver] | None, means: Means, reviewers: Collection[str], signature: Signature
) -> dict[str, Proof]:
    """The same for each of several names, as a rule over a plan asks for them."""
    return {name: proof(name, approvers=approvers, means=means, reviewers=reviewers, signature=signature) for name in dict.fromkeys(names)}
