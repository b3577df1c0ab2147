"""`reconcile activities feed`."""

from __future__ import annotations

import sys
from collections.abc import Collection, Iterator, Mapping
from typing import TYPE_CHECKING

import click

from reconcile.cli.context import Context, common
from reconcile.cli.number import Number, Seconds
from reconcile.model.exit_code import ExitCode

if TYPE_CHECKING:
    from reconcile.model.feed import FeedCursor, FeedKind, FeedPage
    from reconcile.ports.feed import FeedReader

_KINDS = ("email", "outbox", "appointment", "contact", "task")
_PAGE = 500


@click.command("feed", short_help="What changed since a cursor, as JSON lines.")
@click.option("--after", metavar="CURSOR", help="Only what changed behind this place [from the beginning].")
@click.option("--limit", type=Number(1), metavar="N", help="At most so many changes [all].")
@click.option("--follow", is_flag=True, help="Wait for more, until Ctrl-C.")
@click.option("--interval", type=Seconds(0.05, 3600), default=0.5, metavar="SECONDS", help="Between two looks while following [0.5].")
@click.option("--kinds", metavar="KIND,…", default=",".join(_KINDS), help="Which of email, outbox, appointment, contact and task [all].")
@common(estate=False)
def feed_command(context: Context, after: str | None, limit: int | None, follow: bool, interval: float, kinds: str) -> ExitCode:
    """Every tracked e-mail, appointment, contact and task that came, was changed or deleted, every step of an outgoing mail, and where two
    edits of an item met, in the order in which it became true.

    One JSON document a line. The last line bears the cursor to go on from, also when nothing changed.

    Example: reconcile activities feed --after "$(cat cursor)" --limit 1000
    """
    from reconcile.model.feed import FeedCursor, FeedKind
    from reconcile.report.feed_json import cursor_json
    from reconcile.report.json_text import json_line
    from reconcile.wiring.applied import mailbox_names
    from reconcile.wiring.feed import feed_reader
    from reconcile.wiring.state import environment_name, open_database
    from reconcile.wiring.system import SystemClock

    words = [word.strip() for word in kinds.split(",")]
    unknown = [word for word in words if word not in _KINDS]
    if unknown:
        raise click.BadParameter(f"{unknown[0]!r} is none of {', '.join(_KINDS)}", param_hint="--kinds")
    chosen = frozenset(map(FeedKind, words))
    place = FeedCursor.parse(after) if after is not None else None
    environment, clock = environment_name(context.settings, context.environment), SystemClock()
    told = False
    while True:
        # Opened for each look: a restore puts another file in its place, and who holds the old one would never hear of it.
        with open_database(context.settings, environment, read_only=True) as database:
            feed = feed_reader(database)
            place = place or feed.beginning()
            names = {mailbox_id: slug for mailbox_id, (slug, _) in mailbox_names(database).items()}
            for page in _pages(feed, place, limit, chosen):
                place = page.end
                limit = None if limit is None else limit - len(page.entries)
                _write(page, names)
                if page.entries:
                    told = False
        if not told:
            click.echo(json_line(cursor_json(place, more=page.more)))
            told = True
        if not follow or limit == 0:
            return ExitCode.NOTHING_TO_DO
        clock.sleep(interval)


def _pages(feed: FeedReader, place: FeedCursor, limit: int | None, kinds: Collection[FeedKind]) -> Iterator[FeedPage]:
    """At least one, until everything is read or `limit` is reached."""
    while True:
        page = feed.page(place, limit=_PAGE if limit is None else min(limit, _PAGE), kinds=kinds)
        yield page
        place, limit = page.end, None if limit is None else limit - len(page.entries)
        if not page.more or limit == 0:
            return


def _write(page: FeedPage, names: Mapping[str, str]) -> None:
    from reconcile.report.feed_json import change_json
    from reconcile.report.json_text import json_line

    sys.stdout.writelines(json_line(change_json(entry, names)) + "\n" for entry in page.entries)
    sys.stdout.flush()
