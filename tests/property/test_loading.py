"""Whatever the input: no exception, one meaning, and an order that makes no difference."""

from __future__ import annotations

import random
import re

from hypothesis import example, given, settings
from hypothesis import strategies as st

from reconcile.desired.text import read_text
from reconcile.desired.yaml import read_values
from reconcile.desired.yaml_places import read_places
from reconcile.report.excerpt import excerpt
from reconcile.report.findings_text import findings_text
from reconcile.report.safe_text import width
from support.estate import ENVIRONMENT, PROFILE, Texts, lint_source, load_texts, mailbox

#: Texts made of what matters to YAML, so that most of them get past the first character.
YAML_ISH = st.lists(
    st.sampled_from(
        [
            *"ab1~.-:?,[]{}#&*!|>'\"%@` \t\n",
            ": ",
            "- ",
            "\n  ",
            "\n    ",
            "---\n",
            "...\n",
            "%YAML 1.2\n",
            "<<: ",
            "!!str ",
            "\r\n",
            "é",
            "名",
            "0o7",
            "1e3",
            "kind: Mailbox\n",
        ]
    ),
    max_size=60,
).map("".join)

ANY_DATA = st.one_of(
    st.binary(max_size=200), st.text(max_size=200).map(lambda text: text.encode("utf-8", "surrogatepass")), YAML_ISH.map(str.encode)
)


@given(ANY_DATA)
@example(b"%YAML 1.2\n---\na: 1\n")
@example(b"? a\n? b\n")
@example(b"a: |\n  x\n...\n")
@settings(max_examples=1500, deadline=None)
def test_both_modes_mean_the_same(data: bytes) -> None:
    values = read_values(data)
    places = read_places(data, file="f")
    if values is None:
        # The one thing that only the second mode accepts.
        assert places.findings or b"%YAML" in data
    else:
        assert places.findings == ()
        assert places.complete
        assert [(document.start.line, document.value) for document in places.documents] == values
    lines = data.decode("utf-8", "replace").count("\n") + data.count(b"\r") + data.count(b"\xe2\x80") + 1
    for finding in places.findings:
        assert 1 <= finding.position.line <= lines + 1
        assert finding.position.column >= 1
        assert finding.message


@given(YAML_ISH)
@settings(max_examples=500, deadline=None)
def test_places_point_at_what_they_say(text: str) -> None:
    decoded = read_text(text.encode())
    assert isinstance(decoded, str)
    lines = re.split("\r\n|\n|\r", decoded)
    for document in read_places(text.encode(), file="f").documents:
        for path, span in document.keys.items():
            if span.end_column is not None:
                written = lines[span.line - 1][span.column - 1 : span.end_column - 1]
                assert written.strip("'\"")[:1] == str(path[-1])[:1] or written[:1] in "'\"&!" or "'" in written, (path, written)


@given(st.dictionaries(st.sampled_from(["a.yaml", "b.yml", "d/c.yaml"]), ANY_DATA, max_size=3), st.booleans())
@settings(max_examples=300, deadline=None)
def test_loading_and_reporting_never_raise(files: dict[str, bytes], sound: bool) -> None:
    texts: dict[str, str | bytes] = {**files, **({"e.yaml": ENVIRONMENT, "p.yaml": PROFILE} if sound else {})}
    result = lint_source(Texts(texts))
    for block in findings_text(result.findings, lambda path: Texts(texts).data(path) if path in texts else None, color=False):
        assert "\x1b" not in block
        block.encode()
    loaded = load_texts(texts)
    assert sound <= (loaded.desired is not None or b"Environment" in b"".join(files.values()))


ASSIGNMENT = """\
apiVersion: reconcile/v1alpha2
kind: MailboxAssignment
metadata: {name: queues}
spec:
  selector: {types: [queue]}
  settings: {state: inactive, processEmailFrom: 2026-01-01}
"""

PARTS = st.lists(
    st.sampled_from(
        [
            mailbox("a"),
            mailbox("a", "other@contoso.example"),
            mailbox("b", "A@contoso.example"),
            mailbox("c", profile="second"),
            mailbox("d", profile="missing"),
            mailbox("e", more="  incoming: nope\n"),
            PROFILE,
            PROFILE.replace("name: contoso", "name: second").replace("Contoso", "Second"),
            PROFILE.replace("name: contoso", "name: second").replace("Contoso", "Second").replace("993", "0"),
            PROFILE.replace("name: contoso", "name: third"),
            "a: 'never",
            "a: [ # MailboxAssignment",
            ASSIGNMENT,
            ASSIGNMENT.replace("name: queues", "name: more").replace("queue", "user"),
            ASSIGNMENT.replace("name: queues", "name: equal"),
            ASSIGNMENT.replace("name: queues", "name: bad").replace("inactive", "asleep"),
            "",
        ]
    ),
    max_size=7,
)


@given(PARTS, st.randoms(use_true_random=False))
@settings(max_examples=250, deadline=None)
def test_neither_order_nor_names_of_files_matter(parts: list[str], chance: random.Random) -> None:
    parts = [ENVIRONMENT, *parts]
    names = [f"{number:02d}.yaml" for number in range(len(parts))]
    first = load_texts(dict(zip(names, parts, strict=True))).desired
    shuffled = list(names)
    chance.shuffle(shuffled)
    listed = list(names)
    chance.shuffle(listed)
    second = load_texts(dict(zip(shuffled, parts, strict=True)), order=listed).desired
    assert first is not None
    assert second is not None
    assert {key: one.spec for key, one in first.resources.items()} == {key: one.spec for key, one in second.resources.items()}
    assert list(first.resources) == list(second.resources)
    only_listed_otherwise = load_texts(dict(zip(names, parts, strict=True)), order=listed).desired
    assert only_listed_otherwise is not None
    assert only_listed_otherwise.findings == first.findings
    assert only_listed_otherwise.held == first.held
    assert only_listed_otherwise.held_files == first.held_files
    assert set(first.held) == set(second.held)
    assert len(first.held_files) == len(second.held_files)
    # Nothing that is used may rest on something that is held.
    for one in first.resources.values():
        assert all(target in first.resources for target in one.references)


@given(
    st.text(max_size=300).filter(lambda text: "\n" not in text),
    st.integers(1, 320),
    st.integers(0, 320),
    st.integers(20, 120),
    st.booleans(),
)
@settings(max_examples=500, deadline=None)
def test_excerpts_fit_and_stay_harmless(line: str, column: int, length: int, columns: int, secret: bool) -> None:
    shown = excerpt(line, column, column + length, columns=columns, secret=secret)
    assert width(shown.line) <= columns
    assert "\x1b" not in shown.line
    assert set(shown.caret) <= {" ", "^"}
    assert "^" in shown.caret
