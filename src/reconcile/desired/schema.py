"""JSON Schema (2020-12) of the declared kinds, generated from their models.

Two readings. With variables (the files in `schemas/`, what editors see) a leaf may also be `${name}`, or hold one inside
text. Without variables it describes documents whose variables were put in; errors are then simpler, because no leaf has
alternatives. Leaves are kept flat where that is possible (a list of types instead of `anyOf`) for the same reason.

Python reads `$` as "end, or before a last line break"; other engines as the end. The models decide that case.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from datetime import timedelta
from functools import lru_cache
from typing import Any, Final

from reconcile.model import duration, policy_kinds
from reconcile.model.document import ManagementSettings, Metadata, SecretValue, Strict
from reconcile.model.environment import VARIABLE_PATTERN
from reconcile.model.fields import core, members, nullable
from reconcile.model.key import API_VERSION, KINDS
from reconcile.model.kinds import IDENTITY, MODELS

DIALECT: Final = "https://json-schema.org/draft/2020-12/schema"
_INSIDE_TEXT: Final = VARIABLE_PATTERN.removeprefix("^").removesuffix("$")

Node = dict[str, Any]

#: Kinds that have a schema: those of resources, and those that say what holds for them.
SCHEMA_KINDS: Final = (*KINDS, *policy_kinds.READABLE)


def json_schema(*, variables: bool = True) -> Node:
    """One schema for a document of any kind; `kind` selects which fields it has."""
    definitions: Node = {}
    for kind in SCHEMA_KINDS:
        one = _kind(kind, variables)
        definitions.update(one.pop("$defs"))
        definitions[kind] = one
    return {
        "$schema": DIALECT,
        "title": "reconcile",
        "description": f"A document of the desired state ({API_VERSION}).",
        "type": "object",
        "properties": {
            "apiVersion": {"const": API_VERSION, "description": "Version of the format."},
            "kind": {"enum": list(SCHEMA_KINDS), "description": "What the document declares."},
        },
        "required": ["apiVersion", "kind"],
        "allOf": [
            {"if": {"properties": {"kind": {"const": kind}}, "required": ["kind"]}, "then": {"$ref": f"#/$defs/{kind}"}}
            for kind in SCHEMA_KINDS
        ],
        "$defs": dict(sorted(definitions.items())),
    }


def json_schema_for(kind: str, *, variables: bool = True) -> Node:
    """The schema of one kind. Raises KeyError for an unknown one."""
    return {"$schema": DIALECT, **_kind(kind, variables)}


def render(kind: str | None) -> str:
    """The text of `schemas/<kind>.schema.json` in lower case, or of `schemas/reconcile.schema.json`; ends with a line break."""
    return json.dumps(json_schema() if kind is None else json_schema_for(kind), indent=2, ensure_ascii=False) + "\n"


def file_names() -> Mapping[str, str | None]:
    """The files of `schemas/` and the argument `render` takes for each."""
    return {"reconcile.schema.json": None, **{f"{kind.lower()}.schema.json": kind for kind in SCHEMA_KINDS}}


def _kind(kind: str, variables: bool) -> Node:
    of_policy = kind in policy_kinds.READABLE
    model: type[Strict] = policy_kinds.model(kind) if of_policy else MODELS[kind]
    definitions: Node = {}
    spec = core(model.model_fields["spec"].annotation)
    # An Environment defines the variables, so it cannot use them.
    insert = variables and kind != "Environment" and kind not in policy_kinds.WITHOUT_VARIABLES
    node: Node = {
        "title": kind,
        "description": (model.__doc__ or "").strip(),
        "type": "object",
        "properties": {
            "apiVersion": {"const": API_VERSION, "description": "Version of the format.", "examples": [API_VERSION]},
            "kind": {"const": kind, "description": "What the document declares."},
            "metadata": _group(Metadata, definitions, variables=False),
            "management": _group(ManagementSettings, definitions, variables=False),
            "spec": _group(spec, definitions, variables=insert),
        },
        "required": ["apiVersion", "kind", "metadata", "spec"],
        "additionalProperties": False,
    }
    if of_policy:
        del node["properties"]["management"], definitions[ManagementSettings.__name__]
    elif managed := _required_of_managed(spec, kind):
        of_others = {"properties": {"management": {"properties": {"lifecycle": {"const": "external"}}, "required": ["lifecycle"]}}}
        node["if"] = {**of_others, "required": ["management"]}
        node["else"] = {"properties": {"spec": {"required": managed}}}
        definitions[spec.__name__]["required"] = [name for name in definitions[spec.__name__]["required"] if name not in managed]
    node["$defs"] = dict(sorted(definitions.items()))
    return node


def _required_of_managed(spec: type[Strict], kind: str) -> list[str]:
    """What only our own resources must say: somebody else's need no more than their identity."""
    names = [str(field.alias) for field in spec.model_fields.values() if field.is_required()]
    return [name for name in names if name != IDENTITY.get(kind)]


def _group(model: type[Strict], definitions: Node, *, variables: bool) -> Node:
    """A reference to the definition of a group, which is made on the way."""
    # The same group reads differently in an Environment, where variables have no place.
    if model.__name__ not in definitions:
        definitions[model.__name__] = _definition(model, definitions, variables=variables)
    return {"$ref": f"#/$defs/{model.__name__}"}


def _definition(model: type[Strict], definitions: Node, *, variables: bool) -> Node:
    raw = _raw(model)["properties"]
    properties: Node = {}
    for field in model.model_fields.values():
        name = str(field.alias)
        inner = core(field.annotation)
        if inner is SecretValue:
            node = _secret(definitions, variables=variables, null=nullable(field.annotation))
        elif isinstance(inner, type) and issubclass(inner, Strict):
            node = _group(inner, definitions, variables=variables)
        elif (found := members(inner)) is not None:
            node = _many(*found, raw[name], definitions, variables=variables)
        else:
            node = _leaf(raw[name], variables=variables)
            if not field.is_required() and field.default is not None:
                node["default"] = _default(field.default)
        node["description"] = field.description
        if field.examples:
            node["examples"] = list(field.examples)
        properties[name] = node
    required = [str(field.alias) for field in model.model_fields.values() if field.is_required()]
    definition: Node = {"description": (model.__doc__ or "").strip(), "type": "object", "properties": properties}
    if required:
        definition["required"] = required
    return {**definition, "additionalProperties": False}


def _many(many: str, of: type[Strict], raw: Mapping[str, Any], definitions: Node, *, variables: bool) -> Node:
    """A list of groups, or a map of names to groups."""
    group = _group(of, definitions, variables=variables)
    if many == "list":
        return {"type": "array", "items": group}
    return {"type": "object", "patternProperties": dict.fromkeys(raw["patternProperties"], group), "additionalProperties": False}


@lru_cache(maxsize=64)
def _raw(model: type[Strict]) -> Node:
    return model.model_json_schema(by_alias=True)


def _secret(definitions: Node, *, variables: bool, null: bool) -> Node:
    """Text with a reference, or a mapping with generation and expiry: flat, because each keyword speaks of one type only."""
    mapping = _definition(SecretValue, definitions, variables=variables)
    text = _leaf(_raw(SecretValue)["properties"]["ref"], variables=variables)
    return {
        "type": ["string", "object", *(["null"] if null else [])],
        "pattern": text["pattern"],
        "properties": mapping["properties"],
        "required": mapping["required"],
        "additionalProperties": False,
        # Whoever reports an error at this place must not repeat what stands there: it may be a secret.
        "writeOnly": True,
    }


def _leaf(raw: Mapping[str, Any], *, variables: bool) -> Node:
    """pydantic's schema of a leaf, without titles, nullable in the short form, and open to variables where asked."""
    node = {name: value for name, value in raw.items() if name not in ("title", "default", "examples", "description", "x-default")}
    null = False
    if (options := node.pop("anyOf", None)) is not None:
        kept = [option for option in options if option.get("type") != "null"]
        null = len(kept) < len(options)
        if len(kept) > 1:
            # Each keyword speaks of one type only.
            node.update({name: value for option in kept for name, value in option.items()})
            node["type"] = [option["type"] for option in kept]
        else:
            node.update({name: value for name, value in kept[0].items() if name != "title"})
    if "enum" in node or "const" in node:
        return _enumeration(node, variables=variables, null=null)
    match node.get("type"):
        case "array":
            node["items"] = _leaf(node["items"], variables=variables)
        case "object":
            node.pop("propertyNames", None)
            if patterns := node.pop("patternProperties", None):
                node["patternProperties"] = {pattern: _leaf(value, variables=variables) for pattern, value in patterns.items()}
                node["additionalProperties"] = False
        case "string" if variables:
            node = _text(node)
        case "boolean" | "integer" as word if variables:
            node["type"] = [word, "string"]
            node["pattern"] = VARIABLE_PATTERN
        case _:
            pass
    if null:
        present = node["type"]
        node["type"] = [*(present if isinstance(present, list) else [present]), "null"]
    return node


def _enumeration(node: Node, *, variables: bool, null: bool) -> Node:
    values = [*node.get("enum", [node.get("const")]), *([None] if null else [])]
    if not variables:
        return {"enum": values}
    return {"anyOf": [{"enum": values}, {"type": "string", "pattern": VARIABLE_PATTERN}]}


def _text(node: Node) -> Node:
    """A pattern that does not let variables through anyway also accepts text with one inside; secrets only as a whole."""
    pattern = node.get("pattern")
    if pattern is None or re.search(pattern, "${name}"):
        return node
    variable = VARIABLE_PATTERN if pattern.startswith("^(env:") else _INSIDE_TEXT
    return {**node, "pattern": f"{pattern}|{variable}"}


def _default(value: object) -> object:
    if isinstance(value, tuple):
        return list(value)
    return duration.text(value) if isinstance(value, timedelta) else value
