"""One estate applied and another one waiting, with all that an apply can do between them, for tests that kill or stop it midway."""

from __future__ import annotations

import shutil
import sqlite3
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from reconcile.plan.brakes import BRAKES
from support.command import Commands
from support.estate_folder import imap_profile, user_mailbox, write_estate

COUNT = 150
LIFT = tuple(word for brake in BRAKES for word in ("--lift-brake", brake))
Documents = list[tuple[str, str, Mapping[str, object]]]


def _credentials(name: str, password: object) -> dict[str, object]:
    return {"allowUse": True, "username": name, "password": password}


def _before() -> Documents:
    documents: Documents = [imap_profile("one"), imap_profile("two")]
    for number in range(COUNT):
        name = f"user{number:03}"
        documents.append(user_mailbox(name, credentials=_credentials(name, f"file:{'rotated' if number % 10 == 0 else 'password'}")))
    for number in range(20):
        documents.append(user_mailbox(f"left{number:03}", management={"onRemoval": "forget"}))
        documents.append(user_mailbox(f"kept{number:03}"))
    return documents


def _after() -> Documents:
    """Updates, a profile that changes for them, deletes, renames, creates; and what only the inventory keeps: to be forgotten, protected."""
    documents: Documents = [imap_profile("one", minPollingInterval="7m"), imap_profile("three")]
    for number in range(COUNT):
        name = f"user{number:03}"
        if number % 10 == 0:
            # Nothing but the value behind the reference is another one.
            documents.append(user_mailbox(name, credentials=_credentials(name, "file:rotated")))
        elif number % 3 == 0:
            documents.append(user_mailbox(name, outgoing="server-side", profile="three"))
        elif number % 3 == 1:
            if number % 2:
                documents.append(user_mailbox(f"renamed{number:03}", emailAddress=f"{name}@contoso.example"))
        else:
            documents.append(user_mailbox(name, credentials=_credentials(name, {"ref": "file:password", "generation": 2})))
    documents += [user_mailbox(f"kept{number:03}", management={"protect": True}) for number in range(20)]
    return [*documents, *(user_mailbox(f"new{number:03}") for number in range(40))]


@dataclass(frozen=True, slots=True, kw_only=True)
class ChangedEstate:
    """`base` is a state with the first estate applied; `folder` is the second estate, `folder` of `LIFT` to be applied next."""

    base: Commands
    folder: Path

    def copy(self, name: str) -> Commands:
        """The applied state once more."""
        made = Commands(state=self.base.state.with_name(name), cache=self.base.cache)
        shutil.copytree(self.base.state, made.state)
        return made

    @property
    def apply(self) -> tuple[str, ...]:
        """The words that apply the second estate."""
        return ("apply", "--yes", *LIFT, "-C", str(self.folder))

    def done(self, commands: Commands) -> dict[str, object]:
        """Apply the second estate and give what that left."""
        result = commands.run(*self.apply)
        assert result.code == 0, result.err + result.out
        return state_of(store_of(commands))


def changed_estate(folder: Path) -> ChangedEstate:
    """Write both estates below `folder` and apply the first."""
    commands = Commands(state=folder / "state", cache=folder / "cache")
    _keep(commands, "password", "correct horse\n")
    _keep(commands, "rotated", "old\n")
    first = write_estate(folder / "first", _before())
    done = commands.run("apply", "--yes", "-C", str(first))
    assert done.code == 0, done.err + done.out
    _keep(commands, "rotated", "new\n")
    return ChangedEstate(base=commands, folder=write_estate(folder / "second", _after()))


def _keep(commands: Commands, name: str, text: str) -> None:
    secrets = commands.state / "secrets"
    secrets.mkdir(parents=True, mode=0o700, exist_ok=True)
    (secrets / name).write_text(text)
    (secrets / name).chmod(0o600)


def store_of(commands: Commands) -> Path:
    """The database."""
    return commands.state / "dev" / "engine.db"


def read_only(store: Path) -> sqlite3.Connection:
    """A look at it from outside."""
    return sqlite3.connect(f"file:{store}?mode=ro", uri=True)


def state_of(store: Path) -> dict[str, object]:
    """Everything that must be the same however an apply went, without ids that are new each time and without times."""
    connection = read_only(store)
    try:
        rows = connection.execute("SELECT external_id, kind, name, spec, version FROM resource").fetchall()
        names = {external_id: f"{kind}/{name}" for external_id, kind, name, _, _ in rows}
        columns = "kind, name, external_id, applied, answered, depends_on, adopted, on_removal, protected, secrets"
        inventory = connection.execute(f"SELECT {columns} FROM inventory").fetchall()
        applied = connection.execute("SELECT action, key FROM audit WHERE result = 'applied'").fetchall()
        sealed = connection.execute("SELECT external_id, path FROM sealed_value").fetchall()
        return {
            "integrity": connection.execute("PRAGMA integrity_check").fetchone()[0],
            "intents": connection.execute("SELECT count(*) FROM intent").fetchone()[0],
            "rows": sorted((kind, name, spec, version) for _, kind, name, spec, version in rows),
            "inventory": sorted((kind, name, names[external_id], *rest) for kind, name, external_id, *rest in inventory),
            "sealed": sorted((names[external_id], path) for external_id, path in sealed),
            "old ids": sorted(names),
            "applied": sorted(applied),
        }
    finally:
        connection.close()


def same_end(ended: dict[str, object], expected: dict[str, object]) -> None:
    """Asserts that two ways led to the same end."""
    for part in ("integrity", "intents", "rows", "inventory", "sealed", "applied"):
        assert ended[part] == expected[part], part


def tokens_of(store: Path) -> set[str]:
    """The write that last changed each row."""
    connection = read_only(store)
    try:
        return {token for (token,) in connection.execute("SELECT token FROM resource")}
    finally:
        connection.close()


def progress(connection: sqlite3.Connection, base: set[str]) -> tuple[int, int]:
    """(effects so far, open intents) as another process sees them; `base` are the tokens before."""
    tokens = {token for (token,) in connection.execute("SELECT token FROM resource")}
    return len(tokens - base) + max(0, len(base) - len(tokens & base)), connection.execute("SELECT count(*) FROM intent").fetchone()[0]
