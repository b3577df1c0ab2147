"""The documents about the rules that one environment takes: checked like all others, but nobody waits for them.

A bad one is told and left out. It declares no row of a target, so it holds no resource, and its file proves nothing about rows.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import field
from typing import NamedTuple

from reconcile.desired.check import check_policy, exposed_secrets, header_faults, key_of, place_in
from reconcile.desired.documents import DocumentCache, SourceDocument, read_documents
from reconcile.desired.draft import Draft, Place, Reread, place, position, remembering
from reconcile.desired.environment import Scope
from reconcile.desired.estate import Read, content_of, reread_of
from reconcile.desired.pages import F
from reconcile.desired.relations import nothing_to_remove, same_key
from reconcile.desired.suggest import did_you_mean
from reconcile.desired.surroundings import Surroundings
from reconcile.desired.yaml import Path
from reconcile.lazy_dataclass import dataclass
from reconcile.model.document import PolicyDocument
from reconcile.model.finding import Finding
from reconcile.model.key import DOCUMENT_KINDS, Key
from reconcile.model.policy_declared import PolicyDeclared
from reconcile.model.policy_kinds import READABLE
from reconcile.model.position import Position

#: Kinds of documents about the rules.
POLICIES = frozenset(READABLE)


def is_policy(document: SourceDocument) -> bool:
    """Whether a document is about the rules."""
    return document.kind in POLICIES


@dataclass(slots=True, kw_only=True)
class Policies:
    """`sound` by key with their origin; `drafts` is what is wrong with the others, `bad` those of them that can be told apart, with the
    reason; `broken` maps files to reasons: of a document whose YAML is wrong nobody knows that it was about the rules."""

    sound: dict[Key, _Sound] = field(default_factory=dict)
    drafts: list[Draft] = field(default_factory=list)
    bad: dict[Key, str] = field(default_factory=dict)
    broken: dict[str, str] = field(default_factory=dict)

    def declared(self, reread: Reread, content: Callable[[str], bytes | None]) -> Mapping[Key, PolicyDeclared]:
        """What DesiredState holds, by key. `content` gives the octets of a file."""
        again = remembering(reread)
        return {key: _declared(key, one, again, content) for key, one in sorted(self.sound.items())}


class _Sound(NamedTuple):
    """A decoded document, what it was written as, and where it begins."""

    document: PolicyDocument
    written: SourceDocument
    at: Position


def read_policies(
    files: Sequence[F],
    refused: Sequence[Finding],
    read: Read[F],
    *,
    cache: DocumentCache | None = None,
    named: Collection[str] | None = None,
) -> tuple[Mapping[Key, PolicyDeclared], tuple[Finding, ...]]:
    """All documents about the rules of a folder that is no estate, and what is wrong with them. Raises nothing for bad input.

    Arguments as for `load`. Local dates are in UTC, and there are no variables. Documents of other kinds are passed over, and so are those
    with other names than `named`.
    """
    files = sorted(files, key=lambda file: file.path)
    documents = read_documents(files, read, cache=cache)
    unknown = [document for document in documents.documents if not is_policy(document) and document.kind not in DOCUMENT_KINDS]
    found = policies(
        [document for document in documents.documents if is_policy(document) and (named is None or document.name in named)],
        None,
        Surroundings(variables={}, time_zone="UTC"),
        compare=True,
    )
    found.drafts += [draft for document in unknown for draft in header_faults(document)]
    known = {file.path: file for file in files}

    reread = reread_of(known, read)
    findings = [*refused, *documents.findings, *place(found.drafts, reread)]
    return found.declared(reread, content_of(known, read)), tuple(sorted(set(findings), key=Finding.sort_key))


def policies(
    documents: Iterable[SourceDocument], scope: Scope | None, around: Surroundings, *, compare: bool, environments: Sequence[str] = ()
) -> Policies:
    """`documents` are those of the environment, in order; without `compare` they may belong to different ones. `environments` are the
    names of all that the estate declares."""
    result = Policies()
    first: dict[Key, Place] = {}
    twice: set[Key] = set()
    for document in _laid(documents, scope, result, twice):
        decoded, drafts = check_policy(document, around)
        result.drafts += drafts
        if document.broken and not document.over:
            result.broken[document.file] = f"{document.file}:{document.line}: {document.broken}"
        key = key_of(document)
        if key is None:
            continue
        origin = place_in(document)
        if compare and key in first:
            result.drafts.append(_second(document, key, first[key]))
            twice.add(key)
        first.setdefault(key, origin)
        if decoded is not None:
            at = document.over[0] if document.over else document
            result.sound[key] = _Sound(decoded, document, Position(at.file, at.line))
            result.drafts += _nowhere(document, decoded, environments)
        else:
            result.bad[key] = f"{document.file}:{document.line} has errors"
    for key in twice:
        result.sound.pop(key, None)
        result.bad[key] = "it is declared twice"
    return result


def _nowhere(document: SourceDocument, decoded: PolicyDocument, environments: Sequence[str]) -> Iterator[Draft]:
    """Settings and waivers for an environment that is not there."""
    named: Sequence[str] = getattr(decoded.spec, "environments", None) or ()
    unknown = {name for name in named if name not in environments} if environments else ()
    value = document.value() if unknown else None
    spec = value.get("spec") if isinstance(value, dict) else None
    written = spec.get("environments") if isinstance(spec, dict) else None
    for number, name in enumerate(written if isinstance(written, list) else ()):
        if name in unknown:
            yield Draft(
                rule="environment/unknown",
                message=f"the estate declares no Environment {name!r}, so this is for nobody there",
                hint=did_you_mean(str(name), environments) or f"name one of {', '.join(environments)}",
                place=place_in(document, ("spec", "environments", number)),
                resource=key_of(document),
            )


def _laid(documents: Iterable[SourceDocument], scope: Scope | None, result: Policies, twice: set[Key]) -> Iterable[SourceDocument]:
    if scope is None or len(scope.layers or ()) < 2:
        return documents
    from reconcile.desired.layers import layered

    found = layered((scope.layer_of(document.file), document) for document in documents)
    for part in found.parts:
        result.drafts += [*header_faults(part), *exposed_secrets(part)]
    for second, first in found.twice:
        if (key := key_of(second)) is not None:
            result.drafts.append(_second(second, key, place_in(first)))
            twice.add(key)
    result.drafts += [nothing_to_remove(document) for document in found.idle]
    return found.documents


def _second(document: SourceDocument, key: Key, first: Place) -> Draft:
    name: Path = ("metadata", "name")
    return same_key(Place(document.file, document.index, name), Place(first.file, first.document, name), key)


def _declared(key: Key, one: _Sound, again: Reread, content: Callable[[str], bytes | None]) -> PolicyDeclared:
    def find(path: Path) -> Position:
        return position(again, place_in(one.written, path)) if path else one.at

    said = f"{one.at}\0{key}\0".encode("utf-8", "surrogateescape") + one.written.json
    return PolicyDeclared(key, one.document, one.at, find, content, hashlib.sha256(said).hexdigest())
