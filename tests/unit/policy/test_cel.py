"""Expressions: what is refused when a rule is loaded, and that an error never reads as an answer."""

from __future__ import annotations

from collections.abc import Mapping

import pytest

from reconcile.policy import cel
from reconcile.policy.variable import Type, Variable
from reconcile.policy.variables import vocabulary

_OVER = vocabulary("Mailbox")


def _fault(text: str, *, boolean: bool = True, variables: Mapping[str, Variable] = _OVER) -> cel.Fault:
    found = cel.check(text, variables, boolean=boolean)
    assert isinstance(found, list), found
    return found[0]


def _program(text: str, *, boolean: bool = True, variables: Mapping[str, Variable] = _OVER) -> cel.Program:
    found = cel.check(text, variables, boolean=boolean)
    assert isinstance(found, cel.Program), [(one.message, one.line, one.column) for one in found]
    return found


@pytest.mark.parametrize(
    ("text", "line", "column", "message", "hint"),
    [
        ('mailbox.incomming == "none"', 1, 1, "unknown variable mailbox.incomming", "did you mean mailbox.incoming?"),
        ('true &&\n  mailbox.tipe == "user"', 2, 3, "unknown variable mailbox.tipe", "did you mean mailbox.type?"),
        ("profile.incoming.sever == null", 1, 1, "unknown variable profile.incoming.sever", "did you mean profile.incoming.server?"),
        ("nix.da == 1", 1, 1, "unknown variable nix.da", "a rule of this kind sees"),
        ("counts.nosuchthing > 1", 1, 1, "unknown variable counts.nosuchthing", ""),
        ("mailbox.incoming == 1", 1, 18, "== does not fit what it is given: (string, int)", "both sides need one type"),
        ('today > "2026-01-01"', 1, 7, "> does not fit what it is given: (timestamp, string)", "timestamp()"),
        ("!counts.lookalikes", 1, 1, "! does not fit what it is given: (list(string))", ""),
        ('mailbox.type == "quue"', 1, 17, "mailbox.type is never 'quue'", "did you mean queue?"),
        ('"quue" != mailbox.type', 1, 1, "mailbox.type is never 'quue'", "did you mean queue?"),
        ('mailbox.type in ["user", "quue"]', 1, 26, "mailbox.type is never 'quue'", "did you mean queue?"),
        ('mailbox.displayName == "ß" &&\n mailbox.type == "x"', 2, 18, "mailbox.type is never 'x'", "known: forward, queue, user"),
        ('"größe" == "ä" || mailbox.type == "quue"', 1, 35, "mailbox.type is never 'quue'", "did you mean queue?"),
        ("has(mailbox.incoming)", 1, 1, "has() tells nothing here", "compare with null"),
        ("nope(mailbox.name)", 1, 1, "unknown function nope", "extensions math, optional, sets, strings"),
        ("mailbox.name.nope() && true", 1, 14, "unknown function nope", ""),
        ("mailbox.name", 1, 1, "this must be true or false, but it is a text", ""),
        ("size(mailbox.name)", 1, 1, "this must be true or false, but it is a number", ""),
        ("true &&", 1, 8, "the expression ends too early", ""),
        ("true && || false", 1, 9, "Syntax error", ""),
        ("'abc", 1, 1, "Syntax error", ""),
        ("[1].exists(today, today == 1) && today > today", 1, 1, "today cannot be the name of anything else here", ""),
        ("'''" + "\\" * 400, 1, 3, "Syntax error", ""),
        ('mailbox.name == "\ud800"', 1, 18, "half of a character", ""),
        ("has // of\n(mailbox.labels.team)", 1, 1, "has() tells nothing here", ""),
        ("(" * 300 + "true" + ")" * 300, 1, 1, "recursion limit", ""),
    ],
)  # fmt: skip
def test_a_fault_is_told_at_its_character(text: str, line: int, column: int, message: str, hint: str) -> None:
    fault = _fault(text)
    assert (fault.line, fault.column) == (line, column), fault
    assert message in fault.message
    assert hint in fault.hint


def test_the_excerpt_has_a_caret_under_what_is_meant() -> None:
    text = 'true &&\n  mailbox.tipe == "user"'
    assert _fault(text).excerpt(text) == '  mailbox.tipe == "user"\n  ^^^^^^^^^^^^'


@pytest.mark.parametrize(
    "text",
    [
        "'has(x)' == mailbox.name",
        "true // has(mailbox.name)",
        'mailbox.name == """has(x)"""',
        "mailbox.name == r'\\has('",
        "'nosuch' == mailbox.displayName",
        "mailbox.labels.team == 'a'",
        "'team' in mailbox.labels && mailbox.labels['team'] == 'a'",
        "mailbox.name.lowerAscii().startsWith('a')",
        "math.greatest(counts.profile.mailboxes, 3) == 3",
        "sets.contains(counts.lookalikes, ['a'])",
        "mailbox.labels[?'team'].orValue('') == 'a'",
        "mailbox.profile == null || mailbox.profile != 'x'",
    ],
)
def test_what_is_sound_is_taken(text: str) -> None:
    assert _program(text).result == "bool"


def test_a_program_knows_what_it_reads_and_what_it_only_asks_for() -> None:
    text = "mailbox.profile != null && (mailbox.owner == null || mailbox.owner == 'x') && ['a'].exists(one, one == mailbox.name)"
    program = _program(text)
    assert program.reads == ("mailbox.name", "mailbox.owner", "mailbox.profile")
    assert program.asked == ("mailbox.profile",)


def test_only_asking_for_null_is_the_same_whatever_the_value() -> None:
    run = cel.load(_program("null != mailbox.profile && !(mailbox.owner == null)").code)
    for value in ("x", True, 3):
        assert run({"mailbox.profile": value, "mailbox.owner": value}) is True
    assert run({"mailbox.profile": None, "mailbox.owner": True}) is False


_PARAMETERS = {
    **_OVER,
    **{name: Variable(name=name, type=kind) for name, kind in (("params.max", Type.NUMBER), ("params.words", Type.TEXTS))},
}


@pytest.mark.parametrize(
    ("text", "values", "answer"),
    [
        ("mailbox.incoming == 'none'", {"mailbox.incoming": "none"}, True),
        ("size(counts.lookalikes) > params.max", {"counts.lookalikes": ["a", "b"], "params.max": 1}, True),
        ("mailbox.name in params.words", {"mailbox.name": "a", "params.words": ["a"]}, True),
        ("timestamp(mailbox.processEmailFrom) < today", {"mailbox.processEmailFrom": "2026-01-01T00:00:00Z", "today": "2026-11-22T00:00:00Z"}, True),
        ("today + duration('24h') > timestamp('2026-11-22T12:00:00Z')", {"today": "2026-11-22T00:00:00Z"}, True),
        ("mailbox.name == 'today' && today == today", {"mailbox.name": "today", "today": "2026-11-22T00:00:00Z"}, True),
        ("duration(profile.minPollingInterval) > duration('200s')", {"profile.minPollingInterval": "300s"}, True),
        ("mailbox.labels.team == 'a'", {"mailbox.labels": {"team": "a"}}, True),
        ("mailbox.facts.mfa == true", {"mailbox.facts.mfa": None}, False),
    ],
)  # fmt: skip
def test_a_program_gives_its_answer(text: str, values: Mapping[str, object], answer: object) -> None:
    assert cel.load(_program(text, variables=_PARAMETERS).code)(values) is answer


@pytest.mark.parametrize(
    ("text", "values"),
    [
        ("mailbox.labels.team == 'a'", {"mailbox.labels": {}}),
        ("mailbox.name.matches('[')", {"mailbox.name": "a"}),
        ("!mailbox.facts.mfa", {"mailbox.facts.mfa": None}),
        ("mailbox.filter > 'a'", {"mailbox.filter": None}),
        ("timestamp(mailbox.processEmailFrom) < timestamp('2026-01-01T00:00:00Z')", {"mailbox.processEmailFrom": "soon"}),
        ("1 / counts.profile.mailboxes > 1", {"counts.profile.mailboxes": 0}),
        ("counts.profile.mailboxes > 1", {"counts.profile.mailboxes": 2**70}),
        ("mailbox.name == 'a'", {}),
        ("mailbox.name == 'a'", {"mailbox.name": object()}),
        ("mailbox.name == 'a' || true", {"mailbox.name": ("a",)}),
    ],
)
def test_an_error_is_no_answer(text: str, values: Mapping[str, object]) -> None:
    answer = cel.load(_program(text).code)(values)
    if text.endswith("|| true"):
        assert answer is True  # the language: one side is enough
    else:
        assert isinstance(answer, cel.Failed)
        assert answer.why


def test_null_is_neither_true_nor_false() -> None:
    assert cel.load(_program("mailbox.facts.mfa").code)({"mailbox.facts.mfa": None}) is None


@pytest.mark.parametrize("code", [b"", b"nonsense", b"\x0a\x03abc"])
def test_bytes_that_are_no_program_are_refused(code: bytes) -> None:
    with pytest.raises(ValueError, match="not a program"):
        cel.load(code)


def test_long_loops_are_stopped_by_the_language() -> None:
    text = "counts.lookalikes.all(a, counts.lookalikes.all(b, counts.lookalikes.all(c, a + b + c != 'x')))"
    answer = cel.load(_program(text).code)({"counts.lookalikes": [str(number) for number in range(400)]})
    assert isinstance(answer, cel.Failed)
