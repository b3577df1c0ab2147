"""What only a server can tell about declared files: asked by `lint --online`, and by nothing else that lints.

Asked is Autodiscover, for mailboxes that were applied to an environment of this state directory: what it names now, against what was
pinned. Git gets the answer by `lint --fix`, where it is one for the whole profile. What is declared and not applied has not been agreed to,
and is shown no account: it is named instead (`plan --online` asks what needs none).
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Final, NamedTuple

from reconcile.model.finding import Finding, Severity
from reconcile.model.key import Key
from reconcile.report.counted import counted, several
from reconcile.settings import Settings

if TYPE_CHECKING:
    from reconcile.mail.autodiscover.discovery import Outside
    from reconcile.mail.autodiscover.found import Discovery
    from reconcile.model.discovered_server import DiscoveredServer
    from reconcile.model.resource import DesiredState
    from reconcile.policy.fixes import Fix
    from reconcile.ports.target import AppliedResource

#: Mailboxes that are asked for at a time.
_AT_ONCE: Final = 8


class Online(NamedTuple):
    """`fixes` are edits that would mend some of the findings, not proved yet; `asked` is the number of mailboxes that were asked for."""

    findings: list[Finding]
    fixes: list[Fix]
    asked: int = 0


def online_findings(settings: Settings, states: Mapping[str, DesiredState], *, actor: str, outside: Outside | None = None) -> Online:
    """For every environment of `states`. Writes nothing but refused sign-ins (no account is to be locked)."""
    from reconcile.wiring.state import store_path

    made = [
        _of_environment(settings, environment, desired, actor, outside)
        if store_path(settings, environment).exists()
        else Online([*_not_asked(desired, frozenset())], [])
        for environment, desired in states.items()
    ]
    # What is declared once may be left unasked for the same reason in several environments.
    findings = dict.fromkeys(finding for one in made for finding in one.findings)
    return Online([*findings], [fix for one in made for fix in one.fixes], sum(one.asked for one in made))


def _of_environment(settings: Settings, environment: str, desired: DesiredState, actor: str, outside: Outside | None) -> Online:
    from reconcile.errors import ReconcileError
    from reconcile.wiring.applied import applied_state
    from reconcile.wiring.discovering import Discovering
    from reconcile.wiring.permits import discovered_servers_reader
    from reconcile.wiring.state import writable_database

    with writable_database(settings, environment) as database:
        resources = applied_state(database).resources()
        asking = Discovering(settings=settings, database=database, actor=actor, resources=resources, outside=outside)
        pinned = discovered_servers_reader(database).discovered()
        declared = (one for one in resources if one.kind == "Mailbox" and Key("Mailbox", one.name) in desired.resources)
        mailboxes = [one for one in declared if asking.wanted(one)]

        def ask(mailbox: AppliedResource) -> Discovery | ReconcileError:
            try:
                return asking.discover(mailbox)
            except ReconcileError as error:
                return error

        with ThreadPoolExecutor(_AT_ONCE, thread_name_prefix="autodiscover") as pool:
            answers = list(pool.map(ask, mailboxes))
    found = Online([*_not_asked(desired, {Key("Mailbox", one.name) for one in mailboxes})], [], len(mailboxes))
    by_profile: dict[Key, set[str]] = {}
    for mailbox, answer in zip(mailboxes, answers, strict=True):
        finding, url = _of_mailbox(mailbox, answer, pinned.get(mailbox.external_id), desired)
        found.findings.extend([finding] if finding is not None else [])
        profile = asking.profile_of(mailbox)
        if profile is not None:
            by_profile.setdefault(Key("EmailServerProfile", profile.name), set()).add(url)
    for key, urls in by_profile.items():
        if len(urls) == 1 and "" not in urls and key in desired.resources:
            finding, fix = _nameable(key, urls.pop(), desired)
            found.findings.append(finding)
            found.fixes.append(fix)
    return found


def _not_asked(desired: DesiredState, asked: Collection[Key]) -> Iterator[Finding]:
    """Of mailboxes that git leaves to Autodiscover and that are not applied like that, once for each profile."""
    usual = next((one.spec.get("defaults.profile") for key, one in desired.resources.items() if key.kind == "Organization"), None)
    left: dict[Key, list[str]] = {}
    for key, resource in sorted(desired.resources.items()):
        if key.kind != "Mailbox" or key in asked or resource.spec.get("state") == "inactive":
            continue
        profile = desired.resources.get(Key("EmailServerProfile", str(resource.spec.get("profile") or usual)))
        if profile is not None and profile.spec.get("autodiscover") is True:
            left.setdefault(profile.key, []).append(key.name)
    for profile_key, names in left.items():
        whom = f"{counted(len(names), 'mailbox', 'mailboxes')} ({several(names)})"
        yield Finding(
            rule="autodiscover/not-asked",
            severity=Severity.INFORMATION,
            message=f"Autodiscover was not asked for {whom}: nothing is applied yet that leaves their server to be found",
            position=desired.locate(profile_key, "autodiscover"),
            hint="`reconcile plan --online` asks what needs no credentials; after the apply this asks the rest.",
            path="spec.autodiscover",
            resource=profile_key,
        )


def _of_mailbox(
    mailbox: AppliedResource, answer: Discovery | Exception, known: DiscoveredServer | None, desired: DesiredState
) -> tuple[Finding | None, str]:
    """What is to be said, and the server that is named now ("" for none)."""
    key = Key("Mailbox", mailbox.name)
    position = desired.locate(key, "emailAddress")

    def says(rule: str, severity: Severity, message: str, hint: str) -> Finding:
        return Finding(rule=rule, severity=severity, message=message, position=position, hint=hint, path="spec.emailAddress", resource=key)

    if isinstance(answer, Exception):
        return says("autodiscover/nothing", Severity.WARNING, f"Autodiscover was not asked: {answer}", getattr(answer, "hint", "")), ""
    if not answer.url:
        steps = "; ".join(f"{each.where}: {each.words}" for each in answer.asked)
        return says("autodiscover/nothing", Severity.WARNING, f"Autodiscover names no server: {steps}", answer.hint), ""
    if known is not None and known.url != answer.url:
        from reconcile.policy.server_changed import server_changed

        return server_changed(key, now=answer.url, before=known.url, since=known.at, desired=desired), answer.url
    return None, answer.url


def _nameable(key: Key, url: str, desired: DesiredState) -> tuple[Finding, Fix]:
    """One server for the whole profile: nobody needs to look for it."""
    from reconcile.desired.edit import Edit
    from reconcile.policy.fixes import Fix

    finding = Finding(
        rule="autodiscover/one-server",
        severity=Severity.INFORMATION,
        message=f"Autodiscover names one server for every mailbox of the profile: {url}",
        position=desired.locate(key, "autodiscover"),
        hint="`reconcile lint --online --fix` writes it into the profile: what is named needs no looking for.",
        path="spec.autodiscover",
        resource=key,
    )
    edits = (
        Edit(("spec", "autodiscover"), value=False),
        Edit(("spec", "incoming", "server"), url),
        Edit(("spec", "outgoing", "server"), url),
    )
    fields = ("autodiscover", "incoming.server", "outgoing.server")
    return finding, Fix(file=desired.resources[key].position.file, key=key, edits=edits, fields=fields, findings=(finding,))
