"""Fields changed in their file: byte for byte, and refused where that would change anything else."""

from __future__ import annotations

import textwrap

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reconcile.desired.edit import Edit, Refused, edit
from reconcile.desired.yaml import read_values

HEAD = """\
# Postfach Süd
apiVersion: reconcile/v1alpha2
kind: EmailServerProfile
metadata:
  name: süd-1
"""


def apply(before: str, *edits: Edit) -> str | Refused:
    result = edit(before.encode(), file="a.yaml", kind="EmailServerProfile", name="süd-1", edits=edits)
    return result if isinstance(result, Refused) else result.decode()


CASES = [
    ("a word, with its comment", "spec:\n  incoming:\n    tls: none # why?\n", ("incoming", "tls"), "implicit", "    tls: implicit # why?\n", "    tls: none # why?\n"),
    ("a word in quotes", 'spec:\n  incoming: {tls: "none", port: 1}\n', ("incoming", "tls"), "implicit", "  incoming: {tls: implicit, port: 1}\n", '  incoming: {tls: "none", port: 1}\n'),
    ("a truth value", "spec:\n  autodiscover:   true\n", ("autodiscover",), False, "  autodiscover:   false\n", "  autodiscover:   true\n"),
    ("text that needs quotes", "spec:\n  owner: a\n", ("owner",), "no", '  owner: "no"\n', "  owner: a\n"),
    ("text that would be a number", "spec:\n  owner: a\n", ("owner",), "10", '  owner: "10"\n', "  owner: a\n"),
]  # fmt: skip


@pytest.mark.parametrize(("name", "spec", "path", "value", "new", "old"), CASES)
def test_replaced_where_it_stands(name: str, spec: str, path: tuple[str, ...], value: str | bool, new: str, old: str) -> None:
    before = HEAD + spec + "# end\n"
    assert apply(before, Edit(("spec", *path), value)) == before.replace(old, new), name


def test_a_new_field_is_a_line_of_its_own() -> None:
    before = HEAD + "spec:\n    displayName: S  # name\n    # about incoming\n    incoming:\n        port: 993\n    oauth: {}\n"
    after = apply(before, Edit(("spec", "incoming", "useImpersonation"), True))
    assert after == before.replace("        port: 993\n", "        port: 993\n        useImpersonation: true\n")


def test_a_new_group_is_made_on_the_way() -> None:
    before = HEAD + "spec:\n  displayName: S\n"
    assert apply(before, Edit(("spec", "incoming", "tls"), "implicit")) == before + "  incoming:\n    tls: implicit\n"


def test_the_last_line_without_a_line_break_gets_none() -> None:
    before = HEAD + "spec:\n  displayName: S"
    assert apply(before, Edit(("spec", "autodiscover"), False)) == before + "\n  autodiscover: false"


def test_line_ends_and_byte_order_mark_stay() -> None:
    before = "\ufeff" + (HEAD + "spec:\n  displayName: S\n").replace("\n", "\r\n")
    assert apply(before, Edit(("spec", "autodiscover"), False)) == before + "  autodiscover: false\r\n"


@pytest.mark.parametrize(
    ("spec", "path", "expected"),
    [
        ("spec: {a: 1, b: {c: 2}}\n", ("d",), "spec: {d: 3, a: 1, b: {c: 2}}\n"),
        ("spec: {a: 1, b: {c: 2}}\n", ("b", "d"), "spec: {a: 1, b: {d: 3, c: 2}}\n"),
        ("spec: {a: 1, b: { }}\n", ("b", "d"), "spec: {a: 1, b: {d: 3 }}\n"),
        ("spec: {a: 1}\n", ("x", "y", "z"), "spec: {x: {y: {z: 3}}, a: 1}\n"),
    ],
)
def test_braces_stay_braces(spec: str, path: tuple[str, ...], expected: str) -> None:
    assert apply(HEAD + spec, Edit(("spec", *path), 3)) == HEAD + expected


@pytest.mark.parametrize(
    ("spec", "path", "expected"),
    [
        ("spec:\n  a: 1 # one\n  b: 2\n", ("a",), "spec:\n  b: 2\n"),
        ("spec:\n  g:\n    a: 1\n  b: 2\n", ("g", "a"), "spec:\n  g: {}\n  b: 2\n"),
        ("spec:\n  g: # note\n    a: 1\n  b: 2\n", ("g", "a"), "spec:\n  g: {} # note\n  b: 2\n"),
        ("spec: {a: 1, b: 2}\n", ("a",), "spec: {b: 2}\n"),
        ("spec: {a: 1, b: 2}\n", ("b",), "spec: {a: 1}\n"),
        ("spec: {a: 1}\n", ("a",), "spec: {}\n"),
        ("spec:\n  a: 1\n", ("zzz",), "spec:\n  a: 1\n"),
    ],
)
def test_taken_away(spec: str, path: tuple[str, ...], expected: str) -> None:
    assert apply(HEAD + spec, Edit(("spec", *path), None)) == HEAD + expected


def test_only_the_document_that_is_meant() -> None:
    other = HEAD.replace("süd-1", "north") + "spec:\n  a: 1\n---\n"
    before = other + HEAD + "spec:\n  a: 1\n"
    assert apply(before, Edit(("spec", "a"), 2)) == other + HEAD + "spec:\n  a: 2\n"


@pytest.mark.parametrize(
    ("name", "text", "path"),
    [
        ("several lines", HEAD + "spec:\n  a: |\n    x\n", ("spec", "a")),
        ("taken away, several lines", HEAD + "spec:\n  a:\n    b: 1\n  c: 1\n", ("spec", "a")),
        ("below a word", HEAD + "spec:\n  a: 1\n", ("spec", "a", "b")),
        ("below a list", HEAD + "spec:\n  a: [1]\n", ("spec", "a", "b")),
        ("no such document", HEAD.replace("süd-1", "x") + "spec: {}\n", ("spec", "a")),
        ("twice", HEAD + "spec: {}\n---\n" + HEAD + "spec: {}\n", ("spec", "a")),
        ("broken file", HEAD + "spec: [\n", ("spec", "a")),
        ("empty", "", ("spec", "a")),
        ("empty value", HEAD + "spec:\n  a:\n", ("spec", "a")),
    ],
)
def test_refused_with_a_reason(name: str, text: str, path: tuple[str, ...]) -> None:
    value = None if name.startswith("taken") else "x"
    result = apply(text, Edit(path, value))
    assert isinstance(result, Refused), name
    assert result.why


SCALARS = st.one_of(st.booleans(), st.integers(0, 99), st.sampled_from(["a", "b c", "no", "1", "x: y", "# z", "ü"]))
TREES = st.recursive(SCALARS, lambda inner: st.dictionaries(st.sampled_from("abcd"), inner, max_size=3), max_leaves=8)


def dump(value: object, indent: int, *, flow: bool) -> str:
    if isinstance(value, dict) and value and not flow:
        return "\n" + "".join(
            f"{' ' * indent}{key}:{dump(item, indent + 2, flow=len(key + str(item)) % 3 == 0)}" for key, item in value.items()
        )
    if isinstance(value, dict):
        return " {" + ", ".join(f"{key}:{dump(item, 0, flow=True).rstrip()}" for key, item in value.items()) + "}\n"
    words = str(value).lower() if isinstance(value, bool) else f'"{value}"' if isinstance(value, str) else str(value)
    return f" {words} # c\n" if indent else f" {words}\n"


@given(
    tree=st.dictionaries(st.sampled_from("abcd"), TREES, min_size=1, max_size=3),
    path=st.lists(st.sampled_from("abcd"), min_size=1, max_size=3),
    value=st.one_of(st.none(), SCALARS),
)
def test_whatever_is_edited_says_that_and_nothing_else(tree: dict[str, object], path: list[str], value: str | bool | None) -> None:
    before = textwrap.dedent(HEAD) + "spec:" + dump(tree, 2, flow=False) + "# tail\n"
    assert read_values(before.encode()) is not None
    result = apply(before, Edit(("spec", *path), value))
    if isinstance(result, Refused):
        return
    (_, said), (_, was) = read_values(result.encode())[0], read_values(before.encode())[0]  # type: ignore[index]
    here = was
    for part in ("spec", *path[:-1]):
        here = here.setdefault(part, {}) if value is not None else here.get(part, {})
    if value is None:
        here.pop(path[-1], None)
    else:
        here[path[-1]] = value
    assert said == was
    assert result.count("# c\n") >= before.count("# c\n") - 1, "no comment but that of the field itself goes"
