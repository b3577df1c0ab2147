"""The commit that last touched a file."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import field

from reconcile.lazy_dataclass import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Commit:
    """`id` is the full commit id, "" for what is not committed yet; `at` UTC RFC 3339; `author` as git shows it; `subject` is its
    first line."""

    id: str
    author: str
    at: str
    subject: str


@dataclass(frozen=True, slots=True, kw_only=True)
class LastCommits:
    """`found` maps a file to the commit that last touched it (or removed it), with id "" for one that is not committed as it is. A
    file nothing is known of is missing; `why_missing` says in one sentence why, "" where that needs no words."""

    found: Mapping[str, Commit] = field(default_factory=dict)
    why_missing: str = ""


NOTHING_KNOWN = LastCommits()


@dataclass(frozen=True, slots=True, kw_only=True)
class Recorded:
    """A commit as a step of a history: its full id, its parents, and when it was recorded (the committer's clock), UTC RFC 3339."""

    id: str
    parents: tuple[str, ...]
    at: str
