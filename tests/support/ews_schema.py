"""The published schema of Exchange Web Services, which is not part of this repository: EWS_SCHEMA_DIR names a folder with messages.xsd,
types.xsd and xml.xsd (the first two from the Services folder of an Exchange server, or smartlet/ews on GitHub)."""

from __future__ import annotations

import os
from functools import lru_cache
from pathlib import Path
from typing import Any

import pytest

HOW = "EWS_SCHEMA_DIR is not set: requests and response codes were not held to the published schema of Exchange Web Services"
_XSD = "{http://www.w3.org/2001/XMLSchema}"


def folder() -> Path:
    """Skips where nobody provides it; a named folder without it fails."""
    named = os.environ.get("EWS_SCHEMA_DIR")
    if not named:
        pytest.skip(HOW)
    return Path(named)


@lru_cache(maxsize=1)
def _schema(place: Path) -> Any:
    from lxml import etree

    types = (place / "types.xsd").read_bytes()
    types = types.replace(
        b'<xs:import namespace="http://www.w3.org/XML/1998/namespace"/>',
        b'<xs:import namespace="http://www.w3.org/XML/1998/namespace" schemaLocation="xml.xsd"/>',
    )

    class Here(etree.Resolver):  # type: ignore[misc]
        def resolve(self, url: str, _: object, context: object) -> Any:
            name = url.rpartition("/")[2]
            return self.resolve_string(types if name == "types.xsd" else (place / name).read_bytes(), context, base_url=f"{place}/{name}")

    parser = etree.XMLParser()
    parser.resolvers.add(Here())
    return etree.XMLSchema(etree.fromstring((place / "messages.xsd").read_bytes(), parser, base_url=f"{place}/messages.xsd"))


def violations(request: bytes) -> list[str]:
    """Of the content of a request's body."""
    from lxml import etree

    body = etree.fromstring(request).find("{http://schemas.xmlsoap.org/soap/envelope/}Body")
    schema = _schema(folder())
    return [] if schema.validate(body[0]) else [f"{one.line}: {one.message}" for one in schema.error_log]


def response_codes() -> set[str]:
    from lxml import etree

    root = etree.fromstring((folder() / "messages.xsd").read_bytes())
    kind = next(one for one in root.iter(f"{_XSD}simpleType") if one.get("name") == "ResponseCodeType")
    return {one.get("value") for one in kind.iter(f"{_XSD}enumeration")}
