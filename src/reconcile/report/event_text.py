"""One event of the loop, as a line for people and a line for machines."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

from reconcile.model import instant
from reconcile.report.json_text import json_text
from reconcile.report.safe_text import neutral

FORMAT_VERSION = "1.0"


def event_text(at: datetime, part: str, kind: str, message: str, detail: Mapping[str, object]) -> str:
    """`2026-03-01 08:00:00Z configuration settled: 3 applied`; what was done although the part stalled stands before the reason."""
    said = "; ".join(str(text) for text in (detail.get("report"), message) if text)
    hint = f" (next: {neutral(str(detail['hint']))})" if detail.get("hint") else ""
    return f"{at.strftime('%Y-%m-%d %H:%M:%SZ')} {part} {kind}{': ' if said else ''}{neutral(said)}{hint}"


def event_json(at: datetime, part: str, kind: str, message: str, detail: Mapping[str, object]) -> str:
    """One line."""
    document = {"formatVersion": FORMAT_VERSION, "at": instant.text(at), "part": part, "kind": kind, "message": message, **detail}
    return json_text(document)
