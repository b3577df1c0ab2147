"""Every field says what its change means for the mail, or is listed with the reason why it means nothing."""

from __future__ import annotations

import itertools

import pytest

from reconcile.model import kinds
from reconcile.model.canonical import Leaf
from reconcile.model.change import Change
from reconcile.model.fields import FieldInfo
from reconcile.model.key import APPLIED_KINDS, Key
from reconcile.plan.consequences.none import WITHOUT_CONSEQUENCE
from reconcile.plan.consequences.table import TABLE, of_change, touches
from reconcile.plan.consequences.words import Surroundings
from reconcile.store.memory.configuration import MemoryConfiguration
from reconcile.targets.memory import MemoryTarget
from support.applying import Bench
from support.specs import estate, mailbox, profile

FIELDS = [(kind, info) for kind in APPLIED_KINDS for info in kinds.fields(kind)]
IDS = [f"{kind}-{info.path}" for kind, info in FIELDS]


def leaf_path(info: FieldInfo) -> str:
    return f"{info.path}.ref" if info.type == "secret" else f"{info.path}.name" if info.type == "map" else info.path


def has_words(kind: str, path: str) -> bool:
    return any(touches(rule, {path}) for rule, _ in TABLE[kind])


def is_listed(kind: str, info: FieldInfo) -> bool:
    return touches(tuple(WITHOUT_CONSEQUENCE.get(kind, {})), {info.path})


@pytest.mark.parametrize(("kind", "info"), FIELDS, ids=IDS)
def test_each_field_is_in_exactly_one_of_the_two(kind: str, info: FieldInfo) -> None:
    assert has_words(kind, leaf_path(info)) != is_listed(kind, info)


def test_the_list_names_fields_that_there_are_with_a_reason() -> None:
    for kind, fields in WITHOUT_CONSEQUENCE.items():
        known = {info.path for info in kinds.fields(kind)}
        for pattern, reason in fields.items():
            assert touches((pattern,), known), (kind, pattern)
            assert reason


def values(info: FieldInfo) -> list[Leaf]:
    if info.type.startswith("`"):
        return [word.strip("` ") for word in info.type.split(",")]
    by_type: dict[str, list[Leaf]] = {
        "boolean": [True, False],
        "integer": [1, 2],
        "instant": ["2026-01-01T00:00:00Z", "2026-06-01T00:00:00Z"],
        "duration": ["5m", "10m"],
        "list": [("a",), ("b",)],
    }
    return by_type.get(info.type, ["one", "two"])


@pytest.mark.parametrize(
    ("kind", "info"), [(kind, info) for kind, info in FIELDS if not is_listed(kind, info)], ids=lambda one: getattr(one, "path", one)
)
def test_each_field_with_words_has_some_to_say(kind: str, info: FieldInfo) -> None:
    bases: dict[str, dict[str, Leaf]] = {"Mailbox": {"state": "active"}, "EmailServerProfile": {"state": "active", "sendEmailAlert": True}}
    base = bases.get(kind, {"timeZone": "UTC"})
    path = leaf_path(info)
    said = {
        words
        for before, after in itertools.permutations(values(info), 2)
        for words in of_change(Key(kind, "x"), {**base, path: before}, {**base, path: after}, {path}, Surroundings(mailboxes={"x": 2}))
    }
    assert said
    assert all(words == words.strip() and "  " not in words for words in said)


JAN, MAR, JUN = (f"2026-{month}-01T00:00:00Z" for month in ("01", "03", "06"))


class Counted:
    """Answers what it is told and remembers what it was asked."""

    def __init__(self, *answers: int | None) -> None:
        self.answers = list(answers)
        self.asked: list[tuple[str, str, str]] = []

    def __call__(self, external_id: str, since: str, before: str) -> int | None:
        self.asked.append((external_id, since, before))
        return self.answers.pop(0)


def changes(before: dict[str, dict[str, Leaf]], after: dict[str, dict[str, Leaf]], count: Counted) -> tuple[Bench, dict[str, Change]]:
    bench = Bench(writer=MemoryTarget(), store=MemoryConfiguration(), count=count)
    bench.apply(estate(before))
    return bench, {str(change.key): change for change in bench.plan(estate(after)).changes}


def one(floor: str | None, profile_floor: str | None = None) -> dict[str, dict[str, Leaf]]:
    return {
        "EmailServerProfile/contoso": profile(processEmailFrom=profile_floor),
        "EmailServerProfile/other": profile(displayName="Other"),
        "Mailbox/m": mailbox("m@contoso.example", processEmailFrom=floor),
    }


@pytest.mark.parametrize(
    ("answer", "words"),
    [(1240, "1,240 messages"), (1, "1 message"), (0, "0 messages"), (None, "unknown number of messages"), (1234567, "1,234,567 messages")],
)
def test_messages_of_a_mailbox_are_counted(answer: int | None, words: str) -> None:
    count = Counted(answer)
    bench, found = changes(one(JUN), one(JAN), count)
    assert found["Mailbox/m"].consequences == (f"mail from {JAN} is read again: {words}",)
    assert count.asked == [(bench.store.entries()[Key("Mailbox", "m")].external_id, JAN, JUN)]


def test_the_floor_of_the_profile_bounds_the_count() -> None:
    count = Counted(5)
    changes(one(JUN, MAR), one(JAN, MAR), count)
    assert [asked[1:] for asked in count.asked] == [(MAR, JUN)]


def test_messages_of_a_profile_are_those_of_its_mailboxes() -> None:
    def two(floor: str) -> dict[str, dict[str, Leaf]]:
        more = {
            "Mailbox/n": mailbox("n@contoso.example", processEmailFrom=MAR),
            "Mailbox/late": mailbox("l@contoso.example", processEmailFrom=JUN),
        }
        return {**one(None, floor), **more}  # fmt: skip

    count = Counted(1000, 240)
    _, found = changes(two(JUN), two(JAN), count)
    assert found["EmailServerProfile/contoso"].consequences == (f"mail from {JAN} is read again in 3 mailboxes: 1,240 messages",)
    assert sorted(asked[1:] for asked in count.asked) == [(JAN, JUN), (MAR, JUN)]
    _, found = changes(two(JUN), two(JAN), Counted(1000, None))
    assert found["EmailServerProfile/contoso"].consequences[0].endswith(": unknown number of messages")


def test_a_mailbox_that_moves_to_an_earlier_floor_is_counted() -> None:
    moved = one(None, JUN)
    moved["Mailbox/m"]["profile"] = "other"
    count = Counted(7)
    _, found = changes(one(None, JUN), moved, count)
    assert found["Mailbox/m"].consequences[0].endswith("; mail from the oldest message is read again: 7 messages")
    assert [asked[1:] for asked in count.asked] == [("", JUN)]


def test_the_digest_does_not_know_the_count() -> None:
    digests = set()
    for answer in (1, None):
        bench = Bench(writer=MemoryTarget(), store=MemoryConfiguration(), count=Counted(answer))
        bench.apply(estate(one(JUN)))
        digests.add(bench.plan(estate(one(JAN))).digest)
    assert len(digests) == 1
