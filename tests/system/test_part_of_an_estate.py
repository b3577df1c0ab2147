"""--only and --exclude on the command line: plan, apply, drift, and what a saved plan keeps of them."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from reconcile.cli.main import run
from support.estate_folder import imap_profile, write_estate


class Place:
    """An estate in a folder and its state."""

    def __init__(self, folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
        self.estate = folder / "estate"
        self._options = ["--state-dir", str(folder / "state")]
        self._capsys = capsys

    def __call__(self, *words: str, estate: bool = True) -> tuple[int, str, str]:
        self._capsys.readouterr()
        code = run([words[0], *(["-C", str(self.estate)] if estate else []), *self._options, *words[1:]])
        out, err = self._capsys.readouterr()
        return code, out, err

    def write(self, filter_: str) -> None:
        write_estate(self.estate, [imap_profile("one"), *(self._mailbox(name, filter_) for name in ("sales-eu", "sales-us", "info"))])

    @staticmethod
    def _mailbox(name: str, filter_: str) -> tuple[str, str, dict[str, object]]:
        return "Mailbox", name, {"emailAddress": f"{name}@contoso.example", "profile": "one", "filter": filter_}


@pytest.fixture
def place(tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Place:
    monkeypatch.setenv("RECONCILE_CACHE_DIR", str(tmp_path / "cache"))
    made = Place(tmp_path, capsys)
    made.write("all")
    assert made("apply", "--yes")[0] == 0
    made.write("replies")
    return made


def test_a_part_is_planned_applied_and_compared(place: Place) -> None:
    code, out, _ = place("plan", "--only", "Mailbox/sales-*", "--exclude", "*-us")
    assert (code, "update 1" in out, "unchanged 0" in out, "left out 2" in out) == (0, True, True, True)
    code, out, _ = place("drift", "--only", "info", "--output", "json")
    shown = json.loads(out)
    assert (code, [one["key"] for one in shown["differences"]], shown["leftOut"]) == (2, ["Mailbox/info"], 2)
    assert shown["selection"] == {"only": ["info"], "exclude": []}
    code, out, _ = place("apply", "--yes", "--only", "Mailbox/sales-*")
    assert (code, "applied 2" in out) == (0, True)
    code, out, _ = place("plan", "--output", "json")
    assert [change["key"] for change in json.loads(out)["plan"]["changes"]] == ["Mailbox/info"]
    assert place("drift", "--exclude", "info")[0] == 0


def test_a_saved_plan_keeps_its_part_and_takes_no_other(place: Place, tmp_path: Path) -> None:
    saved = str(tmp_path / "plan.json")
    assert place("plan", "--only", "info", "--out", saved)[0] == 0
    code, _, err = place("apply", saved, "--only", "sales-eu", estate=False)
    assert (code, "a saved plan keeps the selection it was made with" in err, "next:" in err) == (1, True, True)
    code, out, _ = place("apply", saved, estate=False)
    assert (code, "Mailbox/info applied" in out, "sales" in out.replace(saved, "")) == (0, True, False)


@pytest.mark.parametrize("command", ["plan", "drift", "apply"])
def test_a_pattern_that_cannot_be_read_is_an_error(place: Place, command: str) -> None:
    code, _, err = place(command, *(["--yes"] if command == "apply" else []), "--only", "Postbox/x")
    assert (code, "there is no kind 'Postbox'" in err, "Mailbox/sales-*" in err) == (1, True, True)
    code, out, err = place(command, *(["--yes"] if command == "apply" else []), "--only", "nobody")
    assert code == 0
    assert "--only nobody fits nothing that is declared or ours" in out + err
