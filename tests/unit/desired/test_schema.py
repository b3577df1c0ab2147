"""The published schemas: those of the models, sound, and useful to an editor."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jsonschema
import jsonschema_rs
import pytest

from reconcile.desired import schema

FOLDER = Path(__file__).parents[3] / "schemas"
VARIABLE = "${name}"


@pytest.mark.parametrize("name", schema.file_names())
def test_files_are_those_of_the_models(name: str) -> None:
    """`REFRESH=1 pytest tests/unit/desired/test_schema.py` writes them."""
    expected = schema.render(schema.file_names()[name])
    if os.environ.get("REFRESH") == "1":
        (FOLDER / name).write_text(expected, encoding="utf-8")
    assert (FOLDER / name).read_text(encoding="utf-8") == expected, "run: REFRESH=1 pytest tests/unit/desired/test_schema.py"


def test_there_are_no_other_files() -> None:
    assert {path.name for path in FOLDER.glob("*.json")} == set(schema.file_names())


@pytest.mark.parametrize("variables", [True, False])
@pytest.mark.parametrize("kind", [None, *schema.SCHEMA_KINDS])
def test_both_engines_take_the_schema(kind: str | None, variables: bool) -> None:
    made = schema.json_schema(variables=variables) if kind is None else schema.json_schema_for(kind, variables=variables)
    jsonschema.Draft202012Validator.check_schema(made)
    jsonschema_rs.Draft202012Validator(made)
    assert jsonschema_rs.meta.is_valid(made)


def test_rendering_is_stable_and_ends_with_a_line_break() -> None:
    assert schema.render("Mailbox") == schema.render("Mailbox")
    assert schema.render(None).endswith("}\n")
    assert json.loads(schema.render("Mailbox")) == schema.json_schema_for("Mailbox")


def _leaves(node: dict[str, Any], definitions: dict[str, Any], path: str = "") -> Iterator[tuple[str, dict[str, Any]]]:
    for name, child in node["properties"].items():
        target = definitions[child["$ref"].rpartition("/")[2]] if "$ref" in child else child
        if "properties" in target:
            yield from _leaves(target, definitions, f"{path}{name}.")
        elif group := _group_of_many(child):
            assert child["description"], name
            yield from _leaves(definitions[group.rpartition("/")[2]], definitions, f"{path}{name}[].")
        else:
            yield f"{path}{name}", child


def _group_of_many(child: dict[str, Any]) -> str | None:
    """The group that a list or map has one of for each entry."""
    for entry in (child.get("items", {}), *child.get("patternProperties", {}).values()):
        if "$ref" in entry:
            return str(entry["$ref"])
    return None


def _spec(kind: str) -> list[tuple[str, dict[str, Any]]]:
    made = schema.json_schema_for(kind)
    return [*_leaves(made["$defs"][f"{kind}Spec"], made["$defs"])]


@pytest.mark.parametrize("kind", schema.SCHEMA_KINDS)
def test_every_field_has_a_description(kind: str) -> None:
    for path, leaf in _spec(kind):
        assert leaf["description"], path


@pytest.mark.parametrize("kind", [kind for kind in schema.SCHEMA_KINDS if kind not in ("Environment", "PolicyRule")])
def test_every_leaf_takes_a_variable(kind: str) -> None:
    for path, leaf in _spec(kind):
        value: object = [VARIABLE] if "items" in leaf else VARIABLE
        for entry in leaf.get("patternProperties", {}).values():
            value = {"name": [VARIABLE] if "items" in entry else VARIABLE}
        assert jsonschema.Draft202012Validator(leaf).is_valid(value), path


@pytest.mark.parametrize("kind", schema.SCHEMA_KINDS)
def test_defaults_and_examples_keep_the_schema(kind: str) -> None:
    defaults = examples = 0
    for path, leaf in _spec(kind):
        validator = jsonschema.Draft202012Validator(leaf)
        for example in leaf.get("examples", []):
            assert validator.is_valid(example), (path, example)
            examples += 1
        if "default" in leaf:
            assert validator.is_valid(leaf["default"]), path
            defaults += 1
    assert defaults
    assert examples or kind == "PolicySettings"


def _document(kind: str, spec: dict[str, object]) -> dict[str, object]:
    return {"apiVersion": "reconcile/v1alpha2", "kind": kind, "metadata": {"name": "x"}, "spec": spec}


MAILBOX = {"emailAddress": "a@contoso.example"}
PROFILE = {"displayName": "x", "serverType": "imap-smtp"}

# kind, spec, sound with variables, sound once variables were put in
VERDICTS: list[tuple[str, dict[str, object], bool, bool]] = [
    ("Mailbox", MAILBOX, True, True),
    ("Mailbox", {"emailAddress": "sales@${domain}"}, True, False),
    ("Mailbox", {"emailAddress": "sales"}, False, False),
    ("Mailbox", {**MAILBOX, "incoming": "${how}"}, True, False),
    ("Mailbox", {**MAILBOX, "incoming": "server-${how}"}, False, False),
    ("Mailbox", {**MAILBOX, "incoming": None}, False, False),
    ("Mailbox", {**MAILBOX, "filter": None}, True, True),
    ("Mailbox", {**MAILBOX, "deleteAfterProcessing": "yes"}, False, False),
    ("Mailbox", {**MAILBOX, "deleteAfterProcessing": "${delete}"}, True, False),
    ("Mailbox", {**MAILBOX, "credentials": {"password": "hunter2"}}, False, False),
    ("Mailbox", {**MAILBOX, "credentials": {"password": "hunter2${x}"}}, False, False),
    ("Mailbox", {**MAILBOX, "credentials": {"password": "${ref}"}}, True, False),
    ("Mailbox", {**MAILBOX, "credentials": {"password": {"ref": "env:X", "generation": 2}}}, True, True),
    ("Mailbox", {**MAILBOX, "credentials": {"password": {"generation": 2}}}, False, False),
    ("Mailbox", {**MAILBOX, "credentials": {"password": None}}, True, True),
    ("EmailServerProfile", {**PROFILE, "incoming": {"port": "${port}"}}, True, False),
    ("EmailServerProfile", {**PROFILE, "incoming": {"port": "993"}}, False, False),
    ("EmailServerProfile", {**PROFILE, "incoming": {"protocol": "smtp"}}, False, False),
    ("EmailServerProfile", {**PROFILE, "outgoing": {"protocol": "pop3"}}, False, False),
    ("EmailServerProfile", {**PROFILE, "minPollingInterval": 5}, False, False),
    ("Environment", {"timeZone": "UTC", "variables": {"a": 1}}, True, True),
    ("Environment", {"organizationId": "${id}"}, False, False),
]


@pytest.mark.parametrize(("kind", "spec", "with_variables", "without"), VERDICTS)
def test_verdicts(kind: str, spec: dict[str, object], with_variables: bool, without: bool) -> None:
    document = _document(kind, spec)
    for variables, expected in ((True, with_variables), (False, without)):
        for made in (schema.json_schema(variables=variables), schema.json_schema_for(kind, variables=variables)):
            assert jsonschema.Draft202012Validator(made).is_valid(document) is expected
            assert jsonschema_rs.Draft202012Validator(made).is_valid(document) is expected


def test_the_common_schema_selects_by_kind() -> None:
    validator = jsonschema.Draft202012Validator(schema.json_schema())
    errors = [*validator.iter_errors(_document("Mailbox", {"displayName": "x", "serverType": "imap-smtp"}))]
    assert {error.validator for error in errors} == {"required", "additionalProperties"}
    assert any("serverType" in error.message for error in errors)
    assert not validator.is_valid(_document("Queue", {}))


def test_secrets_are_marked_so_that_nobody_repeats_them() -> None:
    marked = schema.json_schema_for("Mailbox")["$defs"]["MailboxCredentials"]["properties"]
    assert {name for name, node in marked.items() if node.get("writeOnly")} == {"password", "refreshToken"}
