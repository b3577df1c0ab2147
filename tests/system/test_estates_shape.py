"""tests/estates is written for rules that come later: each estate is sound in itself, and each expectation points at what it means."""

from __future__ import annotations

import re
from collections.abc import Mapping

import pytest

from reconcile.desired.lint import lint, no_checks
from reconcile.model.canonical import Spec
from reconcile.model.key import Key
from reconcile.source.folder import FolderSource
from support.estate import load_source
from support.written_estates import ESTATES, FIELDS, Written, correct, entries, mistakes

_PAGES = (
    "Bewährte Methoden für serverseitige Synchronisierung (",
    "Unterstützte E-Mail-Service-Konfigurationen für serverseitige Synchronisierung (",
    "Erstellen von E-Mail-Serverprofilen und Hinzufügen von Postfächern mithilfe der serverseitigen Synchronisierung (",
    "Meilleures pratiques pour la synchronisation côté serveur (",
    "Wie funktioniert die Verbindung der Microsoft Outlook App mit einem Exchange Server? (",
    'Power Platform, "',
    'Dynamics 365 support, "',
    'Exchange Team, "',
)
_TOPIC = re.compile(r"[a-z0-9]+(-[a-z0-9]+)+")
_ADDRESS = re.compile(r"[\w.+-]*@[\w.-]+")

_CORRECT = correct()
_MISTAKES = mistakes()


def _numbers(written: list[Written]) -> list[int]:
    return [int(one.name.partition("-")[0]) for one in written]


def _comment(one: Written) -> str:
    """The comment at the head of an estate as one line."""
    (file,) = one.root.glob("environment*.yaml")
    lines: list[str] = []
    for line in file.read_text("utf-8").splitlines():
        if not line.startswith("#"):
            break
        lines.append(line[1:].strip())
    return " ".join(lines)


def test_there_are_as_many_as_promised() -> None:
    assert _numbers([*_CORRECT]) == [*range(1, 21)]
    assert _numbers([*_MISTAKES]) == [*range(1, len(_MISTAKES) + 1)]
    assert len(_MISTAKES) >= 30


@pytest.mark.parametrize("one", [*_CORRECT, *_MISTAKES], ids=str)
def test_schema_and_model_accept_it(one: Written) -> None:
    """A mistake that the built-in checks see is no work for a rule."""
    source = FolderSource(one.root)
    listing = source.list()
    result = lint(listing.files, listing.findings, source.read, environment=None, source="", revision="", checks=no_checks)
    assert [str(finding) for finding in result.findings] == []
    assert result.documents >= 4


@pytest.mark.parametrize("one", _CORRECT, ids=str)
def test_a_correct_one_names_page_and_pattern(one: Written) -> None:
    comment = _comment(one)
    assert comment.removeprefix("Page: ").startswith(_PAGES)
    assert " Pattern: " in comment
    assert not (one.root / "expected.yaml").exists()


@pytest.mark.parametrize("one", _MISTAKES, ids=str)
def test_a_mistake_names_page_and_mistake(one: Written) -> None:
    comment = _comment(one)
    assert comment.removeprefix("Page: ").startswith(_PAGES)
    assert " Mistake: " in comment


@pytest.mark.parametrize("one", _MISTAKES, ids=str)
def test_an_expectation_is_whole_and_points_at_its_value(one: Written) -> None:
    assert one.expected
    for entry in entries(one.root.parent):
        assert tuple(entry) == FIELDS
    for expected in one.expected:
        assert expected.severity in ("error", "warning", "information")
        assert _TOPIC.fullmatch(expected.topic)
        assert expected.says.endswith(".")
        assert expected.because.startswith(_PAGES)
        lines = (one.root / expected.file).read_text("utf-8").splitlines()
        assert lines[expected.line - 1].strip() == expected.value


def test_addresses_are_of_reserved_domains() -> None:
    found = {
        match[0] for path in ESTATES.rglob("*") if path.suffix in (".yaml", ".csv") for match in _ADDRESS.finditer(path.read_text("utf-8"))
    }
    assert len(found) > 10
    assert {address for address in found if not address.endswith(".example")} == set()


_ONE_ACCOUNT: Mapping[str, object] = {
    "incoming.credentials": "profile",
    "incoming.useImpersonation": True,
    "useSameSettingsForOutgoing": True,
}
_INDIVIDUAL: Mapping[str, object] = {
    "incoming.credentials": "user-or-queue",
    "incoming.useImpersonation": False,
    "useSameSettingsForOutgoing": True,
}


@pytest.mark.parametrize(
    ("number", "settings", "filled"),
    [
        (1, _ONE_ACCOUNT, ("incoming.username", "incoming.password.ref")),
        (2, _INDIVIDUAL, ()),
        (3, _ONE_ACCOUNT, ("incoming.username", "incoming.password.ref", "processEmailFrom")),
        (4, _INDIVIDUAL, ("processEmailFrom",)),
        (5, {"incoming.credentials": "server-to-server"}, ("displayName", "processEmailFrom")),
    ],
)
def test_tables_of_the_best_practices_stand_as_they_are(number: int, settings: Mapping[str, object], filled: tuple[str, ...]) -> None:
    specs = _specs(_CORRECT[number - 1])
    profiles = [spec for key, spec in specs.items() if key.kind == "EmailServerProfile"]
    boxes = [spec for key, spec in specs.items() if key.kind == "Mailbox"]
    assert len(profiles) == 1
    assert boxes
    for profile in profiles:
        assert {path: profile.get(path) for path in settings} == settings
        assert all(profile.get(path) for path in filled)
    if settings is _INDIVIDUAL:
        for box in boxes:
            assert box["credentials.allowUse"] is True
            assert all(box.get(path) for path in ("credentials.username", "credentials.password.ref"))


def test_the_threshold_is_met_and_passed_by_one() -> None:
    at, over = _individual(_CORRECT[16]), _individual(_MISTAKES[15])
    assert (at, over) == ((10, 10), (5, 4))


def _individual(one: Written) -> tuple[int, object]:
    """Mailboxes that sign in with their own account, and the connections of their profile."""
    specs = _specs(one)
    (connections,) = (spec["maxConcurrentConnections"] for key, spec in specs.items() if key.kind == "EmailServerProfile")
    return sum(spec.get("credentials.allowUse") is True for spec in specs.values()), connections


def _specs(one: Written) -> Mapping[Key, Spec]:
    desired = load_source(FolderSource(one.root)).desired
    assert desired is not None
    return {key: resource.spec for key, resource in desired.resources.items()}
