"""The command line: names of commands, lazily loaded, and the one place that turns errors into exit codes."""

from __future__ import annotations

import gc
import importlib
import io
import os
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import click
from click.shell_completion import CompletionItem

from reconcile import __version__
from reconcile.errors import Locked, ReconcileError, StalePlan
from reconcile.model.exit_code import TABLE, ExitCode

#: Modules that cannot have the name of their command: a folder, a keyword of Python.
_MODULES: Mapping[str, str] = {
    **{name: f"{name}.group" for name in ("activities", "alerts", "auth", "outbox", "parties", "policy", "quarantine")},
    "import": "import_",
    "test-mailbox": "test_mailbox",
}

#: What --help puts under which heading, in its order.
GROUPS: Mapping[str, tuple[str, ...]] = {
    "Write and check": (
        "init",
        "import",
        "lint",
        "ci",
        "policy",
        "migrate",
        "schema",
        "explain",
        "render",
        "coverage",
        "readiness",
        "providers",
    ),
    "Plan and apply": ("plan", "show", "apply", "drift", "forget", "lock", "history", "audit", "report"),
    "Mail": (
        "sync",
        "run",
        "status",
        "mailboxes",
        "alerts",
        "approve",
        "test-mailbox",
        "enable",
        "disable",
        "offboard",
        "auth",
        "outbox",
        "activities",
        "quarantine",
        "reprocess",
        "parties",
        "serve",
    ),
    "Keep the store": ("backup", "restore", "purge", "key"),
    "Try and know": ("demo", "sandbox", "completion", "version"),
}

#: Command name → module that holds it as `command`. Order is the order of --help.
COMMANDS: Mapping[str, str] = {name: f"reconcile.cli.{_MODULES.get(name, name)}" for names in GROUPS.values() for name in names}

#: One line each, here and not in the modules, so that --help imports none of them (a test holds both equal).
SUMMARIES: Mapping[str, str] = {
    "init": "Write a commented example estate and a CI file into a folder.",
    "import": "Write files for what a target, an export or a table has and git does not declare.",
    "lint": "Check the files: syntax, schema, references, duplicates, plaintext secrets.",
    "policy": "List, try and write the rules that lint checks.",
    "ci": "Check a change for a pipeline: findings, plan, comment, reports.",
    "migrate": "Rewrite documents of an older apiVersion.",
    "schema": "Print the JSON Schema of the declared kinds.",
    "explain": "Say what a field, a finding, a rule or a brake is, and where it stands.",
    "render": "Show every field of a mailbox, its value, and where it comes from.",
    "readiness": "Say which mailboxes stop working on which date, and what to change.",
    "coverage": "Say what each assignment reaches, and which mailboxes none does.",
    "providers": "List mail providers: servers, authentication, limits, each with its source and date.",
    "plan": "Show what would change, why, and what it means for the mail.",
    "show": "Print a saved plan.",
    "apply": "Carry out a plan: show it, ask, do it, record it.",
    "drift": "Say where the target differs from git. Cannot write.",
    "forget": "Drop one resource from the inventory; its row stays.",
    "lock": "See who is applying, or fence off one who hangs.",
    "history": "List what was applied, by whom, when.",
    "audit": "Check that the audit trail is as it was written, or export it.",
    "report": "Lists for a review, also as CSV that Excel opens safely.",
    "sync": "Synchronise mailboxes once: mail in, mail out.",
    "run": "Keep it so: watch, lint, plan, apply, synchronise, over and over.",
    "status": "Say how the environment is doing.",
    "mailboxes": "List mailboxes: healthy, waiting, stalled, and why.",
    "approve": "Approve the address of a mailbox, or reject it.",
    "test-mailbox": "Try the servers of a mailbox, step by step.",
    "enable": "Test mailboxes and enable those that work.",
    "disable": "Stop mailboxes at once, whatever git says.",
    "offboard": "Stop the mailbox of somebody who left, and forget its sign-in.",
    "auth": "Sign in where mail is opened by a token, see and revoke sign-ins.",
    "outbox": "Queue mail, look at it, try again.",
    "activities": "List, show, export, edit and follow tracked e-mail.",
    "parties": "Import who stands behind which address, and look addresses up.",
    "reprocess": "Decide once more about mail that a mailbox passed over.",
    "alerts": "What went wrong with mailboxes, profiles and servers, and what to do.",
    "quarantine": "Mail that could not be tracked: look at it, try again, let it go.",
    "serve": "Answer a CRM on this machine: feed, activities, outgoing mail over HTTP.",
    "backup": "Write the whole state of an environment into one file.",
    "restore": "Bring a backup back, checked to the last byte.",
    "purge": "Take mail and items out of the store for good.",
    "key": "Change the key that seals credentials, without stopping.",
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
        widest = max(map(len, COMMANDS))
        for heading, names in GROUPS.items():
            with formatter.section(heading):
                formatter.write_dl([(name.ljust(widest), SUMMARIES[name]) for name in names])


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
    return any(word in ("--output=json", "-ojson") or (word in ("--output", "-o") and following == "json") for word, following in pairs)


def _usage(error: click.UsageError, as_json: bool) -> ExitCode:
    """A command line that cannot be read. A group without its command shows what there is."""
    if isinstance(error, click.exceptions.NoArgsIsHelpError):
        click.echo(error.format_message(), err=True, color=_stderr_color())
        return ExitCode.USAGE
    path = error.ctx.command_path if error.ctx else "reconcile"
    hint = f"{path} --help"
    if isinstance(error, click.NoSuchOption) and error.ctx and isinstance(error.ctx.command, click.Group):
        hint = f"Options come after the command: `{path} COMMAND {error.option_name} ...`. `{path} --help` lists the commands."
    _report(error.format_message(), hint, "UsageError", ExitCode.USAGE, as_json)
    return ExitCode.USAGE


def _prepare_streams(as_json: bool) -> None:
    """Nothing that is printed can fail for its characters, and JSON is UTF-8 (RFC 8259, section 8.1) wherever it is printed."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")
    if as_json and isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(encoding="utf-8")


def _open_closed_streams() -> None:
    """A process started with `>&-` has no such stream: nothing may take its number, and printing must not fail."""
    for name, mode in (("stdin", "r"), ("stdout", "w"), ("stderr", "w")):
        if getattr(sys, name) is None:
            setattr(sys, name, Path(os.devnull).open(mode, encoding="utf-8"))  # noqa: SIM115  as long as the process


def _abandon_stdout() -> None:
    """Point stdout elsewhere, so that the interpreter's last flush says nothing."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _echo_json(kind: str, message: str, hint: str, code: ExitCode) -> None:
    import json

    document = {"formatVersion": "1.0", "error": {"kind": kind, "message": message, "hint": hint}, "exit": code.reason}
    try:
        click.echo(json.dumps(document, ensure_ascii=False))
    except OSError:
        _abandon_stdout()


def _report(message: str, hint: str, kind: str, code: ExitCode, as_json: bool) -> None:
    if as_json:
        _echo_json(kind, message, hint, code)
    if code == ExitCode.INTERRUPTED:
        click.echo(message, err=True)
        return
    click.echo(click.style("error: ", fg="red", bold=True) + message, err=True, color=_stderr_color())
    if hint:
        click.echo(click.style("  next: ", bold=True) + hint, err=True, color=_stderr_color())


def _stderr_color() -> bool:
    return sys.stderr.isatty() and not os.environ.get("NO_COLOR")


def run(arguments: Sequence[str]) -> int:
    """Run one command line and return its exit code. Bugs are let out with their traceback."""
    as_json = _wants_json(arguments)
    # A large estate is a hundred thousand objects that all live to the end: looking through them at each thousandth is wasted.
    gc.set_threshold(1_000_000, 20, 50)
    # Nobody extends our models; looking for who might costs a tenth of a short command.
    os.environ.setdefault("PYDANTIC_DISABLE_PLUGINS", "__all__")
    _prepare_streams(as_json)
    try:
        result: Any = reconcile.main(args=list(arguments), prog_name="reconcile", standalone_mode=False)
        sys.stdout.flush()
    except click.UsageError as error:
        return _usage(error, as_json)
    except click.ClickException as error:
        _report(error.format_message(), "", type(error).__name__, ExitCode.USAGE, as_json)
        return ExitCode.USAGE
    except (click.Abort, KeyboardInterrupt):
        _report("interrupted", "", "Interrupted", ExitCode.INTERRUPTED, as_json)
        return ExitCode.INTERRUPTED
    except ReconcileError as error:
        code = exit_code_of(error)
        _report(error.message, error.hint, type(error).__name__, code, as_json)
        return code
    except BrokenPipeError:
        # Whoever read us has enough.
        _abandon_stdout()
        return ExitCode.NOTHING_TO_DO
    except OSError as error:
        # What the machine refuses (rights, space, a folder where a file should be) is no bug, and the next step is a person's.
        where = f"{error.filename}: " if error.filename is not None else ""
        words = f"{where}{error.strerror or type(error).__name__}"
        _report(words, "Check permissions and free space of estate, state directory and output.", "OSError", ExitCode.FAILURE, as_json)
        return ExitCode.FAILURE
    except Exception as error:
        if as_json:
            # The values of a traceback stay on stderr; programs get a document all the same.
            _echo_json("Bug", f"a bug in reconcile: {type(error).__name__}", "Report it with the traceback on stderr.", ExitCode.FAILURE)
        raise
    return int(result) if isinstance(result, int) else ExitCode.NOTHING_TO_DO


def main() -> None:
    """Entry point of the console script. Only this exits."""
    _open_closed_streams()
    code = run(sys.argv[1:])
    # What is left goes with the process: looking through all of it once more takes a tenth of a plan.
    gc.freeze()
    sys.exit(code)


if __name__ == "__main__":
    main()
