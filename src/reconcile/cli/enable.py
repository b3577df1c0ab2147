"""`reconcile enable`."""

from __future__ import annotations

import click

from reconcile.cli.applied_mailboxes import chosen, named, of_profile
from reconcile.cli.context import Context, common
from reconcile.cli.test_mailbox import only
from reconcile.model.exit_code import ExitCode

FORMAT_VERSION = "1.0"


@click.command("enable", short_help="Test mailboxes and enable those that work.")
@named
@of_profile
@only
@click.option("--skip-test", is_flag=True, help="Enable without a test. Recorded with your name.")
@click.option("--take-over", is_flag=True, help="Take the mailbox over from the environment that synchronises it now.")
@common(estate=False)
def command(
    context: Context, mailboxes: tuple[str, ...], profile: str | None, only: str | None, skip_test: bool, take_over: bool
) -> ExitCode:
    """Test each direction that is declared, and enable it where the test succeeds. Needed where the Organization declares
    approval.requireTest, and after a direction was disabled, by a person or by ten failures in a row. Sends nothing and does not
    read old mail again.

    Example: reconcile enable sales
    """
    from reconcile.model.enablement import Enable
    from reconcile.model.mail_address import mailbox_identity
    from reconcile.report.mailbox_test_text import mailbox_test_json, mailbox_test_text
    from reconcile.wiring.permits import claims
    from reconcile.wiring.state import environment_name, writable_database
    from reconcile.wiring.system import SystemClock
    from reconcile.wiring.testing import mailbox_tester

    name = environment_name(context.settings, context.environment)
    clock = SystemClock()
    tests, enabled, held = [], [], []
    with writable_database(context.settings, name) as database:
        tester = mailbox_tester(context.settings, database, actor=context.actor)
        found = chosen(tester.resources, mailboxes, profile)
        claimed = claims(context.settings)
        if take_over:
            claimed.take_over(name, {str(one.spec.get("emailAddress", "")) for one in found})
        others = claimed.held_by_others(name)
        for mailbox in found:
            other = others.get(mailbox_identity(str(mailbox.spec.get("emailAddress", ""))))
            if other is not None:
                # Enabled here it would do nothing, and its test would say that it works.
                held.append((mailbox.name, other))
                continue
            results = [] if skip_test else list(tester.test(mailbox, only))
            tests += results
            working = {one.direction for one in results if one.ok}
            for direction in tester.directions(mailbox, only):
                if skip_test or direction in working:
                    step = Enable(direction=direction, tested=not skip_test)
                    tester.store.advance(mailbox.external_id, step, at=clock.now(), by=context.actor, name=mailbox.name)
                    enabled.append((mailbox.name, str(direction)))
    failed = [one for one in tests if not one.ok]
    code = ExitCode.FAILURE if failed or held or not enabled else ExitCode.NOTHING_TO_DO
    if context.as_json:
        told = {
            "tests": [mailbox_test_json(one) for one in tests],
            "enabled": [{"mailbox": mailbox, "direction": direction} for mailbox, direction in enabled],
            "held": [{"mailbox": mailbox, "by": other} for mailbox, other in held],
            "exit": code.reason,
        }
        context.json({"formatVersion": FORMAT_VERSION, "environment": name, **told})
    else:
        lines = [mailbox_test_text(one) for one in tests]
        lines += [f"{mailbox}: {direction} is enabled" for mailbox, direction in enabled]
        for slug, holder in held:
            lines.append(f"{slug}: not enabled: environment {holder} synchronises its address, and a mailbox belongs to one environment")
            lines.append(f"  next: turn it off there, or take it over: reconcile enable {slug} --take-over")
        context.data("\n".join(lines) or "nothing to enable: no direction is server-side")
    return code
