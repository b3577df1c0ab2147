"""What a code host makes of a comment: whether any data in it became more than text."""

from __future__ import annotations

import re
from collections.abc import Iterator

from markdown_it import MarkdownIt

#: Every line of HTML that is ours; what stands between the tags is escaped.
_OWN = re.compile(
    r"<!-- reconcile [a-z]+(?: [a-z0-9-]+)? -->|</details>|<details(?: open)?><summary>[^<>]*(?:<code>[^<>]*</code>[^<>]*)*</summary>"
)
#: What a code host makes something of, outside code.
_ACTIVE = re.compile(r":[\w+-]|[@#/\\<>\[\]_*~`|$&{}=]|www\.|\b[0-9a-f]{7,}\b|\bGH-[0-9]|[\x00-\x08\x0b-\x1f\u202a-\u202e]")


def harm(text: str) -> Iterator[str]:
    """What is more than text, and not ours."""
    for token in MarkdownIt("commonmark").enable(["table", "strikethrough"]).parse(text):
        if token.type == "html_block":
            yield from (line for line in token.content.splitlines() if line.strip() and not _OWN.fullmatch(line.strip()))
        if token.type in ("fence", "code_block", "blockquote_open", "hr", "ordered_list_open"):
            yield token.type
        for child in token.children or ():
            if child.type not in ("text", "code_inline", "softbreak", "strong_open", "strong_close"):
                yield f"{child.type} {child.content}"
            elif child.type == "text" and (found := _ACTIVE.search(child.content)):
                yield f"{found[0]} in {child.content}"


def headings(text: str) -> list[str]:
    """Level of each heading (h3 …) in order."""
    return [token.tag for token in MarkdownIt("commonmark").parse(text) if token.type == "heading_open"]
