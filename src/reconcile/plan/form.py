"""The form of a plan file, strictly: what is unknown, missing or of another type is refused with its place."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Annotated, Literal, TypeAlias, assert_never

from pydantic import BaseModel, ConfigDict, Field
from pydantic.alias_generators import to_camel

from reconcile.model.canonical import Leaf
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
from reconcile.model.key import SLUG_PATTERN, Key
from reconcile.model.position import Position
from reconcile.plan.document import JsonLeaf


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
    before: JsonLeaf
    after: JsonLeaf
    cause: _Cause


class _Create(_Strict):
    action: Literal["create"]
    key: str
    spec: dict[str, JsonLeaf]
    cause: _Cause
    external_id: str | None = None
    references: list[str] = []
    consequences: list[str] = []


class _Adopt(_Strict):
    action: Literal["adopt"]
    key: str
    external_id: str
    observed_version: str
    spec: dict[str, JsonLeaf]
    fields: list[_Field]
    cause: _Cause
    references: list[str] = []
    consequences: list[str] = []


class _Update(_Strict):
    action: Literal["update"]
    key: str
    external_id: str
    observed_version: str
    spec: dict[str, JsonLeaf]
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
    before: dict[str, JsonLeaf]
    cause: _Cause
    consequences: list[str] = []


class _Command(_Strict):
    action: Literal["command"]
    key: str
    external_id: str
    observed_version: str
    verb: str
    arguments: dict[str, JsonLeaf]
    reason: str
    cause: _Cause
    consequences: list[str] = []


ChangeForm: TypeAlias = Annotated[_Create | _Adopt | _Update | _Delete | _Command, Field(discriminator="action")]


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


class PlanForm(_Strict):
    """The whole file."""

    format_version: str
    target: str
    # It names a folder of the state directory, so nothing but a slug may stand here.
    environment: Annotated[str, Field(pattern=SLUG_PATTERN)]
    organization_id: str | None
    source: str
    revision: str
    changes: list[ChangeForm]
    held: list[_Held]
    brakes: list[_Brake]
    notes: list[_Note]
    unchanged: int
    unobserved: list[str]
    findings: int
    lifted: list[str]
    digest: str
    checksum: str


def _from_leaf(leaf: JsonLeaf) -> Leaf:
    return tuple(leaf) if isinstance(leaf, list) else leaf


def _from_spec(spec: Mapping[str, JsonLeaf]) -> dict[str, Leaf]:
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


def to_change(change: ChangeForm) -> Change:
    """Raises ValueError for what is no key, or an update that changes nothing."""
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


def to_plan(plan: PlanForm) -> Plan:
    """Raises ValueError as `to_change`."""
    return Plan(
        target=plan.target,
        environment=plan.environment,
        organization_id=plan.organization_id,
        source=plan.source,
        revision=plan.revision,
        changes=tuple(to_change(change) for change in plan.changes),
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
