"""lock, audit, history, report, forget, and plan files that are refused, as a person or a pipeline meets them."""

from __future__ import annotations

import csv
import hashlib
import io
import json
import shutil
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from reconcile.store.sqlite.configuration import SqliteConfiguration
from reconcile.store.sqlite.database import Database
from reconcile.wiring.system import SystemClock
from support.command import Commands
from support.estate_folder import ENVIRONMENT, imap_profile, user_mailbox, write_estate

FORMULA = '=HYPERLINK("http://contoso.example","x")'


@pytest.fixture(scope="module")
def applied(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An estate that was applied, and applied again with one field changed: `estate` and `state`."""
    place = tmp_path_factory.mktemp("applied")
    folder = write_estate(
        place / "estate",
        [imap_profile("one"), user_mailbox("sales", displayName=FORMULA), user_mailbox("info", management={"protect": True})],
    )
    commands = Commands(state=place / "state", cache=place / "cache")
    secrets = commands.state / "secrets"
    secrets.mkdir(parents=True, mode=0o700)
    (secrets / "password").write_text("correct horse\n")
    (secrets / "password").chmod(0o600)
    apply(commands, folder)
    text = (folder / "mailbox.yaml").read_text()
    (folder / "mailbox.yaml").write_text(text.replace("=HYPERLINK", "@HYPERLINK"))
    apply(commands, folder)
    return place


@pytest.fixture
def folder(applied: Path, tmp_path: Path) -> Path:
    shutil.copytree(applied / "estate", tmp_path / "estate")
    return tmp_path / "estate"


@pytest.fixture
def commands(applied: Path, tmp_path: Path) -> Commands:
    shutil.copytree(applied / "state", tmp_path / "state")
    return Commands(state=tmp_path / "state", cache=tmp_path / "cache")


def apply(commands: Commands, folder: Path, *more: str) -> str:
    done = commands.run("apply", "--yes", "-C", str(folder), *more)
    assert done.code == 0, done.err + done.out
    return done.out


def document(commands: Commands, *words: str, code: int = 0) -> dict[str, object]:
    done = commands.run(*words, "--output", "json")
    assert done.code == code, done.err
    found: dict[str, object] = json.loads(done.out)
    assert found["formatVersion"] == "1.0"
    return found


def test_lock_list_and_break(commands: Commands) -> None:
    assert commands.run("lock", "list").out == "no lock is held\n"
    assert commands.run("lock", "break", "--reason", "nothing").out == "dev: nobody holds the lock\n"
    with Database.open(commands.state / "dev" / "engine.db") as database:
        store = SqliteConfiguration(database, SystemClock())
        with store.lock(owner="anna\x1b[31m@contoso.example", purpose="apply", patience=0):
            listed = commands.run("lock", "list")
            assert "anna\\x1b[31m@contoso.example" in listed.out
            assert "working" in listed.out
            (held,) = document(commands, "lock", "list")["locks"]  # type: ignore[misc]
            assert (held["environment"], held["purpose"], held["state"], held["fence"]) == ("dev", "apply", "working", 3)
            assert commands.run("lock", "break").code == 64
            assert commands.run("lock", "break", "--reason", " ").code == 64
            broken = document(commands, "lock", "break", "--reason", "laptop closed")["broken"]
            assert broken == {**held, "until": broken["until"]}  # type: ignore[index]
            assert commands.run("lock", "list", "-e", "dev").out == "no lock is held\n"
    records = document(commands, "history", "--action", "break-lock")["records"]
    (record,) = records  # type: ignore[misc]
    assert (record["actor"], record["key"], record["detail"]["reason"]) == ("tester@contoso.example", "Environment/dev", "laptop closed")


def test_audit_verify_and_export(commands: Commands, folder: Path) -> None:
    found = document(commands, "audit", "verify")
    head = found["head"]["hash"]  # type: ignore[index]
    assert (found["intact"], found["records"], found["beforeChain"]) == (True, 5, 0)
    (folder / "mailbox.yaml").write_text((folder / "mailbox.yaml").read_text().replace("@HYPERLINK", "HYPERLINK"))
    shown = apply(commands, folder).splitlines()[-1]
    assert shown.startswith("audit trail: 6 ")
    expected = commands.run("audit", "verify", "--expect", head)
    assert (expected.code, expected.out.splitlines()[1]) == (0, "the expected hash is that of record 5; 1 came since")
    assert expected.out.splitlines()[2] == shown
    assert commands.run("audit", "verify", "--expect", "123").code == 64

    lines = [json.loads(line) for line in commands.run("audit", "export").out.splitlines()]
    previous = "audit trail of reconcile, form 1"
    for line in lines:
        names = ("sequence", "at", "actor", "applyId", "action", "key", "result", "source", "revision", "detail")
        text = json.dumps([previous, *(line[name] for name in names)], separators=(",", ":"))
        previous = hashlib.sha256(text.encode()).hexdigest()
        assert line["hash"] == previous
    assert previous == shown.split()[-1]

    with closing(sqlite3.connect(commands.state / "dev" / "engine.db", isolation_level=None)) as connection:
        connection.execute("DROP TRIGGER audit_is_never_changed")
        connection.execute("UPDATE audit SET detail = 'no JSON', actor = 'nobody' WHERE sequence = 3")
    broken = commands.run("audit", "verify")
    assert (broken.code, "record 3 is not as it was written" in broken.out) == (1, True)
    assert document(commands, "audit", "verify", code=1)["broken"]["sequence"] == 3  # type: ignore[index]
    # What somebody wrote into it is still shown.
    assert commands.run("history").code == 0


def test_history_of_a_period(commands: Commands, folder: Path) -> None:
    update = commands.run("history", "--key", "Mailbox/*", "--action", "update", "--details")
    assert f"    displayName: {FORMULA} → {FORMULA.replace('=', '@')}" in update.out
    with closing(sqlite3.connect(commands.state / "dev" / "engine.db", isolation_level=None)) as connection:
        connection.execute("DROP TRIGGER audit_is_never_changed")
        # One minute before and after midnight in Berlin, in summer.
        connection.execute("UPDATE audit SET at = '2026-06-30T21:59:00Z' WHERE sequence = 1")
        connection.execute("UPDATE audit SET at = '2026-06-30T22:01:00Z' WHERE sequence = 2")
    day = [record["sequence"] for record in document(commands, "history", "--since", "2026-06-30", "--until", "2026-06-30")["records"]]  # type: ignore[attr-defined,index]
    assert day == [1]
    month = [record["sequence"] for record in document(commands, "history", "--since", "2026-07-01", "--until", "2026-07-31")["records"]]  # type: ignore[attr-defined,index]
    assert month == [2]
    instant = document(commands, "history", "--until", "2026-06-30T22:00:00Z", "--actor", "tester@contoso.example")
    assert len(instant["records"]) == 1  # type: ignore[arg-type]
    assert commands.run("history", "--actor", "nobody").out == "nothing of the kind is recorded\n"
    for wrong in ("yesterday", "2026-13-01", "2026-03-29T02:30:00", "9999-12-31"):
        refused = commands.run("history", "--until", wrong)
        assert refused.code == 64, wrong
    rows = _rows(commands.run("history", "-o", "csv", "--action", "update").out)
    assert [(row["field"], row["before"], row["after"]) for row in rows] == [("displayName", f"'{FORMULA}", f"'@{FORMULA[1:]}")]


def _rows(text: str, delimiter: str = ",") -> list[dict[str, str]]:
    assert text.startswith("\ufeff")
    return [*csv.DictReader(io.StringIO(text[1:]), delimiter=delimiter)]


def test_report_mailboxes(commands: Commands) -> None:
    text = commands.run("report", "mailboxes").out
    assert text.splitlines()[0].split()[:3] == ["mailbox", "profile", "credentials"]
    rows = _rows(commands.run("report", "mailboxes", "--output", "csv", "--delimiter", "semicolon").out, ";")
    assert [(row["mailbox"], row["profile"], row["incoming credentials"], row["outgoing credentials"], row["state"]) for row in rows] == [
        ("info", "one", "user-or-queue", "", "waiting"),
        ("sales", "one", "user-or-queue", "", "waiting"),
    ]
    (info, sales) = document(commands, "report", "mailboxes")["mailboxes"]  # type: ignore[misc]
    assert (info["name"], sales["lastSync"], sales["declaredIn"]) == ("info", None, "mailbox.yaml:1")


def test_forget(commands: Commands, folder: Path) -> None:
    forget = ("forget", "Mailbox/sales", "--reason", "handed over")
    assert commands.run(*forget).code == 1
    for wrong in ("Mailbox/*", "sales", "Mailbox/"):
        assert commands.run("forget", wrong, "--reason", "x", "--yes").code == 64, wrong
    near = commands.run("forget", "Mailbox/sale", "--reason", "x", "--yes")
    assert (near.code, "Did you mean Mailbox/sales?" in near.err) == (1, True)
    # The kind alone makes no name alike.
    assert "Did you mean" not in commands.run("forget", "Mailbox/quite-another", "--reason", "x", "--yes").err
    done = document(commands, *forget, "--yes")
    assert done["summary"]["applied"] == 1  # type: ignore[index]
    protected = commands.run("forget", "Mailbox/info", "--reason", "x", "--yes")
    assert (protected.code, "is protected" in protected.err, "--even-protected" in protected.err) == (1, True, True)
    assert commands.run("forget", "Mailbox/info", "--reason", "x", "--yes", "--even-protected").code == 0
    with closing(sqlite3.connect(commands.state / "dev" / "engine.db")) as connection:
        kept = connection.execute("SELECT name FROM resource WHERE kind = 'Mailbox' ORDER BY name").fetchall()
        ours = connection.execute("SELECT name FROM inventory WHERE kind = 'Mailbox'").fetchall()
    assert ([name for (name,) in kept], ours) == (["info", "sales"], [])
    (record,) = document(commands, "history", "--action", "forget", "--key", "Mailbox/sales")["records"]  # type: ignore[misc]
    assert record["detail"]["reason"] == "handed over"
    # Nothing that git removes touches them any more.
    write_estate(folder, [imap_profile("one")])
    plan = document(commands, "plan", "-C", str(folder))["plan"]
    assert plan["changes"] == []  # type: ignore[index]


def test_a_plan_file_that_is_not_the_one_that_was_made_is_refused(commands: Commands, folder: Path, tmp_path: Path) -> None:
    (folder / "mailbox.yaml").write_text((folder / "mailbox.yaml").read_text().replace("server-side", "none"))
    file = tmp_path / "plan.json"
    assert commands.run("plan", "-C", str(folder), "--out", str(file)).code == 0
    octets = file.read_bytes()
    before = (commands.state / "dev" / "engine.db").read_bytes()
    for place in range(7, len(octets), len(octets) // 6):
        flipped = bytearray(octets)
        flipped[place] ^= 1 << place % 8
        file.write_bytes(flipped)
        refused = commands.run("apply", str(file))
        assert refused.code in (1, 5), (place, refused.out)
        assert "error: " in refused.err
        assert "next: " in refused.err
    older = json.loads(octets)
    older["formatVersion"] = "0.9"
    file.write_text(json.dumps(older))
    refused = commands.run("apply", str(file))
    assert (refused.code, "the plan has format '0.9', this version reads" in refused.err) == (5, True)
    assert (commands.state / "dev" / "engine.db").read_bytes() == before

    # Another environment, and another organization behind the same name.
    file.write_bytes(octets)
    other = commands.run("apply", str(file), "-e", "prod")
    assert (other.code, "the plan was made for environment dev, not prod" in other.err) == (5, True)
    assert not (commands.state / "prod").exists()


def test_a_plan_for_another_organization_is_refused(commands: Commands, folder: Path, tmp_path: Path) -> None:
    (folder / "environment.yaml").write_text(ENVIRONMENT + '  organizationId: "11111111-2222-4333-8444-555555555555"\n')
    apply(commands, folder)
    (folder / "mailbox.yaml").write_text((folder / "mailbox.yaml").read_text().replace("server-side", "none"))
    file = tmp_path / "plan.json"
    assert commands.run("plan", "-C", str(folder), "--out", str(file)).code == 0
    elsewhere = Commands(state=tmp_path / "elsewhere", cache=commands.cache)
    shutil.copytree(commands.state, elsewhere.state)
    with closing(sqlite3.connect(elsewhere.state / "dev" / "engine.db", isolation_level=None)) as connection:
        connection.execute("UPDATE resource SET spec = replace(spec, '11111111', '99999999') WHERE kind = 'Environment'")
    refused = elsewhere.run("apply", str(file))
    assert refused.code == 5
    assert "the plan was made for organization 11111111-2222-4333-8444-555555555555, the target is 99999999-" in refused.err
    assert commands.run("apply", str(file)).code == 0
    again = document(commands, "apply", str(file))
    assert again["summary"]["already"] == again["summary"]["applied"] == 2  # type: ignore[index]


def test_a_plan_of_an_environment_that_this_estate_does_not_have_makes_no_store(tmp_path: Path) -> None:
    """In the folder of another estate it would fill a new store beside it."""
    theirs, ours = (Commands(state=tmp_path / name, cache=tmp_path / "cache") for name in ("theirs", "ours"))
    saved = str(tmp_path / "plan.json")
    made_for = write_estate(tmp_path / "estate", [imap_profile("one")])
    assert ours.run("plan", "-C", str(made_for), "--out", saved, "--state-dir", str(ours.state)).code == 0
    other = write_estate(tmp_path / "other", [imap_profile("one")])
    (other / "environment.yaml").write_text(ENVIRONMENT.replace("dev", "prod"))
    refused = theirs.run("apply", saved, "-C", str(other))
    assert (refused.code, refused.out) == (5, "")
    assert f"the plan was made for environment dev, which {other} does not declare: it has prod" in refused.err
    assert not (theirs.state / "dev").exists()
    # Where no estate is at hand, as on a host that only applies, the plan itself says what is meant.
    (tmp_path / "empty").mkdir()
    assert theirs.run("apply", saved, "-C", str(tmp_path / "empty")).code == 0


@pytest.mark.skipif(not Path("/dev/zero").exists(), reason="this system has no endless file")
def test_an_endless_file_is_no_plan(commands: Commands) -> None:
    refused = commands.run("apply", "/dev/zero")
    assert (refused.code, "/dev/zero is no plan file" in refused.err) == (1, True)
