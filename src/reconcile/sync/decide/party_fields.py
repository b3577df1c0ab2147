"""One row of an import of parties, whatever it was written in: its fields checked, its addresses in the form in which they are compared."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Final

from reconcile.model.mail_address import comparable, has_control_characters
from reconcile.model.party import PartyRef, PartyRow, PartyType

#: Field by its name without case, hyphens and underscores. A name that begins with "email" is one of several address columns.
FIELDS: Final[Mapping[str, str]] = {
    name.lower(): name for name in ("type", "id", "name", "addresses", "active", "owner", "writesEmail", "filter", "removed")
}
FILTERS: Final = ("all", "replies", "known-senders", "email-enabled", "none")
#: Names of the product's tables.
_TABLES: Final = {"systemuser": "user", "businessunit": "business-unit"}
#: Also as Excel writes them in German and French.
_TRUTH: Final = {
    **dict.fromkeys(("true", "yes", "1", "wahr", "vrai"), True),
    **dict.fromkeys(("false", "no", "0", "falsch", "faux"), False),
}
_MOST_ADDRESSES: Final = 100
_LONGEST: Final = {"id": 200, "name": 1000, "owner": 200}
_ADDRESS: Final = re.compile(r"[^\s@<>,;]+@[^\s@<>,;]+")


class FieldError(ValueError):
    """What is wrong with the value of `field` (a key of `row_of`'s mapping)."""

    def __init__(self, field: str, message: str) -> None:
        super().__init__(message)
        self.field = field
        self.message = message


def field_of(name: str) -> str | None:
    """Which field a column or a name stands for; "email…" for columns of addresses, None for what is none."""
    plain = name.strip().lower().replace("_", "").replace("-", "").replace(" ", "")
    return "email" + plain.removeprefix("email") if plain.startswith("email") else FIELDS.get(plain)


def row_of(values: Mapping[str, object]) -> tuple[PartyRow, bool]:
    """The row, and whether it is marked as removed. `values` are text, truth values, None or (addresses) lists by `field_of`. Raises
    FieldError."""
    type_ = _type(_text(values, "type"))
    id_ = _text(values, "id")
    if not id_:
        raise FieldError("id", "a row needs an id: its key in the CRM")
    ref = PartyRef(type=type_, id=id_, name=_text(values, "name"))
    if _truth(values, "removed", default=False):
        return PartyRow(ref=ref, addresses=()), True
    filter_ = _text(values, "filter").lower()
    if filter_ and filter_ not in FILTERS:
        raise FieldError("filter", f"{filter_!r} is no filter: {', '.join(FILTERS)}, or nothing")
    if filter_ and type_ not in (PartyType.USER, PartyType.QUEUE):
        raise FieldError("filter", f"only users and queues have a filter, a {type_} has none")
    row = PartyRow(
        ref=ref,
        addresses=_addresses(values),
        active=_truth(values, "active", default=True),
        owner=_text(values, "owner"),
        writes_email=_truth(values, "writesEmail", default=True),
        filter=filter_,
    )
    return row, False


def _type(text: str) -> PartyType:
    word = text.lower().replace("_", "-").replace(" ", "-")
    try:
        return PartyType(_TABLES.get(word, word))
    except ValueError:
        known = ", ".join(PartyType)
        raise FieldError("type", f"{text[:60]!r} is no type: {known}" if text else f"a row needs a type: {known}") from None


def _text(values: Mapping[str, object], field: str) -> str:
    value = values.get(field)
    if value is None:
        return ""
    if not isinstance(value, str):
        raise FieldError(field, f"{field} is text, not {_kind(value)}")
    text = value.strip()
    if len(text) > _LONGEST.get(field, 100):
        raise FieldError(field, f"{field} has {len(text)} characters, at most {_LONGEST.get(field, 100)} fit")
    if _steers(text):
        raise FieldError(field, f"{field} contains a control character")
    return text


def _steers(text: str) -> bool:
    # Printable is what nearly all text is, and found out in one step.
    return not text.isprintable() and (has_control_characters(text) or any("\ud800" <= character <= "\udfff" for character in text))


def _truth(values: Mapping[str, object], field: str, *, default: bool) -> bool:
    value = values.get(field)
    if isinstance(value, bool):
        return value
    if value is None or value == "":
        return default
    found = _TRUTH.get(value.strip().lower()) if isinstance(value, str) else None
    if found is None:
        raise FieldError(field, f"{field} is true or false, not {str(value)[:60]!r}")
    return found


def _addresses(values: Mapping[str, object]) -> tuple[str, ...]:
    found: dict[str, None] = {}
    for field, value in values.items():
        if field != "addresses" and not field.startswith("email"):
            continue
        for text in _split(field, value):
            if len(text) > 320 or not _ADDRESS.fullmatch(text) or _steers(text):
                raise FieldError(field, f"{text[:80]!r} is no mail address (expected local@domain)")
            found[comparable(text)] = None
    if len(found) > _MOST_ADDRESSES:
        raise FieldError("addresses", f"{len(found)} addresses; a row has at most {_MOST_ADDRESSES}")
    return tuple(found)


def _split(field: str, value: object) -> Sequence[str]:
    if value is None:
        return ()
    if isinstance(value, str):
        return re.split(r"[\s,;]+", text) if (text := value.strip(" \t\r\n,;")) else ()
    if isinstance(value, list) and all(isinstance(each, str) for each in value):
        return value
    raise FieldError(field, f"{field} is text or a list of texts, not {_kind(value)}")


def _kind(value: object) -> str:
    words = {dict: "an object", list: "a list", bool: "a truth value", int: "a number", float: "a number"}
    return words.get(type(value), "that")
