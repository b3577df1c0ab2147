"""The official schema, where the reader has it: it is Microsoft's, so it is not shipped here.

Names a folder with `messages.xsd` and `types.xsd` (and `xml.xsd` for the namespace that `types.xsd` imports without a place).
"""

from __future__ import annotations

import threading
from functools import cache
from pathlib import Path
from typing import Any

from reconcile.lazy_dataclass import dataclass

_XML_NAMESPACE = b'namespace="http://www.w3.org/XML/1998/namespace"'


@dataclass(frozen=True, slots=True, kw_only=True)
class Violation:
    """The first rule that is broken; line and column are 1-based, 0 where unknown."""

    text: str
    line: int
    column: int


class Schema:
    """messages.xsd, compiled once. Thread-safe."""

    def __init__(self, compiled: Any) -> None:
        self._compiled = compiled
        self._lock = threading.Lock()

    def violation(self, element: Any) -> Violation | None:
        """What is wrong with the first child of soap:Body (an lxml element), or None."""
        with self._lock:
            if self._compiled.validate(element):
                return None
            first = self._compiled.error_log[0]
            return Violation(text=first.message, line=first.line, column=first.column)

    def broken_by(self, octets: bytes) -> Violation | None:
        """The same for a whole envelope; faults are not in the schema and count as right."""
        from lxml import etree

        root = etree.fromstring(octets, etree.XMLParser(resolve_entities=False, no_network=True, huge_tree=True))
        body = next(child for child in root if child.tag.endswith("}Body"))
        if body[0].tag.endswith("}Fault"):
            return None
        return self.violation(body[0])


@cache
def load_schema(folder: Path) -> Schema:
    """Compile the schema of a folder. Raises OSError when a file is missing, lxml's XMLSchemaParseError when it is none."""
    from lxml import etree

    class _Near(etree.Resolver):  # type: ignore[misc, name-defined, unused-ignore]
        def resolve(self, url: str, _identifier: str, context: Any) -> Any:
            name = url.rpartition("/")[2]
            text = (folder / name).read_bytes()
            if name == "types.xsd" and (folder / "xml.xsd").exists():
                text = text.replace(_XML_NAMESPACE + b"/>", _XML_NAMESPACE + b' schemaLocation="xml.xsd"/>').replace(
                    _XML_NAMESPACE + b" />", _XML_NAMESPACE + b' schemaLocation="xml.xsd"/>'
                )
            return self.resolve_string(text, context, base_url=str(folder / name))

    parser = etree.XMLParser(no_network=True)
    parser.resolvers.add(_Near())
    document = etree.fromstring((folder / "messages.xsd").read_bytes(), parser, base_url=str(folder / "messages.xsd"))
    return Schema(etree.XMLSchema(document))
