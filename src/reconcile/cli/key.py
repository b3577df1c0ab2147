"""`reconcile key`."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING

import click

from reconcile.cli.context import Context, common
from reconcile.errors import SettingsError, UserError
from reconcile.model.exit_code import ExitCode

if TYPE_CHECKING:
    from reconcile.model.secret import Secret
    from reconcile.report.keys import Counts
    from reconcile.secrets.reseal import Resealed
    from reconcile.store.sqlite.database import Database

FORMAT_VERSION = "1.0"
#: Seconds to wait for an apply that is at work: that of the loop takes its turn often, and briefly.
_PATIENCE = 30.0


@click.group("key", short_help="Change the key that seals credentials, without stopping.")
def command() -> None:
    """The keys that seal credentials at rest: the first one seals, all of them open. They are those of all environments of the state
    directory, or of one (-e) where RECONCILE_KEY names a key for each.

    Example: reconcile key rotate && reconcile key prune
    """


@command.command("list", short_help="Keys by id, what each sealed, and which one seals.")
@common(estate=False)
def list_command(context: Context) -> ExitCode:
    """Keys by id (never a key itself), how many values each sealed, and which one seals now."""
    from reconcile.report.keys import keys_json, keys_text
    from reconcile.wiring.keys import counts, key_ids, ring

    identifiers, found = key_ids(ring(context.settings)), counts(context.settings)
    if context.as_json:
        document = {"reference": context.settings.key_reference, "keys": keys_json(identifiers, found)}
        context.json({"formatVersion": FORMAT_VERSION, **document, "exit": ExitCode.NOTHING_TO_DO.reason})
    else:
        context.data(keys_text(identifiers, found, fit=context.columns))
    return ExitCode.NOTHING_TO_DO


@command.command("rotate", short_help="Put a new key in front and seal everything with it.")
@common(estate=False)
def rotate_command(context: Context) -> ExitCode:
    """Put a new key in front of the ring, then seal with it whatever older keys sealed, a few values at a time.

    `run`, `sync` and `apply` go on meanwhile. Ended at any moment, it is continued by the next `key rotate`, which adds no further
    key before everything is on the one that seals.
    """
    from reconcile.wiring.keys import counts, held_ring, key_ids, ring, with_new_key

    settings = context.settings
    with ExitStack() as held:
        waiting = _on_old_keys(key_ids(ring(settings)), counts(settings))
        try:
            # Two at a time would each seal with a key of its own.
            file = held.enter_context(held_ring(settings))
        except SettingsError:
            # Somebody else put the new key in front; what is left to do needs no change of the ring.
            if not waiting:
                raise
            file = None
        keys = ring(settings) if file is None else file.keys()
        if waiting:
            context.say(f"Continuing: {_are(waiting)} on an older key than {key_ids(keys)[0]}.")
        elif file is not None:
            keys = with_new_key(keys)
            file.put(keys)
            context.say(f"New key {key_ids(keys)[0]} seals from now on.")
        resealed = _reseal_all(context, keys)
    left = _on_old_keys(key_ids(keys), counts(settings))
    unopened = [
        (environment, f"{record.kind}/{record.name}", record.path) for environment, each in resealed.items() for record, _ in each.unopened
    ]
    code = ExitCode.FAILURE if left or unopened else ExitCode.NOTHING_TO_DO
    _tell_rotation(context, key_ids(keys), sum(each.moved for each in resealed.values()), left, unopened, code)
    return code


@command.command("prune", short_help="Take keys out of the ring that seal nothing any more.")
@click.option("--yes", is_flag=True, help="Do not ask.")
@common(estate=False)
def prune_command(context: Context, yes: bool) -> ExitCode:
    """Take keys out of the ring with which nothing is sealed any more. The one that seals always stays.

    Backups made before the rotation need the old keys still: copy them away first.
    """
    from reconcile.wiring.keys import counts, held_ring, key_ids, ring, sharing, stores

    settings = context.settings
    names = key_ids(ring(settings))
    unused = _unused(names, counts(settings))
    if unused and not yes and not click.confirm(_question(unused), default=False, err=True):
        raise UserError("declined; nothing was changed", hint="Copy the old keys away first if backups need them.")
    # An apply that runs may be about to seal; it holds the lock of its environment while it does. So count again.
    with held_ring(settings) as file, stores(settings, sharing(settings)) as databases, _all_locked(context, databases):
        keys = file.keys()
        names = key_ids(keys)
        unused = [name for name in _unused(names, counts(settings)) if name in unused]
        if unused:
            file.put(tuple(key for key, name in zip(keys, names, strict=True) if name not in unused))
            for name, database in databases.items():
                _record(
                    context,
                    database,
                    name,
                    "prune-keys",
                    {"reason": f"{', '.join(unused)} taken out", "removed": unused, "seals": names[0]},
                )
    if context.as_json:
        context.json({"formatVersion": FORMAT_VERSION, "removed": unused, "seals": names[0], "exit": ExitCode.NOTHING_TO_DO.reason})
    else:
        context.data(f"taken out: {', '.join(unused)}; {names[0]} seals" if unused else f"nothing to take out; {names[0]} seals")
    return ExitCode.NOTHING_TO_DO


def _unused(ring: Sequence[str], counts: Counts) -> list[str]:
    """Keys that seal nothing and shall not. Raises UserError while a key that does not seal any more is still needed."""
    used = [name for name in ring[1:] if any(number.get(name) for number in counts.values())]
    if used:
        words = f"{_are(_on_old_keys(ring, counts))} sealed with {', '.join(used)}: nothing was taken out"
        raise UserError(words, hint="First: reconcile key rotate.")
    return list(ring[1:])


def _question(unused: Sequence[str]) -> str:
    return f"Take {', '.join(unused)} out of the ring? Backups made before the rotation do not open without."


@contextmanager
def _all_locked(context: Context, databases: Mapping[str, Database]) -> Iterator[None]:
    from reconcile.wiring.configuration import apply_store
    from reconcile.wiring.system import SystemClock

    with ExitStack() as stack:
        for database in databases.values():
            store = apply_store(database, SystemClock())
            stack.enter_context(store.lock(owner=context.actor, purpose="key prune", patience=_PATIENCE))
        yield


def _on_old_keys(ring: Sequence[str], counts: Counts) -> int:
    """Values that a key of the ring opens, but not the one that seals."""
    return sum(number.get(name, 0) for number in counts.values() for name in ring[1:])


def _are(number: int) -> str:
    return f"{number} sealed value is" if number == 1 else f"{number} sealed values are"


def _reseal_all(context: Context, keys: tuple[Secret, ...]) -> dict[str, Resealed]:
    """What became of each environment that has anything sealed with another key."""
    from reconcile.wiring.keys import counts, key_ids, reseal_store, stores

    names = key_ids(keys)
    found = counts(context.settings)
    left = _on_old_keys(names, found)
    concerned = [name for name, number in found.items() if any(identifier != names[0] for identifier in number)]
    results: dict[str, Resealed] = {}

    def moved(number: int) -> None:
        nonlocal left
        left = max(0, left - number)
        if not context.as_json:
            context.data(f"records on the old key: {left}")

    with stores(context.settings, concerned) as databases:
        for name, database in databases.items():
            results[name] = reseal_store(database, keys, moved=moved)
            if results[name].moved:
                _record(context, database, name, "rotate-key", _resealed(names[0], results[name].moved))
    return results


def _resealed(key: str, moved: int) -> dict[str, object]:
    return {"reason": f"{moved} resealed with {key}", "seals": key, "resealed": moved}


def _tell_rotation(
    context: Context, ring: Sequence[str], moved: int, left: int, unopened: Sequence[tuple[str, str, str]], code: ExitCode
) -> None:
    from reconcile.report.keys import unopened_lines

    if context.as_json:
        listed = [{"environment": one, "resource": two, "path": three} for one, two, three in unopened]
        document = {"seals": ring[0], "ring": list(ring), "resealed": moved, "onOldKeys": left, "unopened": listed}
        context.json({"formatVersion": FORMAT_VERSION, **document, "exit": code.reason})
        return
    context.data(f"{moved} resealed with {ring[0]}; records on the old key: {left}")
    for line in unopened_lines(unopened):
        context.say(line)
    if left:
        context.say("  next: something was sealed with an older key meanwhile; run reconcile key rotate once more.")
    elif not unopened and len(ring) > 1:
        context.say("  next: reconcile key prune takes the old key out; backups made until now need it still.")


def _record(context: Context, database: Database, environment: str, action: str, detail: dict[str, object]) -> None:
    from reconcile.wiring.audit import record

    record(database, actor=context.actor, action=action, key=f"Environment/{environment}", detail=detail)
