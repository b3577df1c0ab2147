"""A store that lost its database is told from one that has none yet."""

from __future__ import annotations

from pathlib import Path

import pytest

from reconcile.errors import PermanentError
from reconcile.settings import Settings
from reconcile.store.sqlite.lost_store import mark_begun, refuse_lost, sign
from reconcile.wiring.state import environment_name, open_database, store_path, writable_database


@pytest.mark.parametrize(("content", "word"), [(None, "gone"), (b"", "empty")])
def test_mail_without_its_database_is_refused(tmp_path: Path, content: bytes | None, word: str) -> None:
    database = tmp_path / "engine.db"
    if content is not None:
        database.write_bytes(content)
    refuse_lost(database)
    (tmp_path / "packs").mkdir()
    refuse_lost(database)
    (tmp_path / "packs" / "00000001.pack").write_bytes(b"mail")
    with pytest.raises(PermanentError, match=f"is {word}, but mail") as refused:
        refuse_lost(database)
    assert "reconcile restore" in refused.value.hint
    database.write_bytes(b"SQLite format 3")
    refuse_lost(database)


@pytest.mark.parametrize(("content", "word"), [(None, "gone"), (b"", "empty")])
@pytest.mark.parametrize("cut_short", [False, True])
def test_a_store_that_had_no_mail_yet_is_missed_as_well(tmp_path: Path, content: bytes | None, word: str, cut_short: bool) -> None:
    database = tmp_path / "engine.db"
    database.write_bytes(b"SQLite format 3")
    mark_begun(database)
    if cut_short:
        sign(database).write_bytes(b"")
    mark_begun(database)
    refuse_lost(database)
    database.unlink()
    if content is not None:
        database.write_bytes(content)
    with pytest.raises(PermanentError, match=f"engine.db is {word}, and there was a store: engine.db.begun lies beside it") as refused:
        refuse_lost(database)
    assert "reconcile restore" in refused.value.hint
    assert f"move {tmp_path} to another place" in refused.value.hint


def test_a_disk_without_room_for_the_note_keeps_nobody_from_working(tmp_path: Path) -> None:
    database = tmp_path / "gone" / "engine.db"
    mark_begun(database)
    refuse_lost(database)


def test_each_command_that_writes_leaves_the_note_and_none_that_reads(tmp_path: Path) -> None:
    """So that a store of an older version gets it."""
    settings = Settings(state_directory=tmp_path, secrets_directory=tmp_path, cache_directory=tmp_path / "cache")
    path = store_path(settings, "prod")
    with open_database(settings, "prod", read_only=True) as nothing:
        assert nothing is None
    assert not path.parent.exists()
    for opened in (lambda: open_database(settings, "prod", read_only=False), lambda: writable_database(settings, "prod")):
        with opened():  # type: ignore[no-untyped-call]
            assert sign(path).stat().st_mode & 0o777 == 0o600
        sign(path).unlink()
    with open_database(settings, "prod", read_only=True) as older:
        assert older is not None
    assert not sign(path).exists()
    with writable_database(settings, "prod"):
        pass
    path.unlink()
    for wanted in (None, "prod"):
        with pytest.raises(PermanentError, match="there was a store"):
            environment_name(settings, wanted)
    for read_only in (True, False):
        with pytest.raises(PermanentError, match="there was a store"), open_database(settings, "prod", read_only=read_only):
            pass
    assert not path.exists()
    path.parent.rename(tmp_path / "Prod as it was")
    with open_database(settings, "prod", read_only=False):
        pass
