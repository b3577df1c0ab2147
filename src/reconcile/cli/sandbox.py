"""`reconcile sandbox`."""

from __future__ import annotations

import threading
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import click

from reconcile.cli.context import Context, common
from reconcile.errors import SettingsError
from reconcile.model.exit_code import ExitCode

if TYPE_CHECKING:
    from reconcile.sandbox.asked_faults import AskedFault
    from reconcile.sandbox.world import World


@click.group("sandbox", invoke_without_command=True, short_help="Start a mail world on this machine to try things on.")
@common(estate=False, state=False, environment=False)
@click.option(
    "--directory",
    "-C",
    "folder",
    type=click.Path(file_okay=False, path_type=Path),
    default=Path(".reconcile/sandbox"),
    help="Its folder [.reconcile/sandbox].",
)
@click.option("--imaps-port", type=click.IntRange(0, 65535), default=20993, help="IMAP with TLS [20993]; 0 takes a free one.")
@click.option("--imap-port", type=click.IntRange(0, 65535), default=20143, help="IMAP with STARTTLS [20143].")
@click.option("--submission-port", type=click.IntRange(0, 65535), default=20587, help="SMTP with STARTTLS [20587].")
@click.option("--ews-port", type=click.IntRange(0, 65535), default=20443, help="Exchange Web Services with TLS [20443].")
@click.option("--mailboxes", type=click.IntRange(1, 10_000), default=5, help="How many mailboxes [5]; those beyond have a few messages.")
@click.option(
    "--fault",
    "faults",
    multiple=True,
    metavar="KIND[:NAME=VALUE,...]",
    help="What goes wrong, as busy:every=10,back-off=2; may be repeated. `--fault list` shows all.",
)
@click.option("--empty", is_flag=True, help="Start without any mail.")
def command(
    context: Context,
    folder: Path,
    imaps_port: int,
    imap_port: int,
    submission_port: int,
    ews_port: int,
    mailboxes: int,
    faults: tuple[str, ...],
    empty: bool,
) -> ExitCode:
    """Start IMAP, SMTP and Exchange (EWS) servers on loopback with five mailboxes and a few hundred messages, until Ctrl-C.

    A mailbox has the same mail over IMAP and EWS; over EWS it has a calendar, contacts and tasks, too. Mail lives in memory.
    Nothing leaves: mail to other addresses is kept and counted. The folder gets world.json, and below secrets/ the certificate
    of the sandbox's authority and a password file a mailbox.

    `sandbox export` writes an export of a product that does not exist, to try import, plan and drift on.

    Example: reconcile sandbox --mailboxes 50 --fault busy:every=10 --fault 503:operation=GetItem,times=3
    """
    if click.get_current_context().invoked_subcommand is not None:
        return ExitCode.NOTHING_TO_DO
    if "list" in faults:
        from reconcile.sandbox.asked_faults import kinds_text

        context.data(kinds_text())
        return ExitCode.NOTHING_TO_DO
    from reconcile.sandbox.corpus.addresses import MAILBOXES
    from reconcile.sandbox.corpus.addresses import mailboxes as so_many
    from reconcile.sandbox.world import Place, Ports, World

    known = so_many(mailboxes)
    asked = _asked(faults, known)
    folder = folder.resolve()
    world = World(
        place=Place(directory=folder, secrets_directory=folder / "secrets"),
        mailboxes=known,
        now=lambda: datetime.now(UTC),
        wanted=Ports(imaps=imaps_port, imap=imap_port, submission=submission_port, ews=ews_port),
    )
    with world:
        count = 0 if empty else world.fill([address for slug, address in known.items() if slug not in MAILBOXES])
        for fault in asked:
            fault.switch_on(world)
        if context.as_json:
            context.json({"formatVersion": "1.0", **world.description(), "faults": [fault.written for fault in asked]})
        else:
            context.data(_instructions(world, count, asked))
        try:
            threading.Event().wait()
        except KeyboardInterrupt:
            context.say(f"stopped; {len(world.outside())} mails to others were kept here and are gone now")
    return ExitCode.NOTHING_TO_DO


@command.command("export", short_help="Write an export of a product that does not exist, to try import on.")
@common(estate=False, state=False, environment=False)
@click.option("--mailboxes", type=click.IntRange(1, 1_000_000), default=500, help="How many mailboxes [500].")
@click.option("--seed", type=int, default=1, help="Another number gives another export [1].")
@click.option("--out", type=click.Path(dir_okay=False, path_type=Path), required=True, help="The file to write; it must not exist.")
def export_command(context: Context, mailboxes: int, seed: int, out: Path) -> ExitCode:
    """Write profiles, users, queues and forward mailboxes as JSON, with the product's columns and numbers. Nobody is real.

    Example: reconcile sandbox export --mailboxes 500 --out exports/prod.json
    """
    from reconcile.sandbox.export import export_chunks

    try:
        out.parent.mkdir(parents=True, exist_ok=True)
        with out.open("x", encoding="utf-8") as file:
            file.writelines(export_chunks(mailboxes, seed=seed))
    except FileExistsError as error:
        raise SettingsError(f"{out} exists, and nothing is overwritten", hint="Name another file with --out.") from error
    except OSError as error:
        raise SettingsError(f"{out} cannot be written: {error.strerror}", hint="Name another file with --out.") from error
    if context.as_json:
        context.json({"formatVersion": "1.0", "file": str(out), "mailboxes": mailboxes, "bytes": out.stat().st_size})
    else:
        context.data(f"wrote {out}: {mailboxes:,} mailboxes, {out.stat().st_size:,} bytes")
        context.say(f"Next: reconcile import --from snapshot:{out} --into ESTATE --dry-run")
    return ExitCode.NOTHING_TO_DO


def _asked(faults: Sequence[str], mailboxes: Mapping[str, str]) -> list[AskedFault]:
    if not faults:
        return []
    from reconcile.sandbox.asked_faults import asked_fault
    from reconcile.sandbox.fault_options import FaultWords

    try:
        return [asked_fault(text, mailboxes) for text in faults]
    except FaultWords as error:
        raise click.BadParameter(f"{error} (`--fault list` shows all)", param_hint="'--fault'") from error


def _instructions(world: World, count: int, faults: Sequence[AskedFault]) -> str:
    from reconcile.sandbox.instructions import instructions

    return instructions(world, count, [(fault.written, fault.says) for fault in faults])
