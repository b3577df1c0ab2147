"""`reconcile policy test`."""

from __future__ import annotations

import click

from reconcile.cli.context import Context, common
from reconcile.model.exit_code import ExitCode

FORMAT_VERSION = "1.0"
#: So many rules are named even when all is well with them.
_NAMED = 30


#: A rule that `policy new` wrote works before its texts are filled in.
_WAITS = "document/to-fill-in"


@click.command("test", short_help="Try rules on their own examples.")
@click.argument("words", nargs=-1, metavar="[FOLDER|FILE|RULE]...")
@click.option("--no-cache", is_flag=True, help="Parse every file again.")
@click.option("--mutate", is_flag=True, help="Also change each rule on purpose; an example must notice.")
@common(state=False, environment=False)
def test_command(context: Context, words: tuple[str, ...], no_cache: bool, mutate: bool) -> ExitCode:
    """Try each rule on its own examples: a good one must have no finding of the rule, a bad one a finding at the line it names. Examples
    must also reach every part of the rule: objects that match takes and leaves out, and each operand of the outermost || or && of assert
    must decide at least once.

    Without words all rules are tried: those that come with reconcile and those of the estate. Needs no network, writes nothing.

    \b
    reconcile policy test policies/
    reconcile policy test incoming-uses-tls
    """
    from reconcile.report.findings_json import findings_json
    from reconcile.report.tried_rules import totals, tried_json, tried_table, tried_text
    from reconcile.wiring.estate import document_cache
    from reconcile.wiring.trying import rules_to_try, tried

    tries = rules_to_try(words, context.directory, None if no_cache else document_cache(context.settings))
    results = [*tried(tries, mutating=mutate)]
    passed = not any(one.rule != _WAITS for one in tries.findings) and all(one.passed for one in results)
    code = ExitCode.NOTHING_TO_DO if passed else ExitCode.FAILURE
    if context.as_json:
        context.json(
            {
                "formatVersion": FORMAT_VERSION,
                "rules": [tried_json(one) for one in results],
                "findings": findings_json(tries.findings),
                "exit": code.reason,
            }
        )
        return code
    for block in tried_text(results, tries.findings, tries.content, color=context.color, columns=context.columns or 100):
        context.data(block + "\n")
    shown = [one for one in results if not one.passed or len(results) <= _NAMED]
    if shown:
        context.data(tried_table(shown))
    context.say(totals(results, tries.findings))
    return code
