"""`reconcile status`."""

from __future__ import annotations

import click

from reconcile.cli.context import Context, common
from reconcile.model.exit_code import ExitCode


@click.command("status", short_help="Say how the environment is doing.")
@common(estate=False)
def command(context: Context) -> ExitCode:
    """Counts by health, then everything that wants a person, with the next step. Reads only; asks no server."""
    from reconcile.model.left_alone import still_away
    from reconcile.model.outgoing import OutgoingState
    from reconcile.model.profile_counters import profile_counters
    from reconcile.report.disk_room import disk_room_json, disk_room_lines
    from reconcile.report.item_standings import standings_json, standings_lines
    from reconcile.report.left_alone import counters_json, counters_lines, left_alone_json, left_alone_lines
    from reconcile.report.sync_json import FORMAT_VERSION, condition_json, status_json
    from reconcile.report.sync_text import health_counts, status_text
    from reconcile.report.unsent import STATES, unsent, unsent_json
    from reconcile.wiring.items import item_standings, items_refused
    from reconcile.wiring.mail import idle_settings, outbox_reader
    from reconcile.wiring.mailbox_statuses import left_alone, mailbox_statuses
    from reconcile.wiring.state import disk_of, open_database
    from reconcile.wiring.system import SystemClock

    now = SystemClock().now()
    environment, statuses = mailbox_statuses(context.settings, context.environment)
    steps = {status.mailbox_id: status.sending_step for status in statuses if status.sending_step}
    with open_database(context.settings, environment, read_only=True) as database:
        waiting = unsent(outbox_reader(database).entries(states=(*STATES, OutgoingState.FAILED)), now=now, steps=steps, due=True)
        idle = idle_settings(context.settings, database, environment, now)
        resting = still_away(left_alone(database, now), statuses)
        items, conflicts = item_standings(database)
        idle += items_refused(context.settings, database, environment)
    folder, room, full = disk_of(context.settings, environment)
    counters = profile_counters(statuses, {one.name for one in resting if one.kind == "server"})
    if context.as_json:
        context.json(
            {
                "formatVersion": FORMAT_VERSION,
                "environment": environment,
                "health": health_counts(statuses),
                "mailboxes": [status_json(status) for status in statuses],
                "profiles": counters_json(counters),
                "disk": disk_room_json(room, full=full),
                "leftAlone": left_alone_json(resting),
                "items": {"mailboxes": standings_json(items), "conflicts": conflicts},
                "outgoing": unsent_json(waiting),
                "settings": [{"resource": name, **condition_json(condition)} for name, condition in idle],
            }
        )
    else:
        fit = context.columns
        beside = {
            "disk": disk_room_lines(folder, room, full=full),
            "profiles": counters_lines(counters, fit=None if fit is None else fit - 2),
            "left alone by `run`": left_alone_lines(resting, now=now),
            "appointments, contacts and tasks": standings_lines(items, conflicts, told={one.name: one.why for one in statuses}),
        }
        context.data(status_text(environment, statuses, now=now, waiting=waiting, idle=idle, beside=beside, fit=fit))
    return ExitCode.NOTHING_TO_DO
