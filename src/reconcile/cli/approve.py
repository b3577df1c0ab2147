"""`reconcile approve`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import click

from reconcile.cli.applied_mailboxes import chosen, named, of_profile
from reconcile.cli.context import Context, common
from reconcile.model.exit_code import ExitCode

if TYPE_CHECKING:
    from reconcile.ports.target import AppliedResource

FORMAT_VERSION = "1.0"


@click.command("approve", short_help="Approve the address of a mailbox, or reject it.")
@named
@of_profile
@click.option("--reject", is_flag=True, help="Reject the address, or take an approval back.")
@common(estate=False)
def command(context: Context, mailboxes: tuple[str, ...], profile: str | None, reject: bool) -> ExitCode:
    """Say that mail of these addresses may be processed. Asked for where the Organization declares approval.requireForUsers or
    requireForQueues; an address that changes later waits again. Recorded with your name.

    Example: reconcile approve sales@contoso.example
    """
    from reconcile.model.enablement import Approve, Reject
    from reconcile.wiring.applied import applied_state
    from reconcile.wiring.permits import enablement_store
    from reconcile.wiring.state import environment_name, writable_database
    from reconcile.wiring.system import SystemClock

    with writable_database(context.settings, environment_name(context.settings, context.environment)) as database:
        resources = applied_state(database).resources()
        found = chosen(resources, mailboxes, profile)
        if not reject:
            _check_own(context, resources, found)
        store, clock = enablement_store(database), SystemClock()
        after = []
        for mailbox in found:
            address = str(mailbox.spec.get("emailAddress", ""))
            step = Reject(address=address) if reject else Approve(address=address)
            after.append((mailbox.name, store.advance(mailbox.external_id, step, at=clock.now(), by=context.actor, name=mailbox.name)))
    if context.as_json:
        listed = [
            {"mailbox": name, "address": one.address, "approval": str(one.approval), "by": one.decided_by, "at": one.decided_at}
            for name, one in after
        ]
        context.json({"formatVersion": FORMAT_VERSION, "mailboxes": listed, "exit": ExitCode.NOTHING_TO_DO.reason})
    else:
        for name, one in after:
            context.data(f"{name}: {one.address} is {one.approval}, by {one.decided_by}")
    return ExitCode.NOTHING_TO_DO


def _check_own(context: Context, resources: Sequence[AppliedResource], found: Sequence[AppliedResource]) -> None:
    """Raises UserError where one's own address is approved and the organization does not want that."""
    from reconcile.errors import UserError
    from reconcile.model.mail_address import same_mailbox

    organization = next((one for one in resources if one.kind == "Organization"), None)
    if organization is None or organization.spec.get("approval.requirePrivilegeForOwnAddress") is not True:
        return
    actor = context.actor.casefold()
    for mailbox in found:
        own = same_mailbox(context.actor, str(mailbox.spec.get("emailAddress", "")))
        if own or actor == str(mailbox.spec.get("owner") or "").casefold():
            raise UserError(
                f"{mailbox.name} is your own mailbox, and approval.requirePrivilegeForOwnAddress is true",
                hint="Somebody else has to approve it.",
            )
