"""Reading a request: bytes into a tree, with our own limits. No entity, no document type, no network."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from reconcile.lazy_dataclass import dataclass
from reconcile.sandbox.ews.names import PREFIXES
from reconcile.sandbox.ews.node import Node
from reconcile.sandbox.ews.response_codes import EwsError

if TYPE_CHECKING:
    from reconcile.sandbox.ews.schema import Schema

BYTE_LIMIT = 64 * 1024 * 1024
DEPTH_LIMIT = 64


@dataclass(frozen=True, slots=True, kw_only=True)
class Envelope:
    """`header` is empty when there was none; `body` is the one element of soap:Body; `broken` the rule of the schema it breaks, or ""."""

    header: Node
    body: Node
    broken: str = ""


def read_envelope(octets: bytes, schema: Schema | None = None, *, lenient: bool = False) -> Envelope:
    """Raises EwsError: ErrorSchemaValidation with line and position for what is no SOAP of EWS, or breaks the schema given.

    A `lenient` reader only notes what breaks the schema.
    """
    from lxml import etree

    parser = etree.XMLParser(resolve_entities=False, no_network=True, load_dtd=False, huge_tree=True, remove_comments=True, remove_pis=True)
    try:
        root = etree.fromstring(octets, parser)
    except etree.XMLSyntaxError as error:
        raise violation(error.msg or "not XML", *(error.position or (0, 0))) from None
    except ValueError as error:
        raise violation(str(error), 0, 0) from None
    if root.getroottree().docinfo.internalDTD is not None:
        raise violation("A document type definition is not allowed.", 1, 1)
    envelope = _node(root, 0)
    body = envelope.child("soap:Body")
    if envelope.name != "soap:Envelope" or len(body.children) != 1:
        raise violation("The request is no SOAP envelope with one element in its body.", 1, 1)
    broken = None
    if schema is not None:
        broken = schema.violation(next(child for child in root if child.tag.endswith("}Body"))[0])
    if broken is not None and not lenient:
        raise violation(broken.text, broken.line, broken.column)
    return Envelope(header=envelope.child("soap:Header"), body=body.children[0], broken=broken.text if broken else "")


def violation(text: str, line: int, position: int) -> EwsError:
    """ErrorSchemaValidation, as Exchange words it."""
    return EwsError(
        "ErrorSchemaValidation",
        f"The request failed schema validation: {text}",
        details=(
            Node("t:LineNumber", str(line)),
            Node("t:LinePosition", str(position)),
            Node("t:Violation", text),
        ),
    )


def read_tree(octets: bytes) -> Node:
    """Any XML, with the same limits: for tests and for recordings. Raises ValueError on what is none."""
    from lxml import etree

    parser = etree.XMLParser(resolve_entities=False, no_network=True, load_dtd=False, huge_tree=True, remove_comments=True)
    try:
        return _node(etree.fromstring(octets, parser), 0)
    except etree.XMLSyntaxError as error:
        raise ValueError(str(error)) from None


def _node(element: Any, depth: int) -> Node:
    if depth > DEPTH_LIMIT:
        raise violation(f"Elements are nested more than {DEPTH_LIMIT} deep.", element.sourceline or 0, 0)
    children = [_node(child, depth + 1) for child in element if isinstance(child.tag, str)]
    attributes = {_prefixed(name): value for name, value in element.attrib.items()} if element.attrib else {}
    text = element.text or ""
    if children and not text.strip():
        text = ""
    return Node(_prefixed(element.tag), text, children, attributes)


def _prefixed(name: str) -> str:
    """ "{uri}local" with our prefix; a namespace that is none of EWS keeps its URI."""
    if name[0] != "{":
        return name
    uri, _, local = name[1:].partition("}")
    return f"{PREFIXES[uri]}:{local}" if uri in PREFIXES else name
