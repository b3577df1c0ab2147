"""`reconcile explain`."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import TYPE_CHECKING

import click

from reconcile.cli.context import Context, common
from reconcile.errors import SettingsError
from reconcile.model.exit_code import ExitCode

if TYPE_CHECKING:
    from reconcile.model.audit_record import AuditRecord
    from reconcile.model.key import Key
    from reconcile.model.position import Position
    from reconcile.model.resource import DesiredState
    from reconcile.model.vocabulary import Term
    from reconcile.report.explanation import PastChange, Use

FORMAT_VERSION = "1.0"


@click.command("explain", short_help="Say what a field, a finding, a rule or a brake is, and where it stands.")
@click.argument("words", nargs=-1, required=True)
@click.option("--online", is_flag=True, help="For a message: look for it in all folders of the mail servers, read-only.")
@common()
def command(context: Context, words: tuple[str, ...], online: bool) -> ExitCode:
    """Look a name up: a field by its path, by the product's column, or by what a form calls it in English, German or French;
    a finding by its id; a brake by its name; a rule by its name. Where there is an estate, also who declares the field, and what changed
    it; what a rule finds, and with an object how it came to that. A finding of a rule is also known by its fingerprint.

    \b
    reconcile explain "Identitätswechsel verwenden"
    reconcile explain processEmailFrom
    reconcile explain reference/unknown
    reconcile explain incoming-uses-tls
    reconcile explain incoming-uses-tls EmailServerProfile/main
    reconcile explain message "<20260301.17@contoso.example>"

    `message` asks why a mail was tracked or not: by its Message-ID, by the number of its activity, or as MAILBOX:NUMBER with the number
    that the server gave it (its UID). `item` asks the same of an appointment, contact or task, by its number.
    """
    if words[0] == "message" and len(words) == 2:
        from reconcile.cli.explained_message import explain_message

        return explain_message(context, words[1], online=online)
    if words[0] == "item" and len(words) == 2:
        from reconcile.cli.explained_item import explain_item

        return explain_item(context, words[1])
    if online:
        raise click.UsageError("--online is for messages: reconcile explain message ID --online")
    from reconcile.cli.explained_rule import explain_rule, rules_like
    from reconcile.model.vocabulary import find, near

    asked = " ".join(words)
    if _said_otherwise(context, asked):
        return ExitCode.NOTHING_TO_DO
    found = find(asked)
    if not found and explain_rule(context, words):
        return ExitCode.NOTHING_TO_DO
    if not found:
        close = [*rules_like(context, words[0]), *near(asked)][:3]
        nothing = "Try a word of it; `reconcile policy list` names the rules, and docs/kinds the fields."
        hint = f"Perhaps {' or '.join(repr(name) for name in close)}?" if close else nothing
        raise SettingsError(f"nothing is called {asked!r}", hint=hint)
    _explain(context, asked, found)
    return ExitCode.NOTHING_TO_DO


def _said_otherwise(context: Context, asked: str) -> bool:
    """Findings and brakes are known by their ids alone."""
    from reconcile.desired.rules import RULES
    from reconcile.model.item_brake import ITEM_DELETIONS, STOPS
    from reconcile.plan.brakes import BRAKES

    rule = next((rule for rule in RULES if rule.id == asked), None)
    if rule is not None:
        document = {"finding": rule.id, "severity": str(rule.severity), "meaning": rule.meaning, "fix": rule.fix}
        text = f"{rule.id} ({rule.severity})\n  {rule.meaning}\n  what to do: {rule.fix}"
    elif asked in BRAKES:
        document = {"brake": asked, "stops": BRAKES[asked]}
        text = f"brake {asked}\n  stops: {BRAKES[asked]}\n  lifted for one run by: reconcile apply --lift-brake {asked}"
    elif asked == ITEM_DELETIONS:
        document = {"brake": asked, "stops": STOPS}
        lifted = "`reconcile status` says where it stands; reconcile activities items release MAILBOX KIND --deletions NUMBER"
        text = f"brake {asked}\n  stops: {STOPS}\n  lifted for that number by: {lifted}"
    else:
        return False
    if context.as_json:
        context.json({"formatVersion": FORMAT_VERSION, **document, "exit": ExitCode.NOTHING_TO_DO.reason})
    else:
        context.data(text)
    return True


def _explain(context: Context, asked: str, found: Sequence[Term]) -> None:
    from reconcile.report.explanation import Explanation, explanation_json, explanation_text

    environment, uses = _uses(context, found)
    records = _records(context, environment)
    explanations = [
        Explanation(term=term, uses=None if uses is None else uses[number], history=_history(term, records))
        for number, term in enumerate(found)
    ]
    if context.as_json:
        context.json(
            {
                "formatVersion": FORMAT_VERSION,
                "asked": asked,
                "environment": environment,
                "fields": [explanation_json(one) for one in explanations],
                "exit": ExitCode.NOTHING_TO_DO.reason,
            }
        )
    else:
        context.data("\n\n".join(explanation_text(one, environment=environment or "the estate") for one in explanations))


def _uses(context: Context, found: Sequence[Term]) -> tuple[str | None, list[Sequence[Use]] | None]:
    """(environment, who declares each field); (…, None) where no estate can be read: then only the field itself is explained."""
    from reconcile.desired.load import load
    from reconcile.errors import DesiredStateError
    from reconcile.report.explanation import Use
    from reconcile.wiring.estate import blame, document_cache, open_source

    try:
        source = open_source(context.directory, context.revision)
        listing = source.list()
    except DesiredStateError:
        return context.environment, None
    cache = document_cache(context.settings)
    result = load(
        listing.files, listing.findings, source.read, environment=context.environment, source="", revision=source.revision, cache=cache
    )
    desired = result.desired
    if desired is None:
        if result.environments:
            context.say(f"several or unsound environments ({', '.join(result.environments)}): choose one with -e to see who declares it")
        return context.environment, None
    uses: list[Sequence[Use]] = []
    for term in found:
        path = f"{term.field.path}.ref" if term.field.type == "secret" else term.field.path
        having = [
            (key, resource.spec[path]) for key, resource in desired.resources.items() if key.kind == term.kind and path in resource.spec
        ]
        given = {key: provider for key, _ in having if (provider := _provider(desired, key, path)) is not None}
        places = [(key, leaf, given[key][1] if key in given else desired.locate(key, term.field.path)) for key, leaf in having]
        commits = blame(context.directory, source.revision, [place for _, _, place in places[:10] if place is not None])
        uses.append(
            [
                Use(
                    key=key,
                    value=leaf,
                    position=place,
                    commit=commits.get(place) if place is not None else None,
                    provider=given[key][0] if key in given else "",
                )
                for key, leaf, place in places
            ]
        )
    return desired.environment, uses


def _provider(desired: DesiredState, key: Key, path: str) -> tuple[str, Position | None] | None:
    """Which mail provider gave a field and where it says so (None: it came with reconcile); None where none did."""
    from reconcile.desired.provider_origin import provider_place

    resource = desired.resources[key]
    giver = resource.assigned.get(path)
    if giver is None or giver.kind != "MailProvider":
        return None
    return giver.name, provider_place(desired.policies, resource, path)


def _records(context: Context, environment: str | None) -> Sequence[AuditRecord]:
    from reconcile.wiring.configuration import inventory_reader
    from reconcile.wiring.state import open_database, store_path

    if environment is None or not store_path(context.settings, environment).exists():
        return ()
    with open_database(context.settings, environment, read_only=True) as database:
        return inventory_reader(database).history(limit=10_000)


def _history(term: Term, records: Sequence[AuditRecord]) -> Sequence[PastChange]:
    from reconcile.report.explanation import PastChange

    path = term.field.path
    found = []
    for record in records:
        if not record.key.startswith(f"{term.kind}/"):
            continue
        fields = json.loads(record.detail).get("fields", {})
        for changed, (before, after) in fields.items():
            if changed == path or changed.startswith(f"{path}."):
                found.append(
                    PastChange(
                        at=record.at,
                        actor=record.actor,
                        key=record.key,
                        before=before,
                        after=after,
                        result=record.result,
                        revision=record.revision,
                    )
                )
    return found
