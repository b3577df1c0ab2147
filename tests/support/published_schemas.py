"""Whether documents for other programs are what those take: by shapes of our own, which are always checked, and by the schemas that others
publish where PUBLISHED_SCHEMAS names a folder that has them. They are not part of this repository.

`sarif-schema-2.1.0.json` is in the repository oasis-tcs/sarif-spec; `github-workflow.json` and `pre-commit-hooks.json` are in
SchemaStore/schemastore, both on GitHub. A run of the tests without them says so in its last line.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import jsonschema_rs

from support.shapes import HOOKS, SARIF, WORKFLOW

OWN: Final[Mapping[str, Any]] = {"sarif-schema-2.1.0.json": SARIF, "github-workflow.json": WORKFLOW, "pre-commit-hooks.json": HOOKS}
NOT_HERE = "PUBLISHED_SCHEMAS is not set: SARIF, workflows and hooks were held to our own shapes, not to the published schemas"


def published(name: str) -> Any:
    """The schema as its owner publishes it; None where nobody provides schemas. A missing file in a named folder fails."""
    folder = os.environ.get("PUBLISHED_SCHEMAS")
    return json.loads((Path(folder) / name).read_text("utf-8")) if folder else None


def violations(name: str, document: object) -> list[str]:
    """What our own shape says against a document, and the published schema where there is one."""
    schemas = [schema for schema in (OWN[name], published(name)) if schema is not None]
    return [
        f"{list(error.instance_path)}: {error.message}"[:400]
        for schema in schemas
        for error in jsonschema_rs.validator_for(schema).iter_errors(document)
    ]
