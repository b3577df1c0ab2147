"""Labels of the product's forms: each belongs to a field and, where it names a value, to a value the field takes."""

from __future__ import annotations

from itertools import product
from typing import Any

import pytest
from pydantic import ValidationError

from reconcile.model import kinds
from reconcile.model.combination import COMBINATIONS
from reconcile.model.labels import LABELS, by_path
from reconcile.model.vocabulary import find, folded, near


@pytest.mark.parametrize("kind", LABELS)
def test_every_label_belongs_to_a_field(kind: str) -> None:
    fields = {info.path: info for info in kinds.fields(kind)}
    for label in LABELS[kind]:
        assert label.path in fields
        assert label.english
        if label.value:
            assert f"`{label.value}`" in fields[label.path].type


def test_both_directions_have_the_same_labels() -> None:
    labels = by_path("EmailServerProfile")
    for path, here in labels.items():
        if path.startswith("incoming."):
            assert len(labels[path.replace("incoming", "outgoing")]) == len(here)


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        ("Identitätswechsel verwenden", [("EmailServerProfile", "incoming.useImpersonation"), ("EmailServerProfile", "outgoing.useImpersonation")]),
        ("identitatswechsel VERWENDEN", [("EmailServerProfile", "incoming.useImpersonation"), ("EmailServerProfile", "outgoing.useImpersonation")]),
        ("Utiliser l'emprunt d'identité", [("EmailServerProfile", "incoming.useImpersonation"), ("EmailServerProfile", "outgoing.useImpersonation")]),
        ("incominguseimpersonation", [("EmailServerProfile", "incoming.useImpersonation")]),
        ("incoming.useImpersonation", [("EmailServerProfile", "incoming.useImpersonation")]),
        ("Mailbox.spec.filter", [("Mailbox", "filter")]),
        ("Maximale gleichzeitige", [("EmailServerProfile", "maxConcurrentConnections")]),
        ("fips", [("EmailServerProfile", "facts.fipsCompliant"), ("Organization", "fips")]),
        ("", []),
        ("  „“ ", []),
        ("no such thing", []),
    ],
)  # fmt: skip
def test_a_field_is_found_by_any_of_its_names(words: str, expected: list[tuple[str, str]]) -> None:
    found = [(term.kind, term.field.path) for term in find(words)]
    assert set(found) == set(expected) if words != "fips" else ("Organization", "fips") in found


def test_the_label_of_a_value_finds_its_field_and_tells_the_value() -> None:
    found = find("Server-zu-Server-Authentifizierung")
    assert {(term.field.path, term.value) for term in found} == {
        ("incoming.credentials", "server-to-server"),
        ("outgoing.credentials", "server-to-server"),
    }


def test_every_name_finds_its_field() -> None:
    for kind, labels in LABELS.items():
        for label in labels:
            for name in filter(None, (label.english, label.german, label.french)):
                assert (kind, label.path) in {(term.kind, term.field.path) for term in find(name)}


def test_misspelt_names_are_suggested() -> None:
    assert near("Identitätwechsel verwenden")[0] == "Identitätswechsel verwenden"
    assert near("emailAdress")[0] == "emailAddress"
    assert near("quite something else") == []


def test_folding_keeps_nothing_but_letters_and_digits() -> None:
    assert folded("  L’É-mail „x“ ß ") == "l e mail x ss"


def _documents() -> list[tuple[str, dict[str, Any]]]:
    """Combinations of the fields that the checks look at; most are fine, many are not."""
    found: list[tuple[str, dict[str, Any]]] = []
    methods = ("none", "outlook", "server-side")
    for kind, incoming, outgoing, act, delete in product(
        ("user", "queue", "forward"), (*methods, "forward-mailbox"), methods, methods, (True, False)
    ):
        spec = {"emailAddress": "a@contoso.example", "type": kind, "incoming": incoming, "outgoing": outgoing}
        found.append(("Mailbox", {**spec, "appointmentsContactsTasks": act, "deleteAfterProcessing": delete}))
    for kind, folders in product(("user", "queue", "forward"), (["A", "B/a = lead:1"], ["a", "A = lead:1"])):
        found.append(("Mailbox", {"emailAddress": "a@contoso.example", "type": kind, "trackedFolders": folders}))
    for server_type, server, tls, discover, protocol in product(
        ("exchange-server", "imap-smtp", "pop3-smtp"),
        ("https://mail.contoso.example/EWS/Exchange.asmx", "mail.contoso.example"),
        ("implicit", "starttls"),
        (True, False),
        (None, "ews", "imap"),
    ):
        settings = {"server": server, "tls": tls}
        incoming_settings = settings if protocol is None else {**settings, "protocol": protocol}
        outgoing_settings = settings if protocol is None else {**settings, "protocol": "ews" if protocol == "ews" else "smtp"}
        spec = {"displayName": "x", "serverType": server_type, "incoming": incoming_settings, "outgoing": outgoing_settings}
        found.append(("EmailServerProfile", {**spec, "autodiscover": discover}))
    for deployment, on, cloud in product(("online", "on-premises"), (True, False), (None, "public")):
        switches = {"allowNonSslEmail": on, "allowCredentialsEntryViaNonSecureChannels": on}
        found.append(("Organization", {"deployment": deployment, "deploymentSettings": switches, **({"cloud": cloud} if cloud else {})}))
    return found


def test_every_combination_that_is_refused_is_told_beforehand() -> None:
    refused: dict[str, set[str]] = {}
    for kind, spec in _documents():
        document = {"apiVersion": "reconcile/v1alpha2", "kind": kind, "metadata": {"name": "a"}, "spec": spec}
        try:
            kinds.decode(kind, document, time_zone="UTC")
        except ValidationError as error:
            for detail in error.errors():
                if detail["type"] == "combination":
                    refused.setdefault(kind, set()).add(".".join(str(part) for part in detail["loc"][1:]))
    assert refused == {kind: set(paths) for kind, paths in COMBINATIONS.items()}
