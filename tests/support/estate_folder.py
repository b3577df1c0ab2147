"""Estates as folders of YAML, written from a few words."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path

ENVIRONMENT = """apiVersion: reconcile/v1alpha2
kind: Environment
metadata: {name: dev}
spec:
  target: {type: engine}
  timeZone: Europe/Berlin
  allowedRecipients: ["@contoso.example"]
"""


def document(kind: str, name: str, spec: Mapping[str, object]) -> str:
    """One document; nested mappings are written in flow style, which YAML reads like JSON. `management` stands beside the spec."""
    import json

    lines = "".join(f"  {field}: {json.dumps(value, ensure_ascii=False)}\n" for field, value in spec.items() if field != "management")
    beside = f"management: {json.dumps(spec['management'])}\n" if "management" in spec else ""
    return f"apiVersion: reconcile/v1alpha2\nkind: {kind}\nmetadata: {{name: {name}}}\n{beside}spec:\n{lines}"


def write_estate(folder: Path, documents: Iterable[tuple[str, str, Mapping[str, object]]]) -> Path:
    """A file a kind, and the environment `dev` beside them. Replaces what was there."""
    folder.mkdir(parents=True, exist_ok=True)
    for old in folder.glob("*.yaml"):
        old.unlink()
    (folder / "environment.yaml").write_text(ENVIRONMENT, encoding="utf-8")
    by_kind: dict[str, list[str]] = {}
    for kind, name, spec in documents:
        by_kind.setdefault(kind, []).append(document(kind, name, spec))
    for kind, texts in by_kind.items():
        (folder / f"{kind.lower()}.yaml").write_text("---\n".join(texts), encoding="utf-8")
    return folder


def imap_profile(name: str, **more: object) -> tuple[str, str, Mapping[str, object]]:
    """A profile on a server that nobody has."""
    spec = {"displayName": f"Profile {name}", "serverType": "imap-smtp", "incoming": {"server": "imap.contoso.example"}}
    return "EmailServerProfile", name, {**spec, **more}


def user_mailbox(name: str, **more: object) -> tuple[str, str, Mapping[str, object]]:
    """A mailbox with a password of its own, on profile `one`."""
    spec = {
        "emailAddress": f"{name}@contoso.example",
        "profile": "one",
        "incoming": "server-side",
        "credentials": {"allowUse": True, "username": name, "password": "file:password"},
    }
    return "Mailbox", name, {**spec, **more}
