"""`reconcile render`."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from reconcile.cli.context import Context, common
from reconcile.errors import UserError
from reconcile.model.exit_code import ExitCode

if TYPE_CHECKING:
    from reconcile.cli.estate import DesiredEnvironment
    from reconcile.cli.over_target import Seen
    from reconcile.model.key import Key
    from reconcile.model.resource import DesiredState


@click.command("render", short_help="Show every field of a mailbox, its value, and where it comes from.")
@click.argument("mailbox", metavar="MAILBOX")
@common()
def command(context: Context, mailbox: str) -> ExitCode:
    """MAILBOX is a name, an address, or any Kind/name. Shows each field as plan uses it: from the document, a layer, an assignment, the
    organization's or the documented default.

    A mailbox that only the target has is found too, when an assignment covers it. Ends with 3 when the mailbox is held.

    Example: reconcile render sales@contoso.example -e production
    """
    from reconcile.cli.estate import load_environment
    from reconcile.desired.effective import effective
    from reconcile.report.render_json import held_json, render_json
    from reconcile.report.render_text import render_text

    loaded = load_environment(context)
    if loaded is None:
        return ExitCode.FINDINGS
    desired, key = _found(context, loaded, mailbox)
    held = desired.held.get(key)
    if held is not None or key not in desired.resources:
        reason = held or "it is not there"
        if context.as_json:
            context.json(held_json(desired.environment, key, reason, ExitCode.FINDINGS))
        else:
            from reconcile.report.safe_text import neutral

            context.data(neutral(f"{key} is held: {reason}"))
        return ExitCode.FINDINGS
    fields = effective(desired, key)
    if context.as_json:
        context.json(render_json(desired.environment, desired.resources[key], fields, ExitCode.NOTHING_TO_DO))
    else:
        context.data(render_text(desired.environment, desired.resources[key], fields, fit=context.columns))
    return ExitCode.NOTHING_TO_DO


def _found(context: Context, loaded: DesiredEnvironment, word: str) -> tuple[DesiredState, Key]:
    """Raises UserError when nothing is called so."""
    from reconcile.cli.over_target import seen

    key = _key(loaded.desired, word)
    if key is not None:
        return loaded.desired, key
    found: Seen = seen(context, loaded, offline=False)
    key = _key(found.desired, word)
    if key is not None:
        return found.desired, key
    raise _nothing(found.desired, word)


def _key(desired: DesiredState, word: str) -> Key | None:
    """Kind/name, the slug of a mailbox, or its address."""
    from reconcile.model.key import KINDS, Key
    from reconcile.model.mail_address import mailbox_identity

    kind, slash, name = word.partition("/")
    if slash:
        known = {one.casefold(): one for one in KINDS}
        key = Key(known.get(kind.casefold(), kind), name)
        return key if key in desired.resources or key in desired.held else None
    key = Key("Mailbox", word)
    if key in desired.resources or key in desired.held:
        return key
    wanted = mailbox_identity(word)
    mailboxes = ((key, one.spec.get("emailAddress")) for key, one in desired.resources.items() if key.kind == "Mailbox")
    return next((key for key, address in mailboxes if isinstance(address, str) and mailbox_identity(address) == wanted), None)


def _nothing(desired: DesiredState, word: str) -> UserError:
    from reconcile.desired.suggest import did_you_mean

    keys = [*desired.resources, *desired.held]
    names = [str(key) for key in keys] if "/" in word else [key.name for key in keys if key.kind == "Mailbox"]
    near = did_you_mean(word, names)
    hint = "Name a mailbox by metadata.name or address, anything else as Kind/name."
    if near:
        hint = f"{near[:1].upper()}{near[1:]}{'' if near.endswith('?') else '.'} {hint}"
    return UserError(f"{desired.environment} has nothing called {word!r}", hint=hint)
