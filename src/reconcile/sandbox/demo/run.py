"""The demo: a mail world of its own, a git repository of its own, and the real commands, one after the other."""

from __future__ import annotations

import shlex
import shutil
import subprocess
import sys
import threading
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from pathlib import Path
from typing import assert_never

from reconcile.lazy_dataclass import dataclass
from reconcile.sandbox.corpus.addresses import MAILBOXES
from reconcile.sandbox.demo.repository import Repository
from reconcile.sandbox.demo.steps import STEPS, Edit, Run
from reconcile.sandbox.instructions import instructions
from reconcile.sandbox.world import Place, World

#: Mail before this is below the floor, so that one can see what a floor does.
FLOOR_DAYS = 120
ACCOUNTING_FLOOR_DAYS = 60


@dataclass(frozen=True, slots=True, kw_only=True)
class Demo:
    """`directory` is empty and belongs to the demo; `environment` is the caller's, from which the commands' is made.

    `talk_only` sends the commands' data to stderr, for a caller that prints a document of its own.
    """

    directory: Path
    environment: Mapping[str, str]
    now: Callable[[], datetime]
    say: Callable[[str], None]
    heading: Callable[[str], str]
    talk_only: bool = False

    def run(self, *, keep: bool) -> int | None:
        """Answers None when all went well, else the exit code of the command that failed. Raises SettingsError, UserError."""
        repository = Repository(root=self.directory / "repository", environment=self._commands_environment())
        repository.root.mkdir(parents=True)
        place = Place(directory=self.directory / "sandbox", secrets_directory=repository.estate / ".reconcile" / "secrets")
        with World(place=place, mailboxes=MAILBOXES, now=self.now) as world:
            count = world.fill()
            self.say(f"A mail world runs on this machine: {len(MAILBOXES)} mailboxes, {count} messages; nothing leaves it.")
            repository.make(self._variables(world))
            self.say(f"The example estate is a git repository of its own: {repository.root}")
            for step in STEPS:
                match step:
                    case Run():
                        code = self._run(step, repository)
                        if code != step.code:
                            self.say(
                                f"\nThe demo stops: this ended with {code}, expected {step.code:d}. Everything lies in {self.directory}"
                            )
                            return code
                    case Edit():
                        self._edit(step, repository)
                    case _:
                        assert_never(step)
            self._finish(repository, world, keep=keep)
            if keep:
                self._wait(world, count)
        return None

    def _variables(self, world: World) -> dict[str, str]:
        """As YAML scalars."""
        today = world.seeded_at.date()
        return {
            "imapPort": str(world.ports.imaps),
            "submissionPort": str(world.ports.submission),
            "processFrom": f'"{today - timedelta(days=FLOOR_DAYS)}"',
            "accountingFrom": f'"{today - timedelta(days=ACCOUNTING_FLOOR_DAYS)}"',
        }

    def _commands_environment(self) -> dict[str, str]:
        """The caller's, without what would lead our commands or git elsewhere; caches stay in the demo's folder."""
        kept = {name: value for name, value in self.environment.items() if not name.startswith(("RECONCILE_", "GIT_"))}
        return {**kept, "RECONCILE_CACHE_DIR": str(self.directory / "cache")}

    def _run(self, step: Run, repository: Repository) -> int:
        shown = " ".join(["reconcile", *(shlex.quote(argument) for argument in step.arguments)])
        self.say(f"\n{self.heading('# ' + step.why)}\n{self.heading('$ ' + shown)}")
        command = [sys.executable, "-m", "reconcile.cli.main", *step.arguments]
        return subprocess.run(
            command,
            cwd=repository.root,
            env=dict(repository.environment),
            stdin=subprocess.DEVNULL,
            stdout=sys.stderr.fileno() if self.talk_only else None,
            check=False,
        ).returncode

    def _edit(self, step: Edit, repository: Repository) -> None:
        repository.edit(step.file, step.before, step.after)
        self.say(f"\n{self.heading('# ' + step.why)}\n{self.heading('$ git diff')}\n{repository.difference()}")
        self.say(self.heading(f"$ git commit --all --message {shlex.quote(step.message)}"))
        repository.commit(step.message)

    def _finish(self, repository: Repository, world: World, *, keep: bool) -> None:
        outside = ", ".join(recipient for mail in world.outside() for recipient in mail.recipients)
        on_path = shutil.which("reconcile", path=self.environment.get("PATH", ""))
        find = "" if on_path else f'\n  export PATH="{Path(sys.executable).parent}:$PATH"'
        self.say(f"""
{self.heading("That was the whole way.")} Mail to {outside or "nobody"} would have left this machine; the sandbox kept it.

  estate   {repository.estate}  (a git repository: edit, commit, plan, apply)
  state    {repository.estate / ".reconcile"}  (database, stored mail, key, secrets of the demo)
  sandbox  {world.place.directory}

Try next:
  cd {repository.root}{find}
  reconcile activities list --mailbox support     # what was tracked; show and export go on from there
  reconcile history                               # who applied what, when
  reconcile drift                                 # does the target still say what git says?
  reconcile init ../mine                          # an estate of your own""")
        if not keep:
            self.say("The mail servers end with the demo; `reconcile demo --keep` leaves them running.")

    def _wait(self, world: World, count: int) -> None:
        self.say("\n" + instructions(world, count))
        try:
            threading.Event().wait()
        except KeyboardInterrupt:
            self.say("stopped")
