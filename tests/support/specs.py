"""Desired state for tests as flat specs, without files."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from datetime import UTC, datetime, timedelta

from reconcile.model import kinds
from reconcile.model.canonical import Leaf
from reconcile.model.key import Key
from reconcile.model.management import UNMANAGED, Management
from reconcile.model.position import Position
from reconcile.model.resource import DesiredState, Lifecycle, Resource

Specs = Mapping[str, Mapping[str, Leaf]]


def place(key: Key, path: str = "") -> Position:
    """A made-up but stable place: one file a resource, a line by path."""
    return Position(f"{key.kind.lower()}/{key.name}.yaml", 1 + sum(map(ord, path)) % 40, 3)


def estate(
    specs: Specs,
    *,
    source: str = "estate",
    revision: str = "",
    environment: str = "test",
    held: Mapping[str, str] | None = None,
    held_files: Mapping[str, str] | None = None,
    external: Collection[str] = (),
    management: Mapping[str, Management] | None = None,
    labels: Mapping[str, Mapping[str, str]] | None = None,
) -> DesiredState:
    """`specs` maps "Kind/name" to a flat spec; so do `management` and `labels` for those that have any."""
    resources = {}
    for text, spec in specs.items():
        key = Key.parse(text)
        lifecycle = Lifecycle.EXTERNAL if text in external else kinds.lifecycle(key.kind)
        resources[key] = Resource(
            key=key,
            spec=dict(spec),
            position=place(key),
            lifecycle=lifecycle,
            references=kinds.references(key.kind, spec),
            management=(management or {}).get(text, UNMANAGED),
            labels=(labels or {}).get(text, {}),
        )
    return DesiredState(
        source=source,
        revision=revision,
        environment=environment,
        resources=resources,
        held={Key.parse(text): why for text, why in (held or {}).items()},
        held_files=held_files or {},
        locate=place,
    )


def profile(**leaves: Leaf) -> dict[str, Leaf]:
    """A small IMAP profile; keyword "incoming__server" is the path "incoming.server"."""
    spec: dict[str, Leaf] = {"displayName": "Contoso", "serverType": "imap-smtp", "incoming.server": "imap.contoso.example"}
    return {**spec, **{path.replace("__", "."): leaf for path, leaf in leaves.items()}}


def mailbox(address: str, **leaves: Leaf) -> dict[str, Leaf]:
    """A mailbox that is synchronised both ways on profile `contoso`."""
    spec: dict[str, Leaf] = {"emailAddress": address, "profile": "contoso", "incoming": "server-side", "outgoing": "server-side"}
    return {**spec, **{path.replace("__", "."): leaf for path, leaf in leaves.items()}}


class FixedClock:
    """A clock that advances a second with every look."""

    def __init__(self) -> None:
        self.at = datetime(2026, 1, 1, tzinfo=UTC)

    def now(self) -> datetime:
        self.at += timedelta(seconds=1)
        return self.at

    def monotonic(self) -> float:
        return self.now().timestamp()

    def sleep(self, seconds: float) -> None:
        self.at += timedelta(seconds=seconds)
