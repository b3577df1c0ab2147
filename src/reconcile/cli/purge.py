"""`reconcile purge`."""

from __future__ import annotations

import time
from datetime import timedelta
from typing import TYPE_CHECKING

import click

from reconcile.cli.context import Context, common
from reconcile.cli.number import Number
from reconcile.model.exit_code import ExitCode

if TYPE_CHECKING:
    from reconcile.model.purge import Purged, PurgeSelection
    from reconcile.ports.mail_purge import MailPurge
    from reconcile.store.sqlite.database import Database

FORMAT_VERSION = "1.0"
_STEP = 2000
#: Seconds to wait for packs that somebody writes to.
_PATIENCE = 30.0


def _age(ctx: click.Context, param: click.Parameter, value: str | None) -> timedelta | None:
    """A duration that is not nothing."""
    from reconcile.model import duration

    if value is None:
        return None
    try:
        span = duration.parse(value)
    except ValueError as error:
        raise click.BadParameter(str(error), ctx, param) from None
    if not span:
        raise click.BadParameter("0 is everything: name a mailbox for that", ctx, param)
    return span


@click.command("purge", short_help="Take mail and items out of the store for good.")
@click.option(
    "--older-than",
    callback=_age,
    metavar="DURATION",
    help="Mail received (or settled, if outgoing) and items over longer ago, such as 365d.",
)
@click.option("--mailbox", metavar="NAME", help="Mail and items of this mailbox (slug, address or id), applied or not.")
@click.option("--activity", type=Number(1), metavar="ID", help="This tracked e-mail, from every mailbox.")
@click.option("--outgoing", type=Number(1), metavar="ID", help="This mail of the outbox.")
@click.option("--item", type=Number(1), metavar="ID", help="This appointment, contact or task.")
@click.option("--clock-is-right", "clock_right", is_flag=True, help="Purging by age goes on, although the clock went far ahead. Recorded.")
@click.option("--yes", is_flag=True, help="Do it. Without, only counts are shown.")
@common(estate=False)
def command(
    context: Context,
    older_than: timedelta | None,
    mailbox: str | None,
    activity: int | None,
    outgoing: int | None,
    item: int | None,
    clock_right: bool,
    yes: bool,
) -> ExitCode:
    """Take mail, appointments, contacts and tasks out of the store for good: rows, texts, edits, and the bytes themselves. They do not come
    back with the next sync.

    Shows what would go; does it with --yes. Nothing is deleted at the mail server: items stay in their mailboxes, untied.

    Example: reconcile purge --mailbox left@contoso.example --yes
    """
    from reconcile.cli.purging_one import nothing_to_purge
    from reconcile.wiring.purge import mail_purge
    from reconcile.wiring.state import environment_name, writable_database

    single = [one for one in (activity, outgoing, item) if one is not None]
    by_age_alone = older_than is None and mailbox is None and not single
    if by_age_alone and not clock_right:
        raise click.UsageError("say what: --older-than, --mailbox, --activity, --outgoing or --item")
    if single and (older_than is not None or mailbox is not None):
        raise click.UsageError("--activity, --outgoing and --item name a single one; leave --older-than and --mailbox out")
    name = environment_name(context.settings, context.environment)
    with writable_database(context.settings, name) as database:
        purge = mail_purge(database)
        if clock_right:
            _believe(context, name, database, purge)
            if by_age_alone:
                return ExitCode.NOTHING_TO_DO
        if older_than is not None:
            _check_clock(purge, older_than)
        selection = _selection(database, older_than, mailbox, activity, outgoing, item)
        absent = nothing_to_purge(database, selection) if single and purge.count(selection).nothing else None
        if not yes:
            if absent is not None:
                raise absent
            return _show(context, purge.count(selection), _left(database, selection))
        done, erased, waiting = carry_out(context, name, purge, selection)
        # Whoever repeats it because bytes were left behind finds no row any more.
        if absent is not None and done.nothing and not erased and not waiting:
            raise absent
        left = _left(database, selection)
    code = ExitCode.LOCKED if waiting else ExitCode.NOTHING_TO_DO
    if context.as_json:
        document = {**done.detail(), "erased": erased, "packsInUse": waiting, "notSettled": left}
        context.json({"formatVersion": FORMAT_VERSION, "done": True, **document, "exit": code.reason})
        return code
    context.data(_words("purged", done) + f"; {erased:,} bytes taken off the disk")
    _say_left(context, left)
    if waiting:
        context.say(f"{waiting} of the files with mail are being written to, and still hold bytes of what was purged")
        context.say("  next: repeat this when no sync is at work; `reconcile run` does so by itself within a day.")
    return code


def _believe(context: Context, environment: str, database: Database, purge: MailPurge) -> None:
    from reconcile.wiring.audit import record
    from reconcile.wiring.system import SystemClock

    now = SystemClock().now()
    record(
        database,
        actor=context.actor,
        action="believe-clock",
        key=f"Environment/{environment}",
        detail={"reason": f"the clock of this host is right at {now:%Y-%m-%dT%H:%M:%SZ}"},
    )
    purge.believe_clock(now)
    context.say(f"mail is purged by age again; it is {now:%Y-%m-%d %H:%MZ}")


def _check_clock(purge: MailPurge, older_than: timedelta) -> None:
    """Raises UserError where the clock went further than it is believed."""
    from reconcile.errors import UserError
    from reconcile.model.retention import doubtful_clock
    from reconcile.wiring.system import SystemClock

    now = SystemClock().now()
    doubt = doubtful_clock(now, purge.believed_clock(), (now - older_than,))
    if doubt:
        raise UserError(doubt, hint="Nothing was purged. Set the clock right; if it is right, repeat this with --clock-is-right.")


def _selection(
    database: Database, older_than: timedelta | None, mailbox: str | None, activity: int | None, outgoing: int | None, item: int | None
) -> PurgeSelection:
    from reconcile.model.purge import PurgeSelection
    from reconcile.wiring.system import SystemClock

    if activity is not None or outgoing is not None or item is not None:
        return PurgeSelection(
            activity_id=activity,
            outgoing_id=outgoing,
            item_id=item,
            mail=activity is not None,
            outgoing=outgoing is not None,
            items=item is not None,
        )
    before = None if older_than is None else SystemClock().now() - older_than
    return PurgeSelection(
        before=None if before is None else before.strftime("%Y-%m-%dT%H:%M:%SZ"),
        settled_before=None if before is None else before.strftime("%Y-%m-%dT%H:%M:%S.%fZ"),
        items_before=None if before is None else before.strftime("%Y-%m-%dT%H:%M:%SZ"),
        mailbox_id=None if mailbox is None else named_mailbox(database, mailbox),
    )


def named_mailbox(database: Database, word: str) -> str:
    """The id of the mailbox of that slug, address or id, applied or not. Raises UserError when there is none, or several that left."""
    from reconcile.cli.mailbox_name import no_such_mailbox
    from reconcile.errors import UserError
    from reconcile.model.mail_address import same_mailbox
    from reconcile.wiring.purge import holding_mailboxes

    known = holding_mailboxes(database)
    # One that is applied comes first: a new mailbox may have the name of one that left.
    found = [one for one in known if word in one[:2] or (one[2] and same_mailbox(word, one[2]))]
    applied = [one for one in found if one[3]] or found
    if not applied:
        raise no_such_mailbox(word, (name for one in known for name in one[:3] if name))
    if len(applied) > 1:
        listed = ", ".join(identity for identity, *_ in applied)
        raise UserError(f"{word!r} was the name of several mailboxes that left", hint=f"Name one by its id: {listed}.")
    return applied[0][0]


def carry_out(context: Context, environment: str, purge: MailPurge, selection: PurgeSelection) -> tuple[Purged, int, int]:
    """(what was purged, bytes taken off the disk, packs that are in use)"""
    from reconcile.model import instant
    from reconcile.model.purge import Purged
    from reconcile.wiring.audit import audit_record
    from reconcile.wiring.system import SystemClock

    asked = {
        name: value
        for name in ("before", "mailbox_id", "activity_id", "outgoing_id", "item_id")
        if (value := getattr(selection, name)) is not None
    }
    done = Purged()
    if selection.before is not None:
        purge.believe_clock(SystemClock().now())
    while True:
        record = audit_record(actor=context.actor, action="purge", key=f"Environment/{environment}", detail={"asked": asked})
        step = purge.purge(selection, limit=_STEP, record=record)
        done += step
        if step.nothing:
            break
    if selection.mailbox_id is not None and selection.before is None:
        purge.forget_mailbox(selection.mailbox_id)
    octets, deadline = 0, time.monotonic() + _PATIENCE
    while True:
        erased = purge.erase(now=instant.text(SystemClock().now()), at_once=True)
        octets += erased.octets
        if not erased.packs and (not erased.waiting or time.monotonic() >= deadline):
            return done, octets, erased.waiting
        if not erased.packs:
            time.sleep(0.2)


def _left(database: Database, selection: PurgeSelection) -> int:
    """Outgoing mail of the mailbox that waits or is uncertain: that is for a person to settle first."""
    from reconcile.model.outgoing import OutgoingState
    from reconcile.wiring.mail import outbox_reader

    if selection.mailbox_id is None:
        return 0
    open_states = [state for state in OutgoingState if state not in (OutgoingState.SENT, OutgoingState.FAILED)]
    return len(outbox_reader(database).entries(states=open_states, mailbox_id=selection.mailbox_id))


def _show(context: Context, found: Purged, left: int) -> ExitCode:
    if context.as_json:
        document = {**found.detail(), "notSettled": left}
        context.json({"formatVersion": FORMAT_VERSION, "done": False, **document, "exit": ExitCode.NOTHING_TO_DO.reason})
    else:
        context.data(_words("would be purged", found))
        _say_left(context, left)
        if not found.nothing:
            context.say("  next: the same command with --yes does it; there is no way back but a backup.")
    return ExitCode.NOTHING_TO_DO


def _words(verb: str, found: Purged) -> str:
    from reconcile.report.counted import counted

    mails = [f"{counted(found.mails, 'e-mail')} ({found.octets:,} bytes)"]
    parts = mails if found.mails else []
    parts += [f"{counted(found.released, 'e-mail')} let go that another mailbox holds too"] if found.released else []
    parts += [f"{counted(found.outgoing, 'outgoing mail')} ({found.outgoing_octets:,} bytes)"] if found.outgoing else []
    parts += [counted(found.items, "appointment, contact or task", "appointments, contacts and tasks")] if found.items else []
    kept = "is owned by somebody else or in another mailbox, too, and stays", "are owned by others or in other mailboxes, too, and stay"
    parts += [f"{found.items_kept} {kept[found.items_kept > 1]}"] if found.items_kept else []
    return f"{verb}: {', '.join(parts or mails)}"


def _say_left(context: Context, left: int) -> None:
    from reconcile.report.counted import counted

    if left:
        context.say(f"{counted(left, 'outgoing mail waits or is uncertain', 'outgoing mails wait or are uncertain')} and stays")
        context.say("  next: reconcile outbox list --mailbox NAME, then withdraw or confirm, then purge again.")
