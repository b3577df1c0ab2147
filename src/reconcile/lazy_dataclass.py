"""`dataclass` as the standard library's, but cheap to declare: each method is written when it is first used.

A command imports some two hundred dataclasses and makes objects of half of them. The standard library compiles up to six functions for
each as soon as it is declared, 0.5 ms together, which was a third of what a short command took (docs/performance.md). Here a class is
declared in a tenth of that. Frozen objects with slots are also made faster, because their slots are set directly.

Type checkers see the standard library's own. Whatever reads dataclasses (`fields`, `replace`, `asdict`, `match`) works as with those. Not
taken over, because nothing here uses them: InitVar, inheritance of frozen-ness being checked, weakref slots, unsafe hashes.
"""

from __future__ import annotations

import dataclasses
import reprlib
import sys
from collections.abc import Callable
from dataclasses import MISSING, FrozenInstanceError
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from dataclasses import dataclass as dataclass
else:

    def dataclass(cls=None, /, *, frozen=False, slots=False, kw_only=False, order=False, repr=True):  # noqa: A002  as there
        """See `dataclasses.dataclass`."""

        def declare(declared):
            return _declared(declared, frozen=frozen, slots=slots, kw_only=kw_only, order=order, shown=repr)

        return declare if cls is None else declare(cls)


def _declared(cls: type[Any], *, frozen: bool, slots: bool, kw_only: bool, order: bool, shown: bool) -> type[Any]:
    own = cls.__dict__
    # A None beside an __eq__ is Python's own doing.
    has_hash = own.get("__hash__", MISSING) is not MISSING and not (own["__hash__"] is None and "__eq__" in own)
    wanted = ["__init__", "__eq__"]
    if shown:
        wanted.append("__repr__")
    if order:
        wanted += ["__lt__", "__le__", "__gt__", "__ge__"]
    unwritten = [name for name in wanted if name not in own]
    if own.get("__doc__") is None:
        # Otherwise the standard library writes one, from a signature that would have to be made now.
        cls.__doc__ = cls.__name__
    made: type[Any] = dataclasses.dataclass(init=False, repr=False, eq=False, slots=slots, kw_only=kw_only)(cls)
    for name in unwritten:
        setattr(made, name, _Unwritten(made, name, frozen))
    if not has_hash:
        # What can change is no key.
        made.__hash__ = _Unwritten(made, "__hash__", frozen) if frozen else None  # type: ignore[assignment]
    shared = _FROZEN | _COPIED if frozen and slots else _FROZEN if frozen else {}
    for name, function in shared.items():
        setattr(made, name, function)
    return made


class _Unwritten:
    """Stands where a method will be."""

    __slots__ = ("cls", "frozen", "name")

    def __init__(self, cls: type[Any], name: str, frozen: bool) -> None:
        self.cls = cls
        self.name = name
        self.frozen = frozen

    def __get__(self, instance: object, owner: type[Any] | None = None) -> Any:
        # Two threads may come at once: then it is written twice, the same.
        function = _init(self.cls, frozen=self.frozen) if self.name == "__init__" else _WRITERS[self.name](self.cls)
        setattr(self.cls, self.name, function)
        return function.__get__(instance, owner)


def _init(cls: type[Any], *, frozen: bool) -> Callable[..., None]:
    parameters, keywords, body = list[str](), list[str](), list[str]()
    given: dict[str, Any] = {"_absent": MISSING, "_set": object.__setattr__}
    for field in dataclasses.fields(cls):
        name, value, default = field.name, field.name, ""
        if field.default_factory is not MISSING:
            given[f"_default_{name}"] = field.default_factory
            value = f"_default_{name}() if {name} is _absent else {name}" if field.init else f"_default_{name}()"
            default = "=_absent"
        elif field.default is not MISSING:
            given[f"_default_{name}"] = field.default
            value = name if field.init else f"_default_{name}"
            default = f"=_default_{name}"
        elif not field.init:
            continue
        if field.init:
            (keywords if field.kw_only else parameters).append(name + default)
        setter = getattr(getattr(cls, name, None), "__set__", None) if frozen else None
        if setter is not None:
            given[f"_set_{name}"] = setter
            body.append(f"_set_{name}(self, {value})")
        else:
            body.append(f"_set(self, {name!r}, {value})" if frozen else f"self.{name} = {value}")
    if hasattr(cls, "__post_init__"):
        body.append("self.__post_init__()")
    taken = ", ".join(["self", *parameters, *(["*", *keywords] if keywords else [])])
    function = _written(cls, "__init__", taken, body or ["pass"], given)
    function.__annotations__ = {field.name: field.type for field in dataclasses.fields(cls) if field.init} | {"return": None}
    return function


def _written(cls: type[Any], name: str, parameters: str, body: list[str], given: dict[str, Any]) -> Callable[..., Any]:
    lines = "\n  ".join(body)
    source = f"def write({', '.join(given)}):\n def {name}({parameters}):\n  {lines}\n return {name}"
    made: dict[str, Any] = {}
    # Its names are of the class and of nobody else; with the module's globals the annotations can be resolved.
    exec(source, sys.modules[cls.__module__].__dict__ if cls.__module__ in sys.modules else {}, made)
    function: Callable[..., Any] = made["write"](**given)
    function.__qualname__ = f"{cls.__qualname__}.{name}"
    return function


def _values(cls: type[Any], of: str, wanted: Callable[[dataclasses.Field[Any]], bool]) -> str:
    return "(" + "".join(f"{of}.{field.name}," for field in dataclasses.fields(cls) if wanted(field)) + ")"


def _compared(field: dataclasses.Field[Any]) -> bool:
    return field.compare


def _comparison(operator: str, name: str) -> Callable[[type[Any]], Callable[..., Any]]:
    def write(cls: type[Any]) -> Callable[..., Any]:
        ours, theirs = _values(cls, "self", _compared), _values(cls, "other", _compared)
        body = ["if other.__class__ is self.__class__:", f" return {ours} {operator} {theirs}", "return NotImplemented"]
        return _written(cls, name, "self, other", body, {})

    return write


def _hash(cls: type[Any]) -> Callable[..., Any]:
    values = _values(cls, "self", lambda field: field.compare if field.hash is None else field.hash)
    return _written(cls, "__hash__", "self", [f"return hash({values})"], {})


def _repr(cls: type[Any]) -> Callable[..., Any]:
    shown = ", ".join(f"{field.name}={{self.{field.name}!r}}" for field in dataclasses.fields(cls) if field.repr)
    return reprlib.recursive_repr()(_written(cls, "__repr__", "self", [f'return self.__class__.__qualname__ + f"({shown})"'], {}))


_WRITERS = {
    "__eq__": _comparison("==", "__eq__"),
    "__lt__": _comparison("<", "__lt__"),
    "__le__": _comparison("<=", "__le__"),
    "__gt__": _comparison(">", "__gt__"),
    "__ge__": _comparison(">=", "__ge__"),
    "__hash__": _hash,
    "__repr__": _repr,
}


def _no_setting(_: object, name: str, __: object) -> None:
    raise FrozenInstanceError(f"cannot assign to field {name!r}")


def _no_deleting(_: object, name: str) -> None:
    raise FrozenInstanceError(f"cannot delete field {name!r}")


def _state(self: Any) -> list[object]:
    """For copies: an object with slots has no __dict__, and a frozen one cannot be set."""
    return [getattr(self, field.name) for field in dataclasses.fields(self)]


def _set_state(self: Any, state: list[object]) -> None:
    for field, value in zip(dataclasses.fields(self), state, strict=True):
        object.__setattr__(self, field.name, value)


_FROZEN: dict[str, Callable[..., Any]] = {"__setattr__": _no_setting, "__delattr__": _no_deleting}
_COPIED: dict[str, Callable[..., Any]] = {"__getstate__": _state, "__setstate__": _set_state}
