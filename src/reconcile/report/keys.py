"""The ring of keys and what is sealed with each, for people and programs. Names of keys only, never a key."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from reconcile.report.counted import counted
from reconcile.report.table import table

#: Environment → key id → sealed values ("" for what cannot be read).
Counts = Mapping[str, Mapping[str, int]]


def keys_text(ring: Sequence[str], counts: Counts, *, fit: int | None) -> str:
    """A line a key, the one that seals first; then keys that are not in the ring though something is sealed with them."""
    rows = []
    for identifier in (*ring, *_strangers(ring, counts)):
        role = "seals" if ring and identifier == ring[0] else "opens" if identifier in ring else "not here"
        where = ", ".join(f"{name} {number[identifier]}" for name, number in counts.items() if number.get(identifier))
        rows.append((identifier or "unreadable", role, _total(identifier, counts), where))
    return table(("key", "role", "records", "environments"), rows, limits=(None, None, None, 60), fit=fit)


def keys_json(ring: Sequence[str], counts: Counts) -> list[dict[str, object]]:
    """The same as documents."""
    return [
        {
            "id": identifier,
            "seals": bool(ring) and identifier == ring[0],
            "inRing": identifier in ring,
            "records": _total(identifier, counts),
            "environments": {name: number[identifier] for name, number in counts.items() if number.get(identifier)},
        }
        for identifier in (*ring, *_strangers(ring, counts))
    ]


def unopened_lines(rows: Sequence[tuple[str, str, str]]) -> list[str]:
    """(environment, resource, path) of what no key here opens, and the next step."""
    if not rows:
        return []
    lines = [f"{counted(len(rows), 'sealed value')} cannot be opened with any key that is here:"]
    lines += [f"  {environment}  {resource}  {path}" for environment, resource, path in rows[:20]]
    lines += [f"  and {len(rows) - 20} more"] if len(rows) > 20 else []
    lines.append(
        "  next: put the key they were sealed with back as a further line of the ring, or raise the generation of these secrets and apply."
    )
    return lines


def _strangers(ring: Sequence[str], counts: Counts) -> list[str]:
    return sorted({identifier for number in counts.values() for identifier in number} - set(ring))


def _total(identifier: str, counts: Counts) -> int:
    return sum(number.get(identifier, 0) for number in counts.values())
