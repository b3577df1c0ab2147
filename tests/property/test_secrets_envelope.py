"""Whatever the value: it opens where it belongs and nowhere else, and no single bit of it may change."""

from __future__ import annotations

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from reconcile.errors import SettingsError
from reconcile.model.secret import Secret
from reconcile.secrets.envelope import Envelope

values = st.binary(max_size=200)
keys = st.binary(min_size=32, max_size=32)
identities = st.text(st.characters(exclude_categories=["Cs"]), max_size=40)


@given(value=values, key=keys, identity=identities)
def test_it_opens_where_it_belongs(value: bytes, key: bytes, identity: str) -> None:
    sealed = Envelope(Secret(key)).seal(Secret(value), identity=identity)
    assert Envelope(Secret(key)).open(sealed, identity=identity).reveal() == value


@given(value=values, key=keys, identity=identities, elsewhere=identities)
def test_it_does_not_open_elsewhere(value: bytes, key: bytes, identity: str, elsewhere: str) -> None:
    assume(identity != elsewhere)
    sealer = Envelope(Secret(key))
    with pytest.raises(SettingsError):
        sealer.open(sealer.seal(Secret(value), identity=identity), identity=elsewhere)


@given(value=values, key=keys, other=keys)
def test_another_key_does_not_open_it(value: bytes, key: bytes, other: bytes) -> None:
    assume(key != other)
    sealed = Envelope(Secret(key)).seal(Secret(value), identity="row")
    with pytest.raises(SettingsError):
        Envelope(Secret(other)).open(sealed, identity="row")


@settings(max_examples=20)
@given(value=st.binary(max_size=20))
def test_no_bit_may_change(value: bytes) -> None:
    sealer = Envelope(Secret(b"k" * 32))
    sealed = sealer.seal(Secret(value), identity="row")
    for bit in range(8 * len(sealed)):
        changed = bytearray(sealed)
        changed[bit // 8] ^= 1 << bit % 8
        with pytest.raises(SettingsError):
            sealer.open(bytes(changed), identity="row")


@given(parts=st.tuples(values, values), cut=st.integers(0, 120))
def test_two_sealed_values_do_not_mix(parts: tuple[bytes, bytes], cut: int) -> None:
    sealer = Envelope(Secret(b"k" * 32))
    first, second = (sealer.seal(Secret(part), identity="row") for part in parts)
    mixed = first[:cut] + second[cut:]
    assume(mixed not in (first, second))
    with pytest.raises(SettingsError):
        sealer.open(mixed, identity="row")
