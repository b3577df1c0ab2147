"""Credentials are read one by one where few are asked for, and all at once where a poll asks for hundreds."""

from __future__ import annotations

import threading
from collections.abc import Mapping

from reconcile.model.secret import Secret
from reconcile.secrets.envelope import Envelope
from reconcile.secrets.stored import StoredCredentials

PATH = "credentials.password"
SEALER = Envelope(Secret(bytes(32)))


class Values:
    def __init__(self) -> None:
        self.rows: dict[tuple[str, str], bytes] = {}
        self.single = self.whole = 0

    def apply(self, external_id: str, value: str) -> None:
        self.rows[external_id, PATH] = SEALER.seal(Secret(value.encode()), identity=f"{external_id}/{PATH}")

    def sealed_value(self, external_id: str, path: str) -> bytes | None:
        self.single += 1
        return self.rows.get((external_id, path))

    def sealed_values(self) -> Mapping[tuple[str, str], bytes]:
        self.whole += 1
        return dict(self.rows)


class Monotonic:
    now = 5000.0

    def __call__(self) -> float:
        return self.now


def test_a_poll_reads_all_at_once_and_each_mailbox_gets_its_own() -> None:
    values, found = Values(), dict[str, str]()
    for number in range(300):
        values.apply(f"m{number}", f"secret {number}")
    stored = StoredCredentials(values, lambda: SEALER, monotonic=Monotonic())
    for number in range(300):
        secret = stored.credential(f"m{number}", PATH)
        assert secret is not None
        found[f"m{number}"] = secret.text()
    assert found == {f"m{number}": f"secret {number}" for number in range(300)}
    assert stored.credential("nobody", PATH) is None
    assert stored.credential("m1", "credentials.other") is None
    assert (values.single, values.whole) == (20, 1)


def test_who_asks_now_and_then_is_told_what_is_applied_now() -> None:
    values, clock = Values(), Monotonic()
    stored = StoredCredentials(values, lambda: SEALER, monotonic=clock)
    for number in range(60):
        values.apply("m", f"secret {number}")
        secret = stored.credential("m", PATH)
        assert secret is not None
        assert secret.text() == f"secret {number}"
        clock.now += 0.2
    assert values.whole == 0


def test_what_was_read_at_once_counts_for_a_second() -> None:
    values, clock = Values(), Monotonic()
    stored = StoredCredentials(values, lambda: SEALER, monotonic=clock)
    values.apply("m", "old")
    for _ in range(30):
        stored.credential("m", PATH)
    values.apply("m", "new")
    clock.now += 1.0
    secret = stored.credential("m", PATH)
    assert secret is not None
    assert secret.text() == "new"


def test_few_of_many_are_read_one_by_one() -> None:
    """Ten seconds of two hundred mailboxes each: of two thousand, all are read once, and not once a second."""
    values, clock = Values(), Monotonic()
    for number in range(2000):
        values.apply(f"m{number}", "secret")
    stored = StoredCredentials(values, lambda: SEALER, monotonic=clock)
    for number in range(2000):
        assert stored.credential(f"m{number}", PATH) is not None
        clock.now += 1 / 200
    assert values.whole == 1
    # Where most are asked for within a second, all at once again.
    for number in range(2000):
        stored.credential(f"m{number}", PATH)
    assert values.whole == 2


def test_one_reads_all_for_those_who_ask_meanwhile() -> None:
    entered, go_on = threading.Event(), threading.Event()

    class Slow(Values):
        def sealed_values(self) -> Mapping[tuple[str, str], bytes]:
            entered.set()
            assert go_on.wait(10)
            return super().sealed_values()

    values = Slow()
    values.apply("m", "secret")
    stored = StoredCredentials(values, lambda: SEALER, monotonic=Monotonic())
    for _ in range(20):
        stored.credential("m", PATH)
    reading = threading.Thread(target=stored.credential, args=("m", PATH))
    reading.start()
    assert entered.wait(10)
    assert stored.credential("m", PATH) is not None
    go_on.set()
    reading.join()
    assert values.whole == 1
