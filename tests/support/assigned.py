"""Small estates with assignments for hypothesis: as documents, and what should come out said in the plainest way."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Any

from hypothesis import strategies as st

from support.estate import ENVIRONMENT, PROFILE

Fields = Mapping[str, Any]

#: Fields that fit every type of mailbox, so that only precedence is in play.
_GIVEN = st.fixed_dictionaries(
    {},
    optional={
        "profile": st.sampled_from(["contoso", "second", None]),
        "incoming": st.sampled_from(["none", "server-side"]),
        "state": st.sampled_from(["active", "inactive"]),
        "filter": st.sampled_from(["all", "replies", None]),
        "processEmailFrom": st.sampled_from(["2026-01-01T00:00:00Z", "2026-03-01T00:00:00Z"]),
    },
)
_NAMES = ("sales", "sales-south", "service", "anna", "bert")


@dataclass(frozen=True, slots=True)
class Box:
    """A mailbox document."""

    name: str
    domain: str
    type: str
    labels: Fields
    unit: str | None
    groups: Sequence[str]
    own: Fields

    @property
    def address(self) -> str:
        return f"{self.name}@{self.domain}"

    def text(self) -> str:
        facts = {name: value for name, value in (("businessUnit", self.unit), ("groups", [*self.groups])) if value}
        spec = {"emailAddress": self.address, "type": self.type, **({"facts": facts} if facts else {}), **self.own}
        return document("Mailbox", self.name, spec, self.labels)


@dataclass(frozen=True, slots=True)
class Rule:
    """An assignment document. `defaults`: it hands on what the organization says."""

    name: str
    priority: int
    selector: Fields
    settings: Fields
    defaults: bool

    def text(self) -> str:
        spec: dict[str, Any] = {"priority": self.priority, "selector": self.selector}
        if self.settings:
            spec["settings"] = self.settings
        if self.defaults or not self.settings:
            spec["useOrganizationDefaults"] = True
        return document("MailboxAssignment", self.name, spec)


def document(kind: str, name: str, spec: Fields, labels: Fields | None = None) -> str:
    """JSON is YAML."""
    metadata = {"name": name, **({"labels": labels} if labels else {})}
    return json.dumps({"apiVersion": "reconcile/v1alpha2", "kind": kind, "metadata": metadata, "spec": spec}, ensure_ascii=False) + "\n"


BOXES = st.lists(
    st.builds(
        Box,
        st.sampled_from(_NAMES),
        st.sampled_from(["contoso.example", "fabrikam.example"]),
        st.sampled_from(["user", "queue", "forward"]),
        st.dictionaries(st.sampled_from(["team", "contoso.example/stage"]), st.sampled_from(["a", "b"]), max_size=2),
        st.sampled_from([None, "Süd", "Nord"]),
        st.lists(st.sampled_from(["field", "desk"]), max_size=2, unique=True),
        _GIVEN,
    ),
    max_size=4,
    unique_by=lambda box: box.name,
)
_SELECTORS: st.SearchStrategy[dict[str, Any]] = st.fixed_dictionaries(
    {},
    optional={
        "types": st.lists(st.sampled_from(["user", "queue", "forward"]), min_size=1, max_size=2),
        "domains": st.lists(st.sampled_from(["contoso.example", "FABRIKAM.example"]), min_size=1, max_size=2),
        "labels": st.dictionaries(st.sampled_from(["team", "contoso.example/stage"]), st.sampled_from(["a", "b"]), min_size=1, max_size=2),
        "businessUnits": st.lists(st.sampled_from(["SÜD", "Nord"]), min_size=1, max_size=2),
        "groups": st.lists(st.sampled_from(["Field", "desk"]), min_size=1, max_size=2),
        "names": st.lists(st.sampled_from(["sales*", "*@fabrikam.example", "*e*", "anna", "b?rt", "[as]*"]), min_size=1, max_size=2),
    },
).map(lambda conditions: dict(conditions) or {"everything": True})
RULES = st.lists(
    st.builds(Rule, st.sampled_from(["one", "two", "three", "four"]), st.integers(0, 3), _SELECTORS, _GIVEN, st.booleans()),
    max_size=4,
    unique_by=lambda rule: rule.name,
)
DEFAULTS = st.fixed_dictionaries(
    {},
    optional={
        "profile": st.just("second"),
        "incoming": st.sampled_from(["none", "server-side", "forward-mailbox"]),
        "outgoing": st.sampled_from(["none", "server-side", "outlook"]),
        "appointmentsContactsTasks": st.sampled_from(["none", "server-side"]),
    },
)


def documents(boxes: Sequence[Box], rules: Sequence[Rule], defaults: Fields) -> list[str]:
    """The estate, one document a text."""
    second = PROFILE.replace("name: contoso", "name: second").replace("displayName: Contoso", "displayName: Second")
    organization = document("Organization", "contoso", {"defaults": defaults})
    return [ENVIRONMENT, PROFILE, second, organization, *(rule.text() for rule in rules), *(box.text() for box in boxes)]


def means(rule: Rule, box: Box) -> bool:
    """Whether the selector of a rule means a mailbox."""
    conditions: dict[str, Callable[[Any], bool]] = {
        "everything": lambda wanted: True,
        "types": lambda wanted: box.type in wanted,
        "domains": lambda wanted: box.domain in [domain.lower() for domain in wanted],
        "labels": lambda wanted: all(box.labels.get(name) == value for name, value in wanted.items()),
        "businessUnits": lambda wanted: (box.unit or "").casefold() in [unit.casefold() for unit in wanted],
        "groups": lambda wanted: any(group.casefold() in map(str.casefold, wanted) for group in box.groups),
        "names": lambda wanted: any(fnmatchcase(text, pattern) for text in (box.name, box.address) for pattern in wanted),
    }
    return all(conditions[name](wanted) for name, wanted in rule.selector.items())


def fits(box: Box, path: str, value: object) -> bool:
    """Whether the organization's default suits the type of a mailbox."""
    wrong: dict[str, set[tuple[str, object]]] = {
        "user": set(),
        "queue": {("incoming", "outlook"), ("outgoing", "outlook"), ("appointmentsContactsTasks", "server-side")},
        "forward": {
            ("incoming", "forward-mailbox"),
            ("incoming", "outlook"),
            ("outgoing", "server-side"),
            ("outgoing", "outlook"),
            ("appointmentsContactsTasks", "server-side"),
        },
    }
    return (path, value) not in wrong[box.type]


def given(box: Box, rules: Sequence[Rule], defaults: Fields) -> tuple[dict[str, tuple[object, str]], set[str]]:
    """(path → value and the name of the rule that gives it, paths on which equal rules contradict each other)."""
    values: dict[str, tuple[object, str]] = {}
    clashes: set[str] = set()
    paths = {"profile", "incoming", "outgoing", "appointmentsContactsTasks", "state", "filter", "processEmailFrom"} - set(box.own)
    for path in paths:
        givers: list[tuple[int, str, object]] = []
        for rule in rules:
            if not means(rule, box):
                continue
            if path in rule.settings:
                givers.append((rule.priority, rule.name, rule.settings[path]))
            elif (rule.defaults or not rule.settings) and path in defaults and fits(box, path, defaults[path]):
                givers.append((rule.priority, rule.name, defaults[path]))
        highest = max((priority for priority, _, _ in givers), default=0)
        strongest = [one for one in givers if one[0] == highest]
        if len(strongest) > 1:
            clashes.add(path)
        elif strongest:
            values[path] = (strongest[0][2], strongest[0][1])
    return values, clashes
