"""The command line: names of commands, lazily loaded, and the one place that turns errors into exit codes."""

from __future__ import annotations

import importlib
import os
import sys
from collections.abc import Mapping, Sequence
from typing import Any

import click
from click.shell_completion import CompletionItem

from reconcile import __version__
from reconcile.errors import Locked, ReconcileError, StalePlan
from reconcile.model.exit_code import TABLE, ExitCode

#: Command name → module that holds it as `command`. Order is the order of --help.
COMMANDS: Mapping[str, str] = {
    name: f"reconcile.cli.{name}"
    for name in (
        "init",
        "lint",
        "schema",
        "plan",
        "show",
        "apply",
        "drift",
        "history",
        "sync",
        "run",
        "status",
        "mailboxes",
        "outbox",
        "activities",
        "demo",
        "sandbox",
        "completion",
        "version",
    )
}

#: One line each, here and not in the modules, so that --help imports none of them (a test holds both equal).
SUMMARIES: Mapping[str, str] = {
    "init": "Write a commented example estate and a CI file into a folder.",
    "lint": "Check the files: syntax, schema, references, duplicates, plaintext secrets.",
    "schema": "Print the JSON Schema of the declared kinds.",
    "plan": "Show what would change, why, and what it means for the mail.",
    "show": "Print a saved plan.",
    "apply": "Carry out a plan: show it, ask, do it, record it.",
    "drift": "Say where the target differs from git. Cannot write.",
    "history": "List what was applied, by whom, when.",
    "sync": "Synchronise mailboxes once: mail in, mail out.",
    "run": "Keep it so: watch, lint, plan, apply, synchronise, over and over.",
    "status": "Say how the environment is doing.",
    "mailboxes": "List mailboxes: healthy, waiting, stalled, and why.",
    "outbox": "Queue mail, look at it, try again.",
    "activities": "List, show and export tracked e-mail.",
    "demo": "Run the whole way once on a mail world of its own.",
    "sandbox": "Start a mail world on this machine to try things on.",
    "completion": "Print the completion script for a shell.",
    "version": "Print the version.",
}


class LazyGroup(click.Group):
    """Loads a command's module only when that command is used."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        module = COMMANDS.get(cmd_name)
        if module is None:
            return None
        command: click.Command = importlib.import_module(module).command
        return command

    def resolve_command(self, ctx: click.Context, args: list[str]) -> tuple[str | None, click.Command | None, list[str]]:
        try:
            return super().resolve_command(ctx, args)
        except click.UsageError as error:
            near = _nearest(args[0] if args else "")
            if near:
                raise click.UsageError(f"{error.message.rstrip('.')}. Did you mean {near!r}?", ctx) from None
            raise

    def shell_complete(self, ctx: click.Context, incomplete: str) -> list[CompletionItem]:
        """As click's, without importing every command to ask for its summary."""
        found = [CompletionItem(name, help=SUMMARIES[name]) for name in COMMANDS if name.startswith(incomplete)]
        return found + click.Command.shell_complete(self, ctx, incomplete)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl([(name, SUMMARIES[name]) for name in COMMANDS])


def _nearest(word: str) -> str | None:
    from difflib import get_close_matches

    found = get_close_matches(word, list(COMMANDS), n=1)
    return found[0] if found else None


@click.command(
    cls=LazyGroup,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
    epilog=f"Exit codes: {TABLE}",
    no_args_is_help=False,
    invoke_without_command=True,
)
@click.version_option(__version__, "-V", "--version", message="reconcile %(version)s")
@click.pass_context
def reconcile(ctx: click.Context) -> None:
    """Mailbox synchronization as code: profiles and mailboxes in git, checked, planned, applied, kept, synchronised."""
    if ctx.invoked_subcommand is None:
        click.echo(ctx.get_help())


def exit_code_of(error: ReconcileError) -> ExitCode:
    """The exit code of an error that ended a command."""
    match error:
        case Locked():
            return ExitCode.LOCKED
        case StalePlan():
            return ExitCode.STALE_PLAN
        case _:
            return ExitCode.FAILURE


def _wants_json(arguments: Sequence[str]) -> bool:
    pairs = zip(arguments, [*arguments[1:], ""], strict=False)
    return any(word == "--output=json" or (word in ("--output", "-o") and following == "json") for word, following in pairs)


def _report(message: str, hint: str, kind: str, code: ExitCode, as_json: bool) -> None:
    if as_json:
        import json

        document = {"formatVersion": "1.0", "error": {"kind": kind, "message": message, "hint": hint}, "exit": code.reason}
        click.echo(json.dumps(document, ensure_ascii=False))
    click.echo(click.style("error: ", fg="red", bold=True) + message, err=True, color=_stderr_color())
    if hint:
        click.echo(click.style("  next: ", bold=True) + hint, err=True, color=_stderr_color())


def _stderr_color() -> bool:
    return sys.stderr.isatty() and not os.environ.get("NO_COLOR")


def run(arguments: Sequence[str]) -> int:
    """Run one command line and return its exit code. Bugs are let out with their traceback."""
    as_json = _wants_json(arguments)
    try:
        result: Any = reconcile.main(args=list(arguments), prog_name="reconcile", standalone_mode=False)
        sys.stdout.flush()
    except click.UsageError as error:
        usage = f"\n\n{error.ctx.get_usage()}" if error.ctx else ""
        _report(error.format_message() + usage, "See --help.", "UsageError", ExitCode.USAGE, as_json)
        return ExitCode.USAGE
    except click.ClickException as error:
        _report(error.format_message(), "", type(error).__name__, ExitCode.USAGE, as_json)
        return ExitCode.USAGE
    except (click.Abort, KeyboardInterrupt):
        click.echo("interrupted", err=True)
        return ExitCode.INTERRUPTED
    except ReconcileError as error:
        code = exit_code_of(error)
        _report(error.message, error.hint, type(error).__name__, code, as_json)
        return code
    except BrokenPipeError:
        # Whoever read us has enough: point stdout elsewhere so that the interpreter's last flush says nothing.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return ExitCode.NOTHING_TO_DO
    return int(result) if isinstance(result, int) else ExitCode.NOTHING_TO_DO


def main() -> None:
    """Entry point of the console script. Only this exits."""
    sys.exit(run(sys.argv[1:]))


if __name__ == "__main__":
    main()
