"""Commits beside the reading: in order, a bounded number ahead, and none behind one that failed."""

from __future__ import annotations

import threading
from typing import cast

import pytest

from reconcile.errors import Unavailable
from reconcile.model.cursor import Cursor
from reconcile.ports.mail_store import Kept, ReceivedBatch, Receiving
from reconcile.sync.committing import Commits


class Slow:
    """Commits wait for `go`; the second fails where that is asked for."""

    def __init__(self, *, failing: bool = False) -> None:
        self.failing = failing
        self.go = threading.Event()
        self.kept: list[str] = []

    def commit(self, batch: ReceivedBatch) -> Kept:
        assert self.go.wait(10)
        if self.failing and len(self.kept) == 1:
            self.failing = False
            raise Unavailable("the disk is gone")
        self.kept.append(batch.cursor.value)
        return Kept()


def batch(number: int) -> ReceivedBatch:
    return ReceivedBatch(cursor=Cursor("imap", str(number)), messages=9, at="2026-03-01T08:00:00Z")


def submitted(store: Slow, numbers: range) -> None:
    with Commits(cast("Receiving", store), beside=True) as commits:
        threading.Timer(0.05, store.go.set).start()
        for number in numbers:
            commits.submit(batch(number), lambda _: None)


def test_batches_are_kept_in_order() -> None:
    store = Slow()
    submitted(store, range(20))
    assert store.kept == [str(number) for number in range(20)]


@pytest.mark.parametrize("batches", [2, 3, 4, 5, 6])
def test_a_batch_behind_one_that_failed_is_never_kept_and_the_reason_is_told(batches: int) -> None:
    store = Slow(failing=True)
    with pytest.raises(Unavailable, match="the disk is gone"):
        submitted(store, range(batches))
    # The third waited for its turn already: with its cursor the messages of the second would be passed.
    assert store.kept == ["0"]


def test_reading_waits_for_the_disk_in_the_end() -> None:
    store, done = Slow(), threading.Event()

    def read() -> None:
        with Commits(cast("Receiving", store), beside=True) as commits:
            for number in range(3):
                commits.submit(batch(number), lambda _: None)
            done.set()

    reader = threading.Thread(target=read)
    reader.start()
    assert not done.wait(0.1), "a third batch was taken while two waited"
    store.go.set()
    reader.join(10)
    assert store.kept == ["0", "1", "2"]


def test_without_a_thread_beside_each_is_kept_before_the_next() -> None:
    store = Slow()
    store.go.set()
    with Commits(cast("Receiving", store), beside=False) as commits:
        for number in range(3):
            commits.submit(batch(number), lambda _: None)
            assert store.kept == [str(each) for each in range(number + 1)]


def test_the_last_is_kept_by_whoever_read_it_and_after_all_others() -> None:
    store, threads = Slow(), list[threading.Thread]()
    kept_by = store.commit

    def commit(batch: ReceivedBatch) -> Kept:
        threads.append(threading.current_thread())
        return kept_by(batch)

    store.commit = commit  # type: ignore[method-assign]
    with Commits(cast("Receiving", store), beside=True) as commits:
        commits.submit(batch(0), lambda _: None)
        threading.Timer(0.05, store.go.set).start()
        commits.submit(batch(1), lambda _: None, last=True)
        assert store.kept == ["0", "1"], "it is durable once it was taken"
    assert threads[0] is not threading.current_thread()
    assert threads[1] is threading.current_thread()


def test_the_last_is_not_kept_behind_one_that_failed() -> None:
    store = Slow(failing=True)
    store.go.set()

    def read() -> None:
        with Commits(cast("Receiving", store), beside=True) as commits:
            for number in range(3):
                commits.submit(batch(number), lambda _: None, last=number == 2)

    with pytest.raises(Unavailable, match="the disk is gone"):
        read()
    assert store.kept == ["0"]
