"""Text and attachments of a message, parsed when somebody first reads it. Never raises; limits on size, depth and parts."""

from __future__ import annotations

from email.message import Message
from email.parser import BytesParser
from email.policy import compat32
from html.parser import HTMLParser

from reconcile.model.message import Attachment, MessageText
from reconcile.sync.decide.header import PARSER_ERRORS, decode_words

#: Beyond this only the header is shown (bytes).
LARGEST = 32 << 20
MOST_PARTS = 1000
DEEPEST = 50
LONGEST_TEXT = 1 << 20


def parse_text(raw: bytes) -> MessageText:
    """`raw` is the message as received, at most LARGEST bytes."""
    if len(raw) > LARGEST:
        return MessageText(text="", defects=("too-large-to-parse",))
    try:
        message = BytesParser(policy=compat32).parsebytes(raw)
    except PARSER_ERRORS:
        return MessageText(text="", defects=("mime-unreadable",))
    leaves, defects = _leaves(message)
    plain: list[str] = []
    html: list[str] = []
    attachments: list[Attachment] = []
    for number, leaf in enumerate(leaves, start=1):
        _sort(leaf, number, plain, html, attachments, defects)
    text = "\n".join(plain) if plain else "\n".join(text_of(each, defects) for each in html)
    if len(text) > LONGEST_TEXT:
        text = text[:LONGEST_TEXT]
        defects.append("text-cut")
    text = text.replace("\r\n", "\n").replace("\x00", "\ufffd").encode("utf-8", "replace").decode("utf-8")
    return MessageText(text=text, attachments=tuple(attachments), defects=tuple(dict.fromkeys(defects)))


def attached_files(raw: bytes) -> list[tuple[Attachment, bytes]]:
    """The attachments that `parse_text` names, each with its decoded octets. Empty where it could not be parsed."""
    if len(raw) > LARGEST:
        return []
    try:
        message = BytesParser(policy=compat32).parsebytes(raw)
    except PARSER_ERRORS:
        return []
    leaves, found = _leaves(message)[0], list[tuple[Attachment, bytes]]()
    for number, leaf in enumerate(leaves, start=1):
        attachments = list[Attachment]()
        _sort(leaf, number, [], [], attachments, [])
        found += [(one, _content(leaf)) for one in attachments]
    return found


def _leaves(message: Message) -> tuple[list[Message], list[str]]:
    """Leaves in reading order, without recursion: a thousand nested parts must not exhaust the stack."""
    found: list[Message] = []
    defects: list[str] = []
    waiting: list[tuple[Message, int]] = [(message, 0)]
    while waiting:
        part, depth = waiting.pop()
        defects += [type(defect).__name__ for defect in part.defects]
        inner = part.get_payload()
        # An attached message is one attachment, not more text of this one.
        if isinstance(inner, list) and part.get_content_maintype() == "multipart":
            if depth >= DEEPEST:
                defects.append("nested-too-deep")
                continue
            waiting += [(each, depth + 1) for each in reversed(inner) if isinstance(each, Message)]
        else:
            found.append(part)
            if len(found) >= MOST_PARTS:
                defects.append("too-many-parts")
                break
    return found, defects


def _sort(leaf: Message, number: int, plain: list[str], html: list[str], attachments: list[Attachment], defects: list[str]) -> None:
    try:
        kind = leaf.get_content_type()
        named = leaf.get_filename() or leaf.get_param("name")
        name = decode_words(named if isinstance(named, str) else "", defects)
        content = _payload(leaf)
        if leaf.get_content_disposition() == "attachment" or name or kind not in ("text/plain", "text/html"):
            attachments.append(Attachment(part=number, name=name, content_type=kind, size=len(content)))
            return
        charset = leaf.get_content_charset("utf-8")
        try:
            text = content.decode(charset)
        except PARSER_ERRORS:
            text = content.decode("latin-1")
            defects.append("charset-unreadable")
        (plain if kind == "text/plain" else html).append(text)
    except PARSER_ERRORS:
        defects.append("part-unreadable")
        attachments.append(Attachment(part=number, name="", content_type="application/octet-stream", size=0))


def _payload(leaf: Message) -> bytes:
    """Raises one of PARSER_ERRORS."""
    inner = leaf.get_payload(decode=True)
    if inner is None:
        # message/rfc822: the parser made a message of it.
        parts = leaf.get_payload()
        inner = b"".join(each.as_bytes() for each in parts if isinstance(each, Message)) if isinstance(parts, list) else b""
    return inner if isinstance(inner, bytes) else b""


def _content(leaf: Message) -> bytes:
    try:
        return _payload(leaf)
    except PARSER_ERRORS:
        return b""


class _Words(HTMLParser):
    """Text between tags, without scripts and styles."""

    _BREAKS = frozenset({"br", "p", "div", "tr", "li", "h1", "h2", "h3", "h4", "table", "blockquote"})

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.words: list[str] = []
        self._silent = 0

    def handle_starttag(self, tag: str, attrs: object) -> None:
        if tag in ("script", "style"):
            self._silent += 1
        elif tag in self._BREAKS:
            self.words.append("\n")

    def handle_endtag(self, tag: str) -> None:
        if tag in ("script", "style"):
            self._silent = max(0, self._silent - 1)

    def handle_data(self, data: str) -> None:
        if not self._silent:
            self.words.append(data)


def text_of(html: str, defects: list[str]) -> str:
    """What a reader of HTML sees, line by line. Appends to `defects` what is wrong."""
    words = _Words()
    try:
        words.feed(html[: 4 * LONGEST_TEXT])
        words.close()
    except PARSER_ERRORS:
        defects.append("html-unreadable")
    lines = (" ".join(line.split()) for line in "".join(words.words).splitlines())
    return "\n".join(line for line in lines if line)
