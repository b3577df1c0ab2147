"""Mail providers on the command line: listed, filled in, shown with their origin, and nothing to plan where the servers stay the same."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from support.command import Commands
from support.estate_folder import user_mailbox, write_estate

WRITTEN = {
    "incoming": {"server": "imap.gmail.com", "port": 993, "tls": "implicit"},
    "outgoing": {"server": "smtp.gmail.com", "port": 465, "tls": "implicit", "messagesPerDay": 2000, "recipientsPerMessage": 100},
}
OWN = """\
apiVersion: reconcile/v1alpha2
kind: MailProvider
metadata: {name: gmail}
spec:
  sources: {talk: {title: "Talk with the Workspace team", date: "2026-11-02"}}
  limits:
    imapConnections: {value: 4, scope: account, source: talk}
"""


def profile(**more: object) -> tuple[str, str, dict[str, object]]:
    return "EmailServerProfile", "one", {"displayName": "One", "serverType": "imap-smtp", **more}


def test_by_name_instead_of_by_servers_plans_nothing(commands: Commands, tmp_path: Path) -> None:
    estate = tmp_path / "estate"
    write_estate(estate, [profile(**WRITTEN), user_mailbox("sales")])
    assert commands.run("apply", "--yes", "-C", str(estate)).code == 0
    write_estate(estate, [profile(provider="gmail"), user_mailbox("sales")])
    same = commands.run("plan", "-C", str(estate), "--detailed-exitcode")
    assert (same.code, "update 0" in same.out) == (0, True), same.out
    # And the other way round, from a store that was filled by name.
    (estate / "own.yaml").write_text(OWN)
    applied = commands.run("apply", "--yes", "-C", str(estate))
    assert "maxConcurrentConnections: 10 → 4" in applied.out
    assert "own.yaml:7" in applied.out
    write_estate(estate, [profile(**WRITTEN, maxConcurrentConnections=4), user_mailbox("sales")])
    assert commands.run("plan", "-C", str(estate), "--detailed-exitcode").code == 0


def test_render_and_explain_say_who_gave_a_value(commands: Commands, tmp_path: Path) -> None:
    estate = write_estate(tmp_path / "estate", [profile(provider="gmail", outgoing={"port": 587})])
    (estate / "own.yaml").write_text(OWN)
    shown = {line.split()[0]: line.split(maxsplit=1)[1] for line in _lines(commands, "render", "EmailServerProfile/one", "-C", str(estate))}
    assert shown["incoming.server"].split() == ["imap.gmail.com", "provider", "gmail", "shipped"]
    assert shown["outgoing.tls"].split() == ["starttls", "provider", "gmail", "shipped"]
    assert shown["outgoing.port"].split() == ["587", "document", "emailserverprofile.yaml:8"]
    assert shown["maxConcurrentConnections"].split() == ["4", "provider", "gmail", "own.yaml:7"]
    document = json.loads(commands.run("render", "EmailServerProfile/one", "-C", str(estate), "-o", "json").out)
    by_path = {field["path"]: field for field in document["fields"]}
    server = by_path["incoming.server"]
    assert (server["origin"], server["by"], server["position"], server["onCreate"]) == ("provider", "MailProvider/gmail", None, False)
    explained = commands.run("explain", "incoming.server", "-C", str(estate)).out
    assert "EmailServerProfile/one: imap.gmail.com  # provider gmail, shipped" in explained
    declared = json.loads(commands.run("explain", "maxConcurrentConnections", "-C", str(estate), "-o", "json").out)["fields"][0]["declared"]
    assert [(one["provider"], one["file"], one["line"]) for one in declared] == [("gmail", "own.yaml", 7)]


def _lines(commands: Commands, *words: str) -> list[str]:
    return commands.run(*words).out.splitlines()[2:-1]


def test_the_list_outside_an_estate(commands: Commands, tmp_path: Path) -> None:
    result = commands.run("providers", "-C", str(tmp_path))
    assert result.code == 0
    names = [line.split()[0] for line in result.out.splitlines()[1:-1]]
    assert names == sorted(names)
    assert {"gmail", "exchange-online", "outlook-com", "icloud", "dovecot"} <= set(names)
    assert result.out.splitlines()[-1] == "? known at second hand only"
    found = json.loads(commands.run("providers", "-C", str(tmp_path), "-o", "json").out)
    assert [one["name"] for one in found["providers"]] == names
    assert all(one["source"]["title"] and one["position"] is None for one in found["providers"])


def test_one_by_its_alias_with_sources_and_dates(commands: Commands, tmp_path: Path) -> None:
    text = commands.run("providers", "msn", "-C", str(tmp_path)).out
    assert text.startswith("outlook-com  Outlook.com, Hotmail, Live, MSN and Windows Live Mail (cloud)   # shipped\n")
    assert "FIPS 140-2  not compliant" in text
    assert "2024-09-16" in text
    [one] = json.loads(commands.run("providers", "msn", "-C", str(tmp_path), "-o", "json").out)["providers"]
    assert one["authentication"]["accountPassword"]["status"] == "removed"
    assert one["authentication"]["appPassword"]["verified"] is False


def test_the_estates_own_lie_over_the_shipped(commands: Commands, tmp_path: Path) -> None:
    estate = write_estate(tmp_path / "estate", [profile(provider="gmail")])
    (estate / "own.yaml").write_text(OWN)
    row = next(line for line in commands.run("providers", "-C", str(estate)).out.splitlines() if line.startswith("gmail "))
    assert row.endswith("own.yaml:1, over the shipped one")
    [one] = json.loads(commands.run("providers", "gmail", "-C", str(estate), "-o", "json").out)["providers"]
    limit = one["limits"]["imapConnections"]
    assert (limit["value"], limit["unit"], limit["source"]["title"]) == (4, "connections", "Talk with the Workspace team")
    assert one["limits"]["imapDownload"]["value"] == 2500


@pytest.mark.parametrize(("name", "hint"), [("gmial", "Did you mean gmail?"), ("zzzz", "`reconcile providers -C {estate}` lists them.")])
def test_a_name_that_nobody_has(commands: Commands, tmp_path: Path, name: str, hint: str) -> None:
    result = commands.run("providers", name, "-C", str(tmp_path))
    assert (result.code, result.out) == (1, "")
    assert f"there is no mail provider '{name}'" in result.err
    assert hint.format(estate=tmp_path) in result.err
