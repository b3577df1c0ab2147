"""`reconcile outbox add`."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import IO, TYPE_CHECKING

import click

from reconcile.cli.context import Context, common
from reconcile.cli.instant import Instant
from reconcile.cli.number import Number
from reconcile.errors import UserError
from reconcile.model.exit_code import ExitCode

if TYPE_CHECKING:
    from datetime import datetime

    from reconcile.model.activity_details import Regarding
    from reconcile.sync.decide.draft import Attachment

_FILE = click.Path(exists=True, dir_okay=False, path_type=Path)


@click.command("add")
@click.option("--from", "mailbox", required=True, metavar="MAILBOX", help="Mailbox that sends: slug, address or id.")
@click.option("--to", multiple=True, metavar="ADDRESS", help="Recipient; may be repeated.")
@click.option("--cc", multiple=True, metavar="ADDRESS", help="Recipient of a copy; may be repeated.")
@click.option("--bcc", multiple=True, metavar="ADDRESS", help="Recipient nobody else sees; may be repeated.")
@click.option("--subject", default="", help="Subject, one line.")
@click.option("--text", help="Text of the mail [read from standard input].")
@click.option("--html", type=_FILE, metavar="FILE", help="The mail as HTML; without --text its text is made from it.")
@click.option("--attach", multiple=True, type=_FILE, metavar="FILE", help="Attachment; may be repeated.")
@click.option("--in-reply-to", default="", metavar="MESSAGE-ID", help="The mail this one answers.")
@click.option("--reply-to", type=Number(1), metavar="ACTIVITY", help="The tracked e-mail this one answers, by its id.")
@click.option("--send-as", default="", metavar="MAILBOX", help="Write as this mailbox, whose sendAs names the one of --from.")
@click.option(
    "--postpone-until", type=Instant(), metavar="WHEN", help="Do not send before: 2026-03-01T08:00:00+01:00 (UTC without offset)."
)
@click.option("--regarding", metavar="TYPE:ID[:NAME]", help="The record it is about; a reply inherits it.")
@click.option("--draft", is_flag=True, help="Keep it as a draft, which `outbox release` lets go.")
@click.option("--raw", type=_FILE, metavar="FILE.eml", help="Send this mail as it is; --to, --cc, --bcc replace its recipients.")
@click.option("--key", default="", help="Your own name for this mail: the same key again adds nothing.")
@common(estate=False)
def add_command(
    context: Context,
    mailbox: str,
    to: tuple[str, ...],
    cc: tuple[str, ...],
    bcc: tuple[str, ...],
    subject: str,
    text: str | None,
    html: Path | None,
    attach: tuple[Path, ...],
    in_reply_to: str,
    reply_to: int | None,
    send_as: str,
    postpone_until: datetime | None,
    regarding: str | None,
    draft: bool,
    raw: Path | None,
    key: str,
) -> ExitCode:
    """Keep a mail for sending. Everybody it goes to must be in allowedRecipients of the applied Environment.

    Example: reconcile outbox add --from sales --to purchasing@contoso.example --subject "Your order" --text "It is on its way."
    """
    from dataclasses import replace

    from reconcile.model.outgoing import OutgoingState
    from reconcile.report.outbox_json import FORMAT_VERSION, mail_json
    from reconcile.sync.decide.draft import Draft
    from reconcile.wiring.feed import mail_intake
    from reconcile.wiring.state import environment_name, writable_database

    if raw is not None and (subject or text is not None or html is not None or attach or in_reply_to or reply_to is not None):
        raise click.UsageError("--raw brings its own subject, text and attachments")
    if in_reply_to and reply_to is not None:
        raise click.UsageError("--in-reply-to and --reply-to both name the mail that is answered: give one of them")
    about = None if regarding is None else _regarding(regarding)
    with writable_database(context.settings, environment_name(context.settings, context.environment)) as database:
        intake = mail_intake(database)
        if not key:
            # Before anybody types a text. With a key the mail may be there already, whatever the mailbox may do by now.
            intake.sender(mailbox)
        if raw is not None:
            made = Draft(to=to, cc=cc, bcc=bcc, raw=_bytes(raw))
        else:
            made = Draft(
                to=to,
                cc=cc,
                bcc=bcc,
                subject=subject,
                text=_text() if text is None and html is None else text or "",
                html=_decoded(_bytes(html), str(html)) if html else "",
                attachments=tuple(_attachment(path) for path in attach),
                in_reply_to=in_reply_to,
                reply_to=reply_to,
            )
        made = replace(made, send_as=send_as, postponed_until=postpone_until, regarding=about, held=draft)
        added = intake.submit(made, mailbox, key)
    if context.as_json:
        context.json({"formatVersion": FORMAT_VERSION, "existed": added.existed, "mail": mail_json(added.entry)})
    elif added.existed:
        context.data(f"key {key} is already mail {added.entry.id} ({added.entry.state}); nothing was added")
    else:
        context.data(f"mail {added.entry.id} is {added.entry.state} to {', '.join(one.address for one in added.entry.recipients)}")
        if added.entry.state is OutgoingState.DRAFT:
            context.say(f"It waits for `reconcile outbox release {added.entry.id}`.")
        elif added.entry.postponed_until is not None:
            context.say(f"It goes out with the first `reconcile sync` after {added.entry.postponed_until:%Y-%m-%d %H:%M:%SZ}.")
        else:
            context.say("It goes out with the next `reconcile sync`.")
    return ExitCode.NOTHING_TO_DO


def _regarding(word: str) -> Regarding:
    from reconcile.cli.activities.selection import record
    from reconcile.model.activity_details import Regarding
    from reconcile.model.mail_address import has_control_characters

    type_, id_, name = record(word)
    if has_control_characters(word) or max(map(len, (type_, id_, name))) > 200:
        raise click.UsageError("--regarding takes TYPE:ID or TYPE:ID:NAME, each one line of at most 200 characters")
    return Regarding(type=type_, id=id_, name=name)


def _text() -> str:
    if sys.stdin.isatty():
        click.echo("Type the text; end it with Ctrl-D.", err=True)
    return _decoded(_bounded(sys.stdin.buffer, "the text"), "the text")


def _decoded(data: bytes, what: str) -> str:
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError as error:
        raise UserError(f"{what} is not UTF-8 (octet {error.start})", hint="Convert it, for example with iconv.") from error


def _bytes(path: Path) -> bytes:
    with path.open("rb") as file:
        return _bounded(file, str(path))


def _bounded(stream: IO[bytes], what: str) -> bytes:
    """Everything, or the refusal of what would never fit: a device has no end, and a size says nothing about a pipe."""
    from reconcile.sync.decide.draft import LARGEST

    data = stream.read(LARGEST + 1)
    if len(data) > LARGEST:
        raise UserError(f"{what} has more than {LARGEST:,} octets, the most that a mail may have", hint="Send a link instead.")
    return data


def _attachment(path: Path) -> Attachment:
    from reconcile.sync.decide.draft import Attachment
    from reconcile.sync.mail_intake import media_type

    return Attachment(name=path.name, media_type=media_type(path.name), content=_bytes(path))
