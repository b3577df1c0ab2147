"""What commands share that apply: the tools, and how the result is printed."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from reconcile.cli.context import Context
from reconcile.model.exit_code import ExitCode

if TYPE_CHECKING:
    from reconcile.apply.report import ApplyReport
    from reconcile.apply.tools import Locate, Tools
    from reconcile.ports.clock import Clock
    from reconcile.ports.target import TargetWriter
    from reconcile.store.sqlite.database import Database


def apply_tools(context: Context, writer: TargetWriter, database: Database, clock: Clock, locate: Locate | None) -> Tools:
    """What an apply works with, from the wiring."""
    from reconcile.apply.tools import Tools
    from reconcile.model.outcome import Outcome
    from reconcile.wiring.configuration import apply_store
    from reconcile.wiring.secrets import secret_digester, secret_resolver
    from reconcile.wiring.system import mint

    def progress(outcome: Outcome, done: int, total: int) -> None:
        if context.progress:
            click.echo(f"\r{done}/{total} {outcome.key}\x1b[K" + ("\r\x1b[K" if done == total else ""), nl=False, err=True)

    return Tools(
        writer=writer,
        store=apply_store(database, clock),
        resolver=secret_resolver(context.settings),
        digester=secret_digester(context.settings),
        clock=clock,
        actor=context.actor,
        mint=mint,
        locate=locate,
        progress=progress,
    )


def print_report(context: Context, report: ApplyReport) -> ExitCode:
    """Print what an apply did; returns its exit code."""
    from reconcile.plan.document import document
    from reconcile.report.audit_text import head_text
    from reconcile.report.outcome_text import outcome_counts, outcome_json, outcome_text, pinned_json, pinned_text
    from reconcile.report.plan_rules import refusal

    if context.as_json:
        context.json(
            {
                "formatVersion": "1.0",
                "applyId": report.apply_id,
                "plan": document(report.plan),
                "outcomes": [outcome_json(outcome) for outcome in report.outcomes],
                "summary": outcome_counts(report.outcomes),
                "recovered": [{"key": str(one.key), "action": one.action, "done": one.done} for one in report.recovered],
                **({"discovered": [pinned_json(one) for one in report.pinned]} if report.pinned else {}),
                "audit": None if report.trail is None else {"sequence": report.trail.sequence, "hash": report.trail.hash},
                "exit": report.code.reason,
            }
        )
        return report.code
    for one in report.recovered:
        what = "had taken effect and is recorded now" if one.done else "had not taken effect"
        context.say(f"left by a run that died: {one.action} of {one.key} {what}")
    if words := refusal(report.plan):
        context.say(f"nothing was applied: {words}")
    if report.brakes:
        names = ", ".join(brake.name for brake in report.brakes)
        lifting = " ".join(f"--lift-brake {brake.name}" for brake in report.brakes)
        stand = f"the brakes {names} stand" if len(report.brakes) > 1 else f"the brake {names} stands"
        context.say(f"nothing was applied: {stand}; if that is meant: {lifting}")
    elif words:
        pass
    elif report.outcomes:
        context.data(outcome_text(report.outcomes, color=context.color))
    else:
        context.say("nothing was applied: what is left to do is held, see above" if report.plan.held else "nothing to do")
    for pinned in report.pinned:
        context.data(pinned_text(pinned))
    if report.trail is not None and report.outcomes:
        context.data(head_text(report.trail.sequence, report.trail.hash))
    return report.code
