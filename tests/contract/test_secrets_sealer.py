"""What every sealer must do, held on the envelope and on the twin in memory."""

from __future__ import annotations

import traceback
from collections.abc import Callable

import pytest

from reconcile.errors import SettingsError
from reconcile.model.secret import Secret
from reconcile.ports.credentials import Sealer
from reconcile.secrets.envelope import Envelope
from reconcile.secrets.memory import MemorySealer

CANARY = b"kanarienvogel-5f0c"
IDENTITY = "6b0c/credentials.password"


@pytest.fixture(params=[lambda: Envelope(Secret(b"k" * 32)), MemorySealer], ids=["envelope", "memory"])
def sealer(request: pytest.FixtureRequest) -> Sealer:
    build: Callable[[], Sealer] = request.param
    return build()


@pytest.mark.parametrize("value", [b"", b"x", CANARY, bytes(range(256)), b"long" * 20_000], ids=["empty", "byte", "word", "binary", "long"])
def test_what_was_sealed_opens(sealer: Sealer, value: bytes) -> None:
    assert sealer.open(sealer.seal(Secret(value), identity=IDENTITY), identity=IDENTITY).reveal() == value


def test_the_value_is_not_in_what_is_stored(sealer: Sealer) -> None:
    assert CANARY not in sealer.seal(Secret(CANARY), identity=IDENTITY)


def test_equal_values_are_sealed_differently(sealer: Sealer) -> None:
    assert len({sealer.seal(Secret(CANARY), identity=IDENTITY) for _ in range(20)}) == 20


def _moved(sealed: bytes) -> tuple[bytes, str]:
    return sealed, "6b0d/credentials.password"


def _truncated(sealed: bytes) -> tuple[bytes, str]:
    return sealed[:-1], IDENTITY


def _extended(sealed: bytes) -> tuple[bytes, str]:
    return sealed + b"\0", IDENTITY


def _flipped(sealed: bytes) -> tuple[bytes, str]:
    return sealed[:-1] + bytes([sealed[-1] ^ 1]), IDENTITY


def _nothing(_: bytes) -> tuple[bytes, str]:
    return b"", IDENTITY


@pytest.mark.parametrize("harm", [_moved, _truncated, _extended, _flipped, _nothing])
def test_a_moved_or_changed_value_does_not_open_and_shows_nothing(sealer: Sealer, harm: Callable[[bytes], tuple[bytes, str]]) -> None:
    sealed, identity = harm(sealer.seal(Secret(CANARY), identity=IDENTITY))
    with pytest.raises(SettingsError) as caught:
        sealer.open(sealed, identity=identity)
    assert identity in caught.value.message
    assert caught.value.hint
    shown = "".join(traceback.TracebackException.from_exception(caught.value, capture_locals=True).format()) + repr(sealer)
    assert CANARY.decode() not in shown
    assert "kkkkkkkk" not in shown  # the master key


def test_another_sealer_does_not_open(sealer: Sealer) -> None:
    other = Envelope(Secret(b"o" * 32)) if isinstance(sealer, Envelope) else MemorySealer()
    with pytest.raises(SettingsError):
        other.open(sealer.seal(Secret(CANARY), identity=IDENTITY), identity=IDENTITY)
