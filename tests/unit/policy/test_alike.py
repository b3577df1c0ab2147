"""Which mailboxes are judged once for all that say the same."""

from __future__ import annotations

import pytest

from reconcile.model.canonical import Leaf
from reconcile.model.key import Key
from reconcile.model.position import Position
from reconcile.model.resource import Resource
from reconcile.policy import alike as module
from reconcile.policy.alike import Alike, alike, shared
from reconcile.policy.counts import _OF_MAILBOXES, _full
from reconcile.policy.variables import vocabulary


def _mailbox(name: str, **spec: Leaf) -> Resource:
    said = {path.replace("_", "."): leaf for path, leaf in spec.items()}
    return Resource(key=Key("Mailbox", name), spec={"emailAddress": f"{name}@contoso.example", **said}, position=Position("m.yaml"))


def _names(found: Alike) -> list[list[str]]:
    return [[each.key.name for each in found.of(one)] for one in found.first]


def test_what_is_a_mailboxs_own_tells_none_apart() -> None:
    found = alike(
        [
            _mailbox("a", type="user", displayName="A", credentials_username="a"),
            _mailbox("b", type="queue", credentials_username="b"),
            _mailbox("c", type="user", displayName="C", credentials_username="c"),
            _mailbox("d", type="queue", credentials_username="b"),
        ]
    )
    assert _names(found) == [["a", "c"], ["b", "d"]]
    assert list(found.times) == [2, 2]


def test_whether_it_is_written_does_and_null_is_another_thing() -> None:
    written = [_mailbox(name, credentials_username=name) for name in "abc"]
    null = [_mailbox(name, credentials_username=None) for name in "def"]
    missing = [_mailbox(name) for name in "ghi"]
    assert _names(alike([*written, *null, *missing])) == [["a", "b", "c"], ["d", "e", "f"], ["g", "h", "i"]]


def test_a_default_that_is_written_is_told_from_one_that_is_not() -> None:
    assert _names(alike([_mailbox(name, state="active") for name in "ab"] + [_mailbox(name) for name in "cd"])) == [["a", "b"], ["c", "d"]]


@pytest.mark.parametrize("part", [1, 2, 3, 100])
def test_parts_make_no_difference(part: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """A field that first occurs in a later part is no reason to tell them apart wrongly. One part of one has only itself."""
    monkeypatch.setattr(module, "_PART", part)
    found = alike(
        [_mailbox("a", type="user"), _mailbox("b", type="user"), _mailbox("c", type="user"), _mailbox("d", type="user", filter="all")]
    )
    assert sorted(name for names in _names(found) for name in names) == ["a", "b", "c", "d"]
    assert _names(found) == ([["a"], ["b"], ["c"], ["d"]] if part == 1 else [["a", "b", "c"], ["d"]])


def test_where_most_differ_each_stands_for_itself() -> None:
    found = alike([_mailbox(name, type=kind) for name, kind in (("a", "user"), ("b", "queue"), ("c", "forward"))])
    assert _names(found) == [["a"], ["b"], ["c"]]
    assert alike([]).first == []


@pytest.mark.parametrize(
    ("variable", "agree"),
    [
        ("mailbox.state", True),
        ("mailbox.profile", True),
        ("mailbox.credentials.password.kept", True),
        ("mailbox.credentials.username", False),
        ("mailbox.credentials.username?", True),
        ("mailbox.credentials.password.ref?", True),
        ("mailbox.displayName?", False),
        ("mailbox.domain", False),
        ("mailbox.domain?", False),
        ("mailbox.name", False),
        ("mailbox.labels", False),
        ("profile.name", True),
        ("counts.profile.mailboxes", True),
        ("counts.organization.mailboxes", True),
        ("counts.lookalikes", False),
        ("counts.sameUsername?", False),
        ("today", False),
    ],
)
def test_which_variables_those_that_are_alike_share(variable: str, agree: bool) -> None:
    assert shared(variable) is agree


def test_what_is_counted_over_combinations_is_shared() -> None:
    """Else a number of one mailbox would be told of many."""
    for one in _OF_MAILBOXES:
        for field in one.fields:
            assert shared(_full(field)), f"{one.name} reads {field}"
            assert _full(field).removesuffix("?") in vocabulary("Mailbox")
