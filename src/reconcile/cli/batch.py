"""Batches on the command line: where they are read, and how their outcomes are told."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import IO, TYPE_CHECKING

import click

from reconcile.cli.context import Context
from reconcile.errors import UserError
from reconcile.model.exit_code import ExitCode

if TYPE_CHECKING:
    from reconcile.model.intake import LineOutcome


@contextmanager
def opened(file: str) -> Iterator[IO[bytes]]:
    """A file, or standard input for "-"."""
    if file == "-":
        yield sys.stdin.buffer
        return
    path = Path(file)
    if not path.exists():
        raise UserError(f"there is no file {file}", hint="Check its name, or give - for standard input.")
    if path.is_dir():
        raise click.BadParameter(f"{file!r} is a folder", param_hint="FILE")
    with path.open("rb") as stream:
        yield stream


def reported(context: Context, file: str, batches: Iterable[Sequence[LineOutcome]], noun: str) -> ExitCode:
    """Tell outcomes as they become durable, and a sum at the end. With --output json one document a line."""
    from reconcile.model.intake import Refused, Tally
    from reconcile.report.intake_json import outcome_json, tally_json
    from reconcile.report.intake_text import refused_lines, tally_line
    from reconcile.report.json_text import json_text

    tally = Tally.empty()
    for outcomes in batches:
        tally.count(outcomes)
        if context.as_json:
            context.data("\n".join(json_text(outcome_json(outcome)) for outcome in outcomes))
        else:
            lines = [line for outcome in outcomes if isinstance(outcome, Refused) for line in refused_lines(file, outcome)]
            if lines:
                context.data("\n".join(lines))
        sys.stdout.flush()
    context.data(json_text(tally_json(tally)) if context.as_json else tally_line(tally, noun))
    return tally.code
