"""Commands that are named in what is said, as they work when pasted: with the options that said where estate and state are.

Who writes a hint need not know them: it is done where a command prints.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Mapping
from functools import partial
from typing import Final

import click

#: Parameter → how it is written. Their values hold for the next command as for this one.
FLAGS: Final[Mapping[str, str]] = {"directory": "-C", "state_dir": "--state-dir", "secrets_dir": "--secrets-dir", "environment": "-e"}
#: By its help an option of `common` is told from one of the same name that means something else (the folder of a sandbox).
ESTATE: Final = "The estate [desired-state if there is one, else this folder]."
STATE: Final = "Where state lies [ESTATE/.reconcile]."
SECRETS: Final = "What file: references are relative to [STATE/secrets]."
ENVIRONMENT: Final = "Which Environment, when there are several."
_HELP: Final[Mapping[str, str]] = {"directory": "The estate ", "state_dir": STATE, "secrets_dir": SECRETS, "environment": ENVIRONMENT}

_NAMED = re.compile(r"(?<![\w./-])reconcile(?P<words>(?: [a-z][a-z-]*)+)(?P<rest>[^`\n]*)")
_QUOTED = re.compile(r"(?<=`)reconcile(?P<words>(?: [a-z][a-z-]*)+)(?P<rest>[^`\n]*)(?=`)")
_HELP_LINE = re.compile(r"\s*(?:\x1b\[[0-9;]*m)?=(?:\x1b\[[0-9;]*m)? help: ")
# A line of a file that is shown as it is, by its number.
_SHOWN: Final = re.compile(r"\s*\d*\s*\|")


def pastable(text: str, given: Mapping[str, str], *, quoted: bool = False) -> str:
    """The text with `given` options (parameter → value) in each command that takes them and does not name them itself.

    `quoted`: only in commands between backticks, for texts in which others have their say, too.
    """
    if not given or "reconcile " not in text:
        return text
    lines = text.split("\n")
    return "\n".join(line if _SHOWN.match(line) else _in_line(line, given, quoted=quoted) for line in lines)


def in_helps(text: str, given: Mapping[str, str]) -> str:
    """The same in the next steps of findings alone."""
    if not given or "help: " not in text:
        return text
    return "\n".join(_in_line(line, given, quoted=True) if _HELP_LINE.match(line) else line for line in text.split("\n"))


def _in_line(line: str, given: Mapping[str, str], *, quoted: bool) -> str:
    line = _QUOTED.sub(partial(_with_options, given, last=True), line)
    return line if quoted or "`" in line else _NAMED.sub(partial(_with_options, given), line)


def _with_options(given: Mapping[str, str], found: re.Match[str], *, last: bool = False) -> str:
    """`last`: it is known where the command ends, and what it is about is read first."""
    words = found["words"].split()
    command, taken = _command(words)
    if command is None:
        return found[0]
    takes = {name for param in command.params if isinstance(param, click.Option) and (name := _shared(param))}
    behind = [*words[taken:], *found["rest"].split()]
    missing = [
        f"{flag} {shlex.quote(given[name])}"
        for name, flag in FLAGS.items()
        if name in given and name in takes and not any(word in (flag, _LONG[name]) for word in behind)
    ]
    if last:
        return " ".join([found[0], *missing])
    rest = "".join(f" {word}" for word in words[taken:]) + found["rest"]
    return " ".join(["reconcile", *words[:taken], *missing]) + rest


def _shared(option: click.Option) -> str:
    """Its name in FLAGS; "" for one of another meaning."""
    flags, said = option.opts, option.help or ""
    return next((name for name, flag in FLAGS.items() if flag in flags and said.startswith(_HELP[name])), "")


_LONG: Final[Mapping[str, str]] = {
    "directory": "--directory",
    "state_dir": "--state-dir",
    "secrets_dir": "--secrets-dir",
    "environment": "--environment",
}


def _command(words: list[str]) -> tuple[click.Command | None, int]:
    """The command that the first words name, and how many words; None where they name none, or a group of them."""
    from reconcile.cli.main import COMMANDS
    from reconcile.cli.main import reconcile as root

    if words[0] not in COMMANDS:
        return None, 0
    command: click.Command | None = root
    taken = 0
    while isinstance(command, click.Group) and taken < len(words):
        inner = command.get_command(click.Context(command), words[taken])
        if inner is None:
            # A group that does something by itself takes what follows as its own.
            return (command, taken) if command.invoke_without_command and command is not root else (None, 0)
        command, taken = inner, taken + 1
    return (None, 0) if isinstance(command, click.Group) and not command.invoke_without_command else (command, taken)
