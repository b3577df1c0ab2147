"""Every field of a kind as data: for the documentation, `explain`, and defaults."""

from __future__ import annotations

from datetime import datetime, timedelta
from functools import lru_cache
from types import NoneType, UnionType
from typing import Annotated, Any, Literal, Union, get_args, get_origin

from pydantic_core import PydanticUndefined

from reconcile.lazy_dataclass import dataclass
from reconcile.model import duration
from reconcile.model.columns import by_path
from reconcile.model.document import SecretValue, Spec, Strict
from reconcile.model.key import POLICY_KINDS
from reconcile.model.secret import SecretRef


@dataclass(frozen=True, slots=True, kw_only=True)
class FieldInfo:
    """`type` is a word for people; `default` the words for what an omitted field becomes on create; `value` that default as the
    model holds it, None where there is none or it is derived; `column` the product's column, `role` how it is treated on a
    target of the product (our own engine compares watermarks like desired fields)."""

    path: str
    type: str
    description: str
    default: str
    value: object
    required: bool
    nullable: bool
    column: str
    role: str


def core(annotation: Any) -> Any:
    """The type itself: without Annotated, and without None."""
    origin = get_origin(annotation)
    if origin is Annotated:
        return core(get_args(annotation)[0])
    if origin in (Union, UnionType):
        inner = [argument for argument in get_args(annotation) if argument is not NoneType]
        return core(inner[0]) if len(inner) == 1 else annotation
    return annotation


def nullable(annotation: Any) -> bool:
    """Whether null clears the field."""
    return get_origin(annotation) in (Union, UnionType) and NoneType in get_args(annotation)


def members(inner: Any) -> tuple[Literal["list", "map"], type[Strict]] | None:
    """Whether a type is a list or map of groups, and of which; `inner` as `core` gives it."""
    origin, arguments = get_origin(inner), get_args(inner)
    if origin not in (tuple, dict):
        return None
    of = core(arguments[0] if origin is tuple else arguments[1])
    many: Literal["list", "map"] = "list" if origin is tuple else "map"
    return (many, of) if isinstance(of, type) and issubclass(of, Strict) else None


@lru_cache(maxsize=16)
def fields(kind: str, model: type[Spec]) -> tuple[FieldInfo, ...]:
    """Every field in the order of the model."""
    return tuple(_walk(kind, model, ""))


def _walk(kind: str, model: type[Strict], prefix: str) -> list[FieldInfo]:
    rows: list[FieldInfo] = []
    for field in model.model_fields.values():
        path = f"{prefix}{field.alias}"
        inner = core(field.annotation)
        if isinstance(inner, type) and issubclass(inner, Strict) and inner is not SecretValue:
            rows += _walk(kind, inner, f"{path}.")
            continue
        if (found := members(inner)) is not None:
            many, group = found
            rows.append(_row(kind, field, path))
            rows += _walk(kind, group, f"{path}[]." if many == "list" else f"{path}.NAME.")
            continue
        rows.append(_row(kind, field, path))
    return rows


def _row(kind: str, field: Any, path: str) -> FieldInfo:
    column, role = _column(kind, path)
    extra = field.json_schema_extra if isinstance(field.json_schema_extra, dict) else {}
    value = None if field.default is PydanticUndefined or isinstance(field.default, dict) else field.default
    return FieldInfo(
        path=path,
        type=_word(core(field.annotation)),
        description=field.description or "",
        default=str(extra.get("x-default") or _words(value)),
        value=value,
        required=field.is_required(),
        nullable=nullable(field.annotation),
        column=column,
        role=role,
    )


def _column(kind: str, path: str) -> tuple[str, str]:
    column = None if kind in POLICY_KINDS else by_path(kind).get(path)
    return ("", "desired") if column is None else (column.name, str(column.role))


def _words(value: object) -> str:
    if value is None or isinstance(value, (dict, tuple)):
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    return duration.text(value) if isinstance(value, timedelta) else str(value)


_WORDS: dict[object, str] = {
    bool: "boolean",
    int: "integer",
    str: "text",
    datetime: "instant",
    timedelta: "duration",
    SecretRef: "reference",
    SecretValue: "secret",
}


def _word(inner: Any) -> str:
    origin = get_origin(inner)
    if origin is Literal:
        return ", ".join(f"`{value}`" for value in get_args(inner))
    if origin is tuple:
        return "list"
    if origin is dict:
        return "map"
    if origin in (Union, UnionType):
        *first, last = [_word(core(option)) for option in get_args(inner) if option is not NoneType]
        return f"{', '.join(first)} or {last}"
    return _WORDS[inner]
