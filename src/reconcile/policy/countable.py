"""What counting needs of an environment: its objects and their values, many at once. Pure."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Protocol

from reconcile.model.resource import Resource
from reconcile.policy.alike import Alike


class Countable(Protocol):
    """One environment of an estate; `reconcile.policy.world` has it."""

    environment: str

    @property
    def others(self) -> Sequence[Countable]:
        """The other environments of the estate."""
        ...

    @property
    def profiles(self) -> Mapping[str, Mapping[str, Any]]:
        """Name of a profile → key of a variable → value."""
        ...

    @property
    def foreign(self) -> list[Resource]:
        """Mailboxes that somebody else keeps."""
        ...

    @property
    def mailboxes(self) -> Alike:
        """Those that rules look at, by what they say."""
        ...

    @property
    def combinations(self) -> Mapping[str, list[Any]]:
        """Name of a variable → its value for the first mailbox of each combination."""
        ...

    def objects(self, kind: str, /) -> list[Resource]:
        """The subjects of rules over a kind."""
        ...

    def names(self, kind: str, /) -> list[str]:
        """metadata.name of those."""
        ...

    def single(self, kind: str, /) -> Mapping[str, Any] | None:
        """The values of the Organization or Environment; None where there is none."""
        ...

    def all(self, subject: str, variable: str, /) -> list[Any]:
        """The value of a variable for all objects of a kind."""
        ...

    def counted(self, of: Callable[[Countable], Mapping[str, Any]], /) -> Mapping[str, Any]:
        """What comes of counting that way, counted once."""
        ...
