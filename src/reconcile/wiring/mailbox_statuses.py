"""How mailboxes are doing, from what was applied and what is remembered."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from typing import TYPE_CHECKING

from reconcile.settings import Settings
from reconcile.wiring.alerts import alert_reader
from reconcile.wiring.applied import applied_state
from reconcile.wiring.item_findings import item_findings
from reconcile.wiring.mail import activity_reader, quarantine_of
from reconcile.wiring.permits import permits
from reconcile.wiring.state import environment_name, open_database
from reconcile.wiring.system import SystemClock

if TYPE_CHECKING:
    from reconcile.model.left_alone import LeftAlone
    from reconcile.model.mailbox_status import MailboxStatus
    from reconcile.ports.target import AppliedResource
    from reconcile.store.sqlite.database import Database
    from reconcile.sync.decide.eligible import IdleMailbox, ReceivingMailbox
    from reconcile.sync.decide.submission import SendingMailbox, SilentMailbox


def mailbox_statuses(settings: Settings, environment: str | None) -> tuple[str, Sequence[MailboxStatus]]:
    """(environment, how each applied mailbox is doing). Reads only."""
    from reconcile.sync.decide.eligible import receiving_mailboxes
    from reconcile.sync.decide.submission import sending_setup
    from reconcile.sync.status import mailbox_statuses as statuses

    name = environment_name(settings, environment)
    now = SystemClock().now()
    with open_database(settings, name, read_only=True) as database:
        resources, at, said = applied_state(database).resources(), now.strftime("%Y-%m-%dT%H:%M:%SZ"), permits(settings, database, name)()
        found = receiving_mailboxes(resources, now=at, permits=said)
        reader, alerts = activity_reader(database), alert_reader(database)
        sending = sending_setup(resources, now=at, permits=said).mailboxes
        usual = next((one.spec.get("defaults.profile") for one in resources if one.kind == "Organization"), None)
        profiles = {one.external_id: str(one.spec.get("profile") or usual or "") for one in resources if one.kind == "Mailbox"}
        made = statuses(
            found,
            reader.states(),
            holders=reader.holders(mailbox.mailbox_id for mailbox in found),
            outbox=_outbox_counts(database),
            now=now,
            loop=alerts.loop(),
            quarantined=quarantine_of(database).counts(),
            sending=sending,
            sign_in_again=_sign_in_again(settings, database, [*found, *sending.values()], resources, at),
            items=item_findings(database),
            away={one.cause.about: one.cause.text for one in alerts.alerts() if one.cause.kind == "Server"},
        )
        return name, [replace(status, profile=profiles.get(status.mailbox_id, "")) for status in made]


def left_alone(database: Database | None, now: datetime) -> Sequence[LeftAlone]:
    """What `run` does not ask for a while; nothing where it does not run, for then nobody knows."""
    alerts = alert_reader(database)
    loop = alerts.loop()
    return alerts.left_alone() if loop is not None and loop.runs(now) else ()


def _sign_in_again(
    settings: Settings,
    database: Database | None,
    found: Sequence[ReceivingMailbox | IdleMailbox | SendingMailbox | SilentMailbox],
    resources: Sequence[AppliedResource],
    now: str,
) -> dict[str, tuple[str, str]]:
    """Of the accounts of these mailboxes, those for which a person must sign in."""
    from reconcile.sync.decide.eligible import ReceivingMailbox
    from reconcile.sync.decide.submission import SendingMailbox
    from reconcile.sync.decide.token_accounts import accounts_of
    from reconcile.sync.sign_in_status import sign_in_again, sign_in_statuses
    from reconcile.wiring.auth import is_applied
    from reconcile.wiring.sign_in import token_store

    plans = [one.sign_in for one in found if isinstance(one, ReceivingMailbox | SendingMailbox) and one.sign_in.oauth is not None]
    if not plans:
        return {}
    return sign_in_again(sign_in_statuses(accounts_of(plans, resources), token_store(database, settings), is_applied(database), now=now))


def _outbox_counts(database: Database | None) -> dict[str, dict[str, int]]:
    """Mails in the outbox by mailbox id and state."""
    if database is None:
        return {}
    from reconcile.store.sqlite.outbox import SqliteOutbox

    counts: dict[str, dict[str, int]] = {}
    for entry in SqliteOutbox(database).entries():
        mailbox = counts.setdefault(entry.mailbox_id, {})
        mailbox[str(entry.state)] = mailbox.get(str(entry.state), 0) + 1
    return counts
