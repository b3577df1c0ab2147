"""What documents say about each other: the same thing twice, and references that lead nowhere."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import NamedTuple

from reconcile.desired.documents import SourceDocument
from reconcile.desired.draft import Draft, Place
from reconcile.desired.suggest import did_you_mean
from reconcile.model import kinds
from reconcile.model.finding import Severity
from reconcile.model.key import Key
from reconcile.model.resource import Lifecycle, Resource


class Declared(NamedTuple):
    """A sound document and where it stands."""

    resource: Resource
    origin: Place

    def place(self, *path: str | int) -> Place:
        return self.origin._replace(path=path)


def duplicates(declared: Iterable[Declared]) -> Iterator[tuple[Draft, Declared, Declared]]:
    """Pairs that cannot both be: (finding at the later one, the earlier, the later)."""
    by_identity: dict[tuple[str, str], Declared] = {}
    for one in declared:
        key = one.resource.key
        identity = kinds.natural_identity(key.kind, one.resource.spec)
        if identity is None:
            continue
        first = by_identity.setdefault((key.kind, identity), one)
        if first is not one and first.resource.key != key:
            yield _same_identity(first, one), first, one


def _same_identity(first: Declared, one: Declared) -> Draft:
    kind = one.resource.key.kind
    if kinds.lifecycle(kind) is Lifecycle.SINGLETON:
        rule, path = "duplicate/singleton", ("metadata", "name")
        message, hint = f"a second {kind}; an environment has one", "merge the two, or move one to the folders of another environment"
    elif kind == "Mailbox":
        rule, path = "duplicate/address", ("spec", "emailAddress")
        message = f"{first.resource.key} has the same address {_leaf(one, 'emailAddress')} (neither case nor punycode makes a difference)"
        hint = "one address is one mailbox: remove one of the two, or change its address"
    else:
        rule, path = "duplicate/display-name", ("spec", "displayName")
        message = f"{first.resource.key} has the same displayName {_leaf(one, 'displayName')}"
        hint = "give one of them another displayName; the product finds rows by it"
    return Draft(rule=rule, message=message, hint=hint, place=one.place(*path), resource=one.resource.key, related=(first.place(*path),))


def _leaf(one: Declared, path: str) -> str:
    return repr(str(one.resource.spec.get(path)))


def same_key(place: Place, first: Place, key: Key) -> Draft:
    """Two documents with one identity."""
    return Draft(
        rule="duplicate/resource",
        message=f"{key} is declared twice",
        hint="remove one of the two, or give it another name; until then neither is applied",
        place=place,
        resource=key,
        related=(first,),
    )


def nothing_to_remove(document: SourceDocument) -> Draft:
    """`spec: null` in a layer, of what no earlier layer has."""
    key = Key(document.kind, document.name)
    return Draft(
        rule="layer/nothing-to-remove",
        message=f"{key} is taken away here, but no earlier layer of the environment has it",
        hint="correct the name, or remove the document",
        place=Place(document.file, document.index, ("metadata", "name")),
        severity=Severity.WARNING,
        resource=key,
    )


def dangling(one: Declared, target: Key, known: Iterable[Key], *, files_missing: bool) -> Draft:
    """A reference to something that is not declared."""
    names = [key.name for key in known if key.kind == target.kind]
    hint = did_you_mean(target.name, names) or f"declare {target.kind} {target.name}, or name one that exists"
    if files_missing:
        hint += "; or it stands in a file that could not be read"
    return Draft(
        rule="reference/unknown",
        message=f"{target.kind} {target.name!r} is not declared in this environment",
        hint=hint,
        place=one.place("spec", *kinds.REFERENCE_PATHS[one.resource.key.kind].split(".")),
        resource=one.resource.key,
    )
