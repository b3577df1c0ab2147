"""`reconcile readiness` as people call it: three forms, an export instead of an estate, and clear words for what there is not."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from support.command import Commands
from support.exports import mailbox_row, profile_row, row_id, write_export
from support.tree import ROOT

_ESTATES = ROOT / "tests" / "estates"
_HYBRID = str(_ESTATES / "mistakes" / "60-on-premises-to-exchange-online-ends" / "estate")
_WORDS = ("readiness", "ews-retirement", "--today", "2026-11-22")


def test_people_see_date_mailboxes_and_what_to_do(commands: Commands) -> None:
    done = commands.run(*_WORDS, "-C", _HYBRID)
    assert done.code == 0, done.err
    assert "2027-04-01  Exchange Web Services end in Exchange Online for everybody" in done.out
    assert "exchange-online (Exchange Online (Hybrid)) stops on 2027-04-01: 1 mailbox" in done.out
    assert "warning[ews-online-retires]" in done.out
    assert "at profiles.yaml:12" in done.out
    assert "to do: Decide now what follows" in done.out
    assert "mailboxes: sales@contoso.example" in done.out


def test_on_the_day_it_has_stopped(commands: Commands) -> None:
    done = commands.run("readiness", "ews-retirement", "--today", "2027-04-01", "-C", _HYBRID)
    assert "has stopped, since 2027-04-01" in done.out
    assert "error[ews-online-retires]" in done.out


def test_programs_get_every_mailbox(commands: Commands) -> None:
    done = commands.run(*_WORDS, "-C", _HYBRID, "-o", "json")
    document = json.loads(done.out)
    assert (done.code, document["exit"], document["formatVersion"]) == (0, 0, "1.1")
    assert [(one["date"], one["profiles"], one["mailboxes"]) for one in document["milestones"]][-1] == (
        "2027-04-01T00:00:00Z",
        ["exchange-online"],
        1,
    )
    (profile,) = document["profiles"]
    assert (profile["standing"], profile["stops"]) == ("stops", "2027-04-01T00:00:00Z")
    assert profile["mailboxes"] == [{"name": "sales", "emailAddress": "sales@contoso.example"}]
    assert all(one["remediation"] and one["line"] for one in profile["missing"])


def test_the_page_is_one_document(commands: Commands) -> None:
    done = commands.run(*_WORDS, "-C", _HYBRID, "-o", "html")
    assert done.code == 0
    assert done.out.startswith("<!DOCTYPE html>")
    assert done.out.endswith("</html>\n")
    assert "stops on 2027-04-01" in done.out
    assert done.out == commands.run(*_WORDS, "-C", _HYBRID, "-o", "html").out


def test_settings_of_rules_do_not_change_what_happens(commands: Commands, tmp_path: Path) -> None:
    estate = tmp_path / "estate"
    estate.mkdir()
    for file in Path(_HYBRID).iterdir():
        (estate / file.name).write_bytes(file.read_bytes())
    (estate / "settings.yaml").write_text(
        "apiVersion: reconcile/v1alpha2\nkind: PolicySettings\nmetadata: {name: lenient}\nspec:\n"
        "  rules: {ews-online-retires: {enabled: false, reason: known}}\n"
    )
    assert "stops on 2027-04-01: 1 mailbox" in commands.run(*_WORDS, "-C", str(estate)).out


def test_a_rule_of_the_estate_counts_too(commands: Commands, tmp_path: Path) -> None:
    estate = tmp_path / "estate"
    estate.mkdir()
    for file in Path(_HYBRID).iterdir():
        (estate / file.name).write_bytes(file.read_bytes())
    (estate / "own.yaml").write_text(
        "apiVersion: reconcile/v1alpha2\nkind: PolicyRule\nmetadata: {name: hybrid-is-on-the-list}\nspec:\n"
        "  title: t\n  severity: error\n  message: not on the list of the migration\n  rationale: r\n  remediation: put it on the list\n"
        "  sources: [{title: own, date: '2026'}]\n  appliesTo: EmailServerProfile\n"
        "  assert: profile.serverType != 'exchange-online-hybrid'\n  readiness: [ews-retirement]\n"
    )
    out = commands.run(*_WORDS, "-C", str(estate)).out
    assert "has stopped" in out
    assert "to do: put it on the list" in out


def test_an_export_is_judged_as_import_would_declare_it(commands: Commands, tmp_path: Path) -> None:
    hybrid = profile_row(
        1,
        "Hybrid",
        servertype=3,
        incomingserverlocation="https://outlook.office365.com/EWS/Exchange.asmx",
        incomingportnumber=443,
        incomingcredentialretrieval=2,
    )
    export = write_export(
        tmp_path / "prod.json",
        profiles=[hybrid, profile_row(2, "IMAP")],
        mailboxes=[
            mailbox_row(10, "sales@contoso.example", _emailserverprofile_value=row_id(1)),
            mailbox_row(11, "info@contoso.example", _emailserverprofile_value=row_id(2)),
        ],
    )
    before = sorted(tmp_path.rglob("*"))
    done = commands.run(*_WORDS, "--from", f"snapshot:{export}", "-C", str(tmp_path))
    assert done.code == 0, done.err
    assert "environment prod of prod.json" in done.out
    assert "hybrid (Hybrid) stops on 2027-04-01: 1 mailbox" in done.out
    assert "ews-online-state-is-declared" in done.out
    assert "info@contoso.example" not in done.out
    assert [path for path in sorted(tmp_path.rglob("*")) if "state" not in path.parts and "cache" not in path.parts] == [
        path for path in before if "state" not in path.parts and "cache" not in path.parts
    ]


def test_without_a_name_it_lists_the_reports(commands: Commands) -> None:
    shown = commands.run("readiness")
    assert "ews-retirement" in shown.out
    assert "Next: `reconcile readiness ews-retirement" in shown.err
    assert {one["name"] for one in json.loads(commands.run("readiness", "-o", "json").out)["reports"]} == {
        "ews-retirement",
        "smtp-basic-authentication",
    }


@pytest.mark.parametrize(
    ("words", "code", "says"),
    [
        (("readiness", "ews-retirment"), 64, "there are ews-retirement, smtp-basic-authentication"),
        (("readiness", "ews-retirement", "--today", "tomorrow"), 64, "write it as 2027-03-01"),
        (("readiness", "ews-retirement", "--from", "csv:x"), 1, "Write snapshot:PATH after --from"),
        (("readiness", "ews-retirement", "--from", "snapshot:nowhere.json"), 1, "nowhere.json"),
    ],
)
def test_what_there_is_not_is_said(commands: Commands, words: tuple[str, ...], code: int, says: str) -> None:
    done = commands.run(*words, "-C", _HYBRID)
    assert (done.code, says in done.err) == (code, True), done.err
