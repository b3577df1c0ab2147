"""What documents for other programs look like when we write them, in our own words: narrower than what their owners publish, and checked
everywhere. tests/unit/test_shapes.py holds that nothing passes here which a published schema refuses.
"""

from __future__ import annotations

from typing import Any


def _object(required: list[str], **properties: object) -> dict[str, Any]:
    return {"type": "object", "required": required, "properties": properties, "additionalProperties": False}


_TEXT = _object(["text"], text={"type": "string", "minLength": 1})
_AT_LEAST_1 = {"type": "integer", "minimum": 1}
_PHYSICAL = _object(
    ["artifactLocation", "region"],
    artifactLocation=_object(["uri"], uri={"type": "string", "pattern": "^[A-Za-z0-9._~%/-]+$"}),
    region=_object(["startLine", "startColumn"], startLine=_AT_LEAST_1, startColumn=_AT_LEAST_1, endColumn=_AT_LEAST_1),
)
_LOGICAL = _object(["fullyQualifiedName", "kind"], fullyQualifiedName={"type": "string"}, kind={"const": "object"})
_INVOCATION = _object(
    ["executionSuccessful"],
    executionSuccessful={"type": "boolean"},
    toolExecutionNotifications={
        "type": "array",
        "minItems": 1,
        "items": _object(["level", "message"], level={"enum": ["error", "warning", "note"]}, message=_TEXT),
    },
)
_LEVEL = {"enum": ["error", "warning", "note"]}
_RULE = _object(
    ["id", "shortDescription", "fullDescription", "help", "defaultConfiguration"],
    id={"type": "string"},
    shortDescription=_TEXT,
    fullDescription=_TEXT,
    help=_TEXT,
    helpUri={"type": "string", "pattern": "^https?://"},
    defaultConfiguration=_object(["level"], level=_LEVEL),
    properties=_object(
        ["tags"],
        **{
            "tags": {"type": "array", "maxItems": 10, "uniqueItems": True, "items": {"type": "string"}},
            "problem.severity": {"type": "string"},
        },
    ),
)
_RESULT = _object(
    ["ruleId", "ruleIndex", "level", "message", "locations", "partialFingerprints"],
    ruleId={"type": "string"},
    ruleIndex={"type": "integer", "minimum": 0},
    level=_LEVEL,
    message=_TEXT,
    locations={
        "type": "array",
        "minItems": 1,
        "maxItems": 1,
        "items": _object(
            ["physicalLocation"], physicalLocation=_PHYSICAL, logicalLocations={"type": "array", "minItems": 1, "items": _LOGICAL}
        ),
    },
    relatedLocations={
        "type": "array",
        "minItems": 1,
        "maxItems": 99,
        "items": _object(["id", "physicalLocation", "message"], id=_AT_LEAST_1, physicalLocation=_PHYSICAL, message=_TEXT),
    },
    partialFingerprints={"type": "object", "additionalProperties": {"type": "string"}},
    suppressions={
        "type": "array",
        "items": _object(
            ["kind", "status", "justification"], kind={"const": "external"}, status={"const": "accepted"}, justification={"type": "string"}
        ),
    },
    baselineState={"enum": ["new", "unchanged"]},
    properties=_object(
        [], path={"type": "string"}, cause={"type": "string"}, values={"type": "object", "additionalProperties": {"type": "string"}}
    ),
)
#: What we write of SARIF, in our own words: the published schema allows more.
SARIF = _object(
    ["$schema", "version", "runs"],
    **{
        "$schema": {"const": "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json"},
        "version": {"const": "2.1.0"},
        "runs": {
            "type": "array",
            "minItems": 1,
            "maxItems": 1,
            "items": _object(
                ["tool", "columnKind", "automationDetails", "results", "invocations"],
                tool=_object(
                    ["driver"],
                    driver=_object(
                        ["name", "version", "semanticVersion", "rules"],
                        name={"const": "reconcile"},
                        version={"type": "string"},
                        semanticVersion={"type": "string"},
                        rules={"type": "array", "items": _RULE, "maxItems": 25_000},
                    ),
                ),
                columnKind={"const": "unicodeCodePoints"},
                automationDetails=_object(["id"], id={"const": "reconcile/"}),
                results={"type": "array", "items": _RESULT, "maxItems": 25_000},
                invocations={"type": "array", "minItems": 1, "maxItems": 1, "items": _INVOCATION},
            ),
        },
    },
)

_WORD = {"type": "string", "minLength": 1}
_TEXTS = {"type": "object", "minProperties": 1, "additionalProperties": {"type": "string"}}
_PERMISSIONS = _object([], **{"contents": {"enum": ["read", "none"]}, "pull-requests": {"enum": ["read", "write", "none"]}})
_STEP = _object(["name", "run"], name=_WORD, run=_WORD, id=_WORD, env=_TEXTS)
_RUN_JOB = _object(
    ["runs-on", "timeout-minutes", "permissions", "steps"],
    **{
        "needs": _WORD,
        "if": _WORD,
        "runs-on": _WORD,
        "timeout-minutes": {"type": "integer", "minimum": 1},
        "permissions": _PERMISSIONS,
        "outputs": _TEXTS,
        "steps": {"type": "array", "minItems": 1, "items": _STEP},
    },
)
_CALL_JOB = _object(
    ["uses", "permissions"],
    **{
        "needs": _WORD,
        "if": _WORD,
        "uses": _WORD,
        "permissions": _PERMISSIONS,
        "with": {"type": "object", "minProperties": 1, "additionalProperties": {"type": ["string", "boolean", "number"]}},
    },
)
_INPUT = _object(["type"], description=_WORD, type={"enum": ["string", "boolean"]}, default={"type": ["string", "boolean"]})
_INPUT["properties"] = {**_INPUT["properties"], "required": {"type": "boolean"}}
_TYPES = {"type": "array", "minItems": 1, "items": {"enum": ["submitted", "dismissed", "completed"]}}
_EVENTS = _object(
    [],
    pull_request={"type": "null"},
    pull_request_review=_object(["types"], types=_TYPES),
    workflow_run=_object(["workflows", "types"], workflows={"type": "array", "minItems": 1, "items": _WORD}, types=_TYPES),
    workflow_call=_object(["inputs"], inputs={"type": "object", "additionalProperties": _INPUT}),
)
#: Workflows of GitHub. As YAML 1.2 reads them: `on` is a word.
WORKFLOW = _object(
    ["name", "on", "permissions", "jobs"],
    name=_WORD,
    on={**_EVENTS, "minProperties": 1},
    permissions=_object([]),
    jobs={
        "type": "object",
        "minProperties": 1,
        "propertyNames": {"pattern": "^[_a-zA-Z][a-zA-Z0-9_-]*$"},
        "additionalProperties": {"anyOf": [_RUN_JOB, _CALL_JOB]},
    },
)
#: .pre-commit-hooks.yaml.
HOOKS = {
    "type": "array",
    "minItems": 1,
    "items": _object(
        ["id", "name", "entry", "language"],
        id=_WORD,
        name=_WORD,
        description=_WORD,
        entry=_WORD,
        language={"const": "python"},
        files=_WORD,
        pass_filenames={"type": "boolean"},
        require_serial={"type": "boolean"},
    ),
}
