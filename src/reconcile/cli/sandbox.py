"""`reconcile sandbox`."""

from __future__ import annotations

import threading
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import click

from reconcile.cli.context import Context, common
from reconcile.model.exit_code import ExitCode

if TYPE_CHECKING:
    from reconcile.sandbox.world import World


@click.command("sandbox", short_help="Start a mail world on this machine to try things on.")
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
@click.option("--empty", is_flag=True, help="Start without any mail.")
def command(context: Context, folder: Path, imaps_port: int, imap_port: int, submission_port: int, empty: bool) -> ExitCode:
    """Start IMAP and SMTP servers on loopback with five mailboxes and a few hundred messages, until Ctrl-C.

    Mail lives in memory. Nothing leaves: mail to other addresses is kept and counted. The folder gets world.json, and below
    secrets/ the certificate of the sandbox's authority and a password file a mailbox.
    """
    from reconcile.sandbox.corpus.addresses import MAILBOXES
    from reconcile.sandbox.world import Place, Ports, World

    folder = folder.resolve()
    world = World(
        place=Place(directory=folder, secrets_directory=folder / "secrets"),
        mailboxes=MAILBOXES,
        now=lambda: datetime.now(UTC),
        wanted=Ports(imaps=imaps_port, imap=imap_port, submission=submission_port),
    )
    with world:
        count = 0 if empty else world.fill()
        if context.as_json:
            context.json({"formatVersion": "1.0", **world.description()})
        else:
            context.data(_instructions(world, count))
        try:
            threading.Event().wait()
        except KeyboardInterrupt:
            context.say(f"stopped; {len(world.outside())} mails to others were kept here and are gone now")
    return ExitCode.NOTHING_TO_DO


def _instructions(world: World, count: int) -> str:
    from reconcile.sandbox.instructions import instructions

    return instructions(world, count)
