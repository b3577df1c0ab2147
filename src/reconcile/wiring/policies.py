"""The rules that come with reconcile, and the rule book of an estate."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from dataclasses import field
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Final, TypeAlias

from reconcile.errors import SettingsError
from reconcile.lazy_dataclass import dataclass

if TYPE_CHECKING:
    from reconcile.desired.documents import DocumentCache
    from reconcile.model.finding import Finding
    from reconcile.model.key import Key
    from reconcile.model.policy_declared import PolicyDeclared
    from reconcile.model.policy_rule import PolicyRule
    from reconcile.model.resource import DesiredState
    from reconcile.policy.configure import Configuration, Limits
    from reconcile.policy.rule import Rule, RuleBook
    from reconcile.ports.source import Source, SourceFile
    from reconcile.report.rule_table import ListedRule

_PACKAGE: Final = Path(__file__).parents[1]
#: What the files of the shipped rules are called in findings.
SHIPPED_PREFIX: Final = "reconcile/policies/"
#: The provider catalogue lies beside the rules and is read by others.
_PROVIDERS: Final = "providers/"


@dataclass(frozen=True, slots=True, kw_only=True)
class Rules:
    """The rules of one environment. `configuration` has the book, `written` the same rules without settings, by id; `shipped` are the ids
    of rules that come with reconcile; `findings` is what is wrong with rules and settings; `documents` are those of the estate."""

    configuration: Configuration
    written: Mapping[str, Rule]
    shipped: frozenset[str]
    findings: tuple[Finding, ...]
    documents: Mapping[Key, PolicyDeclared] = field(default_factory=dict)

    @property
    def book(self) -> RuleBook:
        return self.configuration.book


#: What rules became: the book, the ranges of their parameters, what is wrong with them.
_Made: TypeAlias = "tuple[RuleBook, Limits, tuple[Finding, ...]]"


@dataclass(slots=True)
class RuleBooks:
    """What a run made of rules, for environments that have the same. `made` maps the name of a cache entry to it."""

    cache: DocumentCache | None
    made: dict[str, _Made] = field(default_factory=dict)

    def once(self, name: str, make: Callable[[], _Made]) -> _Made:
        """As `make` gives it the first time."""
        found = self.made.get(name)
        if found is None:
            found = self.made[name] = make()
        return found


def rules_of(desired: DesiredState | None, cache: DocumentCache | None, *, books: RuleBooks | None = None) -> Rules:
    """The rules that come with reconcile and those of the estate, as its settings want them; without an estate the former as they are.
    Whoever asks for several environments shares `books` among them.

    Raises SettingsError where this installation lacks its rules.
    """
    from reconcile.policy.configure import configure, settings_of
    from reconcile.policy.rule import RuleBook
    from reconcile.policy.unknown_approvers import unknown_approvers

    books = books or RuleBooks(cache)
    book, limits, findings = books.once("shipped-rules", lambda: _shipped(cache))
    shipped = frozenset(rule.id for rule in book)
    if desired is not None and any(key.kind == "PolicyRule" for key in desired.policies):
        own, own_limits, own_findings = _own(desired, shipped, books)
        book = RuleBook(rules=tuple(sorted((*book, *own), key=lambda rule: rule.id)))
        limits, findings = {**limits, **own_limits}, (*findings, *own_findings)
    documents: Mapping[Key, PolicyDeclared] = desired.policies if desired is not None else {}
    settings = settings_of(documents.values(), desired.environment) if desired is not None else ()
    configuration = configure(book, limits, settings)
    unknown = unknown_approvers(configuration, documents, desired.environment) if desired is not None else ()
    return Rules(
        configuration=configuration,
        written={rule.id: rule for rule in book},
        shipped=shipped,
        findings=(*findings, *configuration.findings, *unknown),
        documents=documents,
    )


def _shipped(cache: DocumentCache | None) -> _Made:
    """The rules that come with reconcile, without reading a file while none has changed."""
    _, files, _ = _listed(shipped_folder(), _is_rule_file)
    said = "\0".join(f"{file.path}\0{file.content_id}" for file in files) if all(file.content_id for file in files) else ""
    if (known := _kept(cache, "shipped-rules", said)) is not None:
        return *known, ()
    declared, findings = shipped_rules(cache)
    return _compiled(declared.values(), findings, cache, "shipped-rules", said)


def _own(desired: DesiredState, shipped: frozenset[str], books: RuleBooks) -> _Made:
    """The estate's rules, compiled again only when one has changed."""
    declared = [one for one in desired.policies.values() if one.key.kind == "PolicyRule"]
    taken = [one for one in declared if one.key.name in shipped]
    free = [one for one in declared if one.key.name not in shipped]
    clashes = tuple(_clash(one) for one in taken)
    said = "\0".join(one.digest for one in free)

    def make() -> _Made:
        if (known := _kept(books.cache, "own-rules", said)) is not None:
            return *known, ()
        return _compiled(free, (), books.cache, "own-rules", said)

    book, limits, findings = books.once(_key("own-rules", said), make)
    return book, limits, (*clashes, *findings)


def _compiled(
    declared: Iterable[PolicyDeclared], findings: tuple[Finding, ...], cache: DocumentCache | None, name: str, said: str
) -> _Made:
    import orjson

    from reconcile.model.policy_rule import PolicyRule
    from reconcile.policy.compile import compile_rules
    from reconcile.policy.configure import limits_of

    declared = [one for one in declared if isinstance(one.document, PolicyRule)]
    book, faults = compile_rules(declared)
    limits = {one.key.name: limits_of(one.document.spec) for one in declared if isinstance(one.document, PolicyRule)}
    if cache is not None and said and not faults and not findings:
        # Only what is sound, so that faults are told each time.
        ranges = {rule: {parameter: [*limit] for parameter, limit in one.items()} for rule, one in limits.items() if one}
        cache.put({_key(name, said): orjson.dumps(ranges) + b"\n" + book.dump()})
    return book, limits, (*findings, *faults)


def _kept(cache: DocumentCache | None, name: str, said: str) -> tuple[RuleBook, Limits] | None:
    import orjson

    from reconcile.policy.configure import Limit
    from reconcile.policy.rule import RuleBook

    key = _key(name, said)
    stored = cache.get([key]).get(key) if cache is not None and said else None
    if stored is None:
        return None
    try:
        first, _, book = stored.partition(b"\n")
        limits = {rule: {parameter: Limit(*one) for parameter, one in of.items()} for rule, of in orjson.loads(first).items()}
        return RuleBook.load(book), limits
    except (ValueError, TypeError, AttributeError):
        return None


def _key(name: str, said: str) -> str:
    told = f"{_library()} {said}".encode("utf-8", "surrogateescape")
    return f"{name}:{hashlib.sha256(told).hexdigest()}"


def _library() -> str:
    """What tells one build of the library that makes programs from another: none promises to run those of another."""
    found = find_spec("cel_expr_python.cel")
    if found is None or found.origin is None:
        return ""
    status = Path(found.origin).stat()
    return f"{status.st_size:x}:{status.st_mtime_ns:x}"


def _clash(one: PolicyDeclared) -> Finding:
    from reconcile.model.finding import Finding, Severity

    return Finding(
        rule="policy/rule-name",
        severity=Severity.ERROR,
        message=f"{one.key.name!r} is a rule that comes with reconcile; this one is left out",
        hint="give it another name; to change the rule that comes with reconcile, write a PolicySettings",
        position=one.place(("metadata", "name")),
        path="metadata.name",
        resource=one.key,
    )


def _is_rule_file(path: str) -> bool:
    return not path.startswith(_PROVIDERS)


def shipped_folder() -> Path:
    """The folder of rules of this version: carried by the package, or in the repository for an editable install. Raises SettingsError."""
    for folder in (_PACKAGE / "policies", _PACKAGE.parents[1] / "policies"):
        if folder.is_dir():
            return folder
    raise SettingsError("this installation of reconcile lacks its folder policies", hint="Install the package again: `make install`.")


def shipped_rules(cache: DocumentCache | None) -> tuple[Mapping[Key, PolicyDeclared], tuple[Finding, ...]]:
    """The documents of the rules that come with reconcile, by key, and what is wrong with them (a test holds that nothing is)."""
    return policies_of(shipped_folder(), cache, prefix=SHIPPED_PREFIX, takes=_is_rule_file)


def rules_named(names: Collection[str], rules: Iterable[Rules], cache: DocumentCache | None) -> Iterator[PolicyRule]:
    """The documents of those rules, for reports that say more about a rule than a book keeps. Reads no file where no rule is named."""
    wanted = {name for name in names if "/" not in name}
    if not wanted:
        return
    from reconcile.model.policy_rule import PolicyRule

    own = [one.documents for one in rules]
    shipped, _ = policies_of(shipped_folder(), cache, prefix=SHIPPED_PREFIX, takes=_is_rule_file, named=wanted)
    for declared in (shipped, *own):
        for key, one in declared.items():
            if key.name in wanted and isinstance(one.document, PolicyRule):
                yield one.document


def listed_rules(rules: Rules) -> list[ListedRule]:
    """Each rule as its author wrote it and as the environment has it."""
    from reconcile.report.rule_table import ListedRule

    configuration = rules.configuration
    return [
        ListedRule(
            own=rules.written[now.id],
            now=now,
            source="reconcile" if now.id in rules.shipped else now.position.file,
            set_by=configuration.set_by.get(now.id, {}),
            reason=configuration.reasons.get(now.id, ""),
        )
        for now in rules.book
    ]


def shipped_names(rules: Iterable[Rules]) -> frozenset[str]:
    """The ids of rules that come with reconcile, as far as an environment was judged."""
    return frozenset(name for one in rules for name in one.shipped)


def policies_of(
    place: Path,
    cache: DocumentCache | None,
    *,
    prefix: str = "",
    takes: Callable[[str], bool] = lambda path: True,
    named: Collection[str] | None = None,
) -> tuple[Mapping[Key, PolicyDeclared], tuple[Finding, ...]]:
    """The documents about the rules in a folder that is no estate, or in one file. `prefix` stands before the names of its files; with
    `named` only documents of those names are looked at.

    Raises DesiredStateError where the folder cannot be read.
    """
    from reconcile.desired.policies import read_policies

    source, files, findings = _listed(place, takes)

    def read(files: Iterable[SourceFile]) -> Iterator[tuple[SourceFile, bytes | Finding]]:
        inner = [file._replace(path=file.path.removeprefix(prefix)) for file in files]
        for file, content in source.read(inner):
            yield file._replace(path=prefix + file.path), content

    return read_policies([file._replace(path=prefix + file.path) for file in files], findings, read, cache=cache, named=named)


def environments_with(directory: Path, path: str) -> list[str]:
    """Names of the environments of an estate that take a file."""
    from reconcile.desired.estate import read_estate
    from reconcile.source.folder import FolderSource

    source = FolderSource(directory, now=time.time)
    listing = source.list()
    found = read_estate(listing.files, listing.findings, source.read).environments
    return sorted(name for name, scope in found.usable.items() if scope.holds(path))


def _listed(place: Path, takes: Callable[[str], bool]) -> tuple[Source, list[SourceFile], list[Finding]]:
    from reconcile.ports.source import SourceFile
    from reconcile.source.folder import FolderSource

    if not place.is_dir():
        # The folder around it may be large, and is nobody's business.
        return FolderSource(place.parent), [SourceFile(place.name, "", 0)], []
    source = FolderSource(place, now=time.time)
    listing = source.list()
    refused = [finding for finding in listing.findings if takes(finding.position.file)]
    return source, [file for file in listing.files if takes(file.path)], refused
