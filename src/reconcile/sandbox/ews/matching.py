"""Restrictions: a tree of conditions on fields, as FindItem and FindFolder send it. An unknown condition is refused, not ignored."""

from __future__ import annotations

from collections.abc import Callable

from reconcile.sandbox.ews.element_order import element_types
from reconcile.sandbox.ews.node import Node
from reconcile.sandbox.ews.response_codes import EwsError
from reconcile.sandbox.ews.times import moment

#: Asks a thing for the texts of a field (t:FieldURI, t:IndexedFieldURI, t:ExtendedFieldURI): none, one, or many.
Reader = Callable[[Node], list[str]]
Condition = Callable[[Reader], bool]
Comparable = float | str
_FIELDS = frozenset(("FieldURI", "IndexedFieldURI", "ExtendedFieldURI"))
_TYPES = {"SystemTime": "time", "Boolean": "bool", "Binary": "binary"}
_NUMBERS = frozenset(("Integer", "Long", "Short", "Double", "Float", "Currency"))


def read_restriction(request: Node) -> Condition | None:
    """The condition of m:Restriction, None where there is none. Raises EwsError."""
    found = request.find("m:Restriction")
    if found is None:
        return None
    if len(found.children) != 1:
        raise EwsError("ErrorInvalidRestriction", "A restriction is one condition.")
    return _condition(found.children[0])


def _condition(node: Node) -> Condition:
    match node.local:
        case "And":
            parts = [_condition(child) for child in node.children]
            return lambda read: all(part(read) for part in parts)
        case "Or":
            parts = [_condition(child) for child in node.children]
            return lambda read: any(part(read) for part in parts)
        case "Not":
            inner = _condition(node.children[0])
            return lambda read: not inner(read)
        case "Exists":
            field = _field(node)
            return lambda read: bool(read(field))
        case "Contains":
            return _contains(node)
        case "Excludes":
            field, mask = _field(node), _mask(node)
            return lambda read: all(not int(float(text)) & mask for text in read(field) if _is_number(text))
        case "IsEqualTo" | "IsNotEqualTo" | "IsGreaterThan" | "IsGreaterThanOrEqualTo" | "IsLessThan" | "IsLessThanOrEqualTo":
            return _comparison(node)
        case _:
            raise EwsError("ErrorUnsupportedPathForQuery", f"{node.local} is no condition this server knows.")


def _comparison(node: Node) -> Condition:
    field = _field(node)
    holder = node.child("t:FieldURIOrConstant")
    constant = holder.find("t:Constant")
    other = next((child for child in holder.children if child.local in _FIELDS), None)
    type_ = _type(field)
    operator = node.local

    def holds(read: Reader) -> bool:
        own = [comparable(text, type_) for text in read(field)]
        against = [comparable(constant.attributes.get("Value", ""), type_)] if constant is not None else []
        if other is not None:
            against = [comparable(text, type_) for text in read(other)]
        if operator == "IsNotEqualTo":
            return not any(_compare("IsEqualTo", one, two) for one in own for two in against)
        return any(_compare(operator, one, two) for one in own for two in against)

    return holds


def _compare(operator: str, one: Comparable, two: Comparable) -> bool:
    if isinstance(one, str) != isinstance(two, str):
        one, two = str(one), str(two)
    match operator:
        case "IsEqualTo":
            return one == two
        case "IsGreaterThan":
            return one > two  # type: ignore[operator]
        case "IsGreaterThanOrEqualTo":
            return one >= two  # type: ignore[operator]
        case "IsLessThan":
            return one < two  # type: ignore[operator]
        case _:
            return one <= two  # type: ignore[operator]


def _contains(node: Node) -> Condition:
    field = _field(node)
    wanted = node.child("t:Constant").attributes.get("Value", "")
    mode = node.attributes.get("ContainmentMode", "FullString")
    exact = node.attributes.get("ContainmentComparison", "IgnoreCase") == "Exact"
    wanted = wanted if exact else wanted.casefold()

    def holds(read: Reader) -> bool:
        for text in read(field):
            shown = text if exact else text.casefold()
            match mode:
                case "FullString" | "ExactPhrase":
                    found = shown == wanted
                case "Prefixed":
                    found = shown.startswith(wanted)
                case "PrefixOnWords":
                    found = any(word.startswith(wanted) for word in shown.split())
                case _:
                    found = wanted in shown
            if found:
                return True
        return False

    return holds


def comparable(text: str, type_: str) -> Comparable:
    """Text brought to what its type compares as: seconds, a number, base64 as it is, or text without regard to case."""
    try:
        if type_ == "time":
            return moment(text).timestamp()
        if type_ in ("int", "float"):
            return float(text)
    except (EwsError, ValueError):
        pass
    if type_ == "bool":
        return {"1": "true", "0": "false"}.get(text.strip(), text.strip().lower())
    return text.strip() if type_ == "binary" else text.casefold()


def field_type(field: Node) -> str:
    """The type a field compares as."""
    return _type(field)


def _type(field: Node) -> str:
    if field.local == "ExtendedFieldURI":
        given = field.attributes.get("PropertyType", "")
        return "int" if given in _NUMBERS else _TYPES.get(given, "text")
    uri = field.attributes.get("FieldURI", "")
    if uri in ("folder:TotalCount", "folder:UnreadCount", "folder:ChildFolderCount"):
        return "int"
    return element_types().get(uri, "text")


def _field(node: Node) -> Node:
    found = next((child for child in node.children if child.local in _FIELDS), None)
    if found is None:
        raise EwsError("ErrorInvalidRestriction", f"{node.local} names no field.")
    return found


def _mask(node: Node) -> int:
    text = node.child("t:Bitmask").attributes.get("Value", "0")
    try:
        return int(text, 0)
    except ValueError:
        raise EwsError("ErrorInvalidExcludesRestriction", f"{text!r} is no bit mask.") from None


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True
