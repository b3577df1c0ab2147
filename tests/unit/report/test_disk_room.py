"""What is said of the disk that the store lies on."""

from __future__ import annotations

from pathlib import Path

import pytest

from reconcile.report.disk_room import disk_room_json, disk_room_lines

STATE = Path("/state/prod")


@pytest.mark.parametrize(
    ("room", "first", "document"),
    [
        (None, [], {"freeBytes": None, "full": False}),
        (100_000_000, [], {"freeBytes": 100_000_000, "full": False}),
        (99_999_999, ["99 MB left for /state/prod"], {"freeBytes": 99_999_999, "full": False}),
        (1_000_000, ["1 MB left for /state/prod"], {"freeBytes": 1_000_000, "full": False}),
        (999_999, ["no space left for /state/prod: mail is neither received nor sent"], {"freeBytes": 999_999, "full": True}),
        (0, ["no space left for /state/prod: mail is neither received nor sent"], {"freeBytes": 0, "full": True}),
    ],
)
def test_little_room_is_told_and_what_to_do(room: int | None, first: list[str], document: dict[str, object]) -> None:
    lines = disk_room_lines(STATE, room, full=1_000_000)
    assert lines[:1] == first
    assert all(line.startswith("  next: Free space") for line in lines[1:])
    assert len(lines) == 2 * len(first)
    assert disk_room_json(room, full=1_000_000) == document
