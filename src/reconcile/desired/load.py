"""Texts to one DesiredState: what can be used, what is held, and every finding on the way. Pure: contents come through `read`.

A bad document never stops the others and never deletes anything: its key is held, so are those that need it, and so is
whatever the inventory says came from its file (a broken document may hide a rename).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from reconcile.desired.check import Surroundings, check, key_of, sketch
from reconcile.desired.documents import DocumentCache, F, SourceDocument
from reconcile.desired.draft import Draft, Place, Reread, place, position
from reconcile.desired.environment import Scope, choose
from reconcile.desired.estate import Estate, Read, read_estate
from reconcile.desired.relations import Declared, dangling, duplicates, same_key
from reconcile.desired.yaml import Path
from reconcile.desired.yaml_places import Document
from reconcile.model.finding import Finding, Severity
from reconcile.model.key import KINDS, Key
from reconcile.model.position import Position
from reconcile.model.resource import DesiredState, Resource

_NO_ENVIRONMENT = Surroundings(variables=None, time_zone="UTC")


@dataclass(frozen=True, slots=True, kw_only=True)
class LoadResult:
    """`desired` is None when source or Environment cannot be used at all; `findings` then say why.

    `environments` are the names the estate declares, sorted.
    """

    environments: tuple[str, ...]
    desired: DesiredState | None
    findings: tuple[Finding, ...]


def load(
    files: Sequence[F],
    refused: Sequence[Finding],
    read: Read[F],
    *,
    environment: str | None,
    source: str,
    revision: str,
    cache: DocumentCache | None = None,
) -> LoadResult:
    """The desired state of one environment.

    `files` and `refused` are a source's `Listing`, `read` its `read`; `environment` may be None when there is only one.
    Raises nothing for bad input.
    """
    estate = read_estate(files, refused, read, cache=cache)
    return resolve(estate, environment=environment, source=source, revision=revision)


def resolve(estate: Estate[F], *, environment: str | None, source: str, revision: str) -> LoadResult:
    """The part of `load` after reading, for those who need several environments of one tree."""
    chosen = choose(estate.environments, environment)
    scope = chosen if isinstance(chosen, Scope) else None
    # Without a chosen environment, documents of different ones must not be compared with each other.
    work = _Work(scope, compare=scope is not None or not estate.environments.named)
    work.take(estate.documents.documents)
    work.relate(files_missing=bool(estate.documents.unread))
    belonging = (finding for finding in estate.documents.findings if scope is None or scope.holds(finding.position.file))
    findings = [*belonging, *place([*estate.environments.drafts, *work.drafts], estate.reread)]
    if isinstance(chosen, Finding):
        findings.append(chosen)
    ordered = tuple(sorted(set(findings), key=Finding.sort_key))
    desired = None
    if scope is not None and not any(scope.touches(folder) for folder in estate.hidden):
        desired = DesiredState(
            source=source,
            revision=revision,
            environment=scope.name,
            resources={key: one.resource for key, one in sorted(work.sound.items(), key=_in_order) if key not in work.held},
            findings=ordered,
            held=dict(sorted(work.held.items())),
            held_files=_held_files(estate, scope, work),
            locate=_locator(estate.reread, work.places),
        )
    return LoadResult(environments=estate.environments.named, desired=desired, findings=ordered)


def _in_order(item: tuple[Key, object]) -> tuple[int, str]:
    return KINDS.index(item[0].kind), item[0].name


def _held_files(estate: Estate[F], scope: Scope, work: _Work) -> dict[str, str]:
    unread = {path: why for path, why in estate.documents.unread.items() if scope.holds(path)}
    return dict(sorted({**work.bad_files, **unread}.items()))


@dataclass(slots=True)
class _Work:
    """What is gathered while documents are taken one by one.

    `declared` are all sound documents, also several of one key; `sound` is the first of each key. `sketched` is what can be told
    of bad ones.
    """

    scope: Scope | None
    compare: bool
    declared: list[Declared] = field(default_factory=list)
    sketched: list[Declared] = field(default_factory=list)
    sound: dict[Key, Declared] = field(default_factory=dict)
    held: dict[Key, str] = field(default_factory=dict)
    bad_files: dict[str, str] = field(default_factory=dict)
    drafts: list[Draft] = field(default_factory=list)
    places: dict[Key, tuple[str, int]] = field(default_factory=dict)

    def take(self, documents: Iterable[SourceDocument]) -> None:
        """Check each document that belongs to the environment."""
        around = self.scope.surroundings if self.scope else _NO_ENVIRONMENT
        if self.scope is not None:
            own = self.scope.resource
            self._sound(own, self.scope.document.index)
            self.places[own.key] = (self.scope.document.file, self.scope.document.index)
        for document in documents:
            if document.kind == "Environment" or not self._belongs(document):
                continue
            resource, drafts = check(document, around)
            self.drafts += drafts
            if resource is not None:
                self._sound(resource, document.index)
            elif (seen := sketch(document, drafts)) is not None:
                self.sketched.append(Declared(seen, document.index))
            if (key := key_of(document)) is not None and self.compare and (first := self.places.get(key)) is not None:
                self._second(document, key, first)
                continue
            if key is not None:
                self.places[key] = (document.file, document.index)
            if resource is None:
                self._hold_document(document, key, drafts)

    def relate(self, *, files_missing: bool) -> None:
        """Duplicates and references, then everything that needs what is held."""
        sketched = {id(one) for one in self.sketched}
        for draft, first, second in duplicates([*self.declared, *self.sketched]) if self.compare else ():
            self.drafts.append(draft)
            if id(second) in sketched:
                continue  # a bad document is held already, and holds nobody else
            self._hold(first.resource.key, f"it contradicts {second.resource.key}", first.resource.position.file)
            self._hold(second.resource.key, f"it contradicts {first.resource.key}", second.resource.position.file)
        # One round is enough per kind, because a kind refers only to kinds before it.
        for one in sorted(self.declared, key=lambda one: KINDS.index(one.resource.key.kind)):
            key = one.resource.key
            for target in one.resource.references:
                if target in self.held:
                    self.held.setdefault(key, f"it needs {target}, which is held")
                elif target not in self.sound and self.scope is not None:
                    self.drafts.append(dangling(one, target, self.places, files_missing=files_missing))
                    self._hold(key, f"it needs {target}, which is not declared", one.resource.position.file)
        for one in self.sketched if self.scope is not None else ():
            for target in one.resource.references:
                if target not in self.sound and target not in self.held:
                    self.drafts.append(dangling(one, target, self.places, files_missing=files_missing))

    def _sound(self, resource: Resource, index: int) -> None:
        one = Declared(resource, index)
        self.declared.append(one)
        self.sound.setdefault(resource.key, one)

    def _belongs(self, document: SourceDocument) -> bool:
        if self.scope is None or self.scope.folders is None:
            return True
        return self.scope.holds(document.file)

    def _second(self, document: SourceDocument, key: Key, first: tuple[str, int]) -> None:
        name: Path = ("metadata", "name")
        self.drafts.append(same_key(Place(document.file, document.index, name), Place(*first, name), key))
        self._hold(key, "it is declared twice", document.file)
        self.bad_files.setdefault(first[0], f"{key} is declared twice")

    def _hold_document(self, document: SourceDocument, key: Key | None, drafts: list[Draft]) -> None:
        errors = [draft.message for draft in drafts if draft.severity is Severity.ERROR]
        reason = f"{document.file}:{document.line}: {document.broken or (errors[0] if errors else 'the document has errors')}"
        if key is not None:
            self.held[key] = reason
        self.bad_files.setdefault(document.file, reason)

    def _hold(self, key: Key, reason: str, file: str) -> None:
        self.held.setdefault(key, reason)
        self.bad_files.setdefault(file, f"{key}: {reason}")


def _locator(reread: Reread, places: Mapping[Key, tuple[str, int]]) -> Callable[[Key, str], Position]:
    # The last file only: a change of many fields asks for one document again and again.
    last: dict[str, tuple[Document, ...]] = {}

    def locate(key: Key, path: str) -> Position:
        """Path as in the canonical spec ("incoming.port"), one of the group ("management.protect"), or "" for the document."""
        file, index = places.get(key, ("", 0))
        if not file:
            return Position(".")
        if file not in last:
            last.clear()
            last[file] = reread(file)
        parts = path.split(".") if path else []
        wanted: Path = tuple(parts) if parts[:1] == ["management"] else ("spec", *parts) if parts else ()
        return position(last[file], Place(file, index, wanted))

    return locate


def with_findings(result: LoadResult, more: Iterable[Finding]) -> LoadResult:
    """The same with further findings, in order."""
    ordered = tuple(sorted({*result.findings, *more}, key=Finding.sort_key))
    return replace(result, findings=ordered, desired=None if result.desired is None else replace(result.desired, findings=ordered))
