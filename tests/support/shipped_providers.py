"""The table of shipped providers as it is generated from policies/providers."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

from reconcile.desired.yaml import read_values
from support.tree import PACKAGE, ROOT

FOLDER = ROOT / "policies" / "providers"
MODULE = PACKAGE / "model" / "shipped_providers.py"
_WIDTH = 118
_HEAD = '''"""The providers that come with the program: the specs of policies/providers as JSON, so that no file is read for them.

Generated: `REFRESH=1 pytest tests/unit/model/test_shipped_providers.py` writes it.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

'''


def documents() -> dict[Path, Mapping[str, object]]:
    """Every document of the folder, one a file."""
    found: dict[Path, Mapping[str, object]] = {}
    for path in sorted(FOLDER.glob("*.yaml")):
        values = read_values(path.read_bytes())
        assert values is not None, path
        [(_, document)] = values
        assert isinstance(document, dict)
        found[path] = document
    return found


def module_text() -> str:
    """What `reconcile.model.shipped_providers` must be."""
    lines = ["SHIPPED: Final[Mapping[str, str]] = {"]
    for path, document in documents().items():
        text = json.dumps(document["spec"], ensure_ascii=False, separators=(",", ":"))
        assert not {"\\", "'"} & {*text}, f"{path}: write no backslash, and the typographic apostrophe"
        lines.append(f'    "{path.stem}": (')
        for start in range(0, len(text), _WIDTH):
            part = text[start : start + _WIDTH]
            quote = "'" if '"' in part else '"'
            lines.append(f"        {quote}{part}{quote}")
        lines.append("    ),")
    return _HEAD + "\n".join([*lines, "}"]) + "\n"
