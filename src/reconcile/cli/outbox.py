"""`reconcile outbox`."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import IO, TYPE_CHECKING

import click

from reconcile.cli.context import Context, common
from reconcile.cli.mailbox_name import no_such_mailbox
from reconcile.cli.number import Number
from reconcile.errors import UserError
from reconcile.model.exit_code import ExitCode

if TYPE_CHECKING:
    from reconcile.model.outbox_step import Step
    from reconcile.sync.decide.compose import Attachment

_STATES = ("draft", "pending-send", "sending", "sent", "failed", "uncertain")
_FILE = click.Path(exists=True, dir_okay=False, path_type=Path)
_ID = click.argument("mail", metavar="ID", type=Number(1))


@click.group("outbox", short_help="Queue mail, look at it, try again.")
def command() -> None:
    """Outgoing mail. What is added here goes out with the next `reconcile sync` (or at once while `reconcile run` runs)."""


@command.command("add")
@click.option("--from", "mailbox", required=True, metavar="MAILBOX", help="Mailbox that sends: slug, address or id.")
@click.option("--to", multiple=True, metavar="ADDRESS", help="Recipient; may be repeated.")
@click.option("--cc", multiple=True, metavar="ADDRESS", help="Recipient of a copy; may be repeated.")
@click.option("--bcc", multiple=True, metavar="ADDRESS", help="Recipient nobody else sees; may be repeated.")
@click.option("--subject", default="", help="Subject, one line.")
@click.option("--text", help="Text of the mail [read from standard input].")
@click.option("--attach", multiple=True, type=_FILE, metavar="FILE", help="Attachment; may be repeated.")
@click.option("--in-reply-to", default="", metavar="MESSAGE-ID", help="The mail this one answers.")
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
    attach: tuple[Path, ...],
    in_reply_to: str,
    raw: Path | None,
    key: str,
) -> ExitCode:
    """Keep a mail for sending. Everybody it goes to must be in allowedRecipients of the applied Environment."""
    from reconcile.model import instant
    from reconcile.report.outbox_json import FORMAT_VERSION, mail_json
    from reconcile.sync.decide.compose import Draft, compose, not_allowed
    from reconcile.sync.decide.submission import SendingMailbox, sending_setup
    from reconcile.wiring.mail import applied_state, outbox_store
    from reconcile.wiring.state import environment_name, writable_database
    from reconcile.wiring.system import SystemClock, mint

    if raw is not None and (subject or text is not None or attach or in_reply_to):
        raise click.UsageError("--raw brings its own subject, text and attachments")
    environment, now = environment_name(context.settings, context.environment), SystemClock().now()
    with writable_database(context.settings, environment) as database:
        setup = sending_setup(applied_state(database).resources(), now=instant.text(now))
        sender = setup.named(mailbox)
        if sender is None:
            raise no_such_mailbox(mailbox, (one.name for one in setup.mailboxes.values()))
        if not isinstance(sender, SendingMailbox):
            where = f" ({sender.condition.origin})" if sender.condition.origin else ""
            raise UserError(f"mailbox {sender.name} cannot send: {sender.condition.message}{where}", hint="Change it in git and apply.")
        if raw is not None:
            draft = Draft(to=to, cc=cc, bcc=bcc, raw=_bytes(raw))
        else:
            draft = Draft(
                to=to,
                cc=cc,
                bcc=bcc,
                subject=subject,
                text=_text() if text is None else text,
                attachments=tuple(_attachment(path) for path in attach),
                in_reply_to=in_reply_to,
            )
        composed = compose(draft, sender, key=key, token=mint().replace("-", ""), now=now)
        refused = not_allowed(composed.entry.recipients, setup.allowed)
        if refused:
            listed = ", ".join(setup.allowed) if setup.allowed else "nobody"
            raise UserError(
                f"not in allowedRecipients of environment {environment}: {', '.join(refused)} (allowed: {listed})",
                hint="Add the address or its @domain to the Environment and apply it, or leave the recipient out.",
            )
        added = outbox_store(database).add(composed.entry, composed.content)
    if context.as_json:
        context.json({"formatVersion": FORMAT_VERSION, "existed": added.existed, "mail": mail_json(added.entry)})
    elif added.existed:
        context.data(f"key {key} is already mail {added.entry.id} ({added.entry.state}); nothing was added")
    else:
        context.data(f"mail {added.entry.id} is {added.entry.state} to {', '.join(one.address for one in added.entry.recipients)}")
        context.say("It goes out with the next `reconcile sync`.")
    return ExitCode.NOTHING_TO_DO


@command.command("list", short_help="Mail with its state, tries, next try and reason.")
@click.option("--state", multiple=True, type=click.Choice(_STATES), help="Only mail in this state; may be repeated.")
@click.option("--mailbox", metavar="NAME", help="Only mail of this mailbox (slug, address or id).")
@common(estate=False)
def list_command(context: Context, state: tuple[str, ...], mailbox: str | None) -> ExitCode:
    """Mail with its state, tries, next try and reason, in the order it was added."""
    from reconcile.model.outgoing import OutgoingState
    from reconcile.report.outbox_json import FORMAT_VERSION, mail_json
    from reconcile.report.outbox_text import outbox_table
    from reconcile.wiring.mail import applied_state, outbox_reader
    from reconcile.wiring.state import environment_name, open_database

    with open_database(context.settings, environment_name(context.settings, context.environment), read_only=True) as database:
        entries = outbox_reader(database).entries(states=[OutgoingState(one) for one in state])
        if mailbox is not None:
            applied = [one for one in applied_state(database).resources() if one.kind == "Mailbox"]
            # Mail of a mailbox that is no longer applied is still here.
            known = {(one.external_id, one.name, str(one.spec.get("emailAddress", ""))) for one in applied}
            known |= {(entry.mailbox_id, entry.mailbox_name, entry.sender) for entry in outbox_reader(database).entries()}
            wanted = {identity for identity, name, address in known if mailbox in (identity, name) or mailbox.lower() == address.lower()}
            if not wanted:
                raise no_such_mailbox(mailbox, (word for _, *words in known for word in words if word))
            entries = [entry for entry in entries if entry.mailbox_id in wanted]
    if context.as_json:
        context.json({"formatVersion": FORMAT_VERSION, "mails": [mail_json(entry) for entry in entries]})
    else:
        context.data(outbox_table(entries, fit=context.columns))
    return ExitCode.NOTHING_TO_DO


@command.command("show")
@_ID
@click.option("--raw", is_flag=True, help="The bytes as they are sent, and nothing else.")
@common(estate=False)
def show_command(context: Context, mail: int, raw: bool) -> ExitCode:
    """One mail: recipients, history, and what to do next."""
    from reconcile.report.outbox_json import FORMAT_VERSION, history_json, mail_json
    from reconcile.report.outbox_text import mail_text
    from reconcile.wiring.mail import outbox_reader
    from reconcile.wiring.state import environment_name, open_database

    with open_database(context.settings, environment_name(context.settings, context.environment), read_only=True) as database:
        outbox = outbox_reader(database)
        entry = outbox.entry(mail)
        if entry is None:
            raise UserError(f"there is no mail {mail} in the outbox", hint="See `reconcile outbox list`.")
        events, content = outbox.events(mail), outbox.content(mail) if raw else b""
    if raw:
        sys.stdout.buffer.write(content)
    elif context.as_json:
        context.json({"formatVersion": FORMAT_VERSION, "mail": mail_json(entry), "history": history_json(events)})
    else:
        context.data(mail_text(entry, events, fit=context.columns))
    return ExitCode.NOTHING_TO_DO


@command.command("retry")
@_ID
@click.option("--i-checked-it-was-not-sent", "checked", is_flag=True, help="Needed for an uncertain mail. Recorded with your name.")
@common(estate=False)
def retry_command(context: Context, mail: int, checked: bool) -> ExitCode:
    """Try a failed mail again, or a waiting one now. Only recipients that did not get it are tried."""
    from reconcile.model.outbox_step import Retry

    return _advance(context, mail, Retry(by=context.actor, checked_not_sent=checked))


@command.command("confirm")
@_ID
@click.option("--i-checked-it-was-sent", "checked", is_flag=True, required=True, help="You looked. Recorded with your name.")
@common(estate=False)
def confirm_command(context: Context, mail: int, checked: bool) -> ExitCode:
    """Say that an uncertain mail did arrive."""
    from reconcile.model.outbox_step import Confirm

    assert checked
    return _advance(context, mail, Confirm(by=context.actor))


@command.command("withdraw", short_help="Take a waiting mail back.")
@_ID
@common(estate=False)
def withdraw_command(context: Context, mail: int) -> ExitCode:
    """Take a waiting mail back: it is not sent to whoever did not get it yet. `retry` brings it back."""
    from reconcile.model.outbox_step import Withdraw

    return _advance(context, mail, Withdraw(by=context.actor))


def _advance(context: Context, mail: int, step: Step) -> ExitCode:
    from reconcile.model.outgoing import OutgoingState
    from reconcile.report.outbox_json import FORMAT_VERSION, mail_json
    from reconcile.sync.outgoing import recover
    from reconcile.wiring.mail import outbox_store
    from reconcile.wiring.state import environment_name, writable_database
    from reconcile.wiring.system import SystemClock

    with writable_database(context.settings, environment_name(context.settings, context.environment)) as database:
        outbox, now = outbox_store(database), SystemClock().now()
        # What a dead run was sending is uncertain now, and this is about what is now.
        recover(outbox, now=now)
        entry = outbox.advance(mail, step, at=now)
    if context.as_json:
        context.json({"formatVersion": FORMAT_VERSION, "mail": mail_json(entry)})
    else:
        context.data(f"mail {mail} is {entry.state}")
        if entry.state is OutgoingState.PENDING:
            context.say("It goes out with the next `reconcile sync`.")
    return ExitCode.NOTHING_TO_DO


def _text() -> str:
    if sys.stdin.isatty():
        click.echo("Type the text; end it with Ctrl-D.", err=True)
    data = _bounded(sys.stdin.buffer, "the text")
    try:
        text: str = data.decode("utf-8")
    except UnicodeDecodeError as error:
        raise UserError(f"the text is not UTF-8 (octet {error.start})", hint="Convert it, for example with iconv.") from error
    if "\0" in text:
        # RFC 5321, 4.5.2 and RFC 5322, 4: no NUL travels in a mail.
        raise UserError(f"the text has a NUL (character {text.index(chr(0))})", hint="Send what is no text with --attach.")
    return text


def _bytes(path: Path) -> bytes:
    with path.open("rb") as file:
        return _bounded(file, str(path))


def _bounded(stream: IO[bytes], what: str) -> bytes:
    """Everything, or the refusal of what would never fit: a device has no end, and a size says nothing about a pipe."""
    from reconcile.sync.decide.compose import LARGEST

    data = stream.read(LARGEST + 1)
    if len(data) > LARGEST:
        raise UserError(f"{what} has more than {LARGEST:,} octets, the most that a mail may have", hint="Send a link instead.")
    return data


def _attachment(path: Path) -> Attachment:
    import mimetypes

    from reconcile.sync.decide.compose import Attachment

    media_type, encoding = mimetypes.guess_type(path.name)
    if media_type is None or encoding is not None:
        media_type = "application/octet-stream"
    return Attachment(name=path.name, media_type=media_type, content=_bytes(path))
