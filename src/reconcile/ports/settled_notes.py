"""What happens to mails that are being sent, noted for whoever comes after a process that dies before the outbox says so.

A mail that is reserved (model/outbox_step.py) is noted as begun before its end leaves: that note is durable. What a server answered is
noted the moment it is read: that outlives the process, and power loss once something else was noted as begun.

Nothing rests on a note being there. Where it is missing or spoilt, or somebody may still be at it, the mail is uncertain.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import field
from typing import Final, Protocol

from reconcile.lazy_dataclass import dataclass
from reconcile.model.outbox_step import Settle


@dataclass(frozen=True, slots=True, kw_only=True)
class Noted:
    """What a run noted. `begun` are the recipients that the server took, by the mail's id and the number of the try. `whole`: the notes are
    there and undamaged, so that what is not among the begun was not begun."""

    answers: Mapping[int, Settle] = field(default_factory=dict)
    begun: Mapping[tuple[int, int], tuple[str, ...]] = field(default_factory=dict)
    whole: bool = False


NOTHING_NOTED: Final = Noted()


class SettledNotes(Protocol):
    """Of all runs over one outbox, each under its owner; those of each thread by themselves."""

    def room(self, owner: str) -> int:
        """How many mails this thread may have reserved at a time; 0 where nothing can be noted. Raises nothing."""
        ...

    def fits(self, recipients: Collection[str]) -> bool:
        """Whether the begin of a mail to so many, with addresses so long, can be noted. Raises nothing."""
        ...

    def begin(self, owner: str, entry_id: int, attempt: int, recipients: Collection[str]) -> bool:
        """Note that a reserved mail is handed over: durable when this returns True. False when it could not be noted: then it must not
        be. Raises nothing."""
        ...

    def keep(self, entry_id: int, step: Settle) -> bool:
        """Note an answer under `step.owner`. False when it could not be noted: then it belongs into the outbox at once. Raises nothing."""
        ...

    def written(self, owner: str) -> None:
        """What this thread noted is in the outbox; what it notes next may take its place."""
        ...

    def of(self, owner: str) -> Noted:
        """What is torn or damaged is left out, and then it is not whole."""
        ...

    def left_behind(self) -> Collection[str]:
        """Owners whose process has ended without forgetting its notes."""
        ...

    def forget(self, owner: str) -> None:
        """All of it is in the outbox."""
        ...

    def leave(self, owner: str) -> None:
        """The run ends, and not all of it is in the outbox: it stays for whoever comes next."""
        ...


class NoNotes:
    """Keeps none: every answer goes into the outbox at once, and every begin."""

    def room(self, owner: str) -> int:
        return 0

    def fits(self, recipients: Collection[str]) -> bool:
        return False

    def begin(self, owner: str, entry_id: int, attempt: int, recipients: Collection[str]) -> bool:
        return False

    def keep(self, entry_id: int, step: Settle) -> bool:
        return False

    def written(self, owner: str) -> None:
        pass

    def of(self, owner: str) -> Noted:
        return NOTHING_NOTED

    def left_behind(self) -> Collection[str]:
        return ()

    def forget(self, owner: str) -> None:
        pass

    def leave(self, owner: str) -> None:
        pass
