"""A mark for each finding of a run that stays the same in the next run, and that no other finding has."""

from __future__ import annotations

from reconcile.model.finding import Finding
from reconcile.model.fingerprint import fingerprint


class Sightings:
    """Counts how often each fingerprint came: two findings of one rule at one field are told apart by their order."""

    def __init__(self) -> None:
        self._seen: dict[str, int] = {}

    def mark(self, finding: Finding) -> str:
        """`fingerprint:1`, and so on."""
        found = fingerprint(finding)
        number = self._seen[found] = self._seen.get(found, 0) + 1
        return f"{found}:{number}"
