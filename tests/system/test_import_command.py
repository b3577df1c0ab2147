"""`reconcile import` as people use it: take over, edit, import again, renew the export; and killed on the way."""

from __future__ import annotations

import json
import signal
import time
from pathlib import Path
from typing import Any

import pytest

from support.command import Commands, Result
from support.estate_folder import document, imap_profile, user_mailbox, write_estate
from support.exports import Row, mailbox_row, profile_row, row_id, write_export


@pytest.fixture
def reconcile(tmp_path: Path) -> Commands:
    return Commands(state=tmp_path / "state", cache=tmp_path / "cache")


@pytest.fixture
def estate(tmp_path: Path) -> Path:
    return tmp_path / "estate"


def tree(folder: Path) -> dict[str, bytes]:
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def parsed(result: Result) -> Any:
    assert result.out, result.err
    return json.loads(result.out)


PROFILES = [
    profile_row(
        1,
        "Hosted mail",
        incomingcredentialretrieval=1,
        incomingusername="crm",
        outgoingserverlocation="smtp.contoso.example",
        description="one\ntwo",
    ),
    profile_row(2, "Microsoft Exchange Online", servertype=0, incomingcredentialretrieval=2, outgoingcredentialretrieval=2),
]
MAILBOXES = [
    mailbox_row(10, "sales@contoso.example", emailserverprofile=row_id(1), name="Verkauf Süd"),
    mailbox_row(11, "sales@fabrikam.example", emailserverprofile=row_id(2), name="Verkauf Süd", statecode=1),
    mailbox_row(12, None, name="Without address"),
]


def export(estate: Path, mailboxes: list[Row] = MAILBOXES) -> str:
    path = write_export(estate / "exports/prod.json", profiles=PROFILES, mailboxes=mailboxes)
    return f"snapshot:{path}"


def test_an_estate_is_taken_over_and_plans_empty(reconcile: Commands, estate: Path) -> None:
    done = reconcile.run("import", "--from", export(estate), "--into", str(estate))
    assert (done.code, done.err) == (0, "")
    assert "left out 1 row: it has no e-mail address" in done.out
    assert sorted(tree(estate)) == [
        "environment.yaml",
        "exports/prod.json",
        "mailboxes/sales-fabrikam.yaml",
        "mailboxes/sales.yaml",
        "organization.yaml",
        "profiles/hosted-mail.yaml",
        "profiles/microsoft-exchange-online.yaml",
    ]
    profile = (estate / "profiles/hosted-mail.yaml").read_text("utf-8")
    assert "  description: |-\n    one\n    two\n" in profile
    assert "# incoming.password is not in the export" in profile
    assert "lifecycle: external" in (estate / "profiles/microsoft-exchange-online.yaml").read_text("utf-8")
    assert "profile: microsoft-exchange-online" in (estate / "mailboxes/sales-fabrikam.yaml").read_text("utf-8")
    assert reconcile.run("lint", "-C", str(estate)).code == 0
    plan = reconcile.run("plan", "-C", str(estate), "--detailed-exitcode")
    assert plan.code == 0
    assert "the target is exports/prod.json of 2026-06-30 06:00 UTC" in plan.out
    assert reconcile.run("drift", "-C", str(estate)).code == 0
    assert not (estate / ".reconcile").exists()


def test_what_people_made_of_the_files_stays(reconcile: Commands, estate: Path) -> None:
    reconcile.run("import", "--from", export(estate), "--into", str(estate))
    text = (estate / "mailboxes/sales.yaml").read_text("utf-8").replace("name: sales", "name: vertrieb")
    (estate / "mailboxes/sales.yaml").unlink()
    (estate / "south").mkdir()
    (estate / "south/team.yml").write_text("# moved, renamed, with another comment\n" + text, "utf-8")
    before = tree(estate)
    again = parsed(reconcile.run("import", "--from", export(estate), "--into", str(estate), "-o", "json"))
    assert (again["files"], again["new"], again["differing"], again["vanished"]) == ([], [], [], [])
    assert "Mailbox/vertrieb" in again["kept"]
    assert tree(estate) == before


def test_a_renewed_export_adds_and_tells_and_changes_nothing(reconcile: Commands, estate: Path) -> None:
    reconcile.run("import", "--from", export(estate), "--into", str(estate))
    before = tree(estate)
    newer = [
        {**MAILBOXES[0], "outgoingemaildeliverymethod": 0},
        mailbox_row(13, "sales@adventure.example", emailserverprofile=row_id(1)),
    ]
    origin = export(estate, newer)
    drift = reconcile.run("drift", "-C", str(estate))
    assert drift.code == 2
    assert "outgoing: git says server-side, the target has none" in drift.out
    assert "exports/prod.json of 2026-06-30 06:00 UTC" in drift.out
    done = parsed(reconcile.run("import", "--from", origin, "--into", str(estate), "-o", "json"))
    assert done["differing"] == [{"key": "Mailbox/sales", "fields": ["outgoing"]}]
    assert done["vanished"] == ["Mailbox/sales-fabrikam"]
    assert done["new"] == ["Mailbox/sales-adventure"]
    after = tree(estate)
    assert {path for path in after if after[path] != before.get(path)} == {"exports/prod.json", "mailboxes/sales-adventure.yaml"}


def test_a_dry_run_writes_nothing(reconcile: Commands, estate: Path) -> None:
    origin = export(estate)
    before = tree(estate)
    dry = parsed(reconcile.run("import", "--from", origin, "--into", str(estate), "--dry-run", "-o", "json"))
    assert tree(estate) == before
    real = parsed(reconcile.run("import", "--from", origin, "--into", str(estate), "-o", "json"))
    assert (dry.pop("written"), real.pop("written")) == (False, True)
    assert dry == real


def test_an_export_from_elsewhere_is_copied_once_and_never_with_secrets(reconcile: Commands, estate: Path, tmp_path: Path) -> None:
    elsewhere = write_export(tmp_path / "Prod Export (1).json", profiles=PROFILES, mailboxes=MAILBOXES)
    words = ("import", "--from", f"snapshot:{elsewhere}", "--into", str(estate), "-o", "json")
    dry = parsed(reconcile.run(*words, "--dry-run"))
    assert not estate.exists()
    done = parsed(reconcile.run(*words))
    assert dry["files"] == done["files"]
    assert done["files"][0] == {"path": "exports/prod-export-1.json", "documents": 0}
    assert (estate / "exports/prod-export-1.json").read_bytes() == elsewhere.read_bytes()
    assert reconcile.run("plan", "-C", str(estate), "--detailed-exitcode").code == 0
    secret = write_export(tmp_path / "s.json", profiles=[profile_row(1, "One", incomingpassword="hunter2")], mailboxes=MAILBOXES)
    done = reconcile.run("import", "--from", f"snapshot:{secret}", "--into", str(tmp_path / "other"))
    assert "secrets in the clear (incomingpassword)" in done.out
    assert not any(b"hunter2" in text for text in tree(tmp_path / "other").values())


def test_mailboxes_as_a_table(reconcile: Commands, estate: Path) -> None:
    odd = mailbox_row(14, "odd@contoso.example", name="=HYPERLINK(1)")
    words = ("import", "--from", export(estate, [*MAILBOXES, odd]), "--into", str(estate), "--layout", "csv")
    done = reconcile.run(*words)
    assert done.code == 0
    assert "\n  mailboxes/mailboxes.csv  (2 rows)\n  mailboxes/mailboxes.yaml\n  mailboxes/odd.yaml\n" in done.out
    whole = tree(estate)
    assert {"mailboxes/mailboxes.csv", "mailboxes/mailboxes.yaml", "mailboxes/odd.yaml"} <= whole.keys()
    assert b"HYPERLINK" not in whole["mailboxes/mailboxes.csv"]
    assert reconcile.run("plan", "-C", str(estate), "--detailed-exitcode").code == 0
    # Killed between the table and its list: the table is taken up again.
    (estate / "mailboxes/mailboxes.yaml").unlink()
    assert reconcile.run(*words).code == 0
    assert tree(estate) == whole
    # New rows get a table of their own: that of somebody else is not edited.
    assert reconcile.run(*words[:2], export(estate, [*MAILBOXES, odd, mailbox_row(15, "new@x.example")]), *words[3:]).code == 0
    added = {path: text for path, text in tree(estate).items() if whole.get(path) != text}
    assert sorted(added) == ["exports/prod.json", "mailboxes/mailboxes-2.csv", "mailboxes/mailboxes-2.yaml"]
    assert reconcile.run("plan", "-C", str(estate), "--detailed-exitcode").code == 0


def test_documents_go_to_a_folder_of_their_environment(reconcile: Commands, estate: Path) -> None:
    origin = export(estate)
    servers = {direction: {"server": "mail.contoso.example"} for direction in ("incoming", "outgoing")}
    for folder in ("base", "prod", "dev"):
        (estate / folder).mkdir()
        (estate / folder / "profile.yaml").write_text(
            document("EmailServerProfile", f"p-{folder}", {"displayName": folder, "serverType": "imap-smtp", **servers}), "utf-8"
        )
    for name, target in (("prod", "{type: snapshot, path: exports/prod.json}"), ("dev", "{type: engine}")):
        spec = f"spec:\n  target: {target}\n  layers: [base, {name}]\n"
        (estate / f"{name}.yaml").write_text(
            f"apiVersion: reconcile/v1alpha2\nkind: Environment\nmetadata: {{name: {name}}}\n{spec}", "utf-8"
        )
    assert reconcile.run("import", "--from", origin, "--into", str(estate)).code != 0
    done = parsed(reconcile.run("import", "--from", origin, "--into", str(estate), "-e", "prod", "-o", "json"))
    assert {file["path"].partition("/")[0] for file in done["files"]} == {"prod"}
    assert sorted(done["vanished"]) == ["EmailServerProfile/p-base", "EmailServerProfile/p-prod"]
    assert reconcile.run("lint", "-C", str(estate)).code == 0


def test_the_store_is_an_origin_too(reconcile: Commands, estate: Path, tmp_path: Path) -> None:
    (tmp_path / "state/secrets").mkdir(parents=True)
    (tmp_path / "state/secrets/password").write_text("not a secret")
    (tmp_path / "state/secrets/password").chmod(0o600)
    write_estate(estate, [imap_profile("one"), user_mailbox("sales"), user_mailbox("info", filter="all")])
    assert reconcile.run("apply", "-C", str(estate), "--yes").code == 0
    rebuilt = tmp_path / "rebuilt"
    done = reconcile.run("import", "--from", "engine", "-C", str(estate), "--into", str(rebuilt))
    assert done.code == 0, done.err
    assert "password: file:password\n" in (rebuilt / "mailboxes/sales.yaml").read_text("utf-8")
    assert reconcile.run("lint", "-C", str(rebuilt)).code == 0
    plan = parsed(reconcile.run("plan", "-C", str(rebuilt), "-o", "json"))["plan"]
    assert (plan["changes"], plan["held"]) == ([], [])


def test_a_store_applied_from_layers_becomes_one_tree(reconcile: Commands, estate: Path, tmp_path: Path) -> None:
    write_estate(estate / "base", [imap_profile("one"), user_mailbox("sales")])
    (estate / "base/environment.yaml").rename(estate / "environment.yaml")
    (estate / "environment.yaml").write_text(document("Environment", "dev", {"target": {"type": "engine"}, "layers": ["base"]}), "utf-8")
    (tmp_path / "state/secrets").mkdir(parents=True)
    (tmp_path / "state/secrets/password").write_text("not a secret")
    (tmp_path / "state/secrets/password").chmod(0o600)
    applied = reconcile.run("apply", "-C", str(estate), "-e", "dev", "--yes")
    assert applied.code == 0, applied.err
    rebuilt = tmp_path / "rebuilt"
    done = reconcile.run("import", "--from", "engine", "-C", str(estate), "-e", "dev", "--into", str(rebuilt))
    assert done.code == 0, done.err
    assert "layers" not in (rebuilt / "environment.yaml").read_text("utf-8")
    plan = parsed(reconcile.run("plan", "-C", str(rebuilt), "-o", "json"))["plan"]
    assert (plan["changes"], plan["held"]) == ([], [])


REFUSED: list[tuple[str, str]] = [
    ("snapshot:missing.json", "No such file or directory"),
    ("snapshot:", "nothing that can be imported from"),
    ("nonsense", "nothing that can be imported from"),
    ("csv:missing.csv", "cannot be read"),
    ("engine", "nothing was applied yet"),
]


@pytest.mark.parametrize(("origin", "why"), REFUSED)
def test_an_origin_that_cannot_be_read_is_named(origin: str, why: str, reconcile: Commands, estate: Path) -> None:
    done = reconcile.run("import", "--from", origin, "--into", str(estate))
    assert done.code == 1
    assert why in done.err
    assert "next: " in done.err
    assert not estate.exists()


def test_a_name_that_no_environment_can_have_is_refused(reconcile: Commands, tmp_path: Path) -> None:
    done = reconcile.run("import", "--from", export(tmp_path), "--into", str(tmp_path / "new"), "-e", "Prod 1")
    assert (done.code, "no name of an environment" in done.err) == (1, True)
    assert not (tmp_path / "new").exists()


def test_an_estate_with_errors_is_not_added_to(reconcile: Commands, estate: Path) -> None:
    origin = export(estate)
    (estate / "bad.yaml").write_text("kind: [", "utf-8")
    done = reconcile.run("import", "--from", origin, "--into", str(estate))
    assert done.code == 1
    assert "nobody can tell which rows it declares" in done.err
    assert sorted(tree(estate)) == ["bad.yaml", "exports/prod.json"]


def test_another_organization_is_refused(reconcile: Commands, estate: Path) -> None:
    reconcile.run("import", "--from", export(estate), "--into", str(estate))
    other = write_export(
        estate / "exports/test.json", profiles=PROFILES, mailboxes=MAILBOXES, organization=[{"organizationid": row_id(77)}]
    )
    done = reconcile.run("import", "--from", f"snapshot:{other}", "--into", str(estate))
    assert (done.code, "is pinned to organization" in done.err) == (1, True)


def test_a_snapshot_is_neither_written_nor_synchronised(reconcile: Commands, estate: Path) -> None:
    reconcile.run("import", "--from", export(estate), "--into", str(estate))
    reconcile.run("plan", "-C", str(estate), "--out", str(estate / "plan.json"))
    for words in (("apply", "--yes"), ("apply", str(estate / "plan.json")), ("run", "--once")):
        done = reconcile.run(*words, "-C", str(estate))
        assert done.code != 0
        assert "a snapshot cannot be written" in done.err + done.out
    assert reconcile.run("sync", "-C", str(estate)).code != 0
    assert not (reconcile.state / "prod").exists()


def test_an_export_outside_the_estate_is_not_read_through_a_link(reconcile: Commands, estate: Path, tmp_path: Path) -> None:
    reconcile.run("import", "--from", export(estate), "--into", str(estate))
    (estate / "exports/prod.json").rename(tmp_path / "elsewhere.json")
    (estate / "exports/prod.json").symlink_to(tmp_path / "elsewhere.json")
    done = reconcile.run("plan", "-C", str(estate))
    assert done.code == 1
    assert "leads out of" in done.err


@pytest.mark.slow
def test_killed_anywhere_the_next_import_completes_it(reconcile: Commands, tmp_path: Path) -> None:
    rows = [mailbox_row(n, f"{n % 7}-{n}@{'abc'[n % 3]}.example", emailserverprofile=row_id(1)) for n in range(100, 220)]
    origin = f"snapshot:{write_export(tmp_path / 'prod.json', profiles=PROFILES, mailboxes=rows)}"
    whole = tmp_path / "whole"
    assert reconcile.run("import", "--from", origin, "--into", str(whole), "--layout", "files").code == 0
    interrupted = 0
    for files in (1, 5, 50, 100):
        folder = tmp_path / f"killed-at-{files}"
        process = reconcile.start("import", "--from", origin, "--into", str(folder), "--layout", "files")
        while process.poll() is None and sum(1 for _ in folder.rglob("*.yaml")) < files:
            time.sleep(0.001)
        process.send_signal(signal.SIGKILL)
        process.wait()
        interrupted += len([*folder.rglob("*.yaml")]) < 124
        assert reconcile.run("import", "--from", origin, "--into", str(folder), "--layout", "files").code == 0
        assert tree(folder) == tree(whole)
    assert interrupted >= 2, "hardly any attempt was killed on the way"
