"""The kinds of documents that say what holds for the others: rules, their settings, waivers, providers. Pure.

They become no rows of a target, so nobody compares their fields; a decoded document stays as it is.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from functools import lru_cache
from importlib import import_module
from types import MappingProxyType, ModuleType
from typing import Final, cast

from pydantic import ValidationError
from pydantic_core import InitErrorDetails, PydanticCustomError

from reconcile.model import fields as listing
from reconcile.model.document import PolicyDocument, Spec
from reconcile.model.fields import FieldInfo
from reconcile.model.problem import Problem

_MODULES: Final[Mapping[str, str]] = MappingProxyType(
    {"PolicyRule": "policy_rule", "PolicySettings": "policy_settings", "Waiver": "waiver", "MailProvider": "mail_provider"}
)

#: Those that documents can have today.
READABLE: Final[tuple[str, ...]] = tuple(_MODULES)

#: Kinds in which ${name} is text like any other: a rule holds for all environments, and its examples have variables of their own.
WITHOUT_VARIABLES: Final[frozenset[str]] = frozenset({"PolicyRule"})


def model(kind: str) -> type[PolicyDocument]:
    """Made when it is first asked for: most estates have none of them. Raises KeyError for an unknown kind."""
    found: type[PolicyDocument] = getattr(_module(kind), kind)
    return found


@lru_cache(maxsize=8)
def _module(kind: str) -> ModuleType:
    return import_module(f"reconcile.model.{_MODULES[kind]}")


def decode(kind: str, document: Mapping[str, object], *, time_zone: str) -> PolicyDocument:
    """A document with variables already put in. Local dates take `time_zone`.

    Raises pydantic's ValidationError; each error's `loc` is the path inside the document. Raises KeyError for an unknown kind.
    """
    decoded = model(kind).model_validate(document, context={"time_zone": time_zone})
    found: Iterator[Problem] = _module(kind).problems(decoded.spec)
    problems = [*found]
    if problems:
        raise ValidationError.from_exception_data(kind, [_line_error(problem) for problem in problems], hide_input=True)
    return decoded


def _line_error(problem: Problem) -> InitErrorDetails:
    error = PydanticCustomError("combination", "{problem}", {"problem": problem.message})
    path = (int(part) if part.isdigit() else part for part in problem.path.split("."))
    return InitErrorDetails(type=error, loc=("spec", *path), input=None)


def fields(kind: str) -> Sequence[FieldInfo]:
    """Every field in the order of the model, also those of groups in lists (`sources[].title`) and maps (`rules.NAME.severity`)."""
    return listing.fields(kind, cast("type[Spec]", model(kind).model_fields["spec"].annotation))
