"""Which environment is meant, and which files belong to it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import field

from reconcile.desired.check import check, key_of
from reconcile.desired.documents import SourceDocument
from reconcile.desired.draft import Draft, Place
from reconcile.desired.management import ignored_by
from reconcile.desired.suggest import did_you_mean
from reconcile.desired.surroundings import Surroundings
from reconcile.desired.variables import Scalar
from reconcile.lazy_dataclass import dataclass
from reconcile.model.finding import Finding, Severity
from reconcile.model.key import API_VERSION
from reconcile.model.position import Position
from reconcile.model.resource import Resource

_DEFAULT_ZONE = "UTC"


@dataclass(frozen=True, slots=True, kw_only=True)
class Scope:
    """One declared environment. `layers` are its folders in order, None where it takes the whole tree."""

    name: str
    resource: Resource
    document: SourceDocument
    layers: tuple[str, ...] | None
    variables: Mapping[str, Scalar]
    time_zone: str

    def holds(self, file: str) -> bool:
        """Whether a file belongs to the environment."""
        return self.layers is None or any(folder == "." or file.startswith(f"{folder}/") for folder in self.layers)

    def layer_of(self, file: str) -> int:
        """The number of the layer a file of the environment is in: of folders in each other the inner one counts."""
        holding = [
            (0 if folder == "." else len(folder), number)
            for number, folder in enumerate(self.layers or ())
            if folder == "." or file.startswith(f"{folder}/")
        ]
        return max(holding)[1] if holding else 0

    def touches(self, folder: str) -> bool:
        """Whether a folder lies in one of the environment's, or one of them in it."""
        return self.holds(f"{folder}/") or any(own.startswith(f"{folder}/") for own in self.layers or ())

    @property
    def surroundings(self) -> Surroundings:
        return Surroundings(variables=self.variables, time_zone=self.time_zone, ignored=ignored_by(self.resource.spec))


@dataclass(frozen=True, slots=True, kw_only=True)
class Environments:
    """`named` are all names that were declared, also by bad or contradicting documents; `usable` the sound ones. `layered`: some
    documents may be parts only, which say what they mean when they are laid over others."""

    named: tuple[str, ...]
    usable: Mapping[str, Scope]
    layered: bool = False
    drafts: tuple[Draft, ...] = ()
    first_document: Mapping[str, SourceDocument] = field(default_factory=dict)


def environments(documents: Sequence[SourceDocument], paths: Sequence[str]) -> Environments:
    """Every Environment of the tree, wherever it stands. `paths` are those of all files, also of refused ones."""
    usable: dict[str, Scope] = {}
    drafts: list[Draft] = []
    first: dict[str, SourceDocument] = {}
    twice: set[str] = set()
    for document in documents:
        if document.kind != "Environment":
            continue
        resource, found = check(document, Surroundings(variables={}, time_zone=_DEFAULT_ZONE))
        drafts += found
        if document.name in first:
            twice.add(document.name)
            drafts.append(_twice(document, first[document.name]))
        first.setdefault(document.name, document)
        if resource is not None:
            scope = _scope(document, resource)
            empty = [*_empty_folders(scope, paths)]
            drafts += empty
            if not empty:
                usable[document.name] = scope
    drafts += _same_organization([*usable.values()])
    drafts += _old_versions(documents)
    for name in twice:
        usable.pop(name, None)
    return Environments(named=tuple(sorted(first)), usable=usable, layered=_layered(documents), drafts=tuple(drafts), first_document=first)


def _layered(documents: Sequence[SourceDocument]) -> bool:
    own = [document for document in documents if document.kind == "Environment"]
    if own:
        return any(document.broken or len(_as_written(document)) > 1 for document in own)
    # The Environments may have been lost: then layers look like the same thing twice.
    keys = [key for document in documents if (key := key_of(document)) is not None]
    return len(set(keys)) < len(keys)


def _old_versions(documents: Sequence[SourceDocument]) -> Iterator[Draft]:
    """Said once, however many they are."""
    old = [document for document in documents if document.old]
    if old:
        count = "1 document is" if len(old) == 1 else f"{len(old):,} documents are"
        yield Draft(
            rule="document/old-api-version",
            severity=Severity.WARNING,
            message=f"{count} written for an older apiVersion; they are read as if for {API_VERSION}",
            hint="run `reconcile migrate` to rewrite them; comments and layout stay as they are",
            place=Place(old[0].file, old[0].index, ("apiVersion",)),
        )


def choose(found: Environments, wanted: str | None) -> Scope | Finding | None:
    """The environment that is meant; a finding when that cannot be told; None when it is declared but not sound (said already)."""
    if wanted is None:
        if len(found.named) == 1:
            return found.usable.get(found.named[0])
        if found.named:
            first, *others = (found.first_document[name] for name in found.named)
            return Finding(
                rule="environment/ambiguous",
                severity=Severity.ERROR,
                message=f"the estate declares {len(found.named)} environments: {', '.join(found.named)}",
                hint="say which one with --environment NAME",
                position=Position(first.file, first.line),
                related=tuple(Position(other.file, other.line) for other in others),
            )
        return _nowhere(
            "environment/missing", "the estate declares no Environment", "add a document of kind Environment (`reconcile init` writes one)"
        )
    if wanted in found.named:
        return found.usable.get(wanted)
    hint = did_you_mean(wanted, found.named) or "add a document of kind Environment with this name"
    return _nowhere("environment/unknown", f"the estate declares no Environment {wanted!r}", hint)


def _nowhere(rule: str, message: str, hint: str) -> Finding:
    return Finding(rule=rule, severity=Severity.ERROR, message=message, hint=hint, position=Position("."))


def _scope(document: SourceDocument, resource: Resource) -> Scope:
    layers = resource.spec.get("layers")
    variables = {path.removeprefix("variables."): leaf for path, leaf in resource.spec.items() if path.startswith("variables.")}
    zone = resource.spec.get("timeZone")
    return Scope(
        name=document.name,
        resource=resource,
        document=document,
        layers=layers if isinstance(layers, tuple) else None,
        variables={name: leaf for name, leaf in variables.items() if isinstance(leaf, (str, int, bool))},
        time_zone=zone if isinstance(zone, str) else _DEFAULT_ZONE,
    )


def _empty_folders(scope: Scope, paths: Sequence[str]) -> Iterator[Draft]:
    """A misspelt folder would read as "everything in it is gone"."""
    written = _as_written(scope.document)
    existing = {folder for path in paths for folder in _parents(path)} if written else set()
    for number, folder in enumerate(written):
        if folder.rstrip("/") not in existing:
            yield Draft(
                rule="environment/empty-folder",
                message=f"the folder {folder!r} holds no file of the estate",
                hint=did_you_mean(folder, existing - {"."}) or "correct it, or remove it from the list",
                place=Place(scope.document.file, scope.document.index, ("spec", "layers", number)),
                resource=scope.resource.key,
            )


def _same_organization(scopes: Sequence[Scope]) -> Iterator[Draft]:
    """A pin that was copied with the rest of the document keeps no environment apart from the other. An export of the same organization
    beside them is meant so."""
    first: dict[str, Scope] = {}
    for scope in scopes:
        spec = scope.resource.spec
        pin = spec.get("organizationId")
        if not isinstance(pin, str) or spec.get("target.type", "engine") != "engine":
            continue
        other = first.setdefault(pin, scope)
        if other is not scope:
            yield Draft(
                rule="environment/same-organization",
                severity=Severity.WARNING,
                message=f"{scope.name} is pinned to the same organization as {other.name}",
                hint="give each environment the id of its own organization, or leave organizationId out of one",
                place=Place(scope.document.file, scope.document.index, ("spec", "organizationId")),
                resource=scope.resource.key,
                related=(Place(other.document.file, other.document.index, ("spec", "organizationId")),),
            )


def _parents(path: str) -> Iterator[str]:
    yield "."
    parts = path.split("/")
    for length in range(1, len(parts)):
        yield "/".join(parts[:length])


def _as_written(document: SourceDocument) -> list[str]:
    value = document.value()
    spec = value.get("spec") if isinstance(value, dict) else None
    layers = spec.get("layers") if isinstance(spec, dict) else None
    return [folder for folder in layers if isinstance(folder, str)] if isinstance(layers, list) else []


def _twice(document: SourceDocument, first: SourceDocument) -> Draft:
    return Draft(
        rule="duplicate/resource",
        message=f"Environment/{document.name} is declared twice",
        hint="remove one of the two, or give it another name",
        place=Place(document.file, document.index, ("metadata", "name")),
        related=(Place(first.file, first.index, ("metadata", "name")),),
    )
