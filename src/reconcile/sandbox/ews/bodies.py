"""Bodies as text, as HTML, or as they are."""

from __future__ import annotations

import html
import re

from reconcile.sandbox.ews.node import Node
from reconcile.sandbox.ews.stored import Item

_BREAKS = re.compile(r"<\s*(br|/p|/div|/tr|/li|/h\d)\b[^>]*>", re.IGNORECASE)
_UNSEEN = re.compile(r"<(script|style|head)\b.*?</\1\s*>", re.IGNORECASE | re.DOTALL)
_TAGS = re.compile(r"<[^>]*>")


def body_parts(item: Item) -> tuple[str, str]:
    """Its text and its HTML; "" for what it does not have."""
    set_ = item.properties.get("Body")
    if set_ is not None:
        return ("", set_.text) if set_.attributes.get("BodyType") == "HTML" else (set_.text, "")
    mime = item.mime
    return ("", "") if mime is None else (mime.bodies.get("text", ""), mime.bodies.get("html", ""))


def body(item: Item, wanted: str, element: str = "t:Body") -> Node:
    """`wanted` is HTML, Text or Best (what the item was written in)."""
    plain, rich = body_parts(item)
    as_html = wanted == "HTML" or (wanted != "Text" and bool(rich))
    if as_html:
        text = rich or (f"<html><body><pre>{html.escape(plain, quote=False)}</pre></body></html>" if plain else "")
    else:
        text = plain or as_text(rich)
    return Node(element, text, attributes={"BodyType": "HTML" if as_html else "Text"})


def as_text(rich: str) -> str:
    """HTML as a reader without HTML sees it."""
    without = _UNSEEN.sub("", rich)
    return html.unescape(_TAGS.sub("", _BREAKS.sub("\r\n", without))).strip()


def preview(item: Item) -> str:
    """The first 255 characters, in one line."""
    plain, rich = body_parts(item)
    return " ".join((plain or as_text(rich)).split())[:255]
