"""The commit that last touched a file."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Commit:
    """`id` is the full commit id, "" for what is not committed yet; `at` UTC RFC 3339; `author` as git shows it; `subject` is its
    first line."""

    id: str
    author: str
    at: str
    subject: str
