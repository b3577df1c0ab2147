"""Which applied mailboxes a command is about: named by slug, address or id, or all of a profile."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import click

from reconcile.cli.mailbox_name import no_such_mailbox

if TYPE_CHECKING:
    from reconcile.ports.target import AppliedResource

#: The argument and option of all commands about applied mailboxes.
named = click.argument("mailboxes", nargs=-1, metavar="[MAILBOX]...")
of_profile = click.option("--profile", metavar="NAME", help="All mailboxes of this email server profile.")


def chosen(resources: Sequence[AppliedResource], words: Sequence[str], profile: str | None) -> list[AppliedResource]:
    """In the order they were named. Raises UsageError when nothing is named, UserError for a mailbox that is not applied."""
    from reconcile.model.mail_address import same_mailbox

    if not words and profile is None:
        raise click.UsageError("name mailboxes, or --profile NAME for all of a profile")
    applied = [one for one in resources if one.kind == "Mailbox"]
    found: list[AppliedResource] = []
    for word in words:
        matching = [one for one in applied if word in (one.name, one.external_id) or same_mailbox(word, _address(one))]
        if not matching:
            raise no_such_mailbox(word, (name for one in applied for name in (one.name, _address(one))))
        found += [one for one in matching if one not in found]
    if profile is not None:
        organization = next((one for one in resources if one.kind == "Organization"), None)
        usual = organization.spec.get("defaults.profile") if organization else None
        of_it = [one for one in applied if (one.spec.get("profile") or usual) == profile]
        if not of_it:
            from reconcile.errors import UserError

            raise UserError(f"no applied mailbox uses profile {profile!r}", hint="`reconcile mailboxes` lists them.")
        found += [one for one in of_it if one not in found]
    return found


def _address(mailbox: AppliedResource) -> str:
    return str(mailbox.spec.get("emailAddress", ""))
