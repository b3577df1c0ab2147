"""Plans as JSON, for `plan --out`, `apply FILE` and the journal. Versioned; the reader is strict and says what is wrong.

What is written is read back equal (a property test holds it).
"""

from __future__ import annotations

import json

from pydantic import TypeAdapter, ValidationError

from reconcile.errors import PlanRefused, StalePlan
from reconcile.model.change import Change, Plan
from reconcile.plan.digest import digest
from reconcile.plan.document import FORMAT_VERSION, READABLE, change_document, checksum, document
from reconcile.plan.form import ChangeForm, PlanForm, to_change, to_plan

_CHANGE: TypeAdapter[ChangeForm] = TypeAdapter(ChangeForm)


def encode(plan: Plan) -> str:
    """The text of a plan file."""
    return json.dumps(document(plan), ensure_ascii=False, indent=1) + "\n"


def encode_change(change: Change) -> str:
    """One line, for the journal."""
    return json.dumps(change_document(change), ensure_ascii=False, separators=(",", ":"))


def decode_change(text: str) -> Change:
    """Inverse of `encode_change`. Raises StalePlan when it was written by another version."""
    try:
        return to_change(_CHANGE.validate_json(text, strict=True))
    except ValidationError as error:
        raise StalePlan(
            f"the journal holds a change this version cannot read: {_first(error)}", hint="Use the version that wrote it."
        ) from None


def decode(text: str) -> Plan:
    """Inverse of `encode`.

    Raises StalePlan for another format version, PlanRefused when it is no plan or was changed since it was made.
    """
    try:
        raw = json.loads(text, object_pairs_hook=_once)
    except RecursionError:
        raise PlanRefused("not a plan file: nested too deeply", hint="Make one with `reconcile plan --out FILE`.") from None
    except ValueError as error:
        raise PlanRefused(f"not a plan file: {error}", hint="Make one with `reconcile plan --out FILE`.") from None
    if not isinstance(raw, dict) or "formatVersion" not in raw:
        raise PlanRefused("not a plan file: formatVersion is missing", hint="Make one with `reconcile plan --out FILE`.")
    if raw["formatVersion"] not in READABLE:
        raise StalePlan(f"the plan has format {raw['formatVersion']!r}, this version reads {FORMAT_VERSION}", hint="Plan again.")
    try:
        plan = to_plan(PlanForm.model_validate_json(json.dumps(raw), strict=True))
    except ValidationError as error:
        raise PlanRefused(f"the plan file is damaged: {_first(error)}", hint="Plan again; plan files are not edited by hand.") from None
    except ValueError as error:
        raise PlanRefused(f"the plan file is damaged: {error}", hint="Plan again; plan files are not edited by hand.") from None
    if plan.digest != digest(plan.target, plan.organization_id, plan.changes):
        raise PlanRefused("the plan file was changed after it was made: its digest does not fit", hint="Plan again.")
    if raw["checksum"] != checksum(raw):
        raise PlanRefused("the plan file was changed after it was made: its checksum does not fit", hint="Plan again.")
    return plan


def _once(pairs: list[tuple[str, object]]) -> dict[str, object]:
    """Of two fields of one name a person reads the first and JSON the last (RFC 8259, section 4). Raises ValueError."""
    found = dict(pairs)
    if len(found) != len(pairs):
        names = [name for name, _ in pairs]
        raise ValueError(f"{next(name for name in names if names.count(name) > 1)!r} stands there twice")
    return found


def _first(error: ValidationError) -> str:
    details = error.errors(include_url=False, include_input=False, include_context=False)
    place = ".".join(str(part) for part in details[0]["loc"]) or "the document"
    more = f" (and {len(details) - 1} more)" if len(details) > 1 else ""
    return f"{place}: {details[0]['msg']}{more}"
