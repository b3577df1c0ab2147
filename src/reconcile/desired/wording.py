"""What a schema error means, in our own words. The value is shown only where it cannot be a secret."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from reconcile.desired.plaintext import SECRET_NAME, looks_secret
from reconcile.desired.suggest import did_you_mean
from reconcile.desired.yaml import Path
from reconcile.desired.yaml_places import dotted
from reconcile.lazy_dataclass import dataclass
from reconcile.model import text
from reconcile.model.duration import DURATION_PATTERN
from reconcile.model.environment import VARIABLE_NAME_PATTERN
from reconcile.model.instant import INSTANT_PATTERN
from reconcile.model.key import SLUG_PATTERN
from reconcile.model.mailbox_list import COLUMN_PATTERN, TABLE_PATH_PATTERN
from reconcile.model.management import FIELD_PATTERN
from reconcile.model.policy_words import PARAMETER_PATTERN, VARIABLE_PATTERN
from reconcile.model.secret import REFERENCE_PATTERN, SecretRef

#: Longer values are cut in messages.
_SHOWN = 60

_TYPES: Mapping[str, str] = {
    "string": "text",
    "integer": "a whole number",
    "number": "a number",
    "boolean": "true or false",
    "object": "a mapping",
    "array": "a list",
    "null": "null",
}

# Pattern: (what is expected, hint).
_PATTERNS: Mapping[str, tuple[str, str]] = {
    SLUG_PATTERN: ("a slug", "use 1 to 63 lower-case letters, digits and dashes, with a letter or digit at both ends"),
    text.ONE_LINE_PATTERN: ("one line without control characters", "remove line breaks, tabs and other control characters"),
    text.SEVERAL_LINES_PATTERN: ("text without control characters", "remove the control characters"),
    text.NO_SPACE_PATTERN: ("text without spaces", "remove spaces and control characters"),
    text.ADDRESS_PATTERN: ("an e-mail address", "write it like sales@contoso.example, without a display name"),
    text.RECIPIENT_PATTERN: ("an address, a domain or *", 'write sales@contoso.example, "@contoso.example" or "*"'),
    text.DOMAIN_PATTERN: ("a domain", "write it like contoso.example"),
    text.HOST_PATTERN: ("a host name, or .name for all below it", "write it like mail.hosting.example or .hosting.example, without *"),
    text.NETWORK_PATTERN: ("a network of addresses", "write it like 10.20.0.0/16 or 2001:db8::/32"),
    text.UUID_PATTERN: ("an id", "write 32 hexadecimal digits as 8-4-4-4-12"),
    text.EXTENSION_PATTERN: ("a file extension", "write it like exe"),
    text.MIME_TYPE_PATTERN: ("a MIME type", "write it like application/zip"),
    text.PATH_PATTERN: ("a relative folder", "write it relative to the root of the estate, with forward slashes"),
    TABLE_PATH_PATTERN: ("the path of a CSV file", "write it relative to the folder of this document; save other tables as CSV"),
    COLUMN_PATTERN: ("what a column gives", "write a field of Mailbox as in `spec`, such as emailAddress, or metadata.labels.NAME"),
    FIELD_PATTERN: ("the path of a field", "write it as in `spec`, such as incoming.port, or with *, such as credentials.*"),
    VARIABLE_PATTERN: ("a variable of rules", "write it like mailbox.incoming or profile.incoming.server"),
    INSTANT_PATTERN: ("a date", "write 2026-03-01T08:00:00+01:00, or 2026-03-01 in the environment's time zone"),
    DURATION_PATTERN: ("a duration", "write numbers with units, such as 5m, 1h30m, 90s or 1500ms"),
}

_NAMES: Mapping[str, str] = {
    VARIABLE_NAME_PATTERN: "the name of a variable is a letter, then letters, digits, _ and -",
    PARAMETER_PATTERN: "the name of a parameter is a small letter, then letters and digits",
    SLUG_PATTERN: "the name of a rule is a slug: lower-case letters, digits and dashes",
    text.ONE_LINE_PATTERN: "the path of a file is one line without control characters",
}

_REFERENCE_HINT = "write env:NAME or file:PATH, the path relative to the secrets directory"


#: What spreadsheets in other languages write for a truth value.
_MEANT: Mapping[str, str] = {
    **dict.fromkeys(("wahr", "vrai", "verdadero", "vero", "waar", "ja", "oui"), "true"),
    **dict.fromkeys(("falsch", "faux", "falso", "onwaar", "nein", "non"), "false"),
}


@dataclass(frozen=True, slots=True)
class Fault:
    """One thing that is wrong with a document."""

    path: Path
    at_key: bool
    rule: str
    message: str
    hint: str


def word(error: Any) -> Iterator[Fault]:
    """The faults in one error of the reference validator (an unknown-fields error may hold several)."""
    path: Path = tuple(error.absolute_path)
    value, expected, schema = error.instance, error.validator_value, error.schema
    name = field_name(path)
    match error.validator:
        case "additionalProperties":
            yield from _unknown(path, value, schema)
        case "required":
            yield from (_missing(path, field) for field in expected if field not in value)
        case "enum" | "const":
            yield _choice(path, value, [expected] if error.validator == "const" else expected)
        case "type":
            yield _type(path, value, [expected] if isinstance(expected, str) else expected, schema)
        case "pattern" if expected == REFERENCE_PATTERN:
            yield reference_fault(path, value)
        case "pattern":
            what, hint = _PATTERNS.get(expected, (f"text like {expected}", ""))
            yield Fault(path, False, "schema/pattern", f"{name} is {show(value, path)}, expected {what}", hint)
        case "maxLength":
            yield Fault(path, False, "schema/length", f"{name} has {len(value)} characters, at most {expected} are allowed", "shorten it")
        case "minLength":
            yield Fault(path, False, "schema/length", f"{name} is empty", "write a value, or remove the line")
        case "maximum":
            yield _range(path, value, schema)
        case "minimum":
            yield _range(path, value, schema)
        case other:
            yield Fault(path, False, "schema/other", f"{name} does not fit the schema ({other})", "compare it with `reconcile schema`")


def reference_fault(path: Path, value: object) -> Fault:
    """What stands where a reference to a secret is expected. The value may be the secret: it is not repeated."""
    name = field_name(path)
    if isinstance(value, str) and value.startswith(("env:", "file:")):
        try:
            SecretRef.parse(value)
            reason = "the reference cannot be read"
        except ValueError as error:
            reason = str(error)
        return Fault(path, False, "secret/reference", f"{name}: {reason}", _REFERENCE_HINT)
    return Fault(
        path,
        False,
        "secret/plaintext",
        f"{name} holds a value where a reference to a secret is expected",
        f"{_REFERENCE_HINT}; if this was a real secret, change it: it is in the history now",
    )


def field_name(path: Path) -> str:
    """`spec.incoming.port` as people call it: incoming.port."""
    shown = path[1:] if len(path) > 1 and path[0] == "spec" else path
    return dotted(shown) or "the document"


def show(value: object, path: Path) -> str:
    """A value for a message, in quotes when it is text; never one that may be secret."""
    if isinstance(value, (dict, list)):
        return "a mapping" if isinstance(value, dict) else "a list"
    if value is None or isinstance(value, bool):
        return {None: "null", True: "true", False: "false"}[value]
    written = str(value)
    named = path[-2:-1] if path[-1:] == ("ref",) else path[-1:]
    if any(SECRET_NAME.search(str(part)) for part in named) or looks_secret(written):
        return "a value that is not shown"
    if isinstance(value, str):
        # repr escapes control characters; quotes as YAML writes them read better.
        inner = repr(written if len(written) <= _SHOWN else written[: _SHOWN - 1] + "…")[1:-1].replace("\\'", "'")
        return f'"{inner}"'
    return written[:_SHOWN]


def _words(pattern: str) -> list[str]:
    """The names that a pattern lists, where it lists them."""
    found = re.fullmatch(r"\^\(([A-Za-z0-9|-]+)\)\$", pattern)
    return found[1].split("|") if found else []


def _unknown(path: Path, value: Mapping[str, object], schema: Mapping[str, Any]) -> Iterator[Fault]:
    known = list(schema.get("properties", {}))
    patterns = list(schema.get("patternProperties", {}))
    for key in value:
        if key in known or any(re.search(pattern, key) for pattern in patterns):
            continue
        where = (*path, key)
        if patterns and not known:
            words = _words(patterns[0])
            usual = "a name is letters, digits, dots, dashes, _ and /, with a letter or digit at both ends"
            hint = did_you_mean(key, words) or f"known: {', '.join(words)}" if words else _NAMES.get(patterns[0], usual)
            yield Fault(where, True, "schema/name", f"{show(key, ())} is not a name that can stand here", hint)
            continue
        group = field_name(path)
        message = f"unknown field {show(key, ())} in {group}" if path else f"unknown field {show(key, ())}"
        missing = [name for name in known if name not in value]
        yield Fault(where, True, "schema/unknown-field", message, did_you_mean(key, missing) or did_you_mean(key, known))


def _missing(path: Path, field: str) -> Fault:
    where = f" in {field_name(path)}" if path else ""
    return Fault(path, True, "schema/missing-field", f"the field {field} is missing{where}", f"add {field}")


def _choice(path: Path, value: object, allowed: list[object]) -> Fault:
    words = [show(option, ()).strip('"') for option in allowed if option is not None]
    message = f"{field_name(path)} is {show(value, path)}, expected " + (f"one of {', '.join(words)}" if len(words) > 1 else words[0])
    hint = did_you_mean(value, [option for option in allowed if isinstance(option, str)]) if isinstance(value, str) else ""
    return Fault(path, False, "schema/value", message, hint if hint.startswith("did") else "write one of these words")


def _type(path: Path, value: object, types: list[str], schema: Mapping[str, Any]) -> Fault:
    if schema.get("pattern") == REFERENCE_PATTERN:
        return reference_fault(path, value)
    wanted = " or ".join(_TYPES.get(name, name) for name in types if name != "null" or len(types) == 1)
    message = f"{field_name(path)} is {show(value, path)}, expected {wanted}"
    hint = f"write {wanted}"
    if "boolean" in types and isinstance(value, str):
        meant = _MEANT.get(value.strip().casefold())
        hint = f"write {meant}" if meant else "write true or false, without quotes (yes, no, on and off are text in YAML 1.2)"
    elif "integer" in types and isinstance(value, str) and value.strip().isdigit():
        hint = f"write {value.strip()[:20]} without quotes"
    elif "string" in types and isinstance(value, (int, float, bool)):
        hint = "put the value in quotes to make it text"
        if schema.get("pattern") == DURATION_PATTERN:
            hint = "a duration needs a unit: 5m, 1h30m, 90s or 1500ms"
    elif value is None:
        hint = "remove the line; null clears only fields that may be empty"
    return Fault(path, False, "schema/type", message, hint)


def _range(path: Path, value: object, schema: Mapping[str, Any]) -> Fault:
    low, high = schema.get("minimum"), schema.get("maximum")
    if low is not None and high is not None:
        allowed = f"from {low} to {high}"
    else:
        allowed = f"at least {low}" if low is not None else f"at most {high}"
    return Fault(path, False, "schema/range", f"{field_name(path)} is {show(value, path)}, expected {allowed}", f"write a number {allowed}")
