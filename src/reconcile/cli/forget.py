"""`reconcile forget`."""

from __future__ import annotations

import sys

import click

from reconcile.cli.context import Context, common
from reconcile.errors import PlanRefused
from reconcile.model.exit_code import ExitCode


@click.command("forget", short_help="Drop one resource from the inventory; its row stays.")
@click.argument("key", metavar="KIND/NAME")
@click.option("--reason", required=True, metavar="TEXT", help="Why; it stands in the audit trail.")
@click.option("--yes", "-y", is_flag=True, help="Do not ask.")
@click.option("--even-protected", is_flag=True, help="Also when its document said management.protect.")
@click.option("--wait-lock", type=click.FloatRange(0, 86400), default=0.0, metavar="SECONDS", help="Wait for another apply [0].")
@common(estate=False)
def command(context: Context, key: str, reason: str, yes: bool, even_protected: bool, wait_lock: float) -> ExitCode:
    """Drop one resource from the inventory. Its row on the target stays as it is, and is no longer ours.

    For what left git long ago, or was handed over to somebody else. As long as git declares it, the next plan adopts it again.

    Example: reconcile forget Mailbox/sales --reason "belongs to the sales team now"
    """
    from reconcile.apply.apply import apply_plan
    from reconcile.apply.forgetting import forget_plan
    from reconcile.apply.recover import recover
    from reconcile.cli.applying import apply_tools, print_report
    from reconcile.model.key import Key
    from reconcile.report.plan_text import plan_text
    from reconcile.wiring.configuration import applied_target, apply_store
    from reconcile.wiring.state import environment_name, writable_database
    from reconcile.wiring.system import SystemClock
    from reconcile.wiring.target import target_writer

    if set(key) & set("*?["):
        raise click.UsageError(f"{key!r} is a pattern; only one resource is forgotten at a time")
    try:
        wanted = Key.parse(key)
    except ValueError as error:
        raise click.UsageError(f"{key!r} names no resource ({error}); write KIND/NAME, such as Mailbox/sales") from None
    if not reason.strip():
        raise click.UsageError("--reason must say why")
    if not yes and (context.as_json or not sys.stdin.isatty()):
        raise PlanRefused("nobody can be asked here", hint="Pass --yes.")
    name, clock = environment_name(context.settings, context.environment), SystemClock()
    with writable_database(context.settings, name) as database:
        store = apply_store(database, clock, lease=context.settings.lease)
        with store.lock(owner=context.actor, purpose=f"forget {wanted}", patience=wait_lock):
            writer = target_writer(applied_target(store), database, context.settings)
            recovered = recover(writer, store, clock=clock, actor=context.actor)
            plan = forget_plan(
                store.entries(),
                wanted,
                reason=reason.strip(),
                target=writer.name,
                environment=name,
                identity=writer.identity(),
                protected_too=even_protected,
            )
            if not context.as_json:
                context.data(plan_text(plan, color=context.color))
            if not yes and not click.confirm(f"Forget {wanted} in {name}?", default=False, err=True):
                raise PlanRefused("declined; nothing was changed", hint="Run it again when you are ready.")
            report = apply_plan(plan, apply_tools(context, writer, database, clock, None), recovered=recovered)
    return print_report(context, report)
