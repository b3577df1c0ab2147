"""A mailbox whose domain is internationalised, written as people read it in one place and in punycode in another: one mailbox."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from support.command import Commands
from support.estate_folder import write_estate
from support.own_rules import shipped_off

READ, PUNYCODE = "info@müller.example", "info@xn--mller-kva.example"
PROFILE = {
    "displayName": "Contoso",
    "serverType": "imap-smtp",
    "incoming": {"server": "imap.contoso.example"},
    "outgoing": {"server": "smtp.contoso.example"},
}


@pytest.fixture
def commands(tmp_path: Path) -> Commands:
    return Commands(state=tmp_path / "state", cache=tmp_path / "cache")


def estate(folder: Path, *addresses: str) -> str:
    boxes = [("Mailbox", f"box-{number}", {"emailAddress": address}) for number, address in enumerate(addresses)]
    approval = ("Organization", "contoso", {"approval": {"requireForUsers": True, "requirePrivilegeForOwnAddress": True}})
    write_estate(folder, [("EmailServerProfile", "contoso", PROFILE), approval, *boxes])
    (folder / "quiet.yaml").write_text(shipped_off(), encoding="utf-8")
    return str(folder)


def test_two_documents_are_one_address(tmp_path: Path, commands: Commands) -> None:
    found = commands.run("lint", "-C", estate(tmp_path / "estate", READ, PUNYCODE))
    assert found.code == 3
    assert "error[duplicate/address]: Mailbox/box-0 has the same address" in found.out
    assert "punycode" in found.out


def test_one_mailbox_under_both_spellings(tmp_path: Path, commands: Commands) -> None:
    folder = estate(tmp_path / "estate", READ)
    assert commands.run("apply", "--yes", "-C", folder).code == 0
    assert commands.run("render", PUNYCODE, "-C", folder).out.startswith("Mailbox/box-0 ")
    # One's own address stays one's own.
    refused = commands.run("approve", "box-0", RECONCILE_ACTOR=PUNYCODE)
    assert (refused.code, "your own mailbox" in refused.err) == (1, True), refused.err
    assert commands.run("approve", PUNYCODE.upper()).code == 0

    estate(tmp_path / "estate", PUNYCODE)
    plan = json.loads(commands.run("plan", "-C", folder, "-o", "json").out)
    assert (plan["summary"]["update"], plan["summary"]["create"], plan["summary"]["delete"]) == (1, 0, 0)
    applied = commands.run("apply", "--yes", "-C", folder)
    assert (applied.code, "✓ Mailbox/box-0 applied" in applied.out) == (0, True), applied.err
    assert commands.run("disable", READ, "--reason", "left").code == 0
