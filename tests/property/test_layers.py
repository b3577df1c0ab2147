"""Layers: put together in any order of files and any grouping, they say the same, and each field is where its last writer wrote it."""

from __future__ import annotations

import random
from functools import reduce
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from reconcile.desired.layers import Tree, merge, tree, value_of
from reconcile.model.key import Key
from support.estate import ENVIRONMENT, PROFILE, load_texts

LEAVES: st.SearchStrategy[Any] = st.one_of(
    st.none(), st.integers(0, 3), st.sampled_from(["a", "b"]), st.lists(st.integers(0, 2), max_size=2)
)
VALUES: st.SearchStrategy[Any] = st.recursive(
    LEAVES, lambda inner: st.dictionaries(st.sampled_from("xyz"), inner, max_size=3), max_leaves=8
)
MAPS = st.dictionaries(st.sampled_from("xyz"), VALUES, max_size=3)


@given(st.lists(MAPS, min_size=3, max_size=5), st.booleans(), st.randoms(use_true_random=False))
@settings(max_examples=600, deadline=None)
def test_merging_is_associative(layers: list[dict[str, Any]], first_is_base: bool, chance: random.Random) -> None:
    trees: list[Tree] = [tree(layer, first=first_is_base and number == 0) for number, layer in enumerate(layers)]
    from_the_left = reduce(merge, trees)
    while len(trees) > 1:
        at = chance.randrange(len(trees) - 1)
        trees[at : at + 2] = [merge(trees[at], trees[at + 1])]
    assert trees[0] == from_the_left


@given(st.lists(MAPS, min_size=1, max_size=4))
@settings(max_examples=400, deadline=None)
def test_merging_means_what_the_manual_says(layers: list[dict[str, Any]]) -> None:
    """Maps merge, all else replaces, null unsets: one value after the other put in."""

    def put(into: dict[str, Any], layer: dict[str, Any]) -> None:
        for name, value in layer.items():
            if value is None:
                into.pop(name, None)
            elif isinstance(value, dict):
                if not isinstance(into.get(name), dict):
                    into[name] = {}
                put(into[name], value)
            else:
                into[name] = value

    expected: dict[str, Any] = {}
    for layer in layers:
        put(expected, layer)
    assert value_of(reduce(merge, (tree(layer, first=False) for layer in layers))) == expected


FIELDS = {"owner": ["One", "Two"], "filter": ["all", "replies"], "state": ["active", "inactive"], "displayName": ["A", "B"]}


@st.composite
def overlays(draw: st.DrawFn) -> dict[str, str | None]:
    return {name: draw(st.one_of(st.none(), st.sampled_from(words))) for name, words in FIELDS.items() if draw(st.booleans())}


@given(st.lists(overlays(), min_size=1, max_size=3), st.randoms(use_true_random=False))
@settings(max_examples=120, deadline=None)
def test_each_field_is_where_its_last_writer_wrote_it(layers: list[dict[str, str | None]], chance: random.Random) -> None:
    names = [f"layer{number}" for number in range(len(layers))]
    header = "apiVersion: reconcile/v1alpha2\nkind: Mailbox\nmetadata: {name: sales}\nspec:\n"
    files: dict[str, str | bytes] = {
        "e.yaml": ENVIRONMENT.replace("spec: {", f"spec: {{layers: [base, {', '.join(names)}], "),
        "base/p.yaml": PROFILE,
        "base/sales.yaml": f"{header}  emailAddress: sales@contoso.example\n  profile: contoso\n  owner: Base\n",
    }
    expected: dict[str, tuple[str, str]] = {"owner": ("Base", "base/sales.yaml")}
    for name, layer in zip(names, layers, strict=True):
        path = f"{name}/{chance.choice('abc')}.yaml"
        lines = "".join(f"  {field}: {'null' if word is None else word}\n" for field, word in layer.items())
        files[path] = header.replace("spec:\n", "") + (f"spec:\n{lines}" if lines else "")
        for field, word in layer.items():
            if word is None:
                expected.pop(field, None)
            else:
                expected[field] = (word, path)
    order = list(files)
    chance.shuffle(order)
    desired = load_texts(files, order=order).desired
    assert desired is not None
    assert desired.findings == ()
    sales = Key("Mailbox", "sales")
    spec = desired.resources[sales].spec
    assert {field: spec[field] for field in FIELDS if field in spec} == {field: word for field, (word, _) in expected.items()}
    for field, (_, path) in expected.items():
        assert desired.locate(sales, field).file == path
