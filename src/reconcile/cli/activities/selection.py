"""Which tracked e-mails a subcommand is about, and where they are read."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import click

from reconcile.cli.context import Context
from reconcile.cli.mailbox_name import no_such_mailbox
from reconcile.lazy_dataclass import dataclass

if TYPE_CHECKING:
    from reconcile.model.activity import Activity
    from reconcile.ports.mail_store import ActivityReader

Command = Callable[..., Any]
STATES = ("open", "completed", "canceled")


@dataclass(frozen=True, slots=True, kw_only=True)
class Selection:
    """As it was typed."""

    mailbox: str | None
    since: str | None
    state: str | None
    regarding: str | None
    queue: str | None


def selecting(function: Command) -> Command:
    """The options that select; the command gets `selection`."""
    import functools

    @functools.wraps(function)
    def with_selection(*arguments: Any, **options: Any) -> Any:
        typed = {name: options.pop(name) for name in ("mailbox", "since", "state", "regarding", "queue")}
        return function(*arguments, selection=Selection(**typed), **options)

    options = (
        click.option("--mailbox", metavar="NAME", help="Only what this mailbox holds (slug or address)."),
        click.option("--since", metavar="DATE", help="Only what was received from then on (RFC 3339, or a date in UTC)."),
        click.option("--state", type=click.Choice(STATES), help="Only what is in this state; what nobody edited is open."),
        click.option("--regarding", metavar="TYPE:ID", help="Only what is about this record."),
        click.option("--queue", metavar="NAME", help="Only what waits in this queue (name or id); see `activities queues`."),
    )
    decorated: Command = with_selection
    for option in reversed(options):
        decorated = option(decorated)
    return decorated


@dataclass(frozen=True, slots=True, kw_only=True)
class Tracked:
    """`mailboxes` are (slug, address) by id."""

    reader: ActivityReader
    mailboxes: Mapping[str, tuple[str, str]]

    @property
    def slugs(self) -> Mapping[str, str]:
        """By mailbox id."""
        return {mailbox_id: slug for mailbox_id, (slug, _) in self.mailboxes.items()}

    def select(self, selection: Selection, limit: int | None) -> Iterator[Activity]:
        """Newest first. Raises UserError for a mailbox that is not applied."""
        from reconcile.model.activity_details import ActivityState

        return self.reader.activities(
            mailbox_id=self._mailbox(selection.mailbox) if selection.mailbox is not None else None,
            since=_instant(selection.since),
            limit=limit,
            state=ActivityState(selection.state) if selection.state else None,
            regarding=record(selection.regarding)[:2] if selection.regarding else None,
            queue=selection.queue,
        )

    def _mailbox(self, word: str) -> str:
        from reconcile.model.mail_address import same_mailbox

        for mailbox_id, (slug, address) in self.mailboxes.items():
            if word in (slug, mailbox_id) or same_mailbox(word, address):
                return mailbox_id
        raise no_such_mailbox(word, (name for known in self.mailboxes.values() for name in known if name))


@contextmanager
def tracked(context: Context) -> Iterator[Tracked]:
    """The environment's store, for reading."""
    from reconcile.wiring.applied import mailbox_names
    from reconcile.wiring.mail import activity_reader
    from reconcile.wiring.state import environment_name, open_database

    with open_database(context.settings, environment_name(context.settings, context.environment), read_only=True) as database:
        yield Tracked(reader=activity_reader(database), mailboxes=mailbox_names(database))


def record(text: str) -> tuple[str, str, str]:
    """TYPE:ID or TYPE:ID:NAME. Raises click.BadParameter."""
    type_, _, rest = text.partition(":")
    key, _, name = rest.partition(":")
    if not type_ or not key:
        raise click.BadParameter(f"{text!r} is no record: write TYPE:ID, for example account:4711", param_hint="--regarding")
    return type_, key, name


def _instant(text: str | None) -> datetime | None:
    if text is None:
        return None
    try:
        moment = datetime.fromisoformat(text)
        moment = moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
    except (ValueError, OverflowError):
        raise click.BadParameter(f"{text!r} is no RFC 3339 date", param_hint="--since") from None
    # No mail is older; and years before 1000 are not written with four digits everywhere.
    return max(moment, datetime(1970, 1, 1, tzinfo=UTC))
