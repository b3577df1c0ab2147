"""Notes on what is declared but cannot be done yet, so that it is seen before it is applied."""

from __future__ import annotations

from collections.abc import Iterable

from reconcile.model.alert_mail import NoAlertMail, alert_mail
from reconcile.model.change import Note
from reconcile.model.engine_support import not_built
from reconcile.model.key import Key
from reconcile.model.resource import DesiredState, Resource


def unsupported_notes(resources: Iterable[Resource], desired: DesiredState) -> list[Note]:
    """One note a field of a kind, with the first place and how many say it: ten thousand mailboxes may share one."""
    found: dict[tuple[str, str], list[Resource]] = {}
    words: dict[tuple[str, str], str] = {}
    for resource in resources:
        for path, instead in not_built(resource.key.kind, resource.spec):
            found.setdefault((resource.key.kind, path), []).append(resource)
            words[resource.key.kind, path] = instead
    notes = _alarms(desired)
    for (kind, path), declared in sorted(found.items()):
        first = min(declared, key=lambda resource: resource.key)
        others = f" (and {len(declared) - 1} more {kind})" if len(declared) > 1 else ""
        message = f"Unsupported: {path} is not built yet: {words[kind, path]}{others}"
        notes.append(Note(message=message, key=first.key, position=desired.locate(first.key, path)))
    return notes


def _alarms(desired: DesiredState) -> list[Note]:
    """Profiles that are to mail their alarm, and why nobody would get it; each reason once."""
    organization = next((one.spec for key, one in desired.resources.items() if key.kind == "Organization"), {})
    found: dict[str, list[Resource]] = {}
    for key, resource in sorted(desired.resources.items()):
        if key.kind == "EmailServerProfile" and isinstance(missing := alert_mail(resource.spec, organization), NoAlertMail):
            found.setdefault(missing.words, []).append(resource)
    sender = organization.get("alerts.sender")
    if isinstance(sender, str) and Key("Mailbox", sender) not in desired.resources:
        words = f"it names Mailbox/{sender}, which is not declared here: no alarm can be mailed"
        found[words] = [one for key, one in desired.resources.items() if key.kind == "Organization"]
    notes = []
    for words, declared in found.items():
        first = declared[0]
        path = "sendEmailAlert" if first.key.kind == "EmailServerProfile" else "alerts.sender"
        others = f" (and {len(declared) - 1} more {first.key.kind})" if len(declared) > 1 else ""
        notes.append(Note(message=f"{path}: {words}{others}", key=first.key, position=desired.locate(first.key, path)))
    return notes
