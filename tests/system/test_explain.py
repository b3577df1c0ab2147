"""`reconcile explain`, from the command line: what people see on a form leads to the field, to who declares it, and to its past."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

from support.command import Commands
from support.estate_folder import imap_profile, user_mailbox, write_estate


def git(folder: Path, *words: str) -> None:
    identity = ["-c", "user.name=Mail Team", "-c", "user.email=mail-team@contoso.example"]
    subprocess.run(["git", *identity, *words], cwd=folder, check=True, capture_output=True)


def test_a_label_leads_to_the_field_and_to_whoever_declares_it(commands: Commands, tmp_path: Path) -> None:
    folder = write_estate(tmp_path / "estate", [imap_profile("one"), user_mailbox("sales", processEmailFrom="2026-01-01T00:00:00Z")])
    git(folder, "init", "-q")
    git(folder, "add", "-A")
    git(folder, "commit", "-qm", "Take mail from January on")
    done = commands.run("explain", "Traiter le courrier électronique reçu après", "-C", str(folder))
    assert done.code == 0, done.err
    assert done.out.startswith("Mailbox  processEmailFrom\n")
    assert "column        processemailreceivedafter (watermark)" in done.out
    assert "Mailbox/sales: 2026-01-01T00:00:00Z" in done.out
    assert "Mail Team" in done.out
    assert "Take mail from January on" in done.out


def test_the_past_of_a_field_is_told_from_the_audit_trail(commands: Commands, tmp_path: Path) -> None:
    folder = write_estate(tmp_path / "estate", [imap_profile("one"), user_mailbox("sales")])
    assert commands.run("apply", "--yes", "-C", str(folder)).code == 0
    write_estate(folder, [imap_profile("one"), user_mailbox("sales", incoming="none")])
    assert commands.run("apply", "--yes", "-C", str(folder)).code == 0
    done = commands.run("explain", "Incoming Email", "-C", str(folder))
    assert done.code == 0, done.err
    assert "Mailbox/sales: server-side → none  applied, by " in done.out
    document = json.loads(commands.run("explain", "Mailbox.incoming", "-o", "json", "-C", str(folder)).out)
    assert [(one["key"], one["before"], one["after"]) for one in document["fields"][0]["history"]] == [
        ("Mailbox/sales", "server-side", "none"),
        ("Mailbox/sales", None, "server-side"),
    ]
    assert document["fields"][0]["declared"][0]["file"].endswith(".yaml")


def test_a_secret_is_told_by_its_reference(commands: Commands, tmp_path: Path) -> None:
    folder = write_estate(
        tmp_path / "estate",
        [imap_profile("one"), user_mailbox("sales", credentials={"allowUse": True, "username": "sales", "password": "env:CANARY"})],
    )
    done = commands.run("explain", "Kennwort", "-C", str(folder), CANARY="canary-secret-value")
    assert "env:CANARY" in done.out
    assert "canary-secret-value" not in done.out + done.err


def test_a_finding_and_a_brake_are_explained_by_their_names(commands: Commands, tmp_path: Path) -> None:
    assert "Severity" not in commands.run("explain", "reference/unknown", "-C", str(tmp_path)).out
    assert commands.run("explain", "reference/unknown", "-C", str(tmp_path)).out.startswith("reference/unknown (error)\n")
    assert "--lift-brake emptied" in commands.run("explain", "emptied", "-C", str(tmp_path)).out


def test_a_misspelt_name_is_answered_with_a_near_one(commands: Commands, tmp_path: Path) -> None:
    done = commands.run("explain", "Identitätswechsl verwenden", "-C", str(tmp_path))
    assert (done.code, "Identitätswechsel verwenden" in done.err) == (1, True)


def test_without_an_estate_the_field_alone_is_explained(commands: Commands, tmp_path: Path) -> None:
    done = commands.run("explain", "Use Impersonation", "-C", str(tmp_path))
    assert (done.code, "declared" in done.out, "Identitätswechsel verwenden" in done.out) == (0, False, True)
