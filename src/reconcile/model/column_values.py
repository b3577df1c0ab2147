"""How the product writes a value in a column, and how we read it back. No labels: numbers alone are compared."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TypeAlias

from reconcile.lazy_dataclass import dataclass
from reconcile.model import duration, instant
from reconcile.model.canonical import Leaf

#: What a row of the product holds.
Cell: TypeAlias = str | int | bool | None


@dataclass(frozen=True, slots=True)
class Plain:
    """Text, number or boolean as it is."""

    kind: type[str] | type[int] | type[bool]

    def write(self, leaf: Leaf) -> Cell:
        return self._checked(leaf)

    def read(self, cell: Cell) -> Leaf:
        return self._checked(cell)

    def _checked(self, value: object) -> str | int | bool:
        if type(value) is not self.kind:
            raise ValueError(f"expected {self.kind.__name__}, not {type(value).__name__}")
        return value


@dataclass(frozen=True, slots=True)
class Numbers:
    """One of several words, each with the product's number."""

    numbers: Mapping[str, int]

    def write(self, leaf: Leaf) -> Cell:
        if not isinstance(leaf, str) or leaf not in self.numbers:
            raise ValueError(f"expected one of {', '.join(self.numbers)}")
        return self.numbers[leaf]

    def read(self, cell: Cell) -> Leaf:
        for word, number in self.numbers.items():
            if type(cell) is int and cell == number:
                return word
        raise ValueError(f"the number {cell} is unknown to this version")


@dataclass(frozen=True, slots=True)
class Amount:
    """A duration as a number of `milliseconds`-long units."""

    milliseconds: int

    def write(self, leaf: Leaf) -> Cell:
        if not isinstance(leaf, str):
            raise ValueError("expected a duration")
        whole, rest = divmod(duration.milliseconds(duration.parse(leaf)), self.milliseconds)
        if rest:
            raise ValueError(f"{leaf} is no multiple of the unit the product stores")
        return whole

    def read(self, cell: Cell) -> Leaf:
        if type(cell) is not int:
            raise ValueError("expected a number")
        try:
            return duration.text(duration.parse("1ms") * (cell * self.milliseconds))
        except OverflowError as error:
            raise ValueError(f"{cell} is more than a duration can be") from error


@dataclass(frozen=True, slots=True)
class Moment:
    """An instant; 1900-01-01 is how a row shows that none is set."""

    def write(self, leaf: Leaf) -> Cell:
        if not isinstance(leaf, str):
            raise ValueError("expected an instant")
        return instant.text(instant.parse(leaf, "UTC"))

    def read(self, cell: Cell) -> Leaf:
        if not isinstance(cell, str):
            raise ValueError("expected an instant")
        if cell.startswith("1900-01-01"):
            return None
        return instant.text(instant.parse(cell, "UTC"))


@dataclass(frozen=True, slots=True)
class Joined:
    """A list as one text with semicolons; an empty text is an empty list."""

    def write(self, leaf: Leaf) -> Cell:
        if not isinstance(leaf, tuple):
            raise ValueError("expected a list")
        return ";".join(leaf)

    def read(self, cell: Cell) -> Leaf:
        if not isinstance(cell, str):
            raise ValueError("expected text")
        return tuple(sorted({part.strip().lower() for part in cell.split(";") if part.strip()}))


@dataclass(frozen=True, slots=True)
class Encrypted:
    """The use-TLS switch. It does not say which kind: the usual ports of STARTTLS tell, all others mean TLS at once."""

    upgrade_ports: tuple[int, ...] = (25, 110, 143, 587)

    def write(self, leaf: Leaf) -> Cell:
        if leaf not in ("implicit", "starttls", "none"):
            raise ValueError("expected implicit, starttls or none")
        return leaf != "none"

    def read(self, cell: Cell, port: object = None) -> Leaf:
        if type(cell) is not bool:
            raise ValueError("expected true or false")
        if not cell:
            return "none"
        return "starttls" if port in self.upgrade_ports else "implicit"


Values: TypeAlias = Plain | Numbers | Amount | Moment | Joined | Encrypted
