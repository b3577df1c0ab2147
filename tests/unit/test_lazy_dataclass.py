"""Our dataclasses against the standard library's, which are the specification; and that nobody declares the dear ones by accident."""

from __future__ import annotations

import copy
import dataclasses
import inspect
import pickle
import re
import threading
import typing
from collections.abc import Callable
from dataclasses import FrozenInstanceError, field
from pathlib import Path
from typing import Any, Generic, TypeVar

import pytest

import reconcile
from reconcile.lazy_dataclass import dataclass as ours

standard = dataclasses.dataclass
Declare = Callable[..., Any]
T = TypeVar("T")

FORMS: list[dict[str, bool]] = [
    {},
    {"frozen": True},
    {"slots": True},
    {"frozen": True, "slots": True},
    {"frozen": True, "slots": True, "kw_only": True},
    {"slots": True, "kw_only": True},
    {"frozen": True, "slots": True, "kw_only": True, "order": True},
    {"slots": True, "repr": False},
]


def declared(declare: Declare, form: dict[str, bool]) -> Any:
    @declare(**form)
    class Thing:
        """Words."""

        name: str
        _value: int = field(repr=False)
        size: int = 3
        words: tuple[str, ...] = ()
        held: dict[str, int] = field(default_factory=dict)
        aside: int = field(default=0, compare=False)
        made: list[int] = field(default_factory=list, init=False, hash=False)
        late: int = field(default=5, init=False, compare=False, repr=False)

    return Thing


@pytest.mark.parametrize("form", FORMS, ids=str)
def test_it_is_as_the_standard_library_makes_it(form: dict[str, bool]) -> None:
    lazy, full = declared(ours, form), declared(standard, form)
    assert (lazy.__name__, lazy.__qualname__, lazy.__doc__) == (full.__name__, full.__qualname__, full.__doc__)
    assert getattr(lazy, "__slots__", None) == getattr(full, "__slots__", None)
    assert lazy.__match_args__ == full.__match_args__
    assert [one.name for one in dataclasses.fields(lazy)] == [one.name for one in dataclasses.fields(full)]
    # Before anything was made.
    assert [(one.name, one.kind, one.annotation) for one in inspect.signature(lazy).parameters.values()] == [
        (one.name, one.kind, one.annotation) for one in inspect.signature(full).parameters.values()
    ]
    for declare in (lazy, full):
        one, same, other = (declare(name=name, _value=1, aside=aside) for name, aside in (("a", 1), ("a", 2), ("b", 1)))
        assert one == same
        assert one != other
        assert one != "a"
        assert one.held is not same.held
        assert one.late == 5
        assert dataclasses.replace(one, name="b") == other
        assert copy.copy(one) == one
        if not form.get("repr") and "repr" not in form:
            assert repr(one) == "declared.<locals>.Thing(name='a', size=3, words=(), held={}, aside=1, made=[])"
        if form.get("order"):
            assert one < other
            assert one <= same
            assert other > one
            assert other >= one
        if form.get("frozen"):
            with pytest.raises(FrozenInstanceError, match="cannot assign to field 'name'"):
                one.name = "x"
            with pytest.raises(FrozenInstanceError, match="cannot delete field 'name'"):
                del one.name
        else:
            one.name = "b"
            assert one == other
            with pytest.raises(TypeError, match="unhashable"):
                hash(one)
    with pytest.raises(TypeError) as ours_says:
        lazy(name="a")
    with pytest.raises(TypeError) as theirs_says:
        full(name="a")
    assert str(ours_says.value) == str(theirs_says.value)


def test_frozen_ones_are_keys() -> None:
    @ours(frozen=True, slots=True)
    class Place:
        row: int
        column: int
        words: str = field(default="", compare=False)

    assert {Place(1, 2): "here"}[Place(1, 2, "other words")] == "here"
    assert Place(1, 2) != Place(2, 1)
    match Place(3, 4):
        case Place(row, column):
            assert (row, column) == (3, 4)


def test_what_a_class_says_itself_stands() -> None:
    @ours(frozen=True, slots=True)
    class Secret:
        _value: bytes = field(repr=False)

        def __repr__(self) -> str:
            return "***"

        def __eq__(self, other: object) -> bool:
            return False

        def __hash__(self) -> int:
            return 7

    assert (repr(Secret(b"x")), Secret(b"x") == Secret(b"x"), hash(Secret(b"x"))) == ("***", False, 7)


def test_it_is_completed_after_it_is_made() -> None:
    @ours(frozen=True, slots=True, kw_only=True)
    class Sum:
        terms: tuple[int, ...]
        total: int = field(init=False)

        def __post_init__(self) -> None:
            object.__setattr__(self, "total", sum(self.terms))

    assert Sum(terms=(1, 2)).total == 3
    assert Sum(terms=(1, 2)) == Sum(terms=(1, 2))


def test_it_inherits() -> None:
    @ours(slots=True)
    class Layer:
        above: str = ""

    @ours(slots=True)
    class Pending(Layer):
        below: list[str] = field(default_factory=list)

    @ours(frozen=True, slots=True, kw_only=True)
    class Box(Generic[T]):
        content: T

    assert Pending("a") == Pending("a", [])
    assert Pending("a") != Layer("a")
    assert Layer("a").above == "a"
    assert Box[int](content=3) == Box(content=3)


@ours(frozen=True, slots=True, kw_only=True)
class Known:
    words: str
    number: int | None = None


def test_its_annotations_can_be_resolved() -> None:
    assert typing.get_type_hints(Known.__init__) == {"words": str, "number": int | None, "return": type(None)}
    assert pickle.loads(pickle.dumps(Known(words="a"))) == Known(words="a")


def test_threads_may_meet_at_the_first_use() -> None:
    for _ in range(50):

        @ours(frozen=True, slots=True, kw_only=True)
        class Fresh:
            a: int
            b: int = 2

        begin, made = threading.Barrier(4), list[Any]()

        def make(fresh: type[Any] = Fresh, begin: threading.Barrier = begin, made: list[Any] = made) -> None:
            begin.wait()
            one = fresh(a=1)
            made.append((one, hash(one)))

        threads = [threading.Thread(target=make) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert made == [(Fresh(a=1), hash(Fresh(a=1)))] * 4


def test_nothing_is_written_before_it_is_used() -> None:
    @ours(frozen=True, slots=True)
    class Unused:
        a: int

    unwritten = {name for name, value in vars(Unused).items() if type(value).__name__ == "_Unwritten"}
    assert unwritten == {"__init__", "__eq__", "__hash__", "__repr__"}
    assert Unused(1) == Unused(1)
    assert {name for name, value in vars(Unused).items() if type(value).__name__ == "_Unwritten"} == {"__hash__", "__repr__"}


def test_nobody_declares_the_dear_ones() -> None:
    package = Path(reconcile.__file__).parent
    dear = re.compile(r"^\s*from dataclasses import .*\bdataclass\b|^\s*@dataclasses\.dataclass", re.MULTILINE)
    found = [str(path.relative_to(package)) for path in sorted(package.rglob("*.py")) if dear.search(path.read_text(encoding="utf-8"))]
    assert found in ([], ["lazy_dataclass.py"]), (
        "take `dataclass` from reconcile.lazy_dataclass: each of the others costs every start 0.5 ms"
    )
