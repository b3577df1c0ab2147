"""FETCH items (RFC 3501, section 6.4.5): which were asked for, and their octets."""

from __future__ import annotations

import re
from collections.abc import Iterable

from reconcile.lazy_dataclass import dataclass
from reconcile.sandbox.accounts import Message
from reconcile.sandbox.imap.grammar import Atom, BadCommand, Value
from reconcile.sandbox.imap.mime import Part, header_fields, numbered, parse, split_header
from reconcile.sandbox.imap.structure import body_structure, envelope

_SECTION = re.compile(r"BODY(?P<peek>\.PEEK)?\[(?P<section>.*)\](?:<(?P<start>\d+)(?:\.(?P<length>\d+))?>)?", re.IGNORECASE | re.DOTALL)
_NAMED = re.compile(
    r"(?P<path>\d{1,5}(?:\.\d{1,5}){0,20})?\.?(?P<what>HEADER\.FIELDS\.NOT|HEADER\.FIELDS|HEADER|TEXT|MIME)?(?: \((?P<names>[^()]*)\))?",
    re.IGNORECASE,
)
_MACROS = {
    "ALL": ("FLAGS", "INTERNALDATE", "RFC822.SIZE", "ENVELOPE"),
    "FAST": ("FLAGS", "INTERNALDATE", "RFC822.SIZE"),
    "FULL": ("FLAGS", "INTERNALDATE", "RFC822.SIZE", "ENVELOPE", "BODY"),
}
_PLAIN = frozenset(
    {"UID", "FLAGS", "INTERNALDATE", "RFC822.SIZE", "ENVELOPE", "BODY", "BODYSTRUCTURE", "RFC822", "RFC822.HEADER", "RFC822.TEXT"}
)
_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")


@dataclass(frozen=True, slots=True, kw_only=True)
class Item:
    """`label` is how the answer names it; `section` is set for BODY[...]; `marks_seen` for those that are no PEEK."""

    label: str
    section: str | None = None
    start: int | None = None
    length: int | None = None
    marks_seen: bool = False


def items(value: Value, *, with_uid: bool) -> tuple[Item, ...]:
    """What a FETCH asks for. Raises BadCommand."""
    asked = value if isinstance(value, tuple) else (value,)
    found: list[Item] = []
    for each in asked:
        if not isinstance(each, Atom):
            raise BadCommand("a FETCH item is a word")
        name = each.text.upper()
        if name in _MACROS and not isinstance(value, tuple):
            found += [Item(label=label) for label in _MACROS[name]]
        elif name in _PLAIN:
            found.append(Item(label=name, marks_seen=name in ("RFC822", "RFC822.TEXT")))
        else:
            found.append(_section(each.text))
    if not found:
        raise BadCommand("FETCH asks for nothing")
    if with_uid and all(item.label != "UID" for item in found):
        found.insert(0, Item(label="UID"))
    return tuple(found)


def _section(text: str) -> Item:
    match = _SECTION.fullmatch(text)
    section = match["section"].strip() if match else ""
    named = _NAMED.fullmatch(section)
    if match is None or named is None or ("FIELDS" in section.upper()) != (named["names"] is not None):
        raise BadCommand("a FETCH item is not known here")
    if named["what"] and named["what"].upper() == "MIME" and not named["path"]:
        raise BadCommand("MIME belongs to a numbered part")
    start = None if match["start"] is None else int(match["start"])
    length = None if match["length"] is None else int(match["length"])
    if length == 0 or (start is not None and length is None):
        raise BadCommand("a partial is <start.length>, with a length above 0")
    partial = "" if start is None else f"<{start}>"
    return Item(label=f"BODY[{section}]{partial}", section=section, start=start, length=length, marks_seen=match["peek"] is None)


def answer(sequence: int, message: Message, asked: Iterable[Item]) -> bytes:
    """The untagged response, with its CRLF."""
    tree: Part | None = None
    parts = []
    for item in asked:
        if tree is None and (item.label in ("ENVELOPE", "BODY", "BODYSTRUCTURE") or _needs_tree(item)):
            tree = parse(message.raw)
        parts.append(item.label.encode("ascii", "replace") + b" " + _value(item, message, tree))
    return b"* %d FETCH (%s)\r\n" % (sequence, b" ".join(parts))


def _needs_tree(item: Item) -> bool:
    return item.section is not None and item.section[:1].isdigit()


def flags(message: Message) -> bytes:
    """As in `(\\Seen)`."""
    return b"(%s)" % " ".join(sorted(message.flags)).encode("ascii", "replace")


def _value(item: Item, message: Message, tree: Part | None) -> bytes:
    match item.label:
        case "UID":
            return b"%d" % message.uid
        case "FLAGS":
            return flags(message)
        case "INTERNALDATE":
            when = message.internal_date
            return f'"{when.day:2d}-{_MONTHS[when.month - 1]}-{when:%Y %H:%M:%S %z}"'.encode("ascii")
        case "RFC822.SIZE":
            return b"%d" % len(message.raw)
        case "RFC822":
            return _literal(message.raw)
        case "RFC822.HEADER":
            return _literal(split_header(message.raw)[0])
        case "RFC822.TEXT":
            return _literal(split_header(message.raw)[1])
        case _:
            pass
    if tree is not None and item.section is None:
        return envelope(tree.fields) if item.label == "ENVELOPE" else body_structure(tree, extended=item.label == "BODYSTRUCTURE")
    octets = _octets(item.section or "", message, tree)
    if octets is None:
        return b"NIL"
    if item.start is not None and item.length is not None:
        octets = octets[item.start : item.start + item.length]
    return _literal(octets)


def _octets(section: str, message: Message, tree: Part | None) -> bytes | None:
    named = _NAMED.fullmatch(section)
    if named is None:
        return None
    what = (named["what"] or "").upper()
    header, body = split_header(message.raw)
    if tree is not None and named["path"]:
        part = numbered(tree, tuple(int(number) for number in named["path"].split(".")))
        if part is None:
            return None
        if what == "":
            return part.body
        if what == "MIME":
            return part.header
        if part.embedded is None:
            return None
        header, body = part.embedded.header, part.embedded.body
    match what:
        case "":
            return message.raw
        case "HEADER":
            return header
        case "TEXT":
            return body
        case _:
            names = frozenset(name.strip('"').lower() for name in (named["names"] or "").split())
            return header_fields(header, names, keep=what == "HEADER.FIELDS")


def _literal(octets: bytes) -> bytes:
    """Always a literal: message text may hold any octet."""
    return b"{%d}\r\n%s" % (len(octets), octets)
