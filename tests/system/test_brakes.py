"""Each brake on the command line and in the loop: nothing is written, --yes does not lift it, its own name alone does."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Mapping
from pathlib import Path

import pytest

from reconcile.cli.main import run
from reconcile.plan.brakes import BRAKES
from support.estate_folder import write_estate

Documents = list[tuple[str, str, Mapping[str, object]]]


def profile(name: str = "one", **more: object) -> tuple[str, str, Mapping[str, object]]:
    """Nothing listens there, so mail fails at once and quietly."""
    server = {"server": "localhost", "port": 9}
    return "EmailServerProfile", name, {"displayName": name, "serverType": "imap-smtp", "incoming": server, **more}


def mailboxes(count: int, **more: object) -> Documents:
    spec = {"profile": "one", "incoming": "server-side", **more}
    return [("Mailbox", f"m{number}", {"emailAddress": f"m{number}@contoso.example", **spec}) for number in range(count)]


def _account(username: str) -> Mapping[str, object]:
    return {"server": "localhost", "port": 9, "credentials": "profile", "username": username, "useImpersonation": True}


#: brake → (applied before, wanted now, names that are needed to lift all that stands)
CASES: Mapping[str, tuple[Documents, Documents, list[str]]] = {
    "bulk-delete": ([profile(), *mailboxes(8)], [profile(), *mailboxes(4)], ["bulk-delete"]),
    "bulk-update": ([profile(), *mailboxes(21)], [profile(), *mailboxes(21, filter="all")], ["bulk-update"]),
    "emptied": ([profile(), *mailboxes(2)], [profile()], ["emptied"]),
    "floor-moved-back": (
        [profile(), *mailboxes(1, processEmailFrom="2026-06-01")],
        [profile(), *mailboxes(1, processEmailFrom="2026-01-01")],
        ["floor-moved-back"],
    ),
    "profile-in-use": (
        [profile(), profile("two"), *mailboxes(2)],
        [profile(state="inactive"), profile("two"), *mailboxes(2)],
        ["profile-in-use"],
    ),
    "impersonating-account-changed": (
        [profile(incoming=_account("crm@contoso.example")), *mailboxes(2, incoming="none")],
        [profile(incoming=_account("other@contoso.example")), *mailboxes(2, incoming="none")],
        ["impersonating-account-changed"],
    ),
    "retention-shortened": (
        [profile(), *mailboxes(1), ("Environment", "dev", {"retention": {"mail": "30d"}})],
        [profile(), *mailboxes(1), ("Environment", "dev", {"retention": {"mail": "29d"}})],
        ["retention-shortened"],
    ),
    "three-addresses": (
        [profile(), *mailboxes(1), ("Organization", "contoso", {"linkedItems": {"oneMailingAddress": True}})],
        [profile(), *mailboxes(1), ("Organization", "contoso", {"linkedItems": {"oneMailingAddress": False}})],
        ["three-addresses"],
    ),
}


class Place:
    """An estate in a folder and its state."""

    def __init__(self, folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
        self.estate = folder / "estate"
        self._state = folder / "state"
        self._capsys = capsys

    def __call__(self, *words: str) -> tuple[int, str, str]:
        self._capsys.readouterr()
        code = run([words[0], "-C", str(self.estate), "--state-dir", str(self._state), *words[1:]])
        out, err = self._capsys.readouterr()
        return code, out, err

    def stored(self) -> list[object]:
        """Rows of the target and what is ours: everything an apply may change."""
        with sqlite3.connect(self._state / "dev" / "engine.db") as database:
            rows = [database.execute(f"SELECT * FROM {table} ORDER BY external_id").fetchall() for table in ("resource", "inventory")]
        database.close()
        return rows


@pytest.fixture
def place(tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Place:
    monkeypatch.setenv("RECONCILE_CACHE_DIR", str(tmp_path / "cache"))
    return Place(tmp_path, capsys)


def test_every_brake_has_its_case() -> None:
    assert CASES.keys() == BRAKES.keys()


@pytest.mark.parametrize("name", CASES)
def test_a_brake_is_lifted_by_its_own_name_alone(place: Place, name: str) -> None:
    before, after, lifted = CASES[name]
    write_estate(place.estate, before)
    code, _, err = place("apply", "--yes")
    assert code == 0, err
    stored = place.stored()
    write_estate(place.estate, after)

    code, out, err = place("plan", "--output", "json", "--out", str(place.estate.parent / "plan.json"))
    assert "look at it first with: reconcile show" in err
    (brake,) = [one for one in json.loads(out)["plan"]["brakes"] if one["name"] == name]
    assert (code, brake["count"] > brake["limit"], bool(brake["knob"]), bool(brake["scope"])) == (4, True, True, True)
    others = [word for other in BRAKES if other not in lifted for word in ("--lift-brake", other)]
    for words in (["--yes"], ["--yes", *others]):
        code, out, err = place("apply", *words)
        assert code == 4, out
        assert f"brake {name}: " in out
        assert f"--lift-brake {name}" in out
        assert f"knob: {brake['knob']}" in out
        assert "nothing was applied" in err
        assert f"--lift-brake {name}" in err
        assert place.stored() == stored
    code, _, err = place("apply", "--yes", "--lift-brake", "all")
    assert (code, "there is no brake called 'all'" in err) == (1, True)

    code, out, _ = place("run", "--once", "--output", "json")
    events = {event["part"]: event for event in map(json.loads, out.splitlines())}
    assert events["configuration"]["kind"] == "stalled"
    assert f"brake {name}" in events["configuration"]["message"]
    assert place.stored() == stored

    code, out, err = place("apply", "--yes", *(word for one in lifted for word in ("--lift-brake", one)))
    assert code == 0, out + err
    assert f"brake {name} is lifted" in out
    assert place.stored() != stored


def test_an_environment_may_set_a_limit_of_its_own(place: Place) -> None:
    before, after, _ = CASES["bulk-delete"]
    for documents in (before, after):
        write_estate(place.estate, documents)
        environment = place.estate / "environment.yaml"
        environment.write_text(environment.read_text() + "  brakes: {bulkDelete: {count: 4}}\n")
        assert place("apply", "--yes")[0] == 0
    write_estate(place.estate, [profile(), *mailboxes(1)])
    environment.write_text(environment.read_text() + "  brakes: {bulkDelete: {count: 2}}\n")
    code, out, _ = place("apply", "--yes")
    assert code == 4
    assert "limit 2 of 6 (scope: what is ours on target engine; knob: spec.brakes.bulkDelete of Environment/dev)" in out


def test_several_brakes_and_what_is_held_are_said_as_they_are(place: Place) -> None:
    write_estate(place.estate, [profile(), *mailboxes(5)])
    assert place("apply", "--yes")[0] == 0
    write_estate(place.estate, [profile()])
    _, _, err = place("apply", "--yes")
    asked = "--lift-brake bulk-delete --lift-brake emptied"
    assert f"nothing was applied: the brakes bulk-delete, emptied stand; if that is meant: {asked}" in err
    write_estate(place.estate, [profile(), *mailboxes(5), ("Mailbox", "more", {"emailAddress": "more@contoso.example", "profile": "none"})])
    code, _, err = place("apply", "--yes")
    assert (code, "nothing was applied: what is left to do is held, see above" in err) == (3, True)
    assert "nothing to do" not in err
