"""A state folder in which mailboxes are applied, as `reconcile apply` leaves it, for tests of receiving."""

from __future__ import annotations

import base64
from collections.abc import Mapping
from pathlib import Path

from reconcile.model.canonical import Leaf, digest
from reconcile.model.secret import Secret
from reconcile.ports.resource_store import StoredResource
from reconcile.secrets.envelope import Envelope
from reconcile.settings import Settings
from reconcile.store.sqlite.database import Database
from reconcile.store.sqlite.resources import SqliteResources

KEY = bytes(range(32))


def settings_for(folder: Path) -> Settings:
    return Settings(state_directory=folder / "state", secrets_directory=folder / "secrets", cache_directory=folder / "cache")


def apply_estate(
    folder: Path,
    *,
    port: int,
    passwords: Mapping[str, str],
    authority: bytes | None = None,
    tls: str = "implicit",
    profile: Mapping[str, Leaf] | None = None,
    mailbox: Mapping[str, Leaf] | None = None,
    organization: Mapping[str, Leaf] | None = None,
    server: str = "localhost",
    sealed: Mapping[tuple[str, str], str] | None = None,
    files: Mapping[str, bytes] | None = None,
    environment: Mapping[str, Leaf] | None = None,
) -> Settings:
    """`passwords` maps addresses; each becomes a mailbox named after its local part, with id "id-…". `sealed` are further applied
    secrets by row and field, `files` those of the secrets directory."""
    settings = settings_for(folder)
    settings.secrets_directory.mkdir(parents=True, exist_ok=True)
    (settings.secrets_directory / "reconcile.key").write_text(base64.b64encode(KEY).decode() + "\n")
    (settings.secrets_directory / "reconcile.key").chmod(0o600)
    if authority is not None:
        (settings.secrets_directory / "ca.pem").write_bytes(authority)
    for name, content in (files or {}).items():
        (settings.secrets_directory / name).write_bytes(content)
    common: dict[str, Leaf] = {
        "displayName": "Contoso",
        "serverType": "imap-smtp",
        "incoming.server": server,
        "incoming.port": port,
        "incoming.tls": tls,
        **({"incoming.caCertificate": "file:ca.pem"} if authority is not None else {}),
        **(profile or {}),
    }
    rows = [
        ("Environment", "test", "e1", {"target.type": "engine", **(environment or {})}),
        ("Organization", "contoso", "o1", dict(organization or {"deployment": "on-premises", "deploymentSettings.allowNonSslEmail": True})),
        ("EmailServerProfile", "contoso", "p1", common),
    ]
    for address in passwords:
        slug = address.partition("@")[0]
        spec: dict[str, Leaf] = {
            "emailAddress": address,
            "profile": "contoso",
            "incoming": "server-side",
            "filter": "all",
            "credentials.allowUse": True,
            "credentials.username": address,
            "credentials.password.ref": "env:PASSWORD",
            "credentials.password.generation": 1,
            **(mailbox or {}),
        }
        rows.append(("Mailbox", slug, f"id-{slug}", spec))
    sealer = Envelope(Secret(KEY))
    with Database.open(settings.state_directory / "test" / "engine.db") as database:
        resources = SqliteResources(database)

        def work(transaction) -> None:
            for kind, name, external_id, spec in rows:
                origins = {path: f"{name}.yaml:{line}" for line, path in enumerate(spec, 5)}
                transaction.put(
                    StoredResource(
                        external_id=external_id, kind=kind, name=name, spec=spec, version=digest(spec), token="t", origins=origins
                    )
                )
            for address, password in passwords.items():
                identity = f"id-{address.partition('@')[0]}"
                value = sealer.seal(Secret(password.encode()), identity=f"{identity}/credentials.password")
                transaction.seal(identity, "credentials.password", value)
            for (identity, path), text in (sealed or {}).items():
                transaction.seal(identity, path, sealer.seal(Secret(text.encode()), identity=f"{identity}/{path}"))

        resources.transact(work)
    return settings
