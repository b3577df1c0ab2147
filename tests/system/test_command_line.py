"""What a command line that cannot be read is answered with."""

from __future__ import annotations

import pytest

from reconcile.cli.main import run


@pytest.mark.parametrize(
    ("words", "error", "hint"),
    [
        (["plann"], "No such command 'plann'. Did you mean 'plan'?", "reconcile --help"),
        (["lint", "--nope"], "No such option '--nope'", "reconcile lint --help"),
        (
            ["alerts", "-C", "estate"],
            "No such option '-C'.",
            "Options come after the command: `reconcile alerts COMMAND -C ...`. `reconcile alerts --help` lists the commands.",
        ),
        (
            ["-C", "estate", "lint"],
            "No such option '-C'.",
            "Options come after the command: `reconcile COMMAND -C ...`. `reconcile --help` lists the commands.",
        ),
        (["outbox", "show", "abc"], "'abc' is not a valid number.", "reconcile outbox show --help"),
    ],
)
def test_one_error_and_where_to_look(words: list[str], error: str, hint: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(words) == 64
    out, err = capsys.readouterr()
    assert out == ""
    assert error in err
    assert err.splitlines()[1:] == [f"  next: {hint}"]


@pytest.mark.parametrize("group", ["outbox", "activities"])
def test_a_group_without_its_command_shows_what_there_is(group: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run([group]) == 64
    out, err = capsys.readouterr()
    assert out == ""
    assert err.count("Usage:") == 1
    assert "error" not in err
    assert "list" in err


def test_audit_records_name_the_account(monkeypatch: pytest.MonkeyPatch, tmp_path: object) -> None:
    import os
    import pwd

    import click

    from reconcile.cli.context import Context, common

    for name in ("RECONCILE_ACTOR", "SUDO_USER", "LOGNAME", "USER", "LNAME", "USERNAME"):
        monkeypatch.delenv(name, raising=False)
    seen: list[str] = []

    @click.command()
    @common(estate=False, state=False, environment=False)
    def command(context: Context) -> None:
        seen.append(context.actor)

    command.main(args=[], standalone_mode=False)
    monkeypatch.setenv("RECONCILE_ACTOR", "ops@contoso.example")
    command.main(args=[], standalone_mode=False)
    assert seen == [pwd.getpwuid(os.getuid()).pw_name, "ops@contoso.example"]
