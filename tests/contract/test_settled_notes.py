"""What every keeper of notes must do, in memory and in files; and what files must bear."""

from __future__ import annotations

import os
import stat
import subprocess
import sys
import threading
from datetime import UTC, datetime
from pathlib import Path

import pytest

from reconcile.model.outbox_step import RecipientResult, Settle
from reconcile.model.outgoing import RecipientState
from reconcile.ports.settled_notes import SettledNotes
from reconcile.store.memory.settled_notes import MemorySettledNotes
from reconcile.store.settled_notes import SettledNoteFiles

AT = datetime(2026, 3, 1, 12, 30, 15, 123456, tzinfo=UTC)


@pytest.fixture(params=["memory", "files"])
def notes(request: pytest.FixtureRequest, tmp_path: Path) -> SettledNotes:
    return MemorySettledNotes() if request.param == "memory" else SettledNoteFiles(tmp_path / "settled")


def answer(attempt: int = 1, *, owner: str = "run-1", reason: str = "250 Grüße\u2028") -> Settle:
    results = {
        "a@contoso.example": RecipientResult(state=RecipientState.SENT, reason=reason),
        "b@contoso.example": RecipientResult(state=RecipientState.PENDING, reason="450 later"),
    }
    return Settle(owner=owner, attempt=attempt, results=results, next_try_at=AT, why="try 1: 1 sent")


def test_a_note_is_read_back_whole_until_it_is_forgotten(notes: SettledNotes) -> None:
    assert notes.of("run-1") == {}
    assert notes.keep(7, answer())
    assert notes.of("run-1") == {7: answer()}
    assert notes.of("run-2") == {}
    assert notes.left_behind() == [], "its process lives"
    notes.forget("run-1")
    notes.forget("run-1")
    assert notes.of("run-1") == {}


def test_what_a_run_leaves_is_there_for_the_next(notes: SettledNotes) -> None:
    notes.keep(7, answer())
    notes.leave("run-1")
    assert notes.of("run-1") == {7: answer()}
    assert notes.left_behind() == ["run-1"], "though its process lives"
    notes.forget("run-1")
    assert (notes.of("run-1"), notes.left_behind()) == ({}, [])


def test_a_thread_has_one_note_the_last(notes: SettledNotes) -> None:
    notes.keep(7, answer(reason="250 " + "long" * 100))
    notes.keep(8, answer(2))
    thread = threading.Thread(target=lambda: notes.keep(9, answer(3)))
    thread.start()
    thread.join()
    assert notes.of("run-1") == {8: answer(2), 9: answer(3)}


def test_only_the_owner_can_read_them_and_nothing_stays(tmp_path: Path) -> None:
    notes = SettledNoteFiles(tmp_path / "settled")
    notes.keep(7, answer())
    (file,) = (tmp_path / "settled").iterdir()
    assert (stat.S_IMODE(file.stat().st_mode), stat.S_IMODE(file.parent.stat().st_mode)) == (0o600, 0o700)
    notes.forget("run-1")
    assert list((tmp_path / "settled").iterdir()) == []


def test_what_is_damaged_says_nothing(tmp_path: Path) -> None:
    notes = SettledNoteFiles(tmp_path / "settled")
    notes.keep(7, answer())
    (file,) = (tmp_path / "settled").iterdir()
    whole = file.read_bytes()
    length = whole.index(b"\0" * 16, 16)
    for place in range(length):
        file.write_bytes(whole[:place] + bytes([whole[place] ^ 1]) + whole[place + 1 :])
        assert notes.of("run-1") == {}, place
    for short in range(0, length, 7):
        file.write_bytes(whole[:short])
        assert notes.of("run-1") == {}, short
    file.write_bytes(os.urandom(9000))
    assert notes.of("run-1") == {}
    file.write_bytes(whole)
    assert notes.of("run-1") == {7: answer()}
    file.rename(file.with_name("run-2.notes"))
    assert notes.of("run-2") == {}, "a note is believed only under its own name"


def test_what_cannot_be_noted_is_said(tmp_path: Path) -> None:
    notes = SettledNoteFiles(tmp_path / "settled", places=1)
    assert not notes.keep(7, answer(reason="x" * 5000))
    assert notes.keep(7, answer())
    found: list[bool] = []
    thread = threading.Thread(target=lambda: found.append(notes.keep(8, answer())))
    thread.start()
    thread.join()
    assert found == [False]
    assert not notes.keep(7, answer(owner="../run"))
    (tmp_path / "file").write_text("")
    assert not SettledNoteFiles(tmp_path / "file").keep(7, answer())


def test_the_notes_of_a_process_that_was_killed_are_left_behind(tmp_path: Path) -> None:
    script = (
        "import os, signal, sys; from pathlib import Path\n"
        "from reconcile.store.settled_notes import SettledNoteFiles\n"
        "from reconcile.model.outbox_step import Settle\n"
        "notes = SettledNoteFiles(Path(sys.argv[1]))\n"
        "assert notes.keep(7, Settle(owner='run-1', attempt=1, results={}, next_try_at=None, why='w'))\n"
        "print(flush=True); sys.stdin.read(); os.kill(os.getpid(), signal.SIGKILL)\n"
    )
    notes = SettledNoteFiles(tmp_path / "settled")
    command = [sys.executable, "-c", script, str(tmp_path / "settled")]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        process.stdout.readline()
        assert (notes.left_behind(), list(notes.of("run-1"))) == ([], [7])
        process.communicate(b"")
    assert process.returncode == -9
    assert (notes.left_behind(), list(notes.of("run-1"))) == (["run-1"], [7])
    notes.forget("run-1")
    assert notes.left_behind() == []
