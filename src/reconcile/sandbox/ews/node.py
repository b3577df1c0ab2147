"""A light XML tree with prefixed names: what requests are read into, what items keep, what answers are written from."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence

#: What XML 1.0 cannot carry, not even escaped (section 2.2); Exchange sends some of it and breaks its clients' parsers.
_UNSPEAKABLE = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff\ufffe\uffff]")
_MARKUP = re.compile("[&<>\r]")
_NO_ATTRIBUTES: Mapping[str, str] = {}


class Node:
    """An element: `name` as "t:Subject", attributes, text before the first child, children. Treated as immutable once stored."""

    __slots__ = ("attributes", "children", "name", "text")

    def __init__(self, name: str, text: str = "", children: Sequence[Node] = (), attributes: Mapping[str, str] = _NO_ATTRIBUTES) -> None:
        self.name = name
        self.text = text
        self.children = children
        self.attributes = attributes

    def __repr__(self) -> str:
        return f"<{self.name} {dict(self.attributes)} {self.text[:40]!r} {len(self.children)} children>"

    @property
    def local(self) -> str:
        """The name without its prefix."""
        return self.name.rpartition(":")[2]

    def find(self, path: str) -> Node | None:
        """The first descendant along "t:Mailbox/t:EmailAddress", or None."""
        here: Node | None = self
        for step in path.split("/"):
            here = next((child for child in here.children if child.name == step), None) if here is not None else None
        return here

    def child(self, name: str) -> Node:
        """The first child of that name, or an empty one: absent and empty read the same."""
        return self.find(name) or Node(name)

    def all(self, name: str) -> Iterator[Node]:
        """The children of that name."""
        return (child for child in self.children if child.name == name)

    def text_at(self, path: str, default: str = "") -> str:
        """The text of the first descendant along that path."""
        found = self.find(path)
        return default if found is None else found.text

    def walk(self) -> Iterator[Node]:
        """The element and all below it, in document order."""
        yield self
        for child in self.children:
            yield from child.walk()


class Written(Node):
    """XML that was written before: `text` goes out as it is."""

    __slots__ = ()

    def __init__(self, text: str) -> None:
        super().__init__("", text)


class Octets(Node):
    """Large content in ASCII that goes out as it is, without ever having been text."""

    __slots__ = ("octets",)

    def __init__(self, octets: bytes) -> None:
        super().__init__("")
        self.octets = octets


def write(node: Node, out: list[str | bytes]) -> None:
    """Append the element's XML, piece by piece."""
    if not node.name:
        out.append(node.octets if isinstance(node, Octets) else node.text)
        return
    start = f"<{node.name}"
    for name, value in node.attributes.items():
        start += f' {name}="{escaped(value, quote=True)}"'
    if node.children:
        out.append(f"{start}>")
        if node.text:
            out.append(escaped(node.text))
        for child in node.children:
            write(child, out)
        out.append(f"</{node.name}>")
    elif node.text:
        out.append(f"{start}>{escaped(node.text)}</{node.name}>" if len(node.text) < 4096 else f"{start}>")
        if len(node.text) >= 4096:
            out.append(escaped(node.text))
            out.append(f"</{node.name}>")
    else:
        out.append(f"{start}/>")


def escaped(text: str, *, quote: bool = False) -> str:
    """Text for XML; characters that XML cannot carry become U+FFFD."""
    if _UNSPEAKABLE.search(text):
        text = _UNSPEAKABLE.sub("�", text)
    if _MARKUP.search(text):
        text = text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;").replace("\r", "&#xD;")
    return text.replace('"', "&quot;").replace("\n", "&#xA;").replace("\t", "&#x9;") if quote else text


def xml(node: Node) -> str:
    """The element's XML, without namespace declarations."""
    out: list[str | bytes] = []
    write(node, out)
    return octets_of(out).decode()


def octets_of(pieces: list[str | bytes]) -> bytes:
    """What was written, in UTF-8."""
    return b"".join([piece if isinstance(piece, bytes) else piece.encode() for piece in pieces])


def flag(value: bool) -> str:
    """A boolean as XML Schema writes it."""
    return "true" if value else "false"
