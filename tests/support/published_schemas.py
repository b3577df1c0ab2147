"""Schemas that others publish. They are not part of this repository: PUBLISHED_SCHEMAS names a folder that has them.

`sarif-schema-2.1.0.json` is in the repository oasis-tcs/sarif-spec; `github-workflow.json` and `pre-commit-hooks.json` are in
SchemaStore/schemastore, both on GitHub. Where the variable is not set, only the checks of our own are made, which always run.
"""

from __future__ import annotations

import json
import os
from pathlib import Path

import jsonschema_rs


def violations(name: str, document: object) -> list[str]:
    """What a published schema says against a document; nothing where nobody provides schemas. A missing file in a named folder fails."""
    folder = os.environ.get("PUBLISHED_SCHEMAS")
    if not folder:
        return []
    schema = json.loads((Path(folder) / name).read_text("utf-8"))
    return [f"{list(error.instance_path)}: {error.message}"[:400] for error in jsonschema_rs.validator_for(schema).iter_errors(document)]
