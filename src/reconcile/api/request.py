"""One request as endpoints see it, and what they answer."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import field
from urllib.parse import parse_qsl

from reconcile.api.problem import Headers, Problem
from reconcile.lazy_dataclass import dataclass

JSON = "application/json"
#: JSON lines have no registered type; these are what clients send.
JSON_LINES = ("application/x-ndjson", "application/jsonl", "application/ndjson")


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """`path` without its query; `body` is read, `content_type` without parameters and in lower case."""

    method: str
    path: str
    query: Mapping[str, str]
    content_type: str = ""
    body: bytes = b""

    def number(self, name: str, *, default: int, least: int, most: int) -> int:
        """A parameter of the query. Raises Problem."""
        text = self.query.get(name)
        if text is None:
            return default
        if not text.isascii() or not text.isdigit() or not least <= int(text[:20]) <= most:
            raise Problem(400, "BadParameter", f"{name} is {text[:60]!r}", f"Give a whole number from {least} to {most}.")
        return int(text)


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """`document` is sent as JSON; or `chunks`, `length` octets in all, as `content_type`."""

    status: int = 200
    document: object = None
    chunks: Iterable[bytes] | None = None
    length: int = 0
    content_type: str = JSON
    headers: Headers = field(default_factory=dict)


def query_of(text: str, known: frozenset[str]) -> Mapping[str, str]:
    """Parameters, each once and known. Raises Problem."""
    try:
        pairs = parse_qsl(text, keep_blank_values=True, strict_parsing=bool(text), errors="strict", max_num_fields=20)
    except ValueError as error:
        raise Problem(400, "BadQuery", "the query cannot be read", "Write name=value pairs, percent-encoded UTF-8.") from error
    found = dict(pairs)
    if len(found) != len(pairs):
        raise Problem(400, "BadQuery", "a parameter stands twice in the query", "Give each parameter once.")
    strange = sorted(found.keys() - known)
    if strange:
        hint = f"There are: {', '.join(sorted(known))}." if known else "There are none here."
        raise Problem(400, "BadParameter", f"there is no parameter {strange[0][:60]!r}", hint)
    return found
