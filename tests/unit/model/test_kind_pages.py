"""The pages of the kinds: their examples decode and keep the schema, their tables are those of the models."""

from __future__ import annotations

import os
import re
from pathlib import Path

import jsonschema
import pytest

from reconcile.desired.schema import SCHEMA_KINDS, json_schema_for
from reconcile.desired.yaml import read_values
from reconcile.model import kinds, policy_kinds
from reconcile.model.field_table import BEGIN, END, field_table, with_table

FOLDER = Path(__file__).parents[3] / "docs" / "kinds"


def _page(kind: str) -> Path:
    return FOLDER / f"{kind.lower()}.md"


@pytest.mark.parametrize("kind", SCHEMA_KINDS)
def test_the_table_of_fields_is_up_to_date(kind: str) -> None:
    """`REFRESH=1 pytest tests/unit/model/test_kind_pages.py` writes the tables."""
    page = _page(kind)
    expected = with_table(page.read_text(encoding="utf-8"), kind)
    if os.environ.get("REFRESH") == "1":
        page.write_text(expected, encoding="utf-8")
    assert page.read_text(encoding="utf-8") == expected, "run: REFRESH=1 pytest tests/unit/model/test_kind_pages.py"


@pytest.mark.parametrize("kind", SCHEMA_KINDS)
def test_the_examples_decode(kind: str) -> None:
    examples = re.findall(r"^```yaml\n(.*?)^```", _page(kind).read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL)
    assert examples
    for example in examples:
        values = read_values(example.encode())
        assert values is not None
        for _, document in values:
            assert isinstance(document, dict)
            if kind in policy_kinds.READABLE:
                assert len(policy_kinds.decode(kind, document, time_zone="Europe/Berlin").spec.model_fields_set) > 3
            else:
                assert len(kinds.canonical(kinds.decode(kind, document, time_zone="Europe/Berlin"))) > 5
            for variables in (True, False):
                jsonschema.Draft202012Validator(json_schema_for(kind, variables=variables)).validate(document)


@pytest.mark.parametrize("kind", SCHEMA_KINDS)
def test_the_table_has_every_field_once(kind: str) -> None:
    table = field_table(kind)
    for info in (policy_kinds if kind in policy_kinds.READABLE else kinds).fields(kind):
        assert table.count(f"\n| `{info.path}` |") == 1


def test_a_page_without_markers_is_refused() -> None:
    for page in ("", BEGIN, END):
        with pytest.raises(ValueError, match="has no markers"):
            with_table(page, "Mailbox")
