"""Keyed digests: equal exactly for the same value behind the same reference under the same key."""

from __future__ import annotations

import re

from reconcile.model.secret import Secret, SecretRef, comparable
from reconcile.secrets.digest import KeyedDigests

ONE, OTHER = KeyedDigests(Secret(b"1" * 32)), KeyedDigests(Secret(b"2" * 32))
REF = SecretRef.parse("env:PASSWORD")


def test_equal_values_behind_one_reference_are_equal() -> None:
    assert ONE.digest(REF, Secret(b"x")) == KeyedDigests(Secret(b"1" * 32)).digest(REF, Secret(b"x"))
    assert re.fullmatch("[0-9a-f]{32}", ONE.digest(REF, Secret(b"x")))


def test_everything_else_is_different() -> None:
    digests = {
        ONE.digest(REF, Secret(b"x")),
        ONE.digest(REF, Secret(b"y")),
        ONE.digest(SecretRef.parse("file:PASSWORD"), Secret(b"x")),
        # Neither takes a letter from the other.
        ONE.digest(SecretRef.parse("env:PASSWORDx"), Secret(b"")),
        OTHER.digest(REF, Secret(b"x")),
    }
    assert len(digests) == 5


def test_digests_of_two_keys_are_not_compared() -> None:
    first, second = ONE.digest(REF, Secret(b"x")), OTHER.digest(REF, Secret(b"x"))
    assert not comparable(first, second)
    assert comparable(first, ONE.digest(REF, Secret(b"y")))
    # What was handed over is not known: any value is another one.
    assert comparable("", first)


def test_neither_key_nor_value_shows() -> None:
    assert "1" * 12 not in repr(ONE)
    assert "1" * 12 not in repr([getattr(ONE, name) for name in ONE.__slots__])
