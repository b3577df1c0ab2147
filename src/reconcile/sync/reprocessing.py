"""Going back: what a mailbox passed over from a date on, counted or decided once more. Never twice: what is kept is left out."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from datetime import datetime

from reconcile.errors import CursorInvalid
from reconcile.lazy_dataclass import dataclass
from reconcile.ports.clock import Clock
from reconcile.ports.mail import Inbox, Listed
from reconcile.ports.mail_store import Receiving
from reconcile.sync.decide.floor import is_wanted
from reconcile.sync.deciding import Decider
from reconcile.sync.reading import Reading


@dataclass(frozen=True, slots=True, kw_only=True)
class PassedOver:
    """`listed` messages of the server from the date on, of which `kept` are kept. Of the others, by their headers: how many would be
    tracked (`taken`), and how many not, by the word for why. `decided` is False for a forward mailbox: only the attached mail tells."""

    listed: int
    kept: int
    taken: int
    refused: Mapping[str, int]
    decided: bool


def passed_over(inbox: Inbox, receiving: Receiving, *, since: datetime, decider: Decider | None, clock: Clock) -> PassedOver:
    """Asks the server and changes nothing. Raises TransientError, PermanentError, CursorInvalid."""
    look = inbox.look(receiving.state.cursor)
    if look.restarted:
        raise CursorInvalid("the mailbox was never read, or the server numbers its messages anew", hint="Run `reconcile sync` first.")
    reading = Reading(receiving, clock, since, [], begun=True, leave=False, generation=receiving.state.generation)
    reading.decider = decider
    listed = kept = taken = 0
    refused: Counter[str] = Counter()
    headers = decider is not None and not decider.unwraps

    def wanted(message: Listed) -> bool:
        nonlocal listed, kept, taken
        if not is_wanted(message.received, since):
            return False
        listed += 1
        if reading.is_kept(message.remote_id):
            kept += 1
            return False
        taken += not headers
        return headers

    def examine(message: Listed, block: bytes) -> bool:
        nonlocal taken
        if reading.examine(message, block):
            taken += 1
        else:
            refused[reading.last_refusal] += 1
        return False

    def accept(message: Listed, chunks: Iterator[bytes]) -> None:
        raise AssertionError("nothing is read here")

    asking = examine if headers else None
    for _ in inbox.read(None, since=since, retry=(), wanted=wanted, accept=accept, examine=asking, foretell=reading.foretell):
        reading.forget()
    return PassedOver(listed=listed, kept=kept, taken=taken, refused=dict(refused), decided=headers)
