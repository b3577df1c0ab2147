"""The shipped catalogue: each entry is sound, says where it was read, and is what the program has."""

from __future__ import annotations

import os
from datetime import UTC
from pathlib import Path

import jsonschema
import pytest

from reconcile.desired.schema import json_schema_for
from reconcile.model import policy_kinds
from reconcile.model.mail_provider import AUTHENTICATION_NAMES, LIMIT_UNITS, PROTOCOL_NAMES, MailProvider, MailProviderSpec
from reconcile.model.provider_catalogue import ProviderCatalogue, shipped
from support.shipped_providers import FOLDER, MODULE, documents, module_text

FILES = sorted(FOLDER.glob("*.yaml"))


def test_the_table_is_that_of_the_files() -> None:
    """`REFRESH=1 pytest tests/unit/model/test_shipped_providers.py` writes it."""
    expected = module_text()
    if os.environ.get("REFRESH") == "1":
        MODULE.write_text(expected, encoding="utf-8")
    assert MODULE.read_text(encoding="utf-8") == expected, "run: REFRESH=1 pytest tests/unit/model/test_shipped_providers.py"


def decoded(path: Path) -> MailProviderSpec:
    document = policy_kinds.decode("MailProvider", documents()[path], time_zone="UTC")
    assert isinstance(document, MailProvider)
    assert document.metadata.name == path.stem
    return document.spec


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_every_entry_keeps_the_schema_and_is_what_the_program_has(path: Path) -> None:
    jsonschema.Draft202012Validator(json_schema_for("MailProvider", variables=False)).validate(documents()[path])
    spec = decoded(path)
    assert shipped()[path.stem] == spec
    assert spec.endpoints
    for endpoint in spec.endpoints.values():
        assert endpoint.until is None or endpoint.until.tzinfo is UTC


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_every_fact_says_where_it_was_read(path: Path) -> None:
    spec = decoded(path)
    assert spec.source in spec.sources
    facts = [*spec.endpoints.values(), *spec.authentication.values(), *spec.limits.values(), *spec.notes]
    facts += [other for endpoint in spec.endpoints.values() for other in endpoint.alternatives]
    facts += [spec.oauth] if spec.oauth.token_endpoint else []
    for fact in facts:
        assert "verified" in fact.model_fields_set, fact
        # What was read somewhere names the page; what was not read is not held to be true.
        assert fact.source in spec.sources if fact.verified else fact.source is None or fact.source in spec.sources, fact
    named = {fact.source for fact in facts} | {spec.source, spec.fips140.source}
    assert named >= set(spec.sources), "a source that nothing refers to"


def test_no_name_means_two_entries() -> None:
    words = [word for name, spec in shipped().items() for word in (name, *spec.aliases)]
    assert len(words) == len(set(words))


def test_a_cloud_names_its_hosts() -> None:
    for name, spec in shipped().items():
        for protocol, endpoint in spec.endpoints.items():
            assert (endpoint.host is None) == (spec.hosting == "self-hosted"), (name, protocol)


def test_the_words_for_people_are_those_of_the_schema() -> None:
    definitions = json_schema_for("MailProvider", variables=False)["$defs"]["MailProviderSpec"]["properties"]
    for field, words in (("endpoints", PROTOCOL_NAMES), ("authentication", AUTHENTICATION_NAMES), ("limits", LIMIT_UNITS)):
        [pattern] = definitions[field]["patternProperties"]
        assert pattern.removeprefix("^(").removesuffix(")$").split("|") == list(words)


@pytest.mark.parametrize(
    ("word", "name"), [("gmail", "gmail"), ("msn", "outlook-com"), ("windows-live-mail", "outlook-com"), ("Gmail", None)]
)
def test_aliases_lead_to_their_entry(word: str, name: str | None) -> None:
    found = ProviderCatalogue().get(word)
    assert (found.name if found else None) == name
