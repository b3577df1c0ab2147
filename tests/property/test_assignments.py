"""Assignments against the plainest reading of their rules, and `render` against what plan uses."""

from __future__ import annotations

import random
from collections.abc import Sequence
from fnmatch import fnmatchcase

from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from reconcile.desired.effective import Origin, effective
from reconcile.desired.name_patterns import NamePatterns
from reconcile.model import kinds
from reconcile.model.change import Create
from reconcile.model.key import APPLIED_KINDS, Key
from reconcile.model.observation import ObservedState, Present
from reconcile.model.resource import DesiredState
from reconcile.plan.plan import make_plan
from support import assigned
from support.assigned import BOXES, DEFAULTS, RULES, Box, Fields, Rule
from support.estate import load_texts

MODERATE = settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.too_slow])


def loaded(texts: Sequence[str], names: Sequence[str] | None = None) -> DesiredState:
    names = names or [f"{number:02d}.yaml" for number in range(len(texts))]
    desired = load_texts(dict(zip(names, texts, strict=True))).desired
    assert desired is not None
    return desired


@MODERATE
@given(boxes=BOXES, rules=RULES, defaults=DEFAULTS)
def test_each_field_comes_from_the_strongest_that_means_the_mailbox(boxes: list[Box], rules: list[Rule], defaults: Fields) -> None:
    desired = loaded(assigned.documents(boxes, rules, defaults))
    for box in boxes:
        key = Key("Mailbox", box.name)
        values, clashes = assigned.given(box, rules, defaults)
        if clashes:
            assert key in desired.held
            assert key not in desired.resources
            continue
        resource = desired.resources[key]
        assert resource.assigned == {path: Key("MailboxAssignment", name) for path, (_, name) in values.items()}
        for path, (value, _) in values.items():
            assert resource.spec[path] == value
        for path, value in box.own.items():
            assert resource.spec[path] == value
        assert list(resource.spec) == sorted(resource.spec)
        assert resource.references == kinds.references("Mailbox", resource.spec)


@MODERATE
@given(boxes=BOXES, rules=RULES, defaults=DEFAULTS, chance=st.randoms(use_true_random=False))
def test_neither_order_nor_names_of_files_matter(boxes: list[Box], rules: list[Rule], defaults: Fields, chance: random.Random) -> None:
    texts = assigned.documents(boxes, rules, defaults)
    first = loaded(texts)
    names = [f"{number:02d}.yaml" for number in range(len(texts))]
    chance.shuffle(names)
    second = loaded(texts, names)
    assert list(first.resources) == list(second.resources)
    for key, one in first.resources.items():
        other = second.resources[key]
        assert (one.spec, one.assigned, one.references) == (other.spec, other.assigned, other.references)
    assert first.held == second.held
    assert {(one.rule, one.message) for one in first.findings} == {(one.rule, one.message) for one in second.findings}


@MODERATE
@given(boxes=BOXES, rules=RULES, defaults=DEFAULTS)
def test_render_equals_what_a_create_uses(boxes: list[Box], rules: list[Rule], defaults: Fields) -> None:
    desired = loaded(assigned.documents(boxes, rules, defaults))
    plan = make_plan(desired, ObservedState(target="engine"), {}, APPLIED_KINDS)
    created = {change.key: change.spec for change in plan.changes if isinstance(change, Create)}
    assert created.keys() == {key for key in desired.resources if key.kind in APPLIED_KINDS}
    for key, spec in created.items():
        fields = effective(desired, key)
        # What plan hands over, and what the target adds on create.
        assert {one.path: one.value for one in fields if one.origin is not Origin.DEFAULT} == spec
        assert {one.path: one.value for one in fields} == {**kinds.defaults(key.kind, spec), **spec}


@MODERATE
@given(boxes=BOXES, rules=RULES, defaults=DEFAULTS)
def test_render_equals_what_an_update_uses(boxes: list[Box], rules: list[Rule], defaults: Fields) -> None:
    assume(boxes)
    desired = loaded(assigned.documents(boxes, rules, defaults))
    rows = tuple(
        Present(kind=key.kind, external_id=str(key), spec={"emailAddress": one.spec["emailAddress"]}, version="1", name=key.name)
        for key, one in desired.resources.items()
        if key.kind == "Mailbox"
    )
    plan = make_plan(desired, ObservedState(target="engine", rows=rows), {}, APPLIED_KINDS)
    for change in plan.changes:
        if change.key.kind == "Mailbox":
            assert not isinstance(change, Create)
            lasting = {one.path: one.value for one in effective(desired, change.key) if not one.origin.on_create}
            assert lasting == change.spec  # type: ignore[union-attr]


@MODERATE
@given(boxes=BOXES, rules=RULES, defaults=DEFAULTS)
def test_every_line_that_render_names_says_the_field(boxes: list[Box], rules: list[Rule], defaults: Fields) -> None:
    texts = assigned.documents(boxes, rules, defaults)
    desired = loaded(texts)
    for key in desired.resources:
        for one in effective(desired, key):
            if one.position is not None:
                line = texts[int(one.position.file[:2])].splitlines()[one.position.line - 1]
                written = line[one.position.column - 1 :]
                if isinstance(one.value, str):
                    assert written.removeprefix('"').startswith(one.value), (key, one.path)


@settings(max_examples=1000, deadline=None)
@given(
    patterns=st.lists(st.text("ab*?[]-@", min_size=1, max_size=6), max_size=6),
    names=st.lists(st.text("abAB[]-@", max_size=8), min_size=1, max_size=2),
)
def test_patterns_together_match_as_each_alone(patterns: list[str], names: list[str]) -> None:
    alone = {pattern for pattern in patterns if any(fnmatchcase(name.lower(), pattern.lower()) for name in names)}
    assert NamePatterns(patterns).matching(*names) == alone
