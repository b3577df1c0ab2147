"""What judging needs of the things that are judged, whether they are resources or changes. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, Protocol

from reconcile.model.finding import Finding
from reconcile.policy.alike import Alike
from reconcile.policy.rule import Rule


class View(Protocol):
    """The subjects of rules and their variables, as columns: a list with one value an object."""

    def objects(self, subject: str, /) -> Sequence[Any]:
        """What rules over a subject look at, one at a time."""
        ...

    def constant(self, subject: str, variable: str, /) -> bool:
        """Whether the variable has one value for all of them."""
        ...

    def column(self, subject: str, variable: str, objects: Sequence[Any], /) -> list[Any]:
        """The value for each object; MISSING where it is not known. Raises KeyError for no variable."""
        ...

    def alike(self, subject: str, variables: Iterable[str], /) -> Alike | None:
        """Which of them agree in all of the variables (`NAME?`: in whether it is null); None where that is not known."""
        ...


class Tells(Protocol):
    """Makes findings."""

    def finding(self, rule: Rule, subject: str, one: Any, /) -> Finding:
        """Of a rule that does not hold for an object."""
        ...

    def failed(self, rule: Rule, one: Any, why: str, /) -> Finding:
        """Of a rule that could not be judged, with the first object it failed on."""
        ...
