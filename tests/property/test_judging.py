"""What rules find depends on rules and objects alone: not on order, hash seed, workers, chunks, or on what was judged before."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from itertools import permutations
from multiprocessing import get_context
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from reconcile.model import kinds
from reconcile.model.finding import Finding
from reconcile.model.key import Key
from reconcile.model.position import Position
from reconcile.model.resource import DesiredState, Lifecycle, Resource
from reconcile.policy import cel, evaluate
from reconcile.policy.alike import shared
from reconcile.policy.rule import Rule, RuleBook
from reconcile.policy.variable import PREFIXES, Type, Variable
from reconcile.policy.variables import vocabulary
from reconcile.policy.world import MISSING, Columns, World, plain
from support.judging import TODAY, compiled, rule_text
from support.rule_book import shipped

_RULES: Sequence[tuple[str, str, str]] = [
    ("user-sends", "Mailbox", "mailbox.type == 'user' || mailbox.outgoing == 'none'"),
    ("same-methods", "Mailbox", "mailbox.incoming == mailbox.outgoing"),
    ("consent", "Mailbox", "mailbox.credentials.username == null || mailbox.credentials.allowUse"),
    ("own-user", "Mailbox", "mailbox.credentials.username == null || mailbox.credentials.username != 'u-4'"),
    ("mfa", "Mailbox", "!mailbox.facts.mfa"),  # fails where it is null
    ("short-address", "Mailbox", "size(mailbox.emailAddress) < 22 && mailbox.name != 'm3'"),
    ("groups", "Mailbox", "size(mailbox.facts.groups) < 2 || mailbox.labels == {}"),
    ("labelled", "Mailbox", "mailbox.labels.team != 'a'"),  # fails without the label
    ("profile-tls", "Mailbox", "profile.incoming.tls != 'none' || mailbox.state == 'inactive'"),
    ("few", "Mailbox", "counts.profile.mailboxes < 3 && size(counts.sameUsername) == 0"),
    ("profile-limits", "EmailServerProfile", "profile.maxConcurrentConnections > counts.mailboxes"),
    ("profile-dates", "EmailServerProfile", "profile.processEmailFrom == null || timestamp(profile.processEmailFrom) < today"),
    ("organization-fips", "Mailbox", "!organization.fips || profile.facts.fipsCompliant == true"),
]


def _book() -> RuleBook:
    text = "---\n".join(rule_text(assert_, name=name, over=over, message='"it is wrong"') for name, over, assert_ in _RULES)
    book, findings = compiled(text)
    assert not findings
    return book


BOOK = _book()

_MAILBOXES = st.fixed_dictionaries(
    {},
    optional={
        "type": st.sampled_from(["user", "queue", "forward"]),
        "profile": st.sampled_from(["p0", "p1", "p2", "theirs", "nobody"]),
        "incoming": st.sampled_from(["none", "server-side"]),
        "outgoing": st.sampled_from(["none", "server-side"]),
        "state": st.sampled_from(["active", "inactive"]),
        "credentials.username": st.sampled_from(["u1", "u2", None]),
        "credentials.allowUse": st.booleans(),
        "facts.mfa": st.sampled_from([True, False, None]),
        "facts.groups": st.sampled_from([("a",), ("a", "b"), None]),
    },
)
_PROFILES = st.fixed_dictionaries(
    {"displayName": st.just("P"), "serverType": st.just("imap-smtp")},
    optional={
        "incoming.tls": st.sampled_from(["none", "implicit"]),
        "maxConcurrentConnections": st.integers(1, 4),
        "processEmailFrom": st.sampled_from(["2026-01-01T00:00:00Z", "2027-01-01T00:00:00Z", None]),
        "facts.fipsCompliant": st.booleans(),
    },
)
_LABELS = st.sampled_from([{}, {"team": "a"}, {"team": "b", "stage": "x"}])


@st.composite
def _states(draw: st.DrawFn) -> DesiredState:
    """Often such that many mailboxes say the same, but for names, addresses and users of their own."""
    few = draw(st.none() | st.lists(_MAILBOXES, min_size=1, max_size=3))
    resources: dict[Key, Resource] = {}

    def add(kind: str, name: str, spec: Mapping[str, Any], *, labels: Mapping[str, str] | None = None, external: bool = False) -> None:
        key = Key(kind, name)
        lifecycle = Lifecycle.EXTERNAL if external else kinds.lifecycle(kind)
        resources[key] = Resource(key=key, spec=spec, position=Position(f"{name}.yaml"), labels=labels or {}, lifecycle=lifecycle)

    add("Environment", "production", {})
    for number in range(3):
        add("EmailServerProfile", f"p{number}", draw(_PROFILES))
    add("EmailServerProfile", "theirs", {"displayName": "T"}, external=True)
    if draw(st.booleans()):
        add("Organization", "contoso", {"fips": draw(st.booleans()), "defaults.profile": "p0"})
    for number in range(draw(st.integers(0, 9 if few is None else 12))):
        said = draw(_MAILBOXES) if few is None else dict(draw(st.sampled_from(few)))
        if few is not None and said.get("credentials.username") is not None:
            said["credentials.username"] = draw(st.sampled_from(["u1", f"u-{number}"]))
        spec = {"emailAddress": f"m{'x' * (number % 3)}{number}@contoso.example", **said}
        add("Mailbox", f"m{number}", spec, labels=draw(_LABELS), external=draw(st.integers(0, 9)) == 0)
    return _desired(resources)


def _desired(resources: Mapping[Key, Resource]) -> DesiredState:
    def locate(key: Key, path: str) -> Position:
        return resources[key].position

    return DesiredState(source="", revision="", environment="production", resources=resources, locate=locate)


def _judged(desired: DesiredState, book: RuleBook = BOOK) -> evaluate.Evaluation:
    return evaluate.evaluate(book, desired, today=TODAY, clock=time.thread_time)


def _said(findings: Iterable[Finding]) -> list[tuple[str, ...]]:
    """Findings as text, in their order."""
    return [(str(one.position), one.rule, str(one.severity), one.message, str(one.resource), one.path, str(one.values)) for one in findings]


def _naive(rule: Rule, desired: DesiredState) -> tuple[set[str], bool, int]:
    """One object after the other, match before assert: (names it does not hold for, whether it failed, how many were judged)."""
    world = World(desired)
    wrong, failed, judged = set(), False, 0
    for one in world.objects(rule.subject):
        values = {name: world.column(rule.subject, name, [one])[0] for name in rule.reads if name != "today"}
        if MISSING in values.values():
            continue
        judged += 1
        table = {**{name: plain(rule.subject, name, value) for name, value in values.items()}, "today": cel.moment(TODAY)}
        answer = (
            cel.load(rule.assert_.program.code)(table) if rule.match is None or cel.load(rule.match.program.code)(table) is True else True
        )
        if answer is False:
            wrong.add(one.key.name)
        elif answer is not True:
            failed = True
    return wrong, failed, judged


@settings(max_examples=100, deadline=None)
@given(_states())
def test_mailboxes_that_are_alike_agree_in_what_is_shared(desired: DesiredState) -> None:
    world = World(desired)
    objects, some = world.objects("Mailbox"), world.mailboxes
    names = [
        name for name in (*vocabulary("Mailbox"), "mailbox.credentials.username?", "mailbox.credentials.password.ref?") if shared(name)
    ]
    assert len(names) > 100
    every, first = Columns(world, "Mailbox", objects), Columns(world, "Mailbox", some.first)
    place = {one.key.name: position for position, one in enumerate(some.first)}
    for name in names:
        told = {each.key.name: value for one, value in zip(some.first, first[name], strict=True) for each in some.of(one)}
        assert [told[one.key.name] for one in objects] == every[name], name
    assert sum(some.times) == len(objects)
    assert all(some.times[place[one.key.name]] == len(some.of(one)) for one in some.first)


@settings(max_examples=150, deadline=None)
@given(_states())
def test_judging_combinations_once_is_judging_every_object(desired: DesiredState) -> None:
    found = _judged(desired)
    for rule in BOOK:
        wrong, failed, judged = _naive(rule, desired)
        own = [finding for finding in found.findings if finding.rule == rule.id]
        assert {finding.resource.name for finding in own if finding.resource} == wrong, rule.id
        assert len(own) == len(wrong)
        about = [one for one in found.findings if one.rule == "policy/rule-failed" and one.resource == Key("PolicyRule", rule.id)]
        assert len(about) == failed, rule.id
        assert found.judged.get(rule.id, 0) == judged, rule.id


@settings(max_examples=50, deadline=None)
@given(_states(), st.integers(1, 4), st.randoms(use_true_random=False))
def test_neither_chunks_nor_order_change_what_is_found(desired: DesiredState, chunk: int, random: Any) -> None:
    expected = _judged(desired)
    keys = list(desired.resources)
    rules = list(BOOK.rules)
    random.shuffle(rules)
    before = evaluate.CHUNK
    evaluate.CHUNK = chunk  # type: ignore[misc]
    try:
        again = _judged(desired, RuleBook(rules=tuple(rules)))
    finally:
        evaluate.CHUNK = before  # type: ignore[misc]
    assert _said(again.findings) == _said(expected.findings)
    assert dict(again.judged) == dict(expected.judged)
    assert keys == list(desired.resources)


_FILES: Mapping[str, str] = {
    "environment.yaml": "apiVersion: reconcile/v1alpha2\nkind: Environment\nmetadata: {name: production}\nspec: {}\n",
    "p.yaml": "apiVersion: reconcile/v1alpha2\nkind: EmailServerProfile\nmetadata: {name: p}\nspec: {displayName: P, serverType: imap-smtp, incoming: {server: imap.contoso.example, tls: none, credentials: profile}}\n",
    "m1.yaml": "apiVersion: reconcile/v1alpha2\nkind: Mailbox\nmetadata: {name: m1}\nspec: {emailAddress: sales@contoso.example, profile: p, incoming: server-side, outgoing: server-side, credentials: {username: one}}\n",
    "m2.yaml": "apiVersion: reconcile/v1alpha2\nkind: Mailbox\nmetadata: {name: m2}\nspec: {emailAddress: saIes@contoso.example, profile: p, incoming: server-side, credentials: {username: one, password: 'env:P'}}\n",
}

_PROGRAM = """
import json, sys, time
sys.path[:0] = json.loads(sys.argv[2])
from support.judged_files import judged_files
print(json.dumps(judged_files(json.loads(sys.argv[1]))))
"""


@pytest.fixture(scope="module")
def of_files() -> list[list[str]]:
    from support.judged_files import judged_files

    found = judged_files(list(_FILES.items()))
    assert len(found) > 3
    return found


def test_the_order_of_files_makes_no_difference(of_files: list[list[str]]) -> None:
    from support.judged_files import judged_files

    for order in list(permutations(_FILES.items()))[::5]:
        assert judged_files(list(order)) == of_files


@pytest.mark.parametrize("seed", ["0", "1", "4711"])
def test_the_hash_seed_makes_no_difference(of_files: list[list[str]], seed: str) -> None:
    done = subprocess.run(
        [sys.executable, "-c", _PROGRAM, json.dumps(list(_FILES.items())), json.dumps([path for path in sys.path if path])],
        env={**os.environ, "PYTHONHASHSEED": seed},
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )
    assert json.loads(done.stdout) == of_files


def test_the_number_of_workers_makes_no_difference(of_files: list[list[str]]) -> None:
    from support.judged_files import judged_files

    with ProcessPoolExecutor(max_workers=2, mp_context=get_context("spawn")) as pool:
        assert list(pool.map(judged_files, [list(_FILES.items())] * 3)) == [of_files] * 3


_PROBES: Mapping[str, Sequence[Mapping[str, Any]]] = {
    "Mailbox": [{"emailAddress": "a@contoso.example"}, {"emailAddress": "a@contoso.example", "profile": "bare"}],
    "EmailServerProfile": [{"displayName": "P", "serverType": "imap-smtp"}, {"displayName": "P", "serverType": "exchange-server"}],
    "Organization": [{}],
    "Environment": [{}],
}


def _bare(subject: str, spec: Mapping[str, Any], server_type: str) -> DesiredState:
    specs: list[tuple[str, str, Mapping[str, Any]]] = [
        ("Environment", "production", {}),
        ("EmailServerProfile", "bare", {"displayName": "B", "serverType": server_type}),
        ("Organization", "contoso", {}),
        (subject, "probe", spec),
    ]
    single = {kind: (kind, name, values) for kind, name, values in specs if kind in ("Organization", "Environment")}
    many = [one for one in specs if one[0] not in single]
    resources = {
        Key(kind, name): Resource(key=Key(kind, name), spec=values, position=Position("."), lifecycle=kinds.lifecycle(kind))
        for kind, name, values in [*single.values(), *many]
    }
    return _desired(resources)


@pytest.mark.parametrize("name", [rule.id for rule in shipped().book if rule.subject in PREFIXES])
def test_every_shipped_rule_says_yes_or_no_where_nothing_optional_is_declared(name: str) -> None:
    """Neither an error nor null: rules ask for null before they use what may be null."""
    rule = shipped().book.get(name)
    assert rule is not None
    for spec in _PROBES[rule.subject]:
        for server_type in ("imap-smtp", "pop3-smtp", "exchange-server", "exchange-online-hybrid"):
            found = _judged(_bare(rule.subject, spec, server_type), RuleBook(rules=(rule,)))
            assert [one.message for one in found.findings if one.rule == "policy/rule-failed"] == []
    # Whatever is null at a time must not hurt it either, be it matched or not.
    variables = {**vocabulary(rule.subject), **{name: Variable(name=name, type=Type.TEXT) for name in rule.parameters}}
    names = [name for name in rule.reads if variables[name].nullable]
    for empty in (names, *([name] for name in names)):
        table = {**{name: _some(variables[name], rule) for name in rule.reads}, **dict.fromkeys(empty)}
        answer = cel.load(rule.verdict.code)(table)
        assert answer is True or answer is False, f"{empty} null: {answer}"


def _some(variable: Variable, rule: Rule) -> object:
    if variable.name in rule.parameters:
        return rule.parameters[variable.name]
    if variable.values:
        return variable.values[0]
    some: Mapping[Type, object] = {
        Type.TEXT: "a",
        Type.NUMBER: 1,
        Type.TRUTH: True,
        Type.TEXTS: [],
        Type.MAP: {},
        Type.INSTANT: "2026-01-01T00:00:00Z",
        Type.DURATION: "300s",
        Type.MOMENT: cel.moment(TODAY),
    }
    return some[variable.type]


_TOKENS = st.sampled_from(
    [
        *("mailbox.type", "mailbox.nix", "profile", "counts.lookalikes", "today", "params.x", "null", "true", "1", "1.5"),
        *("'user'", '"quue"', "r'\\'", "b'x'", "==", "!=", "in", "&&", "||", "!", "(", ")", "[", "]", "{", "}", "?", ":", ".", ",", "+", "-"),
        *("has(", "size(", ".exists(x,", ".map(", "//", "\n", "'", '"', "\\", "\0", "ä", "😀", "\u202e", "\r", "`", "$", "@", "'''", "_", "0x", "9" * 30),
    ]
)  # fmt: skip


@settings(max_examples=200, deadline=None)
@given(st.one_of(st.lists(_TOKENS, max_size=14).map(" ".join), st.lists(_TOKENS, max_size=10).map("".join), st.text(max_size=40)))
def test_no_text_breaks_the_check(text: str) -> None:
    found = cel.check(text, vocabulary("Mailbox"), boolean=True)
    if isinstance(found, cel.Program):
        assert set(found.reads) <= set(vocabulary("Mailbox"))
        cel.load(found.code)
        return
    assert found
    lines = text.split("\n")
    for fault in found:
        assert fault.message
        assert 1 <= fault.line <= len(lines), (fault, text)
        assert 1 <= fault.column <= len(lines[fault.line - 1]) + 1, (fault, text)
        assert fault.excerpt(text)
