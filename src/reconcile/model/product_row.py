"""One row of a product table, as its Web API or an export writes it, to the spec we compare.

A lookup is its id: as `emailserverprofile`, as `_emailserverprofile_value`, or as an object that has it (an expanded row, or an
entity reference as PowerShell writes it). Annotations (`…@OData.Community.Display.V1.FormattedValue`) are labels and never read.
Sources: Dataverse Web API ("Retrieve a table row", lookup properties), Dataverse table reference (Mailbox, Email Server Profile,
Organization), 2023 to 2025.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import field
from functools import lru_cache
from typing import Final, cast
from xml.etree import ElementTree

from reconcile.lazy_dataclass import dataclass
from reconcile.model.canonical import Leaf
from reconcile.model.column_values import Cell, Plain
from reconcile.model.columns import COLUMNS, Column, FieldRole, from_columns
from reconcile.model.normal import normal

#: Kind → table and key column.
TABLES: Final[Mapping[str, tuple[str, str]]] = {
    "EmailServerProfile": ("emailserverprofile", "emailserverprofileid"),
    "Mailbox": ("mailbox", "mailboxid"),
    "Organization": ("organization", "organizationid"),
}

#: The profile that the platform makes. Which columns tell it apart is documented nowhere; name and authentication do (ADR 0016).
_PLATFORM_PROFILE: Final = "microsoft exchange online"

_UUID: Final = re.compile(r"\{?([0-9A-Fa-f]{8}(?:-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12})\}?")
_LOOKUP: Final = re.compile(r"_(.+)_value")
_BAGS: Final = ("orgdborgsettings", "defaultemailsettings")
#: `regardingobjecttypecode` is the table's name in the Web API, its number in older exports.
_OWNERS: Final[Mapping[object, str]] = {"systemuser": "user", "queue": "queue", 8: "user", 2020: "queue", "8": "user", "2020": "queue"}


@dataclass(frozen=True, slots=True, kw_only=True)
class ProductRow:
    """`spec` without what is not set. `attributes` are ids: businessUnit, group. `columns` are those that the row had, `secrets` those
    that held a secret in the clear."""

    external_id: str
    spec: Mapping[str, Leaf]
    attributes: Mapping[str, str] = field(default_factory=dict)
    built_in: bool = False
    columns: frozenset[str] = frozenset()
    secrets: tuple[str, ...] = ()


def external_id(kind: str, row: Mapping[str, object]) -> str | None:
    """The row's key, in lower case; None where it has none that could be one."""
    value = row.get(TABLES[kind][1])
    found = _UUID.fullmatch(value) if isinstance(value, str) else None
    return found[1].lower() if found else None


def read_row(kind: str, row: Mapping[str, object]) -> ProductRow:
    """What the row shows.

    Raises ValueError, naming the column, for what the table of columns does not know.
    """
    key = external_id(kind, row)
    if key is None:
        raise ValueError(f"column {TABLES[kind][1]}: no id")
    cells = _cells(kind, row)
    spec: dict[str, Leaf] = {path: leaf for path, leaf in from_columns(kind, cells).items() if leaf is not None}
    if kind == "Mailbox" and (owner := _type(row)) is not None:
        spec["type"] = owner
    spec = normal(kind, spec)
    return ProductRow(
        external_id=key,
        spec=spec,
        attributes=_attributes(row) if kind == "Mailbox" else {},
        built_in=kind == "EmailServerProfile" and _is_platform_made(spec),
        columns=frozenset(cells) | ({"type"} if "type" in spec else frozenset()),
        secrets=tuple(name for name in _secrets(kind) if row.get(name) not in (None, "")),
    )


def lookup(row: Mapping[str, object], column: str) -> str | None:
    """The id in a lookup column, whichever way it is written; other text as it is."""
    value = row.get(column, row.get(f"_{column}_value"))
    return _reference(column, value) if value is not None else None


def _cells(kind: str, row: Mapping[str, object]) -> dict[str, Cell]:
    known, bags = _known(kind)
    cells: dict[str, Cell] = {}
    for name, value in row.items():
        column = known.get(name)
        if column is None and name.startswith("_") and (found := _LOOKUP.fullmatch(name)) is not None:
            name = found[1]
            column = known.get(name)
        if column is not None:
            cells[name] = _cell(column, value)
        elif name in bags and value not in (None, ""):
            cells.update(_bag(name, value, known))
    return cells


@lru_cache(maxsize=8)
def _known(kind: str) -> tuple[Mapping[str, Column], tuple[str, ...]]:
    columns = {column.name: column for column in COLUMNS[kind] if column.role is FieldRole.DESIRED}
    return columns, _BAGS if kind == "Organization" else ()


@lru_cache(maxsize=8)
def _secrets(kind: str) -> tuple[str, ...]:
    return tuple(column.name for column in COLUMNS[kind] if column.role is FieldRole.SECRET)


def _cell(column: Column, value: object) -> Cell:
    if isinstance(value, str):
        if not value and isinstance(column.values, Plain):
            return None
        if not value.isascii():
            try:
                value.encode("utf-8")
            except UnicodeEncodeError as error:
                raise ValueError(f"column {column.name}: half of a surrogate pair is no text") from error
        elif len(value) in (36, 38) and (found := _UUID.fullmatch(value)) is not None:
            return found[1].lower()
        return value
    if value is None or isinstance(value, (bool, int)):
        return value
    if isinstance(value, dict):
        if isinstance(column.values, Plain):
            return _reference(column.name, value)
        number = value.get("Value", value.get("value"))
        if type(number) is int:
            return number
    raise ValueError(f"column {column.name}: expected text, a number or true or false, not {type(value).__name__}")


def _reference(column: str, value: object) -> str:
    if isinstance(value, dict):
        by_key = {str(name).lower(): item for name, item in value.items()}
        candidates = [by_key.get(name) for name in ("id", f"{column}id", column)]
        candidates += [item for name, item in by_key.items() if name.endswith("id")]
        value = next((item for item in candidates if isinstance(item, str) and item), None)
    if not isinstance(value, str):
        raise ValueError(f"column {column}: no id in this lookup")
    found = _UUID.fullmatch(value)
    return found[1].lower() if found else value


def _bag(name: str, value: object, known: Mapping[str, Column]) -> dict[str, Cell]:
    """Elements of an XML column: `orgdborgsettings/NAME`."""
    if not isinstance(value, str) or "<!" in value:  # no document type, so no entities that grow
        raise ValueError(f"column {name}: no XML of settings")
    try:
        root = ElementTree.fromstring(value)
    except ElementTree.ParseError as error:
        raise ValueError(f"column {name}: {error}") from error
    cells: dict[str, Cell] = {}
    for element in root:
        column = known.get(f"{name}/{element.tag}")
        if column is not None:
            cells[column.name] = _typed(column, (element.text or "").strip())
    return cells


def _typed(column: Column, text: str) -> Cell:
    """XML knows text only."""
    if isinstance(column.values, Plain) and column.values.kind is bool:
        answer = {"true": True, "1": True, "false": False, "0": False}.get(text.lower())
        if answer is None and text:
            raise ValueError(f"column {column.name}: expected true or false")
        return answer
    if isinstance(column.values, Plain) and column.values.kind is str:
        return text or None
    if not text:
        return None
    try:
        return int(text)
    except ValueError as error:
        raise ValueError(f"column {column.name}: expected a number") from error


def _type(row: Mapping[str, object]) -> str | None:
    """Whom a mailbox belongs to; None where the row does not say."""
    if row.get("isforwardmailbox") is True:
        return "forward"
    owner = row.get("regardingobjecttypecode", row.get("_regardingobjectid_value@Microsoft.Dynamics.CRM.lookuplogicalname"))
    regarding = row.get("regardingobjectid")
    if owner is None and isinstance(regarding, dict):
        owner = regarding.get("LogicalName")
    return _OWNERS.get(owner) if isinstance(owner, (str, int)) else None


def _attributes(row: Mapping[str, object]) -> dict[str, str]:
    found: dict[str, str] = {}
    for attribute, column in (("businessUnit", "owningbusinessunit"), ("group", "owningteam")):
        identity = lookup(row, column)
        if identity is not None:
            found[attribute] = identity
    return found


def _is_platform_made(spec: Mapping[str, Leaf]) -> bool:
    name = cast("str", spec.get("displayName") or "")
    both = ("incoming.credentials", "outgoing.credentials")
    return name.casefold() == _PLATFORM_PROFILE and all(spec.get(path, "server-to-server") == "server-to-server" for path in both)
