"""The demo's git repository: the example estate, with this sandbox's ports put into its Environment."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Mapping
from pathlib import Path

from reconcile.errors import SettingsError, UserError
from reconcile.lazy_dataclass import dataclass
from reconcile.sandbox import example

ESTATE = "desired-state"
ENVIRONMENT_FILE = "environments/demo.yaml"
IGNORED = "# State, keys and secrets of this working copy.\n.reconcile/\n"

#: Whoever runs the demo signs nothing and runs no hook of their own.
_GIT = (
    "git",
    "-c",
    "user.name=Demo",
    "-c",
    "user.email=postmaster@contoso.example",
    "-c",
    "commit.gpgsign=false",
    "-c",
    "core.hooksPath=/dev/null",
    "-c",
    "core.autocrlf=false",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Repository:
    """`root` is the work tree; the estate lies in its folder desired-state. `environment` holds no GIT_ variable."""

    root: Path
    environment: Mapping[str, str]

    @property
    def estate(self) -> Path:
        """The folder desired-state."""
        return self.root / ESTATE

    def make(self, variables: Mapping[str, str]) -> None:
        """Copy, put the variables in, commit. Raises SettingsError when git is missing or refuses."""
        example.copy(example.estate(), self.estate)
        example.copy(example.schemas(), self.root / "schemas")
        (self.root / ".gitignore").write_text(IGNORED, encoding="utf-8")
        file = self.estate / ENVIRONMENT_FILE
        file.write_text(with_variables(file.read_text(encoding="utf-8"), variables), encoding="utf-8")
        self._git("init", "--quiet", "--initial-branch=main")
        self._git("add", "--all")
        self.commit("Describe the mailboxes of Contoso")

    def edit(self, name: str, before: str, after: str) -> None:
        """Replace a text that occurs once. Raises UserError when it does not (somebody edited the example)."""
        file = self.estate / name
        text = file.read_text(encoding="utf-8")
        if text.count(before) != 1:
            raise UserError(f"{name} of the example estate has {before!r} {text.count(before)} times, expected once")
        file.write_text(text.replace(before, after), encoding="utf-8")

    def add(self, name: str, text: str) -> None:
        """A new file, that git knows from here on."""
        (self.estate / name).write_text(text, encoding="utf-8")
        self._git("add", f"{ESTATE}/{name}")

    def commit(self, message: str) -> None:
        """What changed in files that git knows."""
        self._git("commit", "--quiet", "--all", "--message", message)

    def difference(self) -> str:
        """The uncommitted edit, as git shows it without its header lines."""
        shown = self._git("diff", "--unified=1", "--no-color", "--no-ext-diff")
        return "\n".join(line for line in shown.splitlines() if not line.startswith(("diff ", "index ")))

    def _git(self, *arguments: str) -> str:
        try:
            done = subprocess.run([*_GIT, *arguments], cwd=self.root, env=dict(self.environment), capture_output=True, check=False)
        except FileNotFoundError:
            raise SettingsError("the demo needs git, which is not installed", hint="Install git, for example: apt install git.") from None
        if done.returncode != 0:
            raise SettingsError(
                f"git {arguments[0]} failed: {done.stderr.decode('utf-8', 'replace').strip()}",
                hint="Look at the version of git (2.28 or later).",
            )
        return done.stdout.decode("utf-8", "replace")


def with_variables(text: str, variables: Mapping[str, str]) -> str:
    """The Environment's file with other values for variables it has; comments stay. Raises UserError for one it has not."""
    for name, value in variables.items():
        text, found = re.subn(rf"(?m)^(    {re.escape(name)}: )(\"[^\"\n]*\"|[^\s#]+)", lambda match: match[1] + value, text)  # noqa: B023
        if found != 1:
            raise UserError(f"the example estate has no single variable {name}", hint="Mend desired-state/environments/demo.yaml.")
    return text
