"""What a reader of a plan should know about one row beside what changes."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from reconcile.model.canonical import Leaf, Spec
from reconcile.model.change import Note
from reconcile.model.defaults import derived
from reconcile.model.finding import Severity
from reconcile.model.observation import Present
from reconcile.model.resource import DesiredState, Resource


def kept(desired: DesiredState, resource: Resource, row: Present, paths: Iterable[str]) -> Iterator[Note]:
    """What the server made of an earlier write."""
    for path in paths:
        asked, shown = resource.spec.get(path), row.spec.get(path)
        words = f"{path}: the target keeps {_words(shown)} where {_words(asked)} was written; nothing to do as long as git asks the same"
        yield Note(message=words, key=resource.key, position=desired.locate(resource.key, path))


def of_assignments(desired: DesiredState) -> Iterator[Note]:
    """Warnings about assignments: what they gave before silently stops being looked after."""
    for finding in desired.findings:
        if finding.severity is Severity.WARNING and finding.resource is not None and finding.resource.kind == "MailboxAssignment":
            yield Note(message=f"warning: {finding.message}", key=finding.resource, position=finding.position)


def outdated_defaults(resource: Resource, row: Present, new: Spec) -> Iterator[Note]:
    """What was filled in on create to fit another field stays as it is (omitted is unmanaged), even where it no longer fits."""
    then = derived(resource.key.kind, row.spec)
    for path, leaf in derived(resource.key.kind, new).items():
        if path not in resource.spec and path in row.spec and row.spec[path] == then.get(path) != leaf:
            words = f"{path} stays {_words(row.spec[path])}, which fitted before; {_words(leaf)} would fit now: declare it"
            yield Note(message=words, key=resource.key, position=resource.position)


def _words(leaf: Leaf) -> str:
    if leaf is None:
        return "nothing"
    if isinstance(leaf, bool):
        return "true" if leaf else "false"
    return "[" + ", ".join(leaf) + "]" if isinstance(leaf, tuple) else str(leaf)
