"""Texts to one DesiredState: what can be used, what is held, and every finding on the way. Pure: contents come through `read`.

A bad document never stops the others and never deletes anything: its key is held, so are those that need it, and so is
whatever the inventory says came from its file (a broken document may hide a rename).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import field, replace
from typing import TYPE_CHECKING

from reconcile.desired.check import check, exposed_secrets, faults_in_any_reading, header_faults, key_of, place_in, sketch
from reconcile.desired.documents import DocumentCache, SourceDocument
from reconcile.desired.draft import Draft, Place, Reread, place, position, remembering
from reconcile.desired.environment import Scope, choose
from reconcile.desired.estate import Estate, Read, read_estate
from reconcile.desired.kept_checks import KeptChecks
from reconcile.desired.kept_places import KeptPlaces
from reconcile.desired.mailbox_lists import KIND as LIST
from reconcile.desired.mailbox_lists import MailboxLists
from reconcile.desired.origin import through_assignments
from reconcile.desired.pages import F
from reconcile.desired.policies import POLICIES, Policies, is_policy, policies
from reconcile.desired.relations import Declared, dangling, duplicates, nothing_to_remove, same_key
from reconcile.desired.surroundings import Surroundings
from reconcile.desired.yaml import Path
from reconcile.lazy_dataclass import dataclass
from reconcile.model import kinds
from reconcile.model.finding import Finding, Severity
from reconcile.model.key import KINDS, Key
from reconcile.model.position import Position
from reconcile.model.resource import DesiredState, Lifecycle, Resource

# What many estates do without (layers, assignments, what bad files may assign) is imported where it is needed.
if TYPE_CHECKING:
    from reconcile.desired.suspicion import Suspect

#: Read on ways of their own.
_APART = frozenset({"Environment", *POLICIES})
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
    # Without a chosen environment, documents of different ones must not be compared with each other, nor parts be taken for wholes.
    parts = scope is None and estate.environments.layered
    lists = MailboxLists(tables=estate.tables)
    work = _Work(scope, compare=scope is not None or not (estate.environments.named or parts), lists=lists)
    if parts:
        work.drafts += (
            draft for document in estate.documents.documents if document.kind != "Environment" for draft in faults_in_any_reading(document)
        )
    else:
        kept = KeptChecks(estate.cache, estate.documents, work.around)
        work.take(estate.documents.documents, kept)
        kept.save()
    # Parts that nobody put together are not whole; what is wrong with them in any reading was told above.
    of_rules = [one for one in estate.documents.documents if is_policy(one) and not parts and (scope is None or scope.holds(one.file))]
    about_rules = policies(of_rules, scope, work.around, compare=work.compare, environments=estate.environments.named)
    work.drafts += about_rules.drafts
    work.bad_files.update(about_rules.broken)
    work.hold_below({path: why for path, why in estate.documents.unread.items() if scope is not None and scope.holds(path)})
    if estate.documents.unread:
        from reconcile.desired.suspicion import of_files

        work.suspects += of_files((path for path in estate.documents.unread if scope is not None and scope.holds(path)), estate.content)
    work.provide(about_rules, (path for path in estate.documents.unread if scope is not None and scope.holds(path)), estate.content)
    work.relate(files_missing=bool(estate.documents.unread))
    belonging = (finding for finding in estate.documents.findings if scope is None or scope.holds(finding.position.file))
    reread = lists.reread(estate.reread)
    findings = [*belonging, *lists.findings, *place([*estate.environments.drafts, *work.drafts], reread)]
    if isinstance(chosen, Finding):
        findings.append(chosen)
    ordered = tuple(sorted(set(findings), key=Finding.sort_key))
    desired = None
    if scope is not None and not any(scope.touches(folder) for folder in estate.hidden):
        resources = {key: one.resource for key, one in sorted(work.sound.items(), key=_in_order) if key not in work.held}
        declared = about_rules.declared(reread, estate.content)
        desired = DesiredState(
            source=source,
            revision=revision,
            environment=scope.name,
            resources=resources,
            findings=ordered,
            held=dict(sorted(work.held.items())),
            held_files=_held_files(estate, scope, work),
            doubts=work.doubts,
            policies=declared,
            locate=through_assignments(_locator(reread, estate.places, work.places, resources), resources, declared),
        )
    return LoadResult(environments=estate.environments.named, desired=desired, findings=ordered)


_ORDER = {kind: number for number, kind in enumerate(KINDS)}


def _in_order(item: tuple[Key, object]) -> tuple[int, str]:
    return _ORDER[item[0].kind], item[0].name


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
    lists: MailboxLists
    declared: list[Declared] = field(default_factory=list)
    sketched: list[Declared] = field(default_factory=list)
    sound: dict[Key, Declared] = field(default_factory=dict)
    held: dict[Key, str] = field(default_factory=dict)
    bad_files: dict[str, str] = field(default_factory=dict)
    drafts: list[Draft] = field(default_factory=list)
    places: dict[Key, Place] = field(default_factory=dict)
    nameless: list[SourceDocument] = field(default_factory=list)
    suspects: list[Suspect] = field(default_factory=list)
    doubts: tuple[str, ...] = ()

    @property
    def around(self) -> Surroundings:
        """What the environment gives its documents."""
        return self.scope.surroundings if self.scope else _NO_ENVIRONMENT

    def take(self, documents: Iterable[SourceDocument], kept: KeptChecks) -> None:
        """Check each document that belongs to the environment, unless it is known what comes out."""
        around = self.around
        if self.scope is not None:
            self._sound(self.scope.resource, place_in(self.scope.document))
            self.places[self.scope.resource.key] = place_in(self.scope.document)
        compare, places = self.compare, self.places
        for document in self._laid(documents):
            drafts: list[Draft] = []
            if (resource := kept.get(document)) is None:
                resource, drafts = check(document, around)
                if drafts:
                    self.drafts += drafts
                elif resource is not None:
                    kept.keep(document, resource)
            if resource is None and self.scope is not None:
                self._suspect(document)
            key, here = key_of(document) if resource is None else resource.key, place_in(document)
            if resource is not None:
                self._sound(resource, here)
            elif (seen := sketch(document, drafts)) is not None:
                self.sketched.append(Declared(seen, here))
            if key is not None and compare and (first := places.get(key)) is not None:
                self._second(document, key, first)
                continue
            if key is not None:
                places[key] = here
            if resource is None:
                self._hold_document(document, key, drafts)

    def _suspect(self, document: SourceDocument) -> None:
        from reconcile.desired.suspicion import of_document

        if suspect := of_document(document, time_zone=self.around.time_zone):
            self.suspects.append(suspect)

    def own(self, documents: Iterable[SourceDocument]) -> list[SourceDocument]:
        """Those of resources that belong to the environment, beside its own."""
        scope = self.scope
        return [document for document in documents if document.kind not in _APART and (scope is None or scope.holds(document.file))]

    def _laid(self, documents: Iterable[SourceDocument]) -> Iterable[SourceDocument]:
        """The documents of the environment, those of several layers put together."""
        own = self.own(documents)
        lists = [document for document in own if document.kind == LIST]
        if lists:
            parts = {(document.file, document.index): document for document in lists}
            for document in self._over_each_other(lists):
                key = key_of(document)
                if key is not None and self.compare and key in self.places:
                    self._second(document, key, self.places[key])
                    continue
                resource = self.lists.expand(document, self.around, parts)
                if key is not None:
                    self.places[key] = place_in(document)
                if resource is not None:
                    self._sound(resource, place_in(document))
                elif key is not None:
                    self.held[key] = self.lists.bad.get(document.file, "the list has errors")
            self.drafts += self.lists.drafts
            self.bad_files.update(self.lists.bad)
            own = [*(document for document in own if document.kind != LIST), *self.lists.documents]
        return self._over_each_other(own)

    def _over_each_other(self, own: list[SourceDocument]) -> list[SourceDocument]:
        if self.scope is None or len(self.scope.layers or ()) < 2:
            return own
        from reconcile.desired.layers import layered

        layer_of = self.scope.layer_of
        found = layered((layer_of(document.under[-1].file if document.under else document.file), document) for document in own)
        for part in found.parts:
            # A secret is out however often it is laid over.
            self.drafts += [*header_faults(part), *exposed_secrets(part)]
        for second, first in found.twice:
            if (key := key_of(second)) is not None:
                self._second(second, key, place_in(first))
        self.drafts += [nothing_to_remove(document) for document in found.idle]
        return found.documents

    def hold_below(self, unread: Mapping[str, str]) -> None:
        """What could not be read of a later layer may be laid over anything of an earlier one that fits."""
        if self.scope is None or len(self.scope.layers or ()) < 2:
            return
        unknown = [(self.scope.layer_of(file), "", "", f"{file}: {why}") for file, why in unread.items()]
        unknown += [
            (self.scope.layer_of(one.file), one.kind if one.kind in KINDS else "", one.name, f"{one.file}:{one.line}")
            for one in self.nameless
        ]
        for layer, kind, name, where in sorted(unknown):
            for key, here in self.places.items() if layer > 0 else ():
                below = self.scope.layer_of(here.file) < layer and key != self.scope.resource.key
                if below and kind in ("", key.kind) and name in ("", key.name):
                    self.held.setdefault(key, f"what cannot be read of {where} may be laid over it")

    def provide(self, about_rules: Policies, unread: Iterable[str], content: Callable[[str], bytes | None]) -> None:
        """Put in what profiles get from the mail providers they name, and hold those whose provider cannot be told."""
        profiles = [one.resource for key, one in self.sound.items() if key[0] == "EmailServerProfile"]
        naming = {one.key for one in profiles if one.spec.get("provider") is not None and one.lifecycle is not Lifecycle.EXTERNAL}
        if self.scope is None or not naming:
            return
        from reconcile.desired.provided import doubt, provide

        # A second document of the same key may name none; both are held already.
        numbers = [n for n, one in enumerate(self.declared) if one.resource.key in naming and one.resource.spec.get("provider") is not None]
        found = provide(self.declared, numbers, about_rules.sound, about_rules.bad, doubt(unread, content, self.nameless))
        self.drafts += found.drafts
        self._effective(found.effective)
        for key, reason in found.held.items():
            self._hold(key, reason, self.sound[key].resource.position.file)

    def relate(self, *, files_missing: bool) -> None:
        """Duplicates and references, then everything that needs what is held."""
        sketched = {id(one) for one in self.sketched}
        for draft, first, second in duplicates([*self.declared, *self.sketched]) if self.compare else ():
            self.drafts.append(draft)
            if id(second) in sketched:
                continue  # a bad document is held already, and holds nobody else
            self._hold(first.resource.key, f"it contradicts {second.resource.key}", first.resource.position.file)
            self._hold(second.resource.key, f"it contradicts {first.resource.key}", second.resource.position.file)
        if self.scope is not None:
            self._assign(self.scope.name, some_unread=files_missing or bool(self.bad_files))
        # One round is enough per kind, because a kind refers only to kinds before it.
        said: set[object] = set()
        for one in sorted(self.declared, key=lambda one: _ORDER[one.resource.key.kind]):
            key = one.resource.key
            for target in one.resource.references:
                if target in self.held:
                    self.held.setdefault(key, f"it needs {target}, which is held")
                elif target not in self.sound and self.scope is not None:
                    # Of what an assignment or a list gives to many it is said once.
                    of_list = (one.origin.under, target) if one.origin.under else None
                    if not one.resource.assigned.get("profile") and (of_list is None or of_list not in said):
                        said.add(of_list)
                        self.drafts.append(dangling(one, target, self.places, files_missing=files_missing))
                    self._hold(key, f"it needs {target}, which is not declared", one.resource.position.file)
        for one in self.sketched if self.scope is not None else ():
            for target in one.resource.references:
                if target not in self.sound and target not in self.held:
                    self.drafts.append(dangling(one, target, self.places, files_missing=files_missing))

    def _assign(self, environment: str, *, some_unread: bool) -> None:
        """Put in what assignments give, and hold whom they contradict or a bad one may mean."""
        if not self.suspects and not any(one.resource.key.kind == "MailboxAssignment" for one in self.declared):
            return
        from reconcile.desired.expansion import expand

        found = expand(self.declared, self.held, self.suspects, environment=environment, some_unread=some_unread)
        self.drafts += found.drafts
        self.doubts = found.doubts
        self._effective(found.effective)
        for key, reason in found.held.items():
            self.held.setdefault(key, reason)
        for key, reason in found.contradicted.items():
            self._hold(key, reason, self.sound[key].resource.position.file)

    def _effective(self, given: Mapping[int, Resource]) -> None:
        """Resources with what others gave them, in place of those that were declared."""
        for number, resource in given.items():
            one = Declared(resource, self.declared[number].origin)
            if self.sound[resource.key] is self.declared[number]:
                self.sound[resource.key] = one
            self.declared[number] = one

    def _sound(self, resource: Resource, origin: Place) -> None:
        one = Declared(resource, origin)
        self.declared.append(one)
        self.sound.setdefault(resource.key, one)

    def _second(self, document: SourceDocument, key: Key, first: Place) -> None:
        name: Path = ("metadata", "name")
        self.drafts.append(same_key(Place(document.file, document.index, name), Place(first.file, first.document, name), key))
        self._hold(key, "it is declared twice", document.file)
        self.bad_files.setdefault(first.file, f"{key} is declared twice")

    def _hold_document(self, document: SourceDocument, key: Key | None, drafts: list[Draft]) -> None:
        errors = [draft.message for draft in drafts if draft.severity is Severity.ERROR]
        reason = document.broken if document.over else ""
        reason = reason or f"{document.file}:{document.line}: {document.broken or (errors[0] if errors else 'the document has errors')}"
        if key is not None:
            self.held[key] = reason
        else:
            self.nameless.append(document)
        for file in (document.file, *(part.file for part in document.over)):
            self.bad_files.setdefault(file, reason)

    def _hold(self, key: Key, reason: str, file: str) -> None:
        self.held.setdefault(key, reason)
        self.bad_files.setdefault(file, f"{key}: {reason}")


def _locator(
    reread: Reread, known: KeptPlaces, places: Mapping[Key, Place], resources: Mapping[Key, Resource]
) -> Callable[[Key, str], Position]:
    # The last files only: a change of many fields asks for one document again and again.
    again = remembering(reread)

    def locate(key: Key, path: str) -> Position:
        """Path as in the canonical spec ("incoming.port"), of the groups beside it ("management.protect"), or "" for the document.

        Of a document in several layers it is the last, which made it what it is.
        """
        here = places.get(key)
        if here is None:
            return Position(".")
        if not path and here.over:
            return Position(here.over[0].file, here.over[0].line)
        if not path and key in resources:
            return resources[key].position
        parts = kinds.steps(key.kind, path) if path else []
        wanted: Path = tuple(parts) if parts[:1] in (["management"], ["metadata"]) else ("spec", *parts) if parts else ()
        return known.position(here._replace(path=wanted), lambda place: position(again, place))

    return locate


def with_findings(result: LoadResult, more: Iterable[Finding]) -> LoadResult:
    """The same with further findings, in order."""
    ordered = tuple(sorted({*result.findings, *more}, key=Finding.sort_key))
    return replace(result, findings=ordered, desired=None if result.desired is None else replace(result.desired, findings=ordered))
