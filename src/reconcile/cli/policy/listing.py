"""`reconcile policy list`."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

import click

from reconcile.cli.context import Context, common
from reconcile.model.exit_code import ExitCode

if TYPE_CHECKING:
    from reconcile.report.rule_table import ListedRule

FORMAT_VERSION = "1.0"
_TAGS = ("security", "reliability", "performance", "supportability", "retirement", "privacy")


@click.command("list", short_help="Rules with what they weigh here, and why.")
@click.option("--tag", multiple=True, type=click.Choice(_TAGS), help="Only rules with this tag; may be repeated.")
@click.option("--severity", type=click.Choice(["error", "warning", "information"]), help="Only rules that weigh this now.")
@click.option("--off", is_flag=True, help="Only rules that are not in force.")
@common(state=False)
def list_command(context: Context, tag: tuple[str, ...], severity: str | None, off: bool) -> ExitCode:
    """Rules that come with reconcile and those of the estate: what they weigh in the environment and why, what they look at, whether they
    are on. Where there is no estate, or several environments and none is named, rules are shown as they come.

    \b
    reconcile policy list --tag security
    reconcile policy list -e production --off
    """
    from reconcile.report.rule_table import rule_json, rule_table

    today = datetime.now(UTC)
    environment, listed = _listed(context)
    shown = [
        one
        for one in listed
        if (not tag or set(tag) & set(one.now.tags))
        and (severity is None or str(one.severity(today)) == severity)
        and (not off or not one.now.holds(today))
    ]
    if context.as_json:
        rules = [rule_json(one, today=today) for one in shown]
        context.json({"formatVersion": FORMAT_VERSION, "environment": environment, "rules": rules, "exit": ExitCode.NOTHING_TO_DO.reason})
        return ExitCode.NOTHING_TO_DO
    context.data(rule_table(shown, today=today, fit=context.columns))
    where = f"environment {environment}" if environment else "as they come, without settings of an environment"
    on = sum(one.now.holds(today) for one in listed)
    context.say(f"{len(shown)} of {len(listed)} rules shown, {on} in force; {where}")
    return ExitCode.NOTHING_TO_DO


def _listed(context: Context) -> tuple[str | None, list[ListedRule]]:
    from reconcile.cli.estate import declared_if_any
    from reconcile.wiring.estate import document_cache
    from reconcile.wiring.policies import listed_rules, rules_of

    cache = document_cache(context.settings)
    desired = declared_if_any(context, cache)
    return None if desired is None else desired.environment, listed_rules(rules_of(desired, cache))
