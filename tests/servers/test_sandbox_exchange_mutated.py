"""Microsoft's sample requests, changed at random. What still holds against the schema is answered within it; what does not is a fault, no crash."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from random import Random

import pytest

from reconcile.sandbox.ews.call import Call
from reconcile.sandbox.ews.dispatch import OPERATIONS, answer_to, written, written_fault
from reconcile.sandbox.ews.node import Node
from reconcile.sandbox.ews.organization import Caller
from reconcile.sandbox.ews.reading import Envelope, read_envelope
from reconcile.sandbox.ews.response_codes import EwsError
from support.exchange_sandbox import SALES, ExchangeSandbox, exchange_sandbox, official_schema

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not os.environ.get("EWS_SCHEMA_DIR"), reason="EWS_SCHEMA_DIR is not set: the schema is Microsoft's"),
]
TEXTS = (
    "",
    "true",
    "-1",
    "99999999999999999999",
    "²",
    "0001-01-01T00:00:00",
    "9999-12-31T23:59:59Z",
    "NaN",
    "x" * 3000,
    "a@b.example",
    "AAMk",
    "P1D",
)
REQUESTS = 4000


def requests() -> list[Envelope]:
    """All samples of operations that answer at once."""
    folder = Path(os.environ["EWS_SCHEMA_DIR"]) / "examples"
    known = {name.removeprefix("m:") for name in OPERATIONS} - {"GetStreamingEvents"}
    return [read_envelope(path.read_bytes()) for path in sorted(folder.glob("*.xml")) if path.name.rpartition("-")[0] in known]


def nodes(node: Node) -> Iterator[Node]:
    """All of a tree."""
    yield node
    for child in node.children:
        yield from nodes(child)


def copied(node: Node) -> Node:
    return Node(node.name, node.text, [copied(child) for child in node.children], dict(node.attributes))


def mutate(random: Random, tree: Node, pool: list[Node]) -> None:
    """One change of one element: children, text or attributes."""
    found = random.choice(list(nodes(tree)))
    children = list(found.children)
    match random.randrange(7):
        case 0 if children:
            del children[random.randrange(len(children))]
        case 1 if children:
            children.insert(random.randrange(len(children) + 1), copied(random.choice(children)))
        case 2:
            found.text = random.choice(TEXTS)
        case 3 if found.attributes:
            found.attributes = {**found.attributes, random.choice(list(found.attributes)): random.choice(TEXTS)}
        case 4 if found.attributes:
            gone = random.choice(list(found.attributes))
            found.attributes = {name: value for name, value in found.attributes.items() if name != gone}
        case 5:
            random.shuffle(children)
        case _:
            children.append(copied(random.choice(pool)))
    found.children = children


def aim(random: Random, tree: Node, ids: list[str]) -> None:
    """Most ids become those of something that is there, without a change key."""
    for node in nodes(tree):
        if "Id" in node.attributes and node.local in ("ItemId", "FolderId", "ReferenceItemId") and random.random() < 0.8:
            node.attributes = {"Id": random.choice(ids)}


@pytest.mark.parametrize("seed", range(3))
def test_whatever_is_asked_is_answered_within_the_schema(seed: int) -> None:
    random, schema, samples = Random(seed), official_schema(), requests()
    assert schema is not None
    pool = [node for sample in samples for node in nodes(sample.body)]
    valid = 0
    # Requests that break the schema go to a server of their own: one that does not check keeps what they say, and repeats it.
    with exchange_sandbox() as checking, exchange_sandbox() as unchecking:
        for number in range(REQUESTS):
            if number % 500 == 0:
                checking.letters(2)
            sample = random.choice(samples)
            body = copied(sample.body)
            aim(random, body, ids_of(checking))
            for _ in range(random.randrange(3)):
                mutate(random, body, pool)
            if schema.broken_by(written(body)) is None:
                valid += 1
                assert schema.broken_by(answered(checking, sample.header, body)) is None, written(body)
            else:
                answered(unchecking, sample.header, body)
    assert valid > REQUESTS / 4


def ids_of(sandbox: ExchangeSandbox) -> list[str]:
    """Of all that lies in the mailbox, and of its folders."""
    mailbox = sandbox.mailbox()
    items = [str(mailbox.item_id(one)) for one in mailbox.items.values()]
    return items + [str(mailbox.folder_id(one)) for one in mailbox.folders.values()]


def answered(sandbox: ExchangeSandbox, header: Node, body: Node) -> bytes:
    call = Call(
        organization=sandbox.organization,
        faults=sandbox.faults,
        caller=Caller(username=SALES, address=SALES),
        acting_as=SALES,
        header=header,
        request=body,
    )
    try:
        with sandbox.organization.lock:
            return written(answer_to(call))
    except EwsError as error:
        return written_fault(error)
