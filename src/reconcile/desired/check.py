"""One document: variables, schema, decoding, plaintext secrets. Either a resource comes out, or the reasons why not."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from functools import lru_cache
from sys import intern

from pydantic import ValidationError

from reconcile.desired import management, plaintext
from reconcile.desired.documents import SourceDocument
from reconcile.desired.draft import Draft, Place
from reconcile.desired.suggest import did_you_mean
from reconcile.desired.surroundings import Surroundings
from reconcile.desired.validation import faults
from reconcile.desired.variables import Scalar, substitute
from reconcile.desired.wording import reference_fault, show
from reconcile.desired.yaml import Path, Value
from reconcile.model import kinds, policy_kinds
from reconcile.model.canonical import Leaf
from reconcile.model.document import ManagementSettings, PolicyDocument
from reconcile.model.finding import Severity
from reconcile.model.key import API_VERSION, DOCUMENT_KINDS, KINDS, Key
from reconcile.model.position import Position
from reconcile.model.resource import Lifecycle, Resource


def check(document: SourceDocument, around: Surroundings) -> tuple[Resource | None, list[Draft]]:
    """The resource, when nothing stands against it (it may still come with warnings)."""
    value, drafts = _ready(document, around, variables=document.kind != "Environment")
    if value is None:
        return None, drafts
    spec: dict[str, Leaf] = {}
    settings: ManagementSettings | None = None
    try:
        decoded = kinds.decode(document.kind, value, time_zone=around.time_zone)
    except ValidationError as error:
        drafts += _refused(document, value, error)
    else:
        spec = kinds.canonical(decoded)
        settings = decoded.management if "management" in value else None
        if settings is not None or document.kind == "Environment":
            drafts += [_at(document, fault.rule, fault.message, fault.hint, fault.path) for fault in management.all_faults(decoded)]
    drafts += _secrets(document, value)
    if any(draft.severity is Severity.ERROR for draft in drafts):
        return None, drafts
    return _resource(document, value, spec, settings, around), drafts


def check_policy(document: SourceDocument, around: Surroundings) -> tuple[PolicyDocument | None, list[Draft]]:
    """The same for a document about the rules."""
    value, drafts = _ready(document, around, variables=document.kind not in policy_kinds.WITHOUT_VARIABLES)
    if value is None:
        return None, drafts
    decoded: PolicyDocument | None = None
    try:
        decoded = policy_kinds.decode(document.kind, value, time_zone=around.time_zone)
    except ValidationError as error:
        drafts += _refused(document, value, error)
    drafts += _secrets(document, value)
    return (None if any(draft.severity is Severity.ERROR for draft in drafts) else decoded), drafts


def _ready(document: SourceDocument, around: Surroundings, *, variables: bool) -> tuple[dict[str, Value] | None, list[Draft]]:
    """What was written, with variables put in where its kind has them; None where it cannot be judged further."""
    value = document.value()
    if not isinstance(value, dict):
        return None, [_at(document, "document/not-a-mapping", f"a document is a mapping, this one is {show(value, ())}", _ENVELOPE, ())]
    if document.broken:
        # Its syntax was reported; what was read of it may be half of what was meant.
        return None, list(_secrets(document, value))
    if (header := _header(document, value)) is not None:
        return None, [header, *_secrets(document, value)]
    if variables and b"${" in document.json:
        if around.variables is None:
            return None, list(_secrets(document, value))
        value, drafts = _with_variables(document, value, around.variables)
        if drafts:
            return None, drafts
    return value, []


def place_in(document: SourceDocument, path: Path = (), *, at_key: bool = False) -> Place:
    """A path, to be looked for in all that has a share in the document."""
    return Place(document.file, document.index, path, at_key, document.over, document.under)


def faults_in_any_reading(document: SourceDocument) -> list[Draft]:
    """What is wrong with a document whatever it may be laid over: shape, kind, apiVersion, secrets in the clear."""
    checked = check_policy if document.kind in policy_kinds.READABLE else check
    _, drafts = checked(document, Surroundings(variables=None, time_zone="UTC"))
    return [draft for draft in drafts if draft.rule.startswith(("document/", "secret/"))]


def header_faults(document: SourceDocument) -> list[Draft]:
    """What is wrong with kind and apiVersion of one document as it stands."""
    value = document.value()
    found = _header(document, value) if isinstance(value, dict) and not document.broken else None
    return [] if found is None else [found]


def exposed_secrets(document: SourceDocument) -> Iterator[Draft]:
    """Secrets written in the clear in one document as it stands."""
    return _secrets(document, document.value())


_KNOWN = (*KINDS, *policy_kinds.READABLE)
_ENVELOPE = "write apiVersion, kind, metadata and spec"


def key_of(document: SourceDocument) -> Key | None:
    """Whose document it is, as far as it can be told."""
    return Key(document.kind, document.name) if document.kind in DOCUMENT_KINDS and document.name else None


_COMPARED: tuple[Path, ...] = (
    ("spec", "emailAddress"),
    ("spec", "displayName"),
    ("spec", "profile"),
    ("spec", "settings", "profile"),
    ("spec", "defaults", "profile"),
)


def sketch(document: SourceDocument, drafts: Sequence[Draft]) -> Resource | None:
    """As much of a bad document as others are compared with: what it says it is and what it refers to, where nothing is wrong
    with that. So everything wrong with it is told in one run. Never to be applied."""
    key, value = key_of(document), document.value()
    if key is None or document.broken or document.api_version != API_VERSION:
        return None
    faulty = {draft.place.path for draft in drafts}
    spec: dict[str, Leaf] = {}
    for path in _COMPARED:
        leaf = _at_path(value, path)
        if isinstance(leaf, str) and leaf and "${" not in leaf and path not in faulty:
            spec[".".join(str(part) for part in path[1:])] = leaf
    return Resource(
        key=key,
        spec=spec,
        position=Position(document.file, document.line),
        lifecycle=kinds.lifecycle(key.kind),
        references=kinds.references(key.kind, spec),
    )


def _header(document: SourceDocument, value: dict[str, Value]) -> Draft | None:
    if not document.kind:
        written = "kind" in value
        message = f"kind is {show(value['kind'], ())}" if written else "the document does not say of what kind it is"
        return _at(document, "document/kind", message, f"write kind: one of {', '.join(_KNOWN)}", ("kind",) if written else ())
    if document.kind not in _KNOWN:
        hint = did_you_mean(document.kind, _KNOWN)
        return _at(document, "document/kind", f"unknown kind {show(document.kind, ())}", hint, ("kind",))
    if document.api_version != API_VERSION:
        written = "apiVersion" in value
        message = f"apiVersion is {show(value['apiVersion'], ())}" if written else "apiVersion is missing"
        return _at(document, "document/api-version", message, f"write apiVersion: {API_VERSION}", ("apiVersion",) if written else ())
    return None


def _with_variables(
    document: SourceDocument, value: dict[str, Value], variables: Mapping[str, Scalar]
) -> tuple[dict[str, Value], list[Draft]]:
    spec, unknown = substitute(value.get("spec"), variables, ("spec",))
    drafts = []
    for missing in unknown:
        if missing.name:
            message = f"unknown variable {show(missing.name, ())}"
            hint = did_you_mean(missing.name, variables) or "declare it under variables in the Environment"
        else:
            message = "${ without the name of a variable and }"
            hint = "write ${name}, or $${ for the characters themselves"
        drafts.append(_at(document, "variable/unknown", message, hint, missing.path))
    return ({**value, "spec": spec} if "spec" in value else value), drafts


def _refused(document: SourceDocument, value: dict[str, Value], error: ValidationError) -> list[Draft]:
    """Why a document does not decode."""
    # What the schema refuses does not decode (a test holds that), and only the schema has words for all of it.
    said = [_at(document, one.rule, one.message, one.hint, one.path, at_key=one.at_key) for one in faults(document.kind, value)]
    return said or [*_decoding(document, error)]


def _decoding(document: SourceDocument, error: ValidationError) -> Iterator[Draft]:
    for detail in error.errors(include_url=False, include_context=False, include_input=False):
        message = detail["msg"].removeprefix("Value error, ")
        path: Path = tuple(detail["loc"])
        value = document.value()
        while path and not _written(value, path):
            path = path[:-1]  # pydantic names the parts of a union too, and the ref of a secret that was written short
        if field_type(document.kind, path) in ("secret", "reference"):
            fault = reference_fault(path, _at_path(value, path))
            yield _at(document, fault.rule, fault.message, fault.hint, path)
        elif detail["type"] == "combination":
            yield _at(document, "fields/combination", f"{path[-1]}: {message}", "change one of the fields that contradict each other", path)
        else:
            yield _at(document, "fields/value", message, "change the value", path)


@lru_cache(maxsize=16)
def _field_types(kind: str) -> Mapping[str, str]:
    return {info.path: info.type for info in (policy_kinds if kind in policy_kinds.READABLE else kinds).fields(kind)}


def field_type(kind: str, path: Path) -> str:
    """The word for the type of a field ("secret", "reference", "text" …), "" for what is no field."""
    dotted = ".".join(str(part) for part in path[1:])
    return _field_types(kind).get(dotted, "") or ("reference" if path[-1:] == ("ref",) else "")


def _at_path(value: Value, path: Path) -> Value:
    for part in path:
        if isinstance(value, dict) and isinstance(part, str):
            value = value.get(part)
        elif isinstance(value, list) and isinstance(part, int) and part < len(value):
            value = value[part]
        else:
            return None
    return value


def _written(value: Value, path: Path) -> bool:
    parent = _at_path(value, path[:-1])
    if isinstance(parent, dict):
        return path[-1] in parent
    return isinstance(parent, list) and isinstance(path[-1], int) and path[-1] < len(parent)


def _secrets(document: SourceDocument, value: Value) -> Iterator[Draft]:
    if not plaintext.may_hold_secrets(document.json):
        return
    for found in plaintext.exposed(value):
        yield Draft(
            rule="secret/exposed",
            severity=found.severity,
            message=f"this looks like {found.what}, written where everybody can read it",
            hint="remove it, and change the secret: it is in the history now; specs hold references such as env:NAME",
            place=place_in(document, found.path),
            resource=key_of(document),
        )


def _resource(
    document: SourceDocument, value: dict[str, Value], spec: dict[str, Leaf], settings: ManagementSettings | None, around: Surroundings
) -> Resource:
    metadata = value["metadata"]
    assert isinstance(metadata, dict)
    ignored = around.ignored.get(document.kind, ())
    lifecycle = kinds.lifecycle(document.kind) if settings is None else management.lifecycle(document.kind, settings)
    return Resource(
        key=Key(intern(document.kind), document.name),
        # Ten thousand specs share their paths and their words.
        spec={intern(path): intern(leaf) if type(leaf) is str and len(leaf) < 24 else leaf for path, leaf in spec.items()},
        position=Position(document.file, document.line),
        labels=_texts(metadata.get("labels")),
        annotations=_texts(metadata.get("annotations")),
        lifecycle=lifecycle,
        # What somebody else looks after needs nothing of ours.
        references=() if lifecycle is Lifecycle.EXTERNAL else kinds.references(document.kind, spec),
        management=management.inherited(ignored) if settings is None else management.decoded(settings, ignored),
    )


_NOTHING: Mapping[str, str] = {}


def _texts(value: Value) -> Mapping[str, str]:
    return {name: str(text) for name, text in value.items()} if isinstance(value, dict) and value else _NOTHING


def _at(document: SourceDocument, rule: str, message: str, hint: str, path: Path, *, at_key: bool = False) -> Draft:
    # What is missing is missing in the document itself, not in what was laid over it.
    place = (
        Place(document.file, document.index, path, at_key) if rule == "schema/missing-field" else place_in(document, path, at_key=at_key)
    )
    return Draft(rule=rule, message=message, hint=hint, place=place, resource=key_of(document))
