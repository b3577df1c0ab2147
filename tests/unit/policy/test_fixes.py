"""Fixes: proved together and apart, contradictions, what else an edit would change; and the replacements that describe them."""

from __future__ import annotations

from collections.abc import Mapping

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reconcile.desired.edit import Edit
from reconcile.model.finding import Accepted, Finding, Severity
from reconcile.model.key import Key
from reconcile.model.position import Position
from reconcile.policy.fixes import Fix, Judged, Mending, mend
from reconcile.report.fix_text import Replacement, replacements, unified_diff
from support.estate import ENVIRONMENT, PROFILE, load_texts, mailbox

CONTOSO = Key("EmailServerProfile", "contoso")
SALES = Key("Mailbox", "sales")
FILES = {"environment.yaml": ENVIRONMENT, "profile.yaml": PROFILE, "sales.yaml": mailbox(), "info.yaml": mailbox("info")}


def finding(rule: str, about: Key = CONTOSO, *, severity: Severity = Severity.WARNING, accepted: bool = False) -> Finding:
    waived = Accepted(by="waiver", name="w") if accepted else None
    return Finding(rule=rule, severity=severity, message="m", position=Position("profile.yaml", 2), resource=about, accepted=waived)


def fix(path: str, value: str | int | bool | None, rule: str, about: Key = CONTOSO) -> Fix:
    file = "profile.yaml" if about == CONTOSO else f"{about.name}.yaml"
    edit = Edit(("spec", *path.split(".")), value)
    return Fix(file=file, key=about, edits=(edit,), fields=(path,), findings=(finding(rule, about),))


class Estate:
    """Judges like lint: a finding of rule R stands while the text of its file lacks what `wants[R]` says; `also` adds findings."""

    def __init__(self, wants: Mapping[str, str], also: Mapping[str, Finding] | None = None) -> None:
        self.wants, self.also = wants, also or {}
        self.judged = 0

    def judge(self, contents: Mapping[str, bytes]) -> Judged:
        self.judged += 1
        texts = {**FILES, **{file: data.decode() for file, data in contents.items()}}
        profile = texts["profile.yaml"]
        found = [finding(rule) for rule, wanted in self.wants.items() if wanted not in profile]
        found += [one for text, one in self.also.items() if text in profile]
        result = load_texts(texts)
        assert result.desired is not None
        return Judged(found, {"test": result.desired})

    def mend(self, *proposed: Fix) -> Mending:
        before = self.judge({})
        self.judged = 0
        return mend(proposed, before, lambda file: FILES[file].encode(), self.judge)


def rules(mending: Mending) -> list[str]:
    return [one.rule for fixed in mending.fixes for one in fixed.findings]


def test_all_at_once_are_proved_in_one_go() -> None:
    estate = Estate({"a": "maxConcurrentConnections: 5", "b": "sendEmailAlert: true"})
    mending = estate.mend(fix("maxConcurrentConnections", 5, "a"), fix("sendEmailAlert", True, "b"))
    assert rules(mending) == ["a", "b"]
    assert estate.judged == 1
    new = "  serverType: imap-smtp\n  maxConcurrentConnections: 5\n  sendEmailAlert: true\n"
    assert mending.contents["profile.yaml"].decode() == PROFILE.replace("  serverType: imap-smtp\n", new)


def test_one_that_does_not_hold_is_told_apart_from_those_that_do() -> None:
    estate = Estate({"a": "maxConcurrentConnections: 5", "bad": "never", "b": "sendEmailAlert: true"})
    mending = estate.mend(fix("maxConcurrentConnections", 5, "a"), fix("owner", "x", "bad"), fix("sendEmailAlert", True, "b"))
    assert rules(mending) == ["a", "b"]
    ((told, words),) = mending.suggestions
    assert told.rule == "bad"
    assert words == "set owner: x in EmailServerProfile/contoso; nothing is edited, because the edit would not make the finding go away"
    assert b"owner" not in mending.contents["profile.yaml"]


def test_those_at_fault_are_found_without_judging_each() -> None:
    names = [f"label{number}" for number in range(64)]
    estate = Estate({name: f"{name}: x" for name in names} | {"bad": "never"})
    proposed = [fix(f"brakes.{name}", "x", name) for name in names]
    proposed.insert(40, fix("owner", "y", "bad"))
    judged = 0

    def judge(contents: Mapping[str, bytes]) -> Judged:
        nonlocal judged
        judged += 1
        return Judged(estate.judge(contents).findings, {})

    mending = mend(proposed, judge({}), lambda file: FILES[file].encode(), judge)
    assert sorted(rules(mending)) == sorted(names)
    assert [one.finding.rule for one in mending.suggestions] == ["bad"]
    assert judged == 4, "before, all, all but one, the one"


def test_two_findings_with_one_edit_go_away_with_it() -> None:
    estate = Estate({"a": "sendEmailAlert: true", "b": "sendEmailAlert: true"})
    mending = estate.mend(fix("sendEmailAlert", True, "a"), fix("sendEmailAlert", True, "b"))
    (one,) = mending.fixes
    assert [found.rule for found in one.findings] == ["a", "b"]


@pytest.mark.parametrize(
    ("first", "second"),
    [
        (fix("maxConcurrentConnections", 5, "a"), fix("maxConcurrentConnections", 6, "b")),
        (fix("maxConcurrentConnections", 5, "a"), fix("maxConcurrentConnections", None, "b")),
        (fix("incoming.port", 143, "a"), fix("incoming", None, "b")),
        (fix("incoming", None, "a"), fix("incoming.port", 143, "b")),
    ],
)
def test_of_two_that_contradict_each_other_the_later_is_told(first: Fix, second: Fix) -> None:
    mending = Estate({}).mend(first, second)
    assert [one.finding.rule for one in mending.suggestions if "contradicts that of a" in one.words] == ["b"]


@pytest.mark.parametrize(
    ("name", "new"),
    [
        ("another finding", finding("other", SALES)),
        ("the same rule elsewhere", finding("a", SALES)),
        ("a waiver without use", finding("waiver/unused", Key("Waiver", "w"))),
        ("an error of the files", finding("schema/value", SALES, severity=Severity.ERROR)),
        ("one that is accepted", finding("other", SALES, accepted=True)),
    ],
)
def test_an_edit_that_brings_another_finding_is_not_made(name: str, new: Finding) -> None:
    mending = Estate({"a": "sendEmailAlert: true"}, {"sendEmailAlert: true": new}).mend(fix("sendEmailAlert", True, "a"))
    assert mending.fixes == [], name
    assert f"would bring another finding: {new.rule}" in mending.suggestions[0].words


def test_what_is_said_of_the_baseline_follows_the_findings() -> None:
    shrinks = finding("baseline/can-shrink", severity=Severity.INFORMATION)
    assert rules(Estate({"a": "sendEmailAlert: true"}, {"sendEmailAlert: true": shrinks}).mend(fix("sendEmailAlert", True, "a"))) == ["a"]


def test_an_edit_that_changes_another_field_is_not_made() -> None:
    """The profile names a provider: what that fills in follows from the edited field."""
    provided = PROFILE.split("  incoming:")[0] + "  provider: gmail\n"
    texts = {**FILES, "profile.yaml": provided}

    def judge(contents: Mapping[str, bytes]) -> Judged:
        result = load_texts({**texts, **{file: data.decode() for file, data in contents.items()}})
        assert result.desired is not None
        return Judged([] if contents else [finding("a")], {"test": result.desired})

    mending = mend([fix("incoming.port", 143, "a")], judge({}), lambda file: texts[file].encode(), judge)
    assert mending.fixes == []
    assert "the edit would" in mending.suggestions[0].words


def test_an_edit_that_breaks_its_document_is_not_made() -> None:
    mending = Estate({"a": "serverType: x"}).mend(fix("serverType", "x", "a"))
    assert mending.fixes == []
    assert "the edit would take something out of test" in mending.suggestions[0].words


def test_a_file_that_cannot_be_read_is_told() -> None:
    before = Estate({"a": "x"}).judge({})
    mending = mend([fix("sendEmailAlert", True, "a")], before, lambda file: None, Estate({}).judge)
    assert "profile.yaml cannot be read" in mending.suggestions[0].words


LINES = st.lists(st.sampled_from(["a", "b", "key: value", "", "ä: 1", "  x: true # y"]), max_size=8)
ENDS = st.sampled_from(["\n", "\r\n"])


def put_in(before: bytes, edits: list[Replacement]) -> bytes:
    """What an editor makes of replacements, the last first."""
    text = before.removeprefix(b"\xef\xbb\xbf").decode()
    lines = text.split("\n")
    starts = [0]
    for line in lines:
        starts.append(starts[-1] + len(line) + 1)
    for one in reversed(edits):
        start, end = starts[one.line - 1] + one.column - 1, starts[one.end_line - 1] + one.end_column - 1
        text = text[:start] + one.text + text[end:]
    return text.encode()


@given(before=LINES, after=LINES, ends=ENDS, last=st.booleans(), mark=st.booleans())
def test_replacements_make_the_one_of_the_other(before: list[str], after: list[str], ends: str, last: bool, mark: bool) -> None:
    sign = b"\xef\xbb\xbf" if mark else b""
    old, new = (sign + (ends.join(lines) + (ends if last else "")).encode() for lines in (before, after))
    assert sign + put_in(old, replacements("a.yaml", old, new)) == new


def patched(before: bytes, diff: str) -> bytes:
    """What `patch` makes of one file: hunks at exactly the lines they name."""
    old = before.decode().split("\n")
    old = [f"{line}\n" for line in old[:-1]] + ([old[-1]] if old[-1] else [])
    made: list[str] = []
    place = 0
    lines = diff.split("\n")[2:]
    for number, line in enumerate(lines):
        text = line[1:] + ("" if lines[number + 1 : number + 2] == ["\\ No newline at end of file"] else "\n")
        if line.startswith("@@"):
            start, _, length = line.split()[1][1:].partition(",")
            begin = int(start) - (0 if length == "0" else 1)
            made += old[place:begin]
            place = begin
        elif line.startswith("+"):
            made.append(text)
        elif line.startswith((" ", "-")):
            assert old[place] == text
            made += [text] if line.startswith(" ") else []
            place += 1
    return "".join([*made, *old[place:]]).encode()


MANY = st.lists(st.sampled_from(["a", "b", "c", "", "d: 1"]), max_size=30)


@given(before=MANY, after=MANY, last=st.booleans(), newly=st.booleans(), ends=ENDS)
def test_a_diff_makes_the_one_of_the_other(before: list[str], after: list[str], last: bool, newly: bool, ends: str) -> None:
    old, new = (ends.join(before) + (ends if last else "")).encode(), (ends.join(after) + (ends if newly else "")).encode()
    (text,) = unified_diff({"a.yaml": old}, {"a.yaml": new})
    assert patched(old, text) == new


@given(before=MANY, places=st.sets(st.integers(0, 29), max_size=4))
def test_a_diff_of_few_lines_has_few_lines(before: list[str], places: set[int]) -> None:
    before = [f"{number}: {line}" for number, line in enumerate(before)]
    after = [f"{line}!" if number in places else line for number, line in enumerate(before)]
    (text,) = unified_diff({"a": "\n".join([*before, ""]).encode()}, {"a": "\n".join([*after, ""]).encode()})
    assert sum(line.startswith("+") for line in text.split("\n")[2:]) == sum(number < len(before) for number in places)


def test_words_are_replaced_as_a_whole_and_lines_are_inserted_as_lines() -> None:
    assert replacements("a", b"x: true # y\n", b"x: false # y\n") == [Replacement("a", 1, 4, 1, 8, "false")]
    assert replacements("a", b"x: 1\ny: 2\n", b"x: 1\nz: 3\ny: 2\n") == [Replacement("a", 2, 1, 2, 1, "z: 3\n")]
    assert replacements("a", b"x: 1", b"x: 1\nz: 3") == [Replacement("a", 1, 5, 1, 5, "\nz: 3")]
    assert replacements("a", b"\xef\xbb\xbfx: 1\n", b"\xef\xbb\xbfx: 2\n") == [Replacement("a", 1, 4, 1, 5, "2")]


def test_names_that_steer_are_quoted_in_a_diff() -> None:
    (text,) = unified_diff({'a"\x1b[2J.yaml': b"x\n"}, {'a"\x1b[2J.yaml': b"y\n"}, prefix="e/")
    assert "\x1b" not in text
    assert text.splitlines()[0].startswith('--- "a/e/a')
