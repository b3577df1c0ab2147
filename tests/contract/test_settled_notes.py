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
from reconcile.ports.settled_notes import NOTHING_NOTED, Noted, SettledNotes
from reconcile.store.liveness import locked
from reconcile.store.memory.settled_notes import MemorySettledNotes
from reconcile.store.settled_notes import SettledNoteFiles, _record, _words

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
    assert notes.of("run-1") == NOTHING_NOTED
    assert notes.keep(7, answer())
    assert notes.of("run-1") == Noted(answers={7: answer()}, whole=True)
    assert notes.of("run-2") == NOTHING_NOTED
    assert notes.left_behind() == [], "its process lives"
    notes.forget("run-1")
    notes.forget("run-1")
    assert notes.of("run-1") == NOTHING_NOTED


def test_what_is_begun_is_told_from_what_is_not(notes: SettledNotes) -> None:
    assert notes.room("run-1") == 64
    assert notes.of("run-1").begun == {}
    assert notes.begin("run-1", 7, 2, ["a@contoso.example", "b@contoso.example"])
    assert notes.of("run-1") == Noted(begun={(7, 2): ("a@contoso.example", "b@contoso.example")}, whole=True)
    assert notes.keep(7, answer(2))
    assert notes.begin("run-1", 8, 1, ["grüße@contoso.example"])
    assert notes.of("run-1").begun.keys() == {(7, 2), (8, 1)}
    assert notes.of("run-1").answers == {7: answer(2)}


@pytest.mark.parametrize("recipients", [["a@contoso.example"] * 20, ["ü" * 60 + "@contoso.example"], ["x" * 390 + "@contoso.example"], []])
def test_what_fits_is_noted(notes: SettledNotes, recipients: list[str]) -> None:
    """Also with the longest number and owner there can be."""
    owner = "f" * 36
    assert notes.room(owner) == 64
    assert not notes.fits(recipients) or notes.begin(owner, 2**63 - 1, 10**18, recipients)
    assert notes.fits(["a@contoso.example", "b@contoso.example"])
    assert isinstance(notes, MemorySettledNotes) or not notes.fits(["x" * 500])


def test_what_is_in_the_outbox_makes_room(notes: SettledNotes) -> None:
    for number in range(64):
        assert notes.begin("run-1", number, 1, ["a@contoso.example"])
        assert notes.keep(number, answer())
    assert not notes.keep(64, answer())
    assert len(notes.of("run-1").answers) == 64
    notes.written("run-1")
    assert notes.begin("run-1", 64, 1, ["a@contoso.example"])
    assert notes.keep(64, answer(reason="250 new"))
    noted = notes.of("run-1")
    assert (64, 1) in noted.begun
    assert noted.answers[64] == answer(reason="250 new")
    assert noted.whole


def test_what_a_run_leaves_is_there_for_the_next(notes: SettledNotes) -> None:
    notes.keep(7, answer())
    notes.leave("run-1")
    assert notes.of("run-1").answers == {7: answer()}
    assert notes.left_behind() == ["run-1"], "though its process lives"
    notes.forget("run-1")
    assert (notes.of("run-1"), notes.left_behind()) == (NOTHING_NOTED, [])


def test_threads_note_beside_each_other(notes: SettledNotes) -> None:
    notes.keep(7, answer(reason="250 " + "long" * 100))
    notes.written("run-1")
    notes.keep(8, answer(2))
    thread = threading.Thread(target=lambda: notes.keep(9, answer(3)) and notes.begin("run-1", 10, 1, ["a@contoso.example"]))
    thread.start()
    thread.join()
    assert notes.of("run-1") == Noted(answers={8: answer(2), 9: answer(3)}, begun={(10, 1): ("a@contoso.example",)}, whole=True)
    notes.written("run-1")
    notes.keep(11, answer())
    assert notes.of("run-1").answers.keys() == {9, 11}, "each thread has its own"


def test_only_the_owner_can_read_them_and_nothing_stays(tmp_path: Path) -> None:
    notes = SettledNoteFiles(tmp_path / "settled")
    notes.keep(7, answer())
    (file,) = (tmp_path / "settled").iterdir()
    assert (stat.S_IMODE(file.stat().st_mode), stat.S_IMODE(file.parent.stat().st_mode)) == (0o600, 0o700)
    notes.forget("run-1")
    assert list((tmp_path / "settled").iterdir()) == []


def test_what_is_damaged_says_nothing(tmp_path: Path) -> None:
    notes = SettledNoteFiles(tmp_path / "settled")
    notes.begin("run-1", 7, 1, ["a@contoso.example"])
    notes.keep(7, answer())
    (file,) = (tmp_path / "settled").iterdir()
    whole = file.read_bytes()
    both = notes.of("run-1")
    assert (list(both.begun), list(both.answers), both.whole) == ([(7, 1)], [7], True)
    begun = whole.index(b"\0" * 16, 16)
    for place in range(begun):
        file.write_bytes(whole[:place] + bytes([whole[place] ^ 1]) + whole[place + 1 :])
        found = notes.of("run-1")
        assert (found.begun, found.whole) == ({}, False), "or it would be taken for one that was not begun"
    for place in range(512, whole.index(b"\0" * 16, 528)):
        file.write_bytes(whole[:place] + bytes([whole[place] ^ 1]) + whole[place + 1 :])
        found = notes.of("run-1")
        assert (found.answers, found.begun, found.whole) == ({}, both.begun, True), place
    for short in (0, 1, begun // 2, 512, 5000, len(whole) - 1):
        file.write_bytes(whole[:short])
        assert not notes.of("run-1").whole, short
    file.write_bytes(os.urandom(9000))
    assert notes.of("run-1") == NOTHING_NOTED
    file.write_bytes(whole)
    assert notes.of("run-1") == both
    file.rename(file.with_name("run-2.notes"))
    renamed = notes.of("run-2")
    assert (renamed.begun, renamed.answers, renamed.whole) == ({}, {}, False), "a note is believed only under its own name"


def test_what_cannot_be_noted_is_said(tmp_path: Path) -> None:
    notes = SettledNoteFiles(tmp_path / "settled", threads=1)
    assert not notes.keep(7, answer(reason="x" * 5000))
    assert not notes.begin("run-1", 7, 1, [f"{number}@contoso.example" for number in range(30)])
    assert notes.keep(7, answer())
    found: list[object] = []
    thread = threading.Thread(
        target=lambda: found.extend([notes.keep(8, answer()), notes.room("run-1"), notes.begin("run-1", 8, 1, ["a@contoso.example"])])
    )
    thread.start()
    thread.join()
    assert found == [False, 0, False]
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
        assert (notes.left_behind(), list(notes.of("run-1").answers)) == ([], [7])
        process.communicate(b"")
    assert process.returncode == -9
    assert (notes.left_behind(), list(notes.of("run-1").answers)) == (["run-1"], [7])
    notes.forget("run-1")
    assert notes.left_behind() == []


@pytest.mark.parametrize("reason", ["250 ok", "250 " + "long" * 300])
def test_answers_that_the_version_before_noted_are_read(tmp_path: Path, reason: str) -> None:
    """One place of 4,096 octets for each of 16 threads, in it the answer and nothing else: what was reserved was not known."""
    places = bytearray(16 * 4096)
    for place, number in enumerate((7, 9)):
        record = _record(_words(number, answer(reason=reason)))
        places[place * 4096 : place * 4096 + len(record)] = record
    (tmp_path / "run-1.notes").write_bytes(places)
    assert SettledNoteFiles(tmp_path).of("run-1") == Noted(answers={7: answer(reason=reason), 9: answer(reason=reason)}, whole=False)


def test_a_run_that_begins_to_note_keeps_its_file(tmp_path: Path) -> None:
    """Another one may have found it free, between its making and its locking."""
    descriptor = locked(tmp_path / "run-1.notes")
    try:
        SettledNoteFiles(tmp_path).forget("run-1")
        assert (tmp_path / "run-1.notes").exists()
    finally:
        os.close(descriptor)
    SettledNoteFiles(tmp_path).forget("run-1")
    assert not (tmp_path / "run-1.notes").exists()
