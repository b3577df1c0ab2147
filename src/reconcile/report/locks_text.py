"""Who holds which lock, for people and programs."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol

from reconcile.report.safe_text import neutral
from reconcile.report.table import table


class Holder(Protocol):
    """What is shown of a holder (`ports.configuration_store.LockHolder` is one)."""

    @property
    def owner(self) -> str: ...
    @property
    def purpose(self) -> str: ...
    @property
    def host(self) -> str: ...
    @property
    def process(self) -> int: ...
    @property
    def since(self) -> str: ...
    @property
    def until(self) -> str: ...
    @property
    def fence(self) -> int: ...
    @property
    def state(self) -> str: ...


def locks_text(held: Mapping[str, Holder], *, fit: int | None = None) -> str:
    """A line for each environment whose lock is held."""
    rows = [
        (name, one.owner, one.purpose, one.since[:19].replace("T", " "), f"{one.process} on {one.host}", str(one.state))
        for name, one in held.items()
    ]
    headers = ("environment", "who", "does", "since (UTC)", "process", "state")
    return table(headers, rows, limits=(None, 32, 32, None, 40, None), fit=fit, empty="no lock is held")


def lock_json(environment: str, holder: Holder) -> dict[str, object]:
    """One held lock as a document."""
    return {
        "environment": environment,
        "owner": holder.owner,
        "purpose": holder.purpose,
        "host": holder.host,
        "process": holder.process,
        "since": holder.since,
        "until": holder.until,
        "fence": holder.fence,
        "state": str(holder.state),
    }


def broken_text(environment: str, was: Holder) -> str:
    """What it means that the lock was broken."""
    who = neutral(f"{was.owner} ({was.purpose} since {was.since}, process {was.process} on {was.host})")
    return f"{environment}: the lock of {who} is broken; nothing it still tries is written to this store"
