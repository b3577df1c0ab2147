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
from reconcile.sandbox.corpus.addresses import CORRESPONDENTS, MAILBOXES
from reconcile.sandbox.corpus.letters import Letter
from reconcile.sandbox.demo import exchange
from reconcile.sandbox.demo.outlook import Outlook, Shown
from reconcile.sandbox.demo.repository import ESTATE, Repository
from reconcile.sandbox.demo.steps import ATTENDEE, LETTER, MEETING, ROOM, STEPS, YESTERDAY, Add, Edit, InOutlook, Run
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
        with World(place=place, mailboxes={**MAILBOXES, exchange.SLUG: exchange.ADDRESS}, now=self.now) as world:
            count = world.fill()
            words = f"{len(world.mailboxes)} mailboxes, {count} messages, over IMAP, SMTP and as an Exchange"
            self.say(f"A mail world runs on this machine: {words}; nothing leaves it.")
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
                    case Add():
                        self._add(step, repository, world)
                    case InOutlook():
                        self._in_outlook(step, world)
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
        arguments = [self._dated(argument) for argument in step.arguments]
        shown = " ".join(["reconcile", *(shlex.quote(argument) for argument in arguments)])
        self.say(f"\n{self.heading('# ' + step.why)}\n{self.heading('$ ' + shown)}")
        command = [sys.executable, "-m", "reconcile.cli.main", *arguments]
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

    def _add(self, step: Add, repository: Repository, world: World) -> None:
        self.say(f"\n{self.heading('# ' + step.why)}")
        for name, text in step.files:
            filled = text.replace(exchange.URL, world.exchange.url)
            repository.add(name, filled)
            self.say(f"{self.heading(f'$ cat {ESTATE}/{name}')}\n{filled.rstrip()}")
        self.say(self.heading(f"$ git commit --all --message {shlex.quote(step.message)}"))
        repository.commit(step.message)

    def _in_outlook(self, step: InOutlook, world: World) -> None:
        self.say(f"\n{self.heading('# ' + step.why)}")
        password, authority = (path.read_text("ascii") for path in (world.password_file(exchange.SLUG), world.authority_file))
        outlook = Outlook(url=world.exchange.url, authority=authority, address=exchange.ADDRESS, password=password)
        if not step.looks:
            entry = Shown(MEETING, (self.now() + timedelta(days=1)).replace(hour=9, minute=0, second=0, microsecond=0), ROOM)
            outlook.make(entry)
            world.deliver(exchange.ADDRESS, self._letter().build())
            self.say(f"  from Fabrikam: {LETTER}\n  calendar: {_line(entry)}")
            return
        for entry in outlook.calendar():
            self.say(f"  calendar: {_line(entry)}")
        told = sum(ATTENDEE in mail.recipients for mail in world.outside())
        self.say(f"  invitations to {ATTENDEE}: {told or 'none'}")

    def _letter(self) -> Letter:
        return Letter(
            sender=CORRESPONDENTS[0],
            recipient=exchange.ADDRESS,
            subject=LETTER,
            text="Wir würden uns über Ihren Besuch freuen.",
            sent=self.now(),
            message_id="<hausmesse@fabrikam.example>",
            boundary="hausmesse",
        )

    def _dated(self, argument: str) -> str:
        return argument.replace(YESTERDAY, (self.now().date() - timedelta(days=1)).isoformat())

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
  reconcile explain item 1                        # what ties the appointment to the calendar
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


def _line(entry: Shown) -> str:
    return f"{entry.start:%Y-%m-%d %H:%M} UTC, {entry.subject}, {entry.location or 'no place given'}"
