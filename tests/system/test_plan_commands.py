"""plan, show, apply, drift and history as a person or a pipeline meets them."""

from __future__ import annotations

import json
import os
import pty
import sqlite3
import subprocess
from pathlib import Path

import pytest

from reconcile.store.sqlite.configuration import SqliteConfiguration
from reconcile.store.sqlite.database import Database
from reconcile.wiring.system import SystemClock
from support.command import Commands
from support.estate_folder import imap_profile, user_mailbox, write_estate


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return write_estate(tmp_path / "estate", [imap_profile("one"), user_mailbox("sales"), user_mailbox("info")])


def apply(commands: Commands, folder: Path) -> None:
    done = commands.run("apply", "--yes", "-C", str(folder))
    assert done.code == 0, done.err + done.out


def test_reading_commands_create_no_store(commands: Commands, folder: Path) -> None:
    before = sorted(commands.state.rglob("*"))
    assert commands.run("plan", "-C", str(folder)).code == 0
    assert commands.run("plan", "--detailed-exitcode", "-C", str(folder)).code == 2
    assert commands.run("drift", "-C", str(folder)).code == 2
    history = commands.run("history", "-C", str(folder))
    assert (history.code, "nothing was applied yet" in history.err) == (1, True)
    assert sorted(commands.state.rglob("*")) == before


def test_apply_then_nothing_then_drift_by_another_folder(commands: Commands, folder: Path, tmp_path: Path) -> None:
    apply(commands, folder)
    assert commands.run("drift", "-C", str(folder)).code == 0
    assert commands.run("plan", "--detailed-exitcode", "-C", str(folder)).code == 0
    other = write_estate(tmp_path / "other", [imap_profile("one"), user_mailbox("sales", incoming="none"), user_mailbox("info")])
    apply(commands, other)
    store = commands.state / "dev" / "engine.db"
    before = store.read_bytes()
    drift = commands.run("drift", "-C", str(folder))
    assert drift.code == 2
    assert "Mailbox/sales: differs" in drift.out
    assert "incoming: git says server-side, the target has none   # mailbox.yaml:7, changed outside, last applied from" in drift.out
    assert str(other) in drift.out
    assert store.read_bytes() == before
    document = json.loads(commands.run("drift", "-C", str(folder), "--output", "json").out)
    assert (document["drift"], document["exit"]) == (True, "changes-pending")
    (difference,) = document["differences"]
    assert difference["fields"][0]["cause"]["moved"] == "changed outside"
    apply(commands, folder)
    assert commands.run("drift", "-C", str(folder)).code == 0


def test_a_plan_file_is_shown_and_carried_out_only_on_its_own_ground(commands: Commands, folder: Path, tmp_path: Path) -> None:
    apply(commands, folder)
    write_estate(folder, [imap_profile("one"), user_mailbox("sales", incoming="none"), user_mailbox("info", incoming="none")])
    saved = tmp_path / "plan.json"
    planned = commands.run("plan", "--out", str(saved), "-C", str(folder))
    assert planned.code == 0
    shown = commands.run("show", str(saved))
    assert shown.out == planned.out
    document = json.loads(commands.run("show", str(saved), "--output", "json").out)
    assert (document["plan"], document["exit"]) == (json.loads(saved.read_text()), "nothing-to-do")
    done = commands.run("apply", str(saved))
    assert (done.code, "applied 2 · failed 0" in done.out) == (0, True), done.err
    again = commands.run("apply", str(saved))
    assert (again.code, "already 2" in again.out) == (0, True), again.out + again.err

    write_estate(folder, [imap_profile("one"), user_mailbox("sales"), user_mailbox("info")])
    commands.run("plan", "--out", str(saved), "-C", str(folder))
    other = write_estate(tmp_path / "other", [imap_profile("one"), user_mailbox("sales", outgoing="server-side", incoming="none"), user_mailbox("info", incoming="none")])  # fmt: skip
    apply(commands, other)
    partly = commands.run("apply", str(saved))
    assert partly.code == 6
    assert "Mailbox/sales is void: Mailbox/sales changed on the target since it was observed" in partly.out
    assert "Mailbox/info applied" in partly.out

    text = saved.read_text()
    saved.write_text(text.replace('"after": "server-side"', '"after": "forward-mailbox"'))
    edited = commands.run("apply", str(saved))
    assert (edited.code, "digest does not fit" in edited.err) == (1, True)
    saved.write_text(text.replace('"formatVersion": "1.2"', '"formatVersion": "9.0"'))
    assert commands.run("apply", str(saved)).code == 5
    saved.write_text(text)
    wrong = commands.run("apply", "-e", "prod", str(saved))
    assert (wrong.code, "made for environment dev" in wrong.err) == (5, True)
    saved.write_text(text.replace('"changes"', '"chnages"'))
    answer = commands.run("show", str(saved))
    assert (answer.code, "Traceback" in answer.err, "next:" in answer.err) == (1, False, True), answer.err


def test_a_wholly_void_plan_is_stale(commands: Commands, folder: Path, tmp_path: Path) -> None:
    apply(commands, folder)
    write_estate(folder, [imap_profile("one"), user_mailbox("sales", incoming="none"), user_mailbox("info")])
    saved = tmp_path / "plan.json"
    commands.run("plan", "--out", str(saved), "-C", str(folder))
    other = write_estate(tmp_path / "other", [imap_profile("one"), user_mailbox("sales", outgoing="server-side"), user_mailbox("info")])
    apply(commands, other)
    assert commands.run("apply", str(saved)).code == 5


def test_nobody_to_ask(commands: Commands, folder: Path) -> None:
    refused = commands.run("apply", "-C", str(folder))
    assert (refused.code, "--yes" in refused.err) == (1, True)
    assert not (commands.state / "dev").exists()


@pytest.mark.parametrize(("answer", "code"), [(b"n\n", 1), (b"y\n", 0)])
def test_a_person_is_asked(commands: Commands, folder: Path, answer: bytes, code: int) -> None:
    master, slave = pty.openpty()
    try:
        process = subprocess.Popen(
            commands.arguments("apply", "-C", str(folder)),
            env=commands.environment(),
            stdin=slave,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )
        os.write(master, answer)
        out, err = process.communicate(timeout=60)
    finally:
        os.close(master)
        os.close(slave)
    assert process.returncode == code, err
    assert b"Apply 4 changes to dev?" in err
    assert b"+ Mailbox/sales" in out
    assert (b"applied 4" in out) == (code == 0)


def test_a_brake_refuses_before_anything_is_written(commands: Commands, folder: Path) -> None:
    apply(commands, folder)
    write_estate(folder, [imap_profile("one")])
    stopped = commands.run("apply", "--yes", "-C", str(folder))
    assert stopped.code == 4
    assert "--lift-brake emptied" in stopped.out
    assert commands.run("apply", "--yes", "--lift-brake", "bulk-delete", "-C", str(folder)).code == 4
    unknown = commands.run("apply", "--yes", "--lift-brake", "all", "-C", str(folder))
    assert (unknown.code, "there is no brake called 'all'" in unknown.err) == (1, True)
    assert commands.run("drift", "-C", str(folder)).code == 2
    done = commands.run("apply", "--yes", "--lift-brake", "emptied", "--output", "json", "-C", str(folder))
    assert (done.code, json.loads(done.out)["summary"]["applied"]) == (0, 2)


def test_a_bad_document_holds_its_key_and_the_rest_is_applied(commands: Commands, folder: Path) -> None:
    apply(commands, folder)
    (folder / "mailbox.yaml").write_text("apiVersion: reconcile/v1alpha2\nkind: Mailbox\nmetadata: {name: sales\n", encoding="utf-8")
    write = (folder / "emailserverprofile.yaml").read_text()
    (folder / "emailserverprofile.yaml").write_text(write + '  minPollingInterval: "7m"\n', encoding="utf-8")
    done = commands.run("apply", "--yes", "-C", str(folder))
    assert done.code == 3
    assert "EmailServerProfile/one applied" in done.out
    assert "Mailbox/sales is held" in done.out
    assert "delete 0" in done.out
    assert "mailbox.yaml" in done.err


def test_a_missing_secret_is_named_and_nothing_secret_is_kept_in_clear(commands: Commands, folder: Path) -> None:
    secret = commands.state / "secrets" / "password"
    secret.unlink()
    failed = commands.run("apply", "--yes", "-C", str(folder))
    assert failed.code == 6
    assert "file:password" in failed.out
    secret.write_text("correct horse\n")
    secret.chmod(0o600)
    apply(commands, folder)
    kept = b"".join(path.read_bytes() for path in (commands.state / "dev").iterdir())
    assert b"correct horse" not in kept
    with sqlite3.connect(commands.state / "dev" / "engine.db") as connection:
        assert connection.execute("SELECT count(*) FROM sealed_value").fetchone() == (2,)
    connection.close()
    history = json.loads(commands.run("history", "--output", "json", "-C", str(folder)).out)
    results = [record["result"] for record in history["records"]]
    assert results.count("failed") == 2
    assert results.count("applied") == 4
    assert {record["actor"] for record in history["records"]} == {"tester@contoso.example"}
    assert len(json.loads(commands.run("history", "--limit", "1", "-o", "json", "-C", str(folder)).out)["records"]) == 1


def test_a_lost_key_is_told_and_not_replaced(commands: Commands, folder: Path) -> None:
    apply(commands, folder)
    key = commands.state / "secrets" / "reconcile.key"
    kept = key.read_bytes()
    key.unlink()
    write_estate(folder, [imap_profile("one"), user_mailbox("sales", displayName="Sales"), user_mailbox("info")])
    for words in (["apply", "--yes", "-C", str(folder)], ["sync"]):
        refused = commands.run(*words)
        assert (refused.code, "raise the generation of every secret" in refused.err + refused.out) == (1, True), refused
    assert not key.exists()
    key.write_bytes(kept)
    key.chmod(0o600)
    apply(commands, folder)


def test_the_lock_is_respected_and_names_its_holder(commands: Commands, folder: Path) -> None:
    apply(commands, folder)
    with (
        Database.open(commands.state / "dev" / "engine.db") as database,
        SqliteConfiguration(database, SystemClock()).lock(owner="anna@contoso.example", purpose="apply", patience=0),
    ):
        locked = commands.run("apply", "--yes", "-C", str(folder))
    assert locked.code == 8
    assert "anna@contoso.example works on this environment (dev): apply since" in locked.err
    assert "reconcile lock break --reason" in locked.err


def test_a_pinned_organization_is_not_mistaken(commands: Commands, folder: Path) -> None:
    environment = folder / "environment.yaml"
    text = environment.read_text()
    environment.write_text(text + '  organizationId: "11111111-2222-4333-8444-555555555555"\n')
    apply(commands, folder)
    environment.write_text(text + '  organizationId: "99999999-2222-4333-8444-555555555555"\n')
    for command in (["plan"], ["drift"], ["apply", "--yes"]):
        refused = commands.run(*command, "-C", str(folder))
        assert (refused.code, "is pinned to organization" in refused.err) == (1, True)


def test_exit_code_is_computed_from_what_is_printed(commands: Commands, folder: Path) -> None:
    for words in (["plan"], ["plan", "--detailed-exitcode"], ["drift"]):
        done = commands.run(*words, "--output", "json", "-C", str(folder))
        document = json.loads(done.out)
        expected = {0: "nothing-to-do", 2: "changes-pending"}[done.code]
        assert document["exit"] == expected


def test_applied_fields_know_their_place_in_git(commands: Commands, folder: Path) -> None:
    from reconcile.store.sqlite.database import Database
    from reconcile.store.sqlite.resources import SqliteResources

    def origins() -> dict[str, str]:
        with Database.open(commands.state / "dev" / "engine.db", read_only=True) as database:
            applied = {resource.name: resource for resource in SqliteResources(database).resources()}
        return dict(applied["info"].origins)

    apply(commands, folder)
    first = origins()
    lines = (folder / "mailbox.yaml").read_text().splitlines()
    assert [lines[int(first[path].partition(":")[2]) - 1].strip() for path in ("profile", "incoming")] == [
        'profile: "one"',
        'incoming: "server-side"',
    ]
    assert first[""].startswith("mailbox.yaml:")
    write_estate(folder, [imap_profile("one"), user_mailbox("info", outgoing="server-side"), user_mailbox("sales")])
    apply(commands, folder)
    assert origins()["outgoing"] == "mailbox.yaml:9"


def test_a_plan_that_cannot_be_saved_says_so(commands: Commands, folder: Path, tmp_path: Path) -> None:
    refused = commands.run("plan", "--out", str(tmp_path / "nowhere" / "plan.json"), "-C", str(folder))
    assert (refused.code, "cannot be written" in refused.err, "Traceback" in refused.err) == (1, True, False)


def test_mailboxes_in_a_submodule_are_unknown_and_not_gone(commands: Commands, folder: Path) -> None:
    """A checkout shows its files, a revision does not: that must never read as a deletion."""
    apply(commands, folder)
    (folder / "mailbox.yaml").unlink()
    for words in (
        ["init", "-q", "-b", "main"],
        ["add", "-A"],
        ["update-index", "--add", "--cacheinfo", "160000,1111111111111111111111111111111111111111,mailboxes"],
        ["-c", "user.name=ops", "-c", "user.email=ops@contoso.example", "commit", "-q", "-m", "estate"],
    ):
        subprocess.run(["git", "-C", str(folder), *words], check=True)
    planned = commands.run("plan", "-C", str(folder), "--revision", "main")
    assert (planned.code, "source/submodule" in planned.err, "- Mailbox" in planned.out) == (3, True, False)


def test_a_renamed_environment_is_told_from_a_new_one(commands: Commands, folder: Path) -> None:
    first = commands.run("plan", "-C", str(folder), "-o", "json")
    assert json.loads(first.out)["plan"]["notes"] == []
    apply(commands, folder)
    environment = folder / "environment.yaml"
    text = environment.read_text()
    (folder / "second.yaml").write_text(text.replace("name: dev", "name: test"))
    added = commands.run("plan", "-C", str(folder), "-e", "test", "-o", "json")
    assert json.loads(added.out)["plan"]["notes"] == []
    (folder / "second.yaml").unlink()
    environment.write_text(text.replace("name: dev", "name: production"))
    renamed = commands.run("plan", "-C", str(folder))
    assert (
        "production has no store yet and starts from nothing, so its mail is read again; dev has one and is declared no more" in renamed.out
    )
