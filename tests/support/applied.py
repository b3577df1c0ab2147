"""Applied state by hand, for tests of what works from it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta

from reconcile.model.secret import Secret, SecretRef
from reconcile.ports.target import AppliedResource

START = datetime(2026, 3, 1, 8, 0, tzinfo=UTC)


@dataclass
class Applied:
    """`AppliedState`, to be changed while it is read."""

    rows: list[AppliedResource]

    def resources(self) -> Sequence[AppliedResource]:
        return tuple(self.rows)

    def change(self, kind: str, **spec: object) -> None:
        """Change fields of all resources of a kind; None takes a field away. Dots are written as double underscores."""
        named = {path.replace("__", "."): leaf for path, leaf in spec.items()}
        self.rows = [replace(row, spec={**row.spec, **named}) if row.kind == kind else row for row in self.rows]


@dataclass
class StillClock:
    """Time that moves only when told to."""

    at: datetime = START
    slept: list[float] = field(default_factory=list)

    def now(self) -> datetime:
        return self.at

    def monotonic(self) -> float:
        return (self.at - START).total_seconds()

    def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.at += timedelta(seconds=seconds)

    def pass_by(self, **duration: float) -> None:
        self.at += timedelta(**duration)


@dataclass
class Passwords:
    """`Credentials`."""

    values: dict[tuple[str, str], str] = field(default_factory=dict)

    def credential(self, external_id: str, path: str) -> Secret | None:
        value = self.values.get((external_id, path))
        return None if value is None else Secret(value.encode())


@dataclass
class References:
    """`SecretResolver`."""

    values: dict[str, bytes] = field(default_factory=dict)

    def resolve(self, reference: SecretRef) -> Secret:
        return Secret(self.values[str(reference)])


def sending_estate(
    *, port: int = 587, tls: str = "starttls", login: bool = False, mailboxes: int = 1, allowed: tuple[str, ...] = ("@contoso.example",)
) -> Applied:
    """Environment, one profile at localhost, and mailboxes box1 (sales@contoso.example), box2, …"""
    profile: dict[str, object] = {
        "displayName": "Contoso",
        "serverType": "imap-smtp",
        "outgoing.server": "localhost",
        "outgoing.port": port,
        "outgoing.tls": tls,
        "outgoing.caCertificate": "file:ca.pem",
        "useSameSettingsForOutgoing": False,
        "outgoing.credentials": "user-or-queue" if login else "anonymous",
    }
    rows = [
        AppliedResource(kind="Environment", name="test", external_id="e1", spec={"allowedRecipients": allowed}),
        AppliedResource(
            kind="EmailServerProfile",
            name="contoso",
            external_id="p1",
            spec=profile,  # type: ignore[arg-type]
            origins={path: f"profile.yaml:{line}" for line, path in enumerate(profile, 5)},
        ),
    ]
    for number in range(1, mailboxes + 1):
        rows.append(
            AppliedResource(
                kind="Mailbox",
                name="sales" if number == 1 else f"box{number}",
                external_id=f"box{number}",
                spec={
                    "emailAddress": "sales@contoso.example" if number == 1 else f"box{number}@contoso.example",
                    "outgoing": "server-side",
                    "profile": "contoso",
                    "credentials.allowUse": True,
                    **({"credentials.password.ref": f"env:BOX{number}"} if login else {}),
                },
                origins={"outgoing": f"box{number}.yaml:9"},
            )
        )
    return Applied(rows)
