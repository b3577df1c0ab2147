"""A plan as a comment: it fits, it says what was cut, and nothing in it is anything but text."""

from __future__ import annotations

import re
import time
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from markdown_it import MarkdownIt

from reconcile.model.change import (
    Adopt,
    BrakeTripped,
    Cause,
    Change,
    Command,
    Create,
    Delete,
    FieldChange,
    Forget,
    Held,
    HeldBecause,
    Moved,
    Note,
    Plan,
    SecretChange,
    Update,
)
from reconcile.model.commit import Commit
from reconcile.model.key import Key
from reconcile.model.position import Position
from reconcile.model.selection import Selection
from reconcile.report.markdown_text import code, prose
from reconcile.report.plan_markdown import LIMIT, plan_markdown
from reconcile.report.safe_text import cut, neutral

MAIL_TEAM = Commit(id="3f2a91c0" * 5, author="Mail Team <mail@contoso.example>", at="2026-11-20T10:00:00Z", subject="Turn mail on")
WEB_TEAM = Commit(id="77aa91c0" * 5, author="Web Team <web@contoso.example>", at="2026-11-21T10:00:00Z", subject="More")


def plan(*changes: Change, **more: Any) -> Plan:
    known: dict[str, Any] = {"target": "engine", "environment": "prod", "organization_id": None, "source": "x", "revision": ""}
    return Plan(**{**known, "changes": changes, **more})


def moved(name: str, file: str = "", path: str = "incoming", after: str = "server-side", *words: str) -> Update:
    key = Key("Mailbox", name)
    cause = Cause(moved=Moved.GIT, position=Position(file or f"{name}.yaml", 12))
    field = FieldChange(path=path, before="none", after=after, cause=cause)
    return Update(
        key=key,
        external_id=name,
        observed_version="v",
        spec={"emailAddress": f"{name}@contoso.example"},
        fields=(field,),
        consequences=words,
    )


def gone(name: str) -> Delete:
    address = f"{name}@contoso.example"
    words = (f"incoming and outgoing mail of {address} stop",)
    cause = Cause(moved=Moved.GIT, note=f"no longer declared (was in {name}.yaml)", was_in=f"{name}.yaml")
    return Delete(
        key=Key("Mailbox", name), external_id=name, observed_version="v", before={"emailAddress": address}, cause=cause, consequences=words
    )


def test_what_stops_the_plan_comes_first_then_counts_then_groups() -> None:
    brake = BrakeTripped(
        name="bulk-delete",
        message="4 of 9 resources would go; at most 3 at a time",
        count=4,
        of=9,
        limit=3,
        keys=(Key("Mailbox", "a"),),
        knob="spec.brakes.bulkDelete of Environment/prod",
    )
    held = Held(key=Key("Mailbox", "h"), reason="h.yaml:3: unknown field x", because=HeldBecause.FINDING)
    changes = [moved(f"m{number}", "", "incoming", "server-side", f"mail of m{number}@contoso.example starts") for number in range(3)]
    text = plan_markdown(
        plan(
            *changes,
            *(gone(f"g{number}") for number in range(4)),
            brakes=(brake,),
            held=(held,),
            unchanged=1,
            commits={"m0.yaml": MAIL_TEAM, "m1.yaml": MAIL_TEAM, "m2.yaml": WEB_TEAM, "g1.yaml": MAIL_TEAM},
        )
    )
    assert (
        text
        == """<!-- reconcile plan prod -->
### Plan for `prod`: update 3 · delete 4

For target `engine`.

#### Brakes

- **`bulk-delete`** 4 of 9 resources would go; at most 3 at a time. What sets the limit: `spec.brakes.bulkDelete` of `Environment/prod`. If that is meant: `--lift-brake bulk-delete`
  `Mailbox/a`

#### Held: 1

- `Mailbox/h`: `h.yaml:3`: unknown field x

| | update | delete |
|---|---:|---:|
| Mailbox | 3 | 4 |

1 unchanged.

<details><summary>update 2 <code>Mailbox</code>: <code>incoming</code></summary>

- why: changed in git, commit `3f2a91c03` (Mail Team, 2026-11-20)
- means: mail of … starts
- `incoming`: `none` → `server-side`
- `m0`, `m1`

</details>

<details><summary>update <code>Mailbox/m2</code>: <code>incoming</code></summary>

- why: `m2.yaml:12` changed in git, commit `77aa91c07` (Web Team, 2026-11-21)
- means: mail of `m2@contoso.example` starts
- `incoming`: `none` → `server-side`

</details>

<details><summary>delete 3 <code>Mailbox</code></summary>

- means: incoming and outgoing mail of … stop
- `g0`, `g2`, `g3`

</details>

<details><summary>delete <code>Mailbox/g1</code></summary>

- why: no longer declared, was in `g1.yaml` commit `3f2a91c03` (Mail Team, 2026-11-20)
- means: incoming and outgoing mail of `g1@contoso.example` stop

</details>
"""
    )


def test_a_renamed_mailbox_is_told_with_the_name_it_had() -> None:
    text = plan_markdown(plan(replace(moved("sales"), previous=Key("Mailbox", "verkauf"))))
    assert "rename <code>Mailbox/sales</code> (was <code>Mailbox/verkauf</code>)" in text


def test_ten_thousand_changes_fit_and_nothing_is_lost_silently() -> None:
    names = [f"mailbox-{number:05}" for number in range(10_000)]
    one = plan_markdown(plan(*(moved(name) for name in names)))
    assert len(one) <= LIMIT
    assert one.count("<details>") == 1
    listed = len(re.findall(r"`mailbox-\d+`", one))
    assert f"and {10_000 - listed:,} more" in one
    # Different in everything: other fields, other values, other commits.
    commits = {f"{name}.yaml": replace(MAIL_TEAM, id=f"{number:040x}") for number, name in enumerate(names)}
    different = [moved(name, "", f"path{number % 300}", str(number), f"word{number} changes") for number, name in enumerate(names)]
    held = tuple(Held(key=Key("Mailbox", f"h{number}"), reason=f"reason {number}") for number in range(2000))
    notes = tuple(Note(message=f"note {number}", key=Key("Mailbox", "x")) for number in range(2000))
    many = plan_markdown(
        plan(*different, held=held, notes=notes, unobserved=tuple(f"row {number}" for number in range(500)), commits=commits)
    )
    assert len(many) <= LIMIT
    assert "update 10,000 <code>Mailbox</code>" in many
    assert "10,000 commits, the last" in many
    for rest in ("1,975 more for other reasons", "475 more could not be observed", "and 1,975 more", "more consequences"):
        assert rest in many


def test_it_is_quick_however_long_the_plan_is() -> None:
    changes = [moved(f"m{number}", "", "incoming", "x", f"mail of m{number}@contoso.example starts") for number in range(10_000)]
    started = time.process_time()
    plan_markdown(plan(*changes))
    assert time.process_time() - started < 3


def test_too_much_of_everything_is_cut_between_blocks_and_says_so() -> None:
    long = "ab " * 400
    changes = [moved(f"m{number}", "", f"path{number}" * 40, long, long, long + "2") for number in range(35)]
    text = plan_markdown(plan(*changes), limit=20_000)
    assert len(text) <= 20_000
    missing = 35 - text.count("<details>")
    assert missing > 0
    assert text.count("<details>") == text.count("</details>")
    assert f"**{missing:,} changes did not fit into this comment.**" in text
    brakes = tuple(
        BrakeTripped(name="x" * 300, message="y " * 900, count=1, of=1, limit=0, keys=tuple(Key("Mailbox", "z" * 300) for _ in range(9)))
        for _ in range(25)
    )
    assert "other parts did not fit" in plan_markdown(plan(brakes=brakes), limit=20_000)


def test_the_same_plan_gives_the_same_text_and_an_empty_one_says_so() -> None:
    empty = plan(against="git:main (abc)", revision="f" * 40)
    assert plan_markdown(empty) == plan_markdown(empty)
    assert "### Plan for `prod`: nothing to do" in plan_markdown(empty)
    assert "Compared with `git:main (abc)` at commit `ffffffffffff`, without looking at the target." in plan_markdown(empty)


ATTACKS = (
    "<script>alert(1)</script>", "<img src=x onerror=y>", "</details>", "<!-- x", "[a](http://evil.example)", "![a](http://evil.example/x.png)",
    "@everyone", "@team/admins", "#1", "org/repo#12", "GH-12", "http://evil.example", "www.evil.example", "mailto:a@evil.example", "a@evil.example",
    "`", "``", "` <b>", "|", "a|b", "\\|", "\\", "\\`", "*x*", "__x__", "~~x~~", "# x", "- x", "1. x", "> x", "---", "```", "    x", "\t", "\n\n<b>",
    "&lt;b&gt;", "&#64;x", "&copy;", ":smile:", "$x$", "[^1]", "<http://evil.example>", "deadbeefdeadbeef", "x\r\ny", "\x1b[31m", "\u202e", "\x00", "a  \nb",
    "[x]: http://evil.example", "=====", "| a |\n|---|", "<a href=x>", "'\"", "%%", "{{x}}", "@\u200bx",
)  # fmt: skip
TEXT = st.one_of(
    st.sampled_from(ATTACKS),
    st.lists(st.one_of(st.sampled_from(ATTACKS), st.sampled_from(("mail", "of", "stops", "→"))), min_size=1, max_size=5).map(" ".join),
    st.lists(st.sampled_from(ATTACKS), min_size=1, max_size=4).map("".join),
    st.text(max_size=20),
)
KEYS = st.builds(Key, st.one_of(st.just("Mailbox"), TEXT), TEXT)
PLACES = st.builds(Position, TEXT, st.integers(1, 9))
CAUSES = st.builds(Cause, moved=st.sampled_from(Moved), position=st.none() | PLACES, note=TEXT, was_in=st.just("") | TEXT)
LEAVES = st.one_of(st.none(), TEXT, st.booleans(), st.integers(), st.lists(TEXT, max_size=3).map(tuple))
FIELDS = st.lists(st.builds(FieldChange, path=TEXT, before=LEAVES, after=LEAVES, cause=CAUSES), min_size=1, max_size=3).map(tuple)
SECRETS = st.lists(st.builds(SecretChange, path=TEXT, reference=TEXT, before=TEXT, after=TEXT, cause=CAUSES), max_size=2).map(tuple)
WORDS = st.lists(TEXT, max_size=3).map(tuple)
SPECS = st.dictionaries(st.just("emailAddress") | TEXT, LEAVES, max_size=3)
CHANGES: st.SearchStrategy[Change] = st.one_of(
    st.builds(Create, key=KEYS, spec=SPECS, cause=CAUSES, consequences=WORDS),
    st.builds(Adopt, key=KEYS, external_id=TEXT, observed_version=TEXT, spec=SPECS, fields=FIELDS, cause=CAUSES, consequences=WORDS),
    st.builds(
        Update,
        key=KEYS,
        external_id=TEXT,
        observed_version=TEXT,
        spec=SPECS,
        fields=FIELDS,
        previous=st.none() | KEYS,
        consequences=WORDS,
        rotated=SECRETS,
        records=FIELDS,
        orphan=st.booleans(),
    ),
    st.builds(Delete, key=KEYS, external_id=TEXT, observed_version=TEXT, before=SPECS, cause=CAUSES, consequences=WORDS),
    st.builds(Forget, key=KEYS, external_id=TEXT, before=SPECS, cause=CAUSES, consequences=WORDS),
    st.builds(
        Command,
        key=KEYS,
        external_id=TEXT,
        observed_version=TEXT,
        verb=TEXT,
        arguments=SPECS,
        reason=TEXT,
        cause=CAUSES,
        consequences=WORDS,
    ),
)
COMMITS = st.builds(Commit, id=st.sampled_from(("", "3f2a91c0" * 5)), author=TEXT, at=st.just("2026-11-20T10:00:00Z"), subject=TEXT)


@st.composite
def hostile_plans(draw: st.DrawFn) -> Plan:
    """Everything a plan file may hold, in the words of somebody who means harm."""
    changes = draw(st.lists(CHANGES, max_size=6))
    files = [
        cause.was_in or (cause.position.file if cause.position else "")
        for change in changes
        if not isinstance(change, Update)
        for cause in (change.cause,)
    ]
    return plan(
        *changes,
        held=draw(st.lists(st.builds(Held, key=KEYS, reason=TEXT), max_size=6).map(tuple)),
        brakes=draw(st.lists(st.builds(BrakeTripped, name=TEXT, message=TEXT, count=st.just(1), of=st.just(1), limit=st.just(1), keys=st.lists(KEYS, max_size=2).map(tuple), knob=TEXT), max_size=2).map(tuple)),
        notes=draw(st.lists(st.builds(Note, message=TEXT, key=st.none() | KEYS), max_size=6).map(tuple)),
        unobserved=draw(WORDS), lifted=draw(WORDS), lasting=draw(WORDS), against=draw(st.just("") | TEXT), target=draw(TEXT), revision=draw(TEXT),
        selection=draw(st.none() | st.builds(Selection, only=WORDS, exclude=WORDS)),
        commits={file: draw(COMMITS) for file in files},
    )  # fmt: skip


#: Every line of HTML that is ours; what stands between the tags is escaped.
OWN = re.compile(r"<!-- reconcile plan prod -->|</details>|<details><summary>[^<>]*(?:<code>[^<>]*</code>[^<>]*)*</summary>")
#: What a code host makes something of, outside code.
ACTIVE = re.compile(r":[\w+-]|[@#/\\<>\[\]_*~`|$&{}=]|www\.|\b[0-9a-f]{7,}\b|\bGH-[0-9]|[\x00-\x08\x0b-\x1f\u202a-\u202e]")


@given(hostile_plans())
@settings(max_examples=200, deadline=None)
def test_no_data_becomes_html_a_link_an_image_or_a_mention(hostile: Plan) -> None:
    text = plan_markdown(hostile)
    structure = 0
    for token in MarkdownIt("commonmark").enable(["table", "strikethrough"]).parse(text):
        if token.type == "html_block":
            assert [line for line in token.content.splitlines() if line and not OWN.fullmatch(line)] == []
        assert token.type not in ("fence", "code_block", "blockquote_open", "hr", "ordered_list_open")
        structure += token.type == "heading_open"
        for child in token.children or ():
            assert child.type in ("text", "code_inline", "softbreak", "strong_open", "strong_close"), child
            if child.type == "text":
                assert not ACTIVE.search(child.content), child.content
    assert structure == 1 + bool(hostile.brakes) + bool(hostile.held or hostile.unobserved) + bool(hostile.lasting)


@given(TEXT)
@settings(max_examples=200, deadline=None)
def test_a_value_is_shown_as_it_is(value: str) -> None:
    wanted = cut(neutral(value), 120)
    wanted = wanted if wanted.strip() else f'"{wanted}"'
    for before, after in (("", ""), ("word ", " word"), ("- ", " `x`")):
        (block,) = [token for token in MarkdownIt("commonmark").parse(before + code(value) + after) if token.type == "inline"]
        assert next(child.content for child in block.children or () if child.type == "code_inline") == wanted


@given(TEXT)
@settings(max_examples=200, deadline=None)
def test_a_sentence_loses_no_word(value: str) -> None:
    assume(value.strip() or not value)  # nothing but spaces is quoted, so that it is seen
    shown = MarkdownIt("commonmark").parseInline("x " + prose(value))[0].children or []
    seen = "".join("".join(child.content for child in shown)[2:].split())
    assert seen == "".join(cut(neutral(value), 600).split())


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("incoming mail of sales@contoso.example stops", "incoming mail of `sales@contoso.example` stops"),
        ("1,240 messages (from 2026-01-01)", "1,240 messages (from 2026-01-01)"),
        ("größe → maß; it's 30% of 4", "größe → maß; it's 30% of 4"),
        ("see deadbeef1, GH-1 and www.x.example.", "see `deadbeef1`, `GH-1` and `www.x.example`."),
        ("a `b` <c> @d", "a `` `b` <c> @d ``"),
    ],
)  # fmt: skip
def test_words_stay_words(text: str, expected: str) -> None:
    assert prose(text) == expected


def test_changes_of_one_place_stand_together_with_it() -> None:
    many = [moved(f"m{number}", "assignments/all.yaml") for number in range(30)]
    shown = plan_markdown(plan(*many, *(moved(f"own{number}") for number in range(30))))
    assert shown.count("`assignments/all.yaml:12`") == 1
    assert "- why: `assignments/all.yaml:12` changed in git\n" in shown
    assert shown.count("update 30 ") == 2
