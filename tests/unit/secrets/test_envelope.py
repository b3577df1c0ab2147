"""The layout of a sealed value, and what its errors say."""

from __future__ import annotations

import pytest
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from reconcile.errors import SettingsError
from reconcile.model.secret import Secret
from reconcile.secrets.envelope import Envelope, key_id, sealing_key

KEY = Secret(b"k" * 32)

#: Sealed once under KEY for "row/field" by layout version 1: values in existing stores must open for ever.
SEALED_BY_VERSION_1 = "01e16ab0cfc8f8198f70976a41bf83f3ce067314cfa3de168b4135c621d0255a4308afdef257dd9de83ca5bd4712652758a8e61c859aa781def2b1adfae06fdf4f8f0aa4f81eb043608fa2dcfdc3576c28e5a45892e76f3762b7202c978f3ad13fd782b389f41c8f38b89b159d61cb45cafd"


def test_what_earlier_releases_sealed_opens() -> None:
    opened = Envelope(KEY).open(bytes.fromhex(SEALED_BY_VERSION_1), identity="row/field")
    assert opened.reveal() == b"the value of 2026"


def test_the_layout_is_as_documented() -> None:
    sealed = Envelope(KEY).seal(Secret(b"12345"), identity="row/field")
    assert sealed[0] == 1
    assert sealed[1:9] == key_id(KEY)
    assert len(sealed) == 1 + 8 + 12 + 48 + 12 + 5 + 16


def test_every_value_has_nonces_and_a_data_key_of_its_own() -> None:
    sealer = Envelope(KEY)
    sealed = [sealer.seal(Secret(b"12345"), identity="row/field") for _ in range(50)]
    for part in (slice(9, 21), slice(21, 69), slice(69, 81)):
        assert len({value[part] for value in sealed}) == 50
    master = AESGCM(KEY.reveal())
    assert len({master.decrypt(value[9:21], value[21:69], value[:9]) for value in sealed}) == 50, "the data keys themselves differ"


def test_the_wrong_key_is_named_by_its_id() -> None:
    other = Secret(b"o" * 32)
    with pytest.raises(SettingsError) as caught:
        Envelope(other).open(Envelope(KEY).seal(Secret(b"x"), identity="row/field"), identity="row/field")
    assert key_id(KEY).hex() in caught.value.message
    assert key_id(other).hex() in caught.value.message
    assert "RECONCILE_KEY" in caught.value.hint


def test_a_later_layout_is_not_guessed_at() -> None:
    sealed = Envelope(KEY).seal(Secret(b"x"), identity="row/field")
    with pytest.raises(SettingsError, match="later version"):
        Envelope(KEY).open(b"\x02" + sealed[1:], identity="row/field")


@pytest.mark.parametrize("size", [0, 16, 31, 33])
def test_a_key_of_another_size_is_a_bug(size: int) -> None:
    with pytest.raises(ValueError, match="32 bytes"):
        Envelope(Secret(b"k" * size))


OLD, NEW = Secret(b"o" * 32), Secret(b"n" * 32)


def test_the_first_key_of_a_ring_seals_and_all_open() -> None:
    before = Envelope(OLD).seal(Secret(b"x"), identity="row/field")
    ring = Envelope(NEW, OLD)
    assert ring.open(before, identity="row/field").reveal() == b"x"
    after = ring.seal(Secret(b"y"), identity="row/field")
    assert (sealing_key(before), sealing_key(after)) == (key_id(OLD).hex(), key_id(NEW).hex())
    assert sealing_key(b"\x02" + after[1:]) is None


def test_a_key_that_is_not_known_is_looked_for_once() -> None:
    ring, asked = [OLD], []

    def again() -> list[Secret]:
        asked.append(1)
        return ring

    running = Envelope(OLD, again=again)
    sealed = Envelope(NEW).seal(Secret(b"x"), identity="row/field")
    with pytest.raises(SettingsError, match="sealed with key"):
        running.open(sealed, identity="row/field")
    assert len(asked) == 1
    ring[:0] = [NEW]
    assert running.open(sealed, identity="row/field").reveal() == b"x"
    assert running.open(sealed, identity="row/field").reveal() == b"x"
    assert len(asked) == 2


def test_nothing_new_is_sealed_with_a_key_that_no_longer_leads_the_ring() -> None:
    running = Envelope(OLD, again=lambda: [NEW, OLD])
    assert sealing_key(running.seal(Secret(b"x"), identity="row/field")) == key_id(NEW).hex()
