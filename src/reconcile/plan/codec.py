"""Plans as JSON, for `plan --out`, `apply FILE` and the journal. Versioned; the reader is strict and says what is wrong.

What is written is read back equal (a property test holds it). There are no secrets in it: specs hold references.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Annotated, Literal, TypeAlias, assert_never

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError
from pydantic.alias_generators import to_camel

from reconcile.errors import PlanRefused, StalePlan
from reconcile.model.canonical import Leaf, Spec
from reconcile.model.change import (
    Adopt,
    BrakeTripped,
    Cause,
    Change,
    Command,
    Create,
    Delete,
    FieldChange,
    Held,
    HeldBecause,
    Moved,
    Note,
    Plan,
    Update,
)
from reconcile.model.key import Key
from reconcile.model.position import Position
from reconcile.plan.digest import digest

FORMAT_VERSION = "1.0"

_JsonLeaf: TypeAlias = str | bool | int | list[str] | None


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, alias_generator=to_camel, hide_input_in_errors=True)


class _Position(_Strict):
    file: str
    line: int
    column: int
    end_column: int | None = None


class _Cause(_Strict):
    moved: Annotated[Moved, Field(strict=False)]
    position: _Position | None = None
    note: str = ""


class _Field(_Strict):
    path: str
    before: _JsonLeaf
    after: _JsonLeaf
    cause: _Cause


class _Create(_Strict):
    action: Literal["create"]
    key: str
    spec: dict[str, _JsonLeaf]
    cause: _Cause
    external_id: str | None = None
    references: list[str] = []
    consequences: list[str] = []


class _Adopt(_Strict):
    action: Literal["adopt"]
    key: str
    external_id: str
    observed_version: str
    spec: dict[str, _JsonLeaf]
    fields: list[_Field]
    cause: _Cause
    references: list[str] = []
    consequences: list[str] = []


class _Update(_Strict):
    action: Literal["update"]
    key: str
    external_id: str
    observed_version: str
    spec: dict[str, _JsonLeaf]
    fields: list[_Field]
    previous: str | None = None
    position: _Position | None = None
    references: list[str] = []
    consequences: list[str] = []


class _Delete(_Strict):
    action: Literal["delete"]
    key: str
    external_id: str
    observed_version: str
    before: dict[str, _JsonLeaf]
    cause: _Cause
    consequences: list[str] = []


class _Command(_Strict):
    action: Literal["command"]
    key: str
    external_id: str
    observed_version: str
    verb: str
    arguments: dict[str, _JsonLeaf]
    reason: str
    cause: _Cause
    consequences: list[str] = []


_Change: TypeAlias = Annotated[_Create | _Adopt | _Update | _Delete | _Command, Field(discriminator="action")]


class _Held(_Strict):
    key: str
    reason: str
    because: Annotated[HeldBecause, Field(strict=False)]
    position: _Position | None = None


class _Brake(_Strict):
    name: str
    message: str
    count: int
    of: int
    limit: int
    keys: list[str]


class _Note(_Strict):
    message: str
    key: str | None = None
    position: _Position | None = None


class _Plan(_Strict):
    format_version: str
    target: str
    environment: str
    organization_id: str | None
    source: str
    revision: str
    changes: list[_Change]
    held: list[_Held]
    brakes: list[_Brake]
    notes: list[_Note]
    unchanged: int
    unobserved: list[str]
    findings: int
    lifted: list[str]
    digest: str


_CHANGE: TypeAdapter[_Create | _Adopt | _Update | _Delete | _Command] = TypeAdapter(_Change)


def document(plan: Plan) -> dict[str, object]:
    """The plan as a JSON document."""
    return {
        "formatVersion": FORMAT_VERSION,
        "target": plan.target,
        "environment": plan.environment,
        "organizationId": plan.organization_id,
        "source": plan.source,
        "revision": plan.revision,
        "changes": [change_document(change) for change in plan.changes],
        "held": [
            {"key": str(held.key), "reason": held.reason, "because": held.because.value, "position": _place(held.position)}
            for held in plan.held
        ],
        "brakes": [
            {
                "name": brake.name,
                "message": brake.message,
                "count": brake.count,
                "of": brake.of,
                "limit": brake.limit,
                "keys": [str(key) for key in brake.keys],
            }
            for brake in plan.brakes
        ],
        "notes": [
            {"message": note.message, "key": None if note.key is None else str(note.key), "position": _place(note.position)}
            for note in plan.notes
        ],
        "unchanged": plan.unchanged,
        "unobserved": list(plan.unobserved),
        "findings": plan.findings,
        "lifted": list(plan.lifted),
        "digest": plan.digest,
    }


def change_document(change: Change) -> dict[str, object]:
    """One change as a JSON document."""
    shared: dict[str, object] = {"key": str(change.key), "consequences": list(change.consequences)}
    match change:
        case Create():
            return {
                "action": "create",
                **shared,
                "spec": _spec(change.spec),
                "cause": _cause(change.cause),
                "externalId": change.external_id,
                "references": _keys(change.references),
            }
        case Adopt():
            return {
                "action": "adopt",
                **shared,
                **_row(change),
                "spec": _spec(change.spec),
                "fields": _fields(change.fields),
                "cause": _cause(change.cause),
                "references": _keys(change.references),
            }
        case Update():
            return {
                "action": "update",
                **shared,
                **_row(change),
                "spec": _spec(change.spec),
                "fields": _fields(change.fields),
                "previous": None if change.previous is None else str(change.previous),
                "position": _place(change.position),
                "references": _keys(change.references),
            }
        case Delete():
            return {"action": "delete", **shared, **_row(change), "before": _spec(change.before), "cause": _cause(change.cause)}
        case Command():
            return {
                "action": "command",
                **shared,
                **_row(change),
                "verb": change.verb,
                "arguments": _spec(change.arguments),
                "reason": change.reason,
                "cause": _cause(change.cause),
            }
    assert_never(change)


def encode(plan: Plan) -> str:
    """The text of a plan file."""
    return json.dumps(document(plan), ensure_ascii=False, indent=1) + "\n"


def encode_change(change: Change) -> str:
    """One line, for the journal."""
    return json.dumps(change_document(change), ensure_ascii=False, separators=(",", ":"))


def decode_change(text: str) -> Change:
    """Inverse of `encode_change`. Raises StalePlan when it was written by another version."""
    try:
        return _to_change(_CHANGE.validate_json(text, strict=True))
    except ValidationError as error:
        raise StalePlan(
            f"the journal holds a change this version cannot read: {_first(error)}", hint="Use the version that wrote it."
        ) from None


def decode(text: str) -> Plan:
    """Inverse of `encode`.

    Raises StalePlan for another format version, PlanRefused when it is no plan or its digest does not fit its content.
    """
    try:
        raw = json.loads(text)
    except ValueError as error:
        raise PlanRefused(f"not a plan file: {error}", hint="Make one with `reconcile plan --out FILE`.") from None
    if not isinstance(raw, dict) or "formatVersion" not in raw:
        raise PlanRefused("not a plan file: formatVersion is missing", hint="Make one with `reconcile plan --out FILE`.")
    if raw["formatVersion"] != FORMAT_VERSION:
        raise StalePlan(f"the plan has format {raw['formatVersion']!r}, this version reads {FORMAT_VERSION}", hint="Plan again.")
    try:
        plan = _to_plan(_Plan.model_validate_json(text, strict=True))
    except ValidationError as error:
        raise PlanRefused(f"the plan file is damaged: {_first(error)}", hint="Plan again; plan files are not edited by hand.") from None
    except ValueError as error:
        raise PlanRefused(f"the plan file is damaged: {error}", hint="Plan again; plan files are not edited by hand.") from None
    if plan.digest != digest(plan.target, plan.organization_id, plan.changes):
        raise PlanRefused("the plan file was changed after it was made: its digest does not fit", hint="Plan again.")
    return plan


def _first(error: ValidationError) -> str:
    details = error.errors(include_url=False, include_input=False, include_context=False)
    place = ".".join(str(part) for part in details[0]["loc"]) or "the document"
    more = f" (and {len(details) - 1} more)" if len(details) > 1 else ""
    return f"{place}: {details[0]['msg']}{more}"


def _place(position: Position | None) -> dict[str, object] | None:
    if position is None:
        return None
    return {"file": position.file, "line": position.line, "column": position.column, "endColumn": position.end_column}


def _cause(cause: Cause) -> dict[str, object]:
    return {"moved": cause.moved.value, "position": _place(cause.position), "note": cause.note}


def _fields(fields: Sequence[FieldChange]) -> list[dict[str, object]]:
    return [
        {"path": field.path, "before": _leaf(field.before), "after": _leaf(field.after), "cause": _cause(field.cause)} for field in fields
    ]


def _row(change: Adopt | Update | Delete | Command) -> dict[str, object]:
    return {"externalId": change.external_id, "observedVersion": change.observed_version}


def _keys(keys: Sequence[Key]) -> list[str]:
    return [str(key) for key in keys]


def _leaf(leaf: Leaf) -> _JsonLeaf:
    return list(leaf) if isinstance(leaf, tuple) else leaf


def _spec(spec: Spec) -> dict[str, _JsonLeaf]:
    return {path: _leaf(leaf) for path, leaf in spec.items()}


def _from_leaf(leaf: _JsonLeaf) -> Leaf:
    return tuple(leaf) if isinstance(leaf, list) else leaf


def _from_spec(spec: Mapping[str, _JsonLeaf]) -> dict[str, Leaf]:
    return {path: _from_leaf(leaf) for path, leaf in spec.items()}


def _from_place(position: _Position | None) -> Position | None:
    return None if position is None else Position(position.file, position.line, position.column, position.end_column)


def _from_cause(cause: _Cause) -> Cause:
    return Cause(moved=cause.moved, position=_from_place(cause.position), note=cause.note)


def _from_fields(fields: Sequence[_Field]) -> tuple[FieldChange, ...]:
    return tuple(
        FieldChange(path=field.path, before=_from_leaf(field.before), after=_from_leaf(field.after), cause=_from_cause(field.cause))
        for field in fields
    )


def _from_keys(keys: Sequence[str]) -> tuple[Key, ...]:
    return tuple(Key.parse(key) for key in keys)


def _to_change(change: _Create | _Adopt | _Update | _Delete | _Command) -> Change:
    key, words = Key.parse(change.key), tuple(change.consequences)
    match change:
        case _Create():
            return Create(
                key=key,
                spec=_from_spec(change.spec),
                cause=_from_cause(change.cause),
                external_id=change.external_id,
                references=_from_keys(change.references),
                consequences=words,
            )
        case _Adopt():
            return Adopt(
                key=key,
                external_id=change.external_id,
                observed_version=change.observed_version,
                spec=_from_spec(change.spec),
                fields=_from_fields(change.fields),
                cause=_from_cause(change.cause),
                references=_from_keys(change.references),
                consequences=words,
            )
        case _Update():
            return Update(
                key=key,
                external_id=change.external_id,
                observed_version=change.observed_version,
                spec=_from_spec(change.spec),
                fields=_from_fields(change.fields),
                previous=None if change.previous is None else Key.parse(change.previous),
                position=_from_place(change.position),
                references=_from_keys(change.references),
                consequences=words,
            )
        case _Delete():
            return Delete(
                key=key,
                external_id=change.external_id,
                observed_version=change.observed_version,
                before=_from_spec(change.before),
                cause=_from_cause(change.cause),
                consequences=words,
            )
        case _Command():
            return Command(
                key=key,
                external_id=change.external_id,
                observed_version=change.observed_version,
                verb=change.verb,
                arguments=_from_spec(change.arguments),
                reason=change.reason,
                cause=_from_cause(change.cause),
                consequences=words,
            )
    assert_never(change)


def _to_plan(plan: _Plan) -> Plan:
    return Plan(
        target=plan.target,
        environment=plan.environment,
        organization_id=plan.organization_id,
        source=plan.source,
        revision=plan.revision,
        changes=tuple(_to_change(change) for change in plan.changes),
        held=tuple(
            Held(key=Key.parse(held.key), reason=held.reason, because=held.because, position=_from_place(held.position))
            for held in plan.held
        ),
        brakes=tuple(
            BrakeTripped(
                name=brake.name, message=brake.message, count=brake.count, of=brake.of, limit=brake.limit, keys=_from_keys(brake.keys)
            )
            for brake in plan.brakes
        ),
        notes=tuple(
            Note(message=note.message, key=None if note.key is None else Key.parse(note.key), position=_from_place(note.position))
            for note in plan.notes
        ),
        unchanged=plan.unchanged,
        unobserved=tuple(plan.unobserved),
        findings=plan.findings,
        lifted=tuple(plan.lifted),
        digest=plan.digest,
    )
