"""A rule that is ready to be judged by, and the book of all of them. Pure; a book can be kept as bytes and read without the compiler."""

from __future__ import annotations

import base64
from collections.abc import Collection, Iterator, Mapping
from dataclasses import field, replace
from datetime import datetime
from typing import Any, Final

import orjson

from reconcile.lazy_dataclass import dataclass
from reconcile.model.finding import Severity
from reconcile.model.position import Position
from reconcile.policy.cel import Program

_FORMAT: Final = 3
_NONE: Final[Mapping[str, Any]] = {}


@dataclass(frozen=True, slots=True)
class Expression:
    """A text of a rule and the program it became."""

    text: str
    program: Program


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """`verdict` is `match` and `assert` as one program: true where an object is not matched, or holds. `reads` are the variables of both,
    parameters and `today` among them. `parameters` are values by full name (`params.max`). `position` is where the document begins.
    A finding of a rule over plans counts until `minimum_approvals` of `requires_approval_of` approved, where those are named.

    Settings of an estate replace `severity` (and empty `escalations`), `parameters` and `enabled`.
    """

    id: str
    title: str
    subject: str
    severity: Severity
    match: Expression | None
    assert_: Expression
    verdict: Program
    message: tuple[str | Expression, ...]
    hint: str
    position: Position
    reads: tuple[str, ...]
    at: tuple[str, ...] = ()
    cause: str | None = None
    parameters: Mapping[str, Any] = field(default_factory=dict)
    valid_from: datetime | None = None
    valid_until: datetime | None = None
    escalations: tuple[tuple[datetime, Severity], ...] = ()
    tags: tuple[str, ...] = ()
    waivable: bool = True
    enabled: bool = True
    requires_approval_of: tuple[str, ...] = ()
    minimum_approvals: int = 1

    def holds(self, today: datetime) -> bool:
        """Whether it is switched on and valid."""
        begun = self.valid_from is None or self.valid_from <= today
        return self.enabled and begun and (self.valid_until is None or today < self.valid_until)

    def severity_at(self, today: datetime) -> Severity:
        """Its severity, after every escalation that has begun."""
        begun = [(start, severity) for start, severity in self.escalations if start <= today]
        return max(begun)[1] if begun else self.severity


@dataclass(frozen=True, slots=True, kw_only=True)
class RuleBook:
    """Rules in the order of their ids."""

    rules: tuple[Rule, ...] = ()

    def __iter__(self) -> Iterator[Rule]:
        return iter(self.rules)

    def get(self, name: str) -> Rule | None:
        """The rule with this id."""
        return next((rule for rule in self.rules if rule.id == name), None)

    def from_severity(self, least: Severity, today: datetime, *, besides: Collection[str] = ()) -> RuleBook:
        """The rules that weigh this much or more, and those named `besides`."""
        return replace(self, rules=tuple(rule for rule in self.rules if rule.severity_at(today) >= least or rule.id in besides))

    def replacing(self, **changed: Rule) -> RuleBook:
        """The same with other rules in the place of those with the same id."""
        return replace(self, rules=tuple(changed.get(rule.id, rule) for rule in self.rules))

    def dump(self) -> bytes:
        """For `load`, by the same version of the program."""
        return orjson.dumps([_FORMAT, [_record(rule) for rule in self.rules]])

    @staticmethod
    def load(data: bytes) -> RuleBook:
        """Raises ValueError for anything that `dump` did not write."""
        try:
            version, records = orjson.loads(data)
            if version != _FORMAT:
                raise ValueError("another format")
            return RuleBook(rules=tuple(_rule(record) for record in records))
        except (TypeError, KeyError, AttributeError) as error:
            raise ValueError("not a book of rules") from error


def _record(rule: Rule) -> dict[str, Any]:
    return {
        "id": rule.id,
        "title": rule.title,
        "subject": rule.subject,
        "severity": int(rule.severity),
        "match": None if rule.match is None else _expression_record(rule.match),
        "assert_": _expression_record(rule.assert_),
        "verdict": _program_record(rule.verdict),
        "message": [part if isinstance(part, str) else _expression_record(part) for part in rule.message],
        "hint": rule.hint,
        "position": list(rule.position),
        "reads": rule.reads,
        "at": rule.at,
        "cause": rule.cause,
        "parameters": dict(rule.parameters),
        "valid_from": _moment_record(rule.valid_from),
        "valid_until": _moment_record(rule.valid_until),
        "escalations": [[_moment_record(start), int(severity)] for start, severity in rule.escalations],
        "tags": rule.tags,
        "waivable": rule.waivable,
        "enabled": rule.enabled,
        "requires_approval_of": rule.requires_approval_of,
        "minimum_approvals": rule.minimum_approvals,
    }


def _rule(record: dict[str, Any]) -> Rule:
    return Rule(
        **{
            **record,
            "severity": Severity(record["severity"]),
            "match": None if record["match"] is None else _expression(record["match"]),
            "assert_": _expression(record["assert_"]),
            "verdict": _program(record["verdict"]),
            "message": tuple(part if isinstance(part, str) else _expression(part) for part in record["message"]),
            "position": Position(*record["position"]),
            "reads": tuple(record["reads"]),
            "at": tuple(record["at"]),
            "valid_from": _moment(record["valid_from"]),
            "valid_until": _moment(record["valid_until"]),
            "escalations": tuple((datetime.fromisoformat(start), Severity(severity)) for start, severity in record["escalations"]),
            "tags": tuple(record["tags"]),
            "requires_approval_of": tuple(record["requires_approval_of"]),
        }
    )


def _expression_record(expression: Expression) -> list[Any]:
    return [expression.text, _program_record(expression.program)]


def _expression(record: list[Any]) -> Expression:
    text, program = record
    return Expression(text, _program(program))


def _program_record(program: Program) -> list[Any]:
    return [base64.b64encode(program.code).decode("ascii"), program.reads, program.result, program.asked]


def _program(record: list[Any]) -> Program:
    code, reads, result, asked = record
    return Program(base64.b64decode(code), tuple(reads), result, tuple(asked))


def _moment_record(moment: datetime | None) -> str | None:
    return None if moment is None else moment.isoformat()


def _moment(text: str | None) -> datetime | None:
    return None if text is None else datetime.fromisoformat(text)
