"""What is decided together: judged messages in batches by bytes."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from enum import Enum

from reconcile.lazy_dataclass import dataclass
from reconcile.ports.mail import Foretell, Listed

#: One commit each: large enough that the disk's syncs do not count, small enough that a broken connection repeats little.
BATCH_BYTES = 4 << 20
BATCH_MESSAGES = 500
#: A message that claims to be larger is read in parts, alone.
LARGE_BYTES = 4 << 20


class Verdict(Enum):
    """What becomes of a listed message."""

    WANTED = "wanted"
    DECLINED = "declined"
    EMPTY = "empty"  # its header was asked for and did not come


Judged = tuple[Listed, Verdict]


@dataclass(frozen=True, slots=True)
class Group:
    """Bodies to ask for with one command, how many of the same stretch were not wanted, which came without a header, and the last UID
    it decides."""

    wanted: tuple[Listed, ...]
    declined: int
    empty: tuple[Listed, ...]
    last: int


def judged(windows: Iterable[Sequence[Listed]], wanted: Callable[[Listed], bool], foretell: Foretell | None) -> Iterator[Iterator[Judged]]:
    """By what the listing tells. `wanted` is asked when a message's turn comes."""
    for window in windows:
        if foretell is not None:
            foretell(window)
        yield ((message, Verdict.WANTED if wanted(message) else Verdict.DECLINED) for message in window)


def grouped(windows: Iterable[Iterable[Judged]], *, one_by_one: bool) -> Iterator[Group]:
    """Batches by bytes, none over the end of a window; a message larger than a batch stands alone."""
    for window in windows:
        taken: list[Listed] = []
        empty: list[Listed] = []
        size = declined = last = 0
        for message, verdict in window:
            if verdict is Verdict.WANTED:
                weight = message.size if message.size <= LARGE_BYTES else BATCH_BYTES
                if taken and (one_by_one or size + weight > BATCH_BYTES or len(taken) >= BATCH_MESSAGES):
                    yield Group(tuple(taken), declined, tuple(empty), last)
                    taken, empty, size, declined = [], [], 0, 0
                taken.append(message)
                size += weight
            elif verdict is Verdict.DECLINED:
                declined += 1
            else:
                empty.append(message)
            last = int(message.remote_id.value)
        if taken or declined or empty:
            yield Group(tuple(taken), declined, tuple(empty), last)
