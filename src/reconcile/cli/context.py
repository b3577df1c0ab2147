"""What every command gets: settings read once, how to print, and the factories of the wiring."""

from __future__ import annotations

import functools
import os
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import field, replace
from pathlib import Path
from typing import Any

import click

from reconcile.cli.pasted import ENVIRONMENT, ESTATE, FLAGS, SECRETS, STATE, in_helps, pastable
from reconcile.errors import ReconcileError, SettingsError
from reconcile.lazy_dataclass import dataclass
from reconcile.settings import Settings

Command = Callable[..., Any]

_ROOM = 100


@dataclass(frozen=True, slots=True, kw_only=True)
class Context:
    """One command's surroundings. Data goes through `data`/`json`, talk through `say`."""

    settings: Settings
    directory: Path
    revision: str | None
    environment: str | None
    output: str
    color: bool
    progress: bool
    given: Mapping[str, str] = field(default_factory=dict)

    @property
    def as_json(self) -> bool:
        """Whether data is asked for as JSON."""
        return self.output == "json"

    def data(self, text: str) -> None:
        """Text to stdout."""
        click.echo(pastable(text, self.given, quoted=True) if self.output == "text" else text, color=self.color)

    def piece(self, text: str) -> None:
        """A piece of a report of findings to stdout, without a line break of its own. Its files and differences stay as they are: only
        what it says to do next is said for this estate."""
        click.echo(in_helps(text, self.given) if self.output == "text" else text, nl=False, color=self.color)

    def json(self, document: object) -> None:
        """One JSON document to stdout."""
        from reconcile.report.json_text import json_text

        click.echo(json_text(document, indent=2 if sys.stdout.isatty() else None))

    def octets(self, data: bytes) -> None:
        """Exactly these octets to stdout, whatever encoding it has."""
        click.echo(data, nl=False)

    def say(self, text: str) -> None:
        """Talk, to stderr."""
        click.echo(pastable(text, self.given), err=True, color=self.progress and not os.environ.get("NO_COLOR"))

    @property
    def columns(self) -> int | None:
        """How wide the terminal is that data goes to; None when data goes elsewhere."""
        return _terminal_columns() if sys.stdout.isatty() else None

    @property
    def room(self) -> int:
        """For how many columns findings are laid out in data; the same wherever it goes but to a terminal, whatever COLUMNS says."""
        return self.columns or _ROOM

    @property
    def talk_room(self) -> int:
        """The same of talk."""
        return _terminal_columns(_ROOM) if self.progress else _ROOM

    @property
    def actor(self) -> str:
        """Who is recorded in the audit trail."""
        name = os.environ.get("RECONCILE_ACTOR") or os.environ.get("SUDO_USER") or _account()
        # Octets that are no UTF-8 arrive as surrogates (PEP 383), which no database takes.
        return os.fsencode(name).decode("utf-8", "backslashreplace")


def _terminal_columns(otherwise: int = 80) -> int:
    # Loaded where somebody looks: nothing that is piped asks.
    import shutil

    return shutil.get_terminal_size((otherwise, 24)).columns


def _account() -> str:
    """The name of the account this process runs with; its number where the machine knows no name (as in some containers)."""
    import getpass

    try:
        return getpass.getuser()
    except (OSError, KeyError):  # KeyError before Python 3.13
        return f"uid {os.getuid()}"


def default_directory() -> Path:
    """`desired-state` when there is one here, else here."""
    folder = Path("desired-state")
    return folder if folder.is_dir() else Path()


def read_settings(directory: Path, state_dir: Path | None, secrets_dir: Path | None, wait_lock: float = 0.0) -> Settings:
    """The only place that reads RECONCILE_* variables. Raises SettingsError naming the variable."""
    environment = os.environ
    state = state_dir or Path(environment.get("RECONCILE_STATE_DIR") or directory / ".reconcile")
    secrets = secrets_dir or Path(environment.get("RECONCILE_SECRETS_DIR") or state / "secrets")
    home_cache = environment.get("XDG_CACHE_HOME") or (f"{environment['HOME']}/.cache" if environment.get("HOME") else str(state / "cache"))
    cache = Path(environment.get("RECONCILE_CACHE_DIR") or Path(home_cache) / "reconcile")
    return Settings(
        state_directory=state,
        secrets_directory=secrets,
        cache_directory=cache,
        key_reference=environment.get("RECONCILE_KEY") or "file:reconcile.key",
        parallel_mailboxes=int(_number("RECONCILE_PARALLEL", 16, 1, 1024)),
        per_server=int(_number("RECONCILE_PER_SERVER", 8, 1, 1024)),
        kept_connections=int(_number("RECONCILE_KEPT_CONNECTIONS", 200, 0, 100_000)),
        watched_mailboxes=int(_number("RECONCILE_WATCHED", 50, 0, 10_000)),
        connect_timeout=_number("RECONCILE_CONNECT_TIMEOUT", 20, 0.1, 600),
        silence_timeout=_number("RECONCILE_SILENCE_TIMEOUT", 60, 0.1, 3600),
        lease=_number("RECONCILE_LEASE", 30, 0.3, 86400),
        docs_url=environment.get("RECONCILE_DOCS_URL") or "",
        lock_patience=wait_lock,
    )


def _number(name: str, default: float, low: float, high: float) -> float:
    text = os.environ.get(name)
    if not text:
        return default
    try:
        value = float(text)
    except ValueError:
        value = float("nan")
    if not low <= value <= high:
        raise SettingsError(f"{name} is {text!r}, expected a number from {low:g} to {high:g}", hint=f"Mend or unset {name}.")
    return value


def common(
    *, estate: bool = True, state: bool = True, environment: bool = True, outputs: Sequence[str] = ("text", "json")
) -> Callable[[Command], Command]:
    """Options that commands share; the command gets a Context first.

    `estate`: reads desired state (-C, --revision). `state`: uses the store (--state-dir, --secrets-dir). `environment`: -e.
    `outputs`: what --output takes, the first by default; none for a command that prints in one form only.
    """

    shared = {"directory": estate or state, "state_dir": state, "secrets_dir": state, "environment": environment}

    def decorate(function: Command) -> Command:
        @functools.wraps(function)
        def with_context(**options: Any) -> Any:
            given = {name: str(value) for name in FLAGS if shared[name] and (value := options.get(name)) is not None}
            directory = options.pop("directory", None) or default_directory()
            settings = read_settings(directory, options.pop("state_dir", None), options.pop("secrets_dir", None))
            if (named := options.get("environment")) is not None and "{environment}" in settings.key_reference:
                settings = replace(settings, key_reference=settings.key_reference.replace("{environment}", named), key_of=named)
            context = Context(
                settings=settings,
                directory=directory,
                revision=options.pop("revision", None),
                environment=options.pop("environment", None),
                output=options.pop("output", "text"),
                color=sys.stdout.isatty() and not os.environ.get("NO_COLOR"),
                progress=sys.stderr.isatty(),
                given=given,
            )
            try:
                return function(context, **options)
            except ReconcileError as error:
                error.hint, error.message = pastable(error.hint, given), pastable(error.message, given)
                raise

        folder = click.Path(file_okay=False, path_type=Path)
        added = []
        if outputs:
            form = click.Choice(outputs)
            added.append(click.option("--output", "-o", type=form, default=outputs[0], help=f"How results are printed [{outputs[0]}]."))
        if state:
            added += [
                click.option("--secrets-dir", type=folder, help=SECRETS),
                click.option("--state-dir", type=folder, help=STATE),
            ]
        if environment:
            added.append(click.option("--environment", "-e", metavar="NAME", help=ENVIRONMENT))
        if estate:
            added.append(click.option("--revision", metavar="REV", help="Read the estate at this git revision, without a checkout."))
        if estate or state:
            added.append(click.option("--directory", "-C", type=folder, help=ESTATE))
        for option in added:
            with_context = option(with_context)
        return with_context

    return decorate
