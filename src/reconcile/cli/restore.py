"""`reconcile restore`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from reconcile.cli.context import Context, common
from reconcile.errors import UserError
from reconcile.model.exit_code import ExitCode

if TYPE_CHECKING:
    from reconcile.store.sqlite.backup import BackupFacts
    from reconcile.store.sqlite.restore import Restored
    from reconcile.wiring.backup import KeysOfBackup


@click.command("restore", short_help="Bring a backup back, checked to the last byte.")
@click.argument("file", type=click.Path(dir_okay=False, path_type=Path))
@click.option("--replace", is_flag=True, help="Lay the store that is there aside and put the backup in its place.")
@click.option("--yes", is_flag=True, help="Do not ask before replacing.")
@click.option("--old-key", metavar="REF", help="The ring the backup was sealed with (file: or env:); seal with this host's key.")
@click.option(
    "--outbox",
    type=click.Choice(["uncertain", "keep"]),
    default="uncertain",
    help="Mail that waited when the backup was made: for a person to look at, or sent as if nothing had happened [uncertain].",
)
@common(estate=False)
def command(context: Context, file: Path, replace: bool, yes: bool, old_key: str | None, outbox: str) -> ExitCode:
    """Bring back the state of the environment that FILE is a backup of. Everything is checked before anything is replaced.

    Ends with 6 when it is back but something in it needs a person: credentials that no key here opens, mail that was damaged before.

    Example: reconcile restore /var/backups/production-2026-03-01.tar --replace
    """
    from reconcile.wiring.backup import backup_facts, check_environment, restore_backup, would_replace

    facts = backup_facts(file)
    check_environment(facts, context.environment)
    if replace and not yes and would_replace(context.settings, facts.environment):
        question = f"Replace the store of {facts.environment} by what it was at {facts.created_at}?"
        if not click.confirm(question, default=False, err=True):
            raise UserError("declined; nothing was changed", hint="The store that is there would be laid aside, not deleted.")
    restored, keys = restore_backup(
        context.settings, file, facts, actor=context.actor, replace=replace, keep_outbox=outbox == "keep", old_key=old_key
    )
    code = ExitCode.PARTLY_APPLIED if keys.unopened or restored.unpacked.damaged else ExitCode.NOTHING_TO_DO
    if context.as_json:
        context.json(_document(facts, restored, keys, code))
    else:
        _tell(context, facts, restored, keys)
    return code


def _document(facts: BackupFacts, restored: Restored, keys: KeysOfBackup, code: ExitCode) -> dict[str, object]:
    return {
        "formatVersion": "1.0",
        "environment": facts.environment,
        "createdAt": facts.created_at,
        "uncertain": restored.doubted,
        "toBeChecked": restored.marked,
        "resealed": keys.moved,
        "unopened": [{"resource": resource, "path": path} for resource, path in keys.unopened],
        "damaged": list(restored.unpacked.damaged),
        "laidAside": str(restored.aside) if restored.aside else None,
        "exit": code.reason,
    }


def _tell(context: Context, facts: BackupFacts, restored: Restored, keys: KeysOfBackup) -> None:
    from reconcile.report.counted import counted
    from reconcile.report.keys import unopened_lines

    context.data(f"{facts.environment} is as it was at {facts.created_at}")
    if restored.aside:
        context.data(f"the store that was there lies in {restored.aside}; delete it when it is no longer needed")
    if keys.moved:
        context.data(f"{counted(keys.moved, 'sealed value')} sealed anew with this host's key")
    if restored.doubted:
        waiting = counted(restored.doubted, "mail of the outbox is uncertain", "mails of the outbox are uncertain")
        context.say(f"{waiting}: waiting when the backup was made, and maybe sent since.")
        context.say("  next: reconcile outbox list --state uncertain; then outbox retry or outbox confirm, one by one.")
    if restored.marked:
        back = counted(restored.marked, "draft or failed mail may have been sent since", "drafts and failed mails may have been sent since")
        context.say(f"{back}: outbox release and outbox retry ask for --i-checked-it-was-not-sent.")
    for line in unopened_lines([(facts.environment, resource, path) for resource, path in keys.unopened]):
        context.say(line)
    if restored.unpacked.damaged:
        context.say(
            f"not whole when the backup was made: {', '.join(restored.unpacked.damaged)}; `activities export` names the mail that is lost."
        )
