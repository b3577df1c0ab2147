"""What a target shows, written as a document would hold it: a domain in lower case, a list sorted, an id in lower case.

A value that no document could hold stays as it is: it is shown, and differs from whatever is declared.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from typing import Annotated, Any, get_args, get_origin

from pydantic import AfterValidator, TypeAdapter, ValidationError

from reconcile.model.canonical import Leaf, Spec
from reconcile.model.document import Spec as SpecModel
from reconcile.model.document import Strict
from reconcile.model.email_server_profile import EmailServerProfileSpec
from reconcile.model.fields import core
from reconcile.model.mailbox import MailboxSpec
from reconcile.model.organization import OrganizationSpec

_SPECS: Mapping[str, type[SpecModel]] = {
    "EmailServerProfile": EmailServerProfileSpec,
    "Mailbox": MailboxSpec,
    "Organization": OrganizationSpec,
}


def normal(kind: str, spec: Spec) -> dict[str, Leaf]:
    """The same spec in canonical form."""
    changed = dict(spec)
    for path, adapter in _adapters(kind).items():
        leaf = spec.get(path)
        if leaf is not None:
            try:
                changed[path] = adapter.validate_python(leaf)
            except ValidationError:
                continue
    return changed


@lru_cache(maxsize=8)
def _adapters(kind: str) -> Mapping[str, TypeAdapter[Any]]:
    """Only fields whose text is rewritten when a document is read."""
    found: dict[str, TypeAdapter[Any]] = {}
    _walk(_SPECS[kind], "", found)
    return found


def _walk(model: type[Strict], prefix: str, found: dict[str, TypeAdapter[Any]]) -> None:
    for field in model.model_fields.values():
        inner = core(field.annotation)
        path = f"{prefix}{field.alias}"
        if isinstance(inner, type) and issubclass(inner, Strict):
            _walk(inner, f"{path}.", found)
        elif inner is str or get_origin(inner) is tuple:
            whole: Any = field.annotation
            for item in field.metadata:  # of a required field; those of an optional one stand inside its annotation
                whole = Annotated[whole, item]
            if _rewrites(whole):
                found[path] = TypeAdapter(whole)


def _rewrites(annotation: Any) -> bool:
    return isinstance(annotation, AfterValidator) or any(map(_rewrites, _parts(annotation)))


def _parts(annotation: Any) -> tuple[Any, ...]:
    return (*get_args(annotation), *getattr(annotation, "metadata", ()))
