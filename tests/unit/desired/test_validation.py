"""The fast schema engine and the reference give the same verdicts, and every error is in our own words."""

from __future__ import annotations

import copy
import re
from collections.abc import Iterator

import pytest

from reconcile.desired.schema import json_schema_for
from reconcile.desired.validation import accepts, explained, faults, reference
from reconcile.desired.wording import show
from reconcile.desired.yaml import Value, read_values
from support.estate import ENVIRONMENT, PROFILE, mailbox

ORGANIZATION = """\
apiVersion: reconcile/v1alpha2
kind: Organization
metadata: {name: contoso, labels: {team: sales}}
spec:
  deployment: on-premises
  ownedDomains: [contoso.example]
  approval: {requireForUsers: true}
  attachments: {maximumSize: 5242880, blockedExtensions: [exe]}
  alerts: {retention: 30d}
"""

ASSIGNMENT = """\
apiVersion: reconcile/v1alpha2
kind: MailboxAssignment
metadata: {name: queues}
spec:
  priority: 10
  selector: {types: [queue], domains: [contoso.example], labels: {team: sales}, names: ["sales-*"], scope: both}
  settings: {profile: contoso, incoming: server-side, processEmailFrom: 2026-01-01, facts: {mfa: false}}
  useOrganizationDefaults: true
"""

LIST = """\
apiVersion: reconcile/v1alpha2
kind: MailboxList
metadata: {name: staff}
spec:
  file: staff.csv
  delimiter: ";"
  columns: {E-Mail: emailAddress, Team: metadata.labels.team, Phone: null}
  settings: {profile: contoso, incoming: server-side, facts: {mfa: false}}
"""

RULE = """\
apiVersion: reconcile/v1alpha2
kind: PolicyRule
metadata: {name: own}
spec:
  title: x
  severity: warning
  message: x
  rationale: x
  remediation: x
  sources: [{title: x, date: "2026", says: x, url: "https://learn.example"}]
  appliesTo: Mailbox
  match: "true"
  assert: "true"
  at: [mailbox.owner]
  cause: profile
  parameters:
    days: {description: x, default: 3, minimum: 1, maximum: 9}
    words: {description: x, default: [a]}
  validFrom: 2026-01-01
  escalations: [{from: 2027-01-01, severity: error}]
  tags: [security]
  waivable: false
  fix: [{field: mailbox.owner, set: x}]
  readiness: [ews-retirement]
  examples:
    good: [{name: x, documents: x, today: 2026-01-01, parameters: {days: 1}}]
    bad: [{files: {a.yaml: x}, file: a.yaml, line: 1}]
"""

SETTINGS = """\
apiVersion: reconcile/v1alpha2
kind: PolicySettings
metadata: {name: all}
spec:
  environments: [test]
  failOn: warning
  waiverWarningDays: 3
  rules:
    own: {enabled: true, severity: error, reason: x, parameters: {days: 3, words: [a]}}
  approvers: [{name: x, keys: [x]}]
"""

WAIVER = """\
apiVersion: reconcile/v1alpha2
kind: Waiver
metadata: {name: legacy}
spec:
  rules: [own]
  selector: {kinds: [Mailbox], names: ["a*"], labels: {team: x}, everything: false}
  environments: [test]
  reason: x
  ticket: x
  approver: x
  expires: 2027-03-31
"""

RICH = mailbox(
    more="""\
  displayName: Süd
  owner: sales
  processEmailFrom: 2026-01-01
  deleteAfterProcessing: true
  credentials:
    allowUse: true
    username: sales
    password: {ref: "env:X", generation: 2, expires: 2027-01-01}
  facts: {location: external, mfa: false}
"""
)


def documents() -> dict[str, Value]:
    texts = {
        "Environment": ENVIRONMENT,
        "EmailServerProfile": PROFILE,
        "Organization": ORGANIZATION,
        "MailboxAssignment": ASSIGNMENT,
        "MailboxList": LIST,
        "Mailbox": RICH,
        "PolicyRule": RULE,
        "PolicySettings": SETTINGS,
        "Waiver": WAIVER,
    }
    found: dict[str, Value] = {}
    for kind, text in texts.items():
        values = read_values(text.encode())
        assert values is not None
        found[kind] = values[0][1]
    return found


#: Put in the place of every value of every document.
WRONG: tuple[object, ...] = (
    None,
    True,
    False,
    0,
    1,
    -1,
    70000,
    2**63 - 1,
    1.0,
    1.5,
    "",
    "yes",
    "1",
    "x y",
    "é",
    "\n",
    "a\x07",
    "file:/x",
    [],
    ["x"],
    ["x", 1],
    {},
    {"ref": 1},
    {"x": 1},
)


def variants(value: object, path: tuple[str | int, ...] = ()) -> Iterator[tuple[tuple[str | int, ...], str]]:
    if isinstance(value, dict):
        for key, item in value.items():
            yield (*path, key), "drop"
            yield from variants(item, (*path, key))
        yield path, "extra"
    elif isinstance(value, list):
        for index, item in enumerate(value):
            yield from variants(item, (*path, index))
    if path:
        yield path, "replace"


def changed(document: object, path: tuple[str | int, ...], how: str, wrong: object = None) -> object:
    result: object = copy.deepcopy(document)
    node = result
    for part in path if how == "extra" else path[:-1]:
        node = node[part]  # type: ignore[index]
    if how == "extra":
        node["surprise"] = 1  # type: ignore[index]
    elif how == "drop":
        del node[path[-1]]  # type: ignore[attr-defined]
    else:
        node[path[-1]] = wrong  # type: ignore[index]
    return result


@pytest.mark.parametrize("kind", documents())
def test_both_engines_agree_on_a_corpus(kind: str) -> None:
    whole = documents()[kind]
    assert accepts(kind)(whole)
    seen = refused = 0
    for path, how in variants(whole):
        for wrong in WRONG if how == "replace" else (None,):
            document = changed(whole, path, how, wrong)
            fast, slow = accepts(kind)(document), bool(reference(kind).is_valid(document))
            if fast != slow:
                # Python's $ also matches before a last line break; the models refuse that case.
                assert wrong == "\n", (path, how, wrong, fast, slow)
            seen += 1
            if not fast:
                refused += 1
                assert faults(kind, document)  # type: ignore[arg-type]
    assert seen > 100
    assert refused > seen // 3


@pytest.mark.parametrize("kind", documents())
def test_every_fault_is_worded(kind: str) -> None:
    """No generic words, nothing of the engine's, and the place exists or its parent does."""
    for path, how in variants(documents()[kind]):
        for wrong in WRONG if how == "replace" else (None,):
            for fault in explained(kind, changed(documents()[kind], path, how, wrong)):  # type: ignore[arg-type]
                assert fault.rule != "schema/other", fault
                assert not re.search(r"\^|additionalProperties|is not of type|does not match", fault.message), fault
                assert fault.hint or fault.rule == "schema/unknown-field", fault


def test_the_reference_is_enough_without_the_fast_engine(monkeypatch: pytest.MonkeyPatch) -> None:
    import sys

    accepts.cache_clear()
    monkeypatch.setitem(sys.modules, "jsonschema_rs", None)
    try:
        assert accepts("Mailbox")(documents()["Mailbox"])
        assert not accepts("Mailbox")({})
    finally:
        accepts.cache_clear()


WORDS: list[tuple[str, tuple[str | int, ...], object, str, str]] = [
    ("Mailbox", ("spec", "deleteAfterProcessing"), "yes", 'deleteAfterProcessing is "yes", expected true or false', "YAML 1.2"),
    ("Mailbox", ("spec", "owner"), 12, "owner is 12, expected text", "quotes"),
    ("Mailbox", ("spec", "facts", "location"), "extern", 'facts.location is "extern", expected one of', "did you mean external?"),
    ("Mailbox", ("spec", "credentials", "password"), "hunter2", "credentials.password holds a value", "env:NAME"),
    ("Mailbox", ("spec", "credentials", "password"), 12345, "credentials.password holds a value", "env:NAME"),
    ("Mailbox", ("spec", "credentials", "password", "ref"), "hunter2", "credentials.password.ref holds a value", "env:NAME"),
    ("EmailServerProfile", ("spec", "incoming", "port"), 0, "incoming.port is 0, expected from 1 to 65535", "1 to 65535"),
    ("EmailServerProfile", ("spec", "incoming", "port"), "993", 'incoming.port is "993", expected a whole number', "without quotes"),
    ("EmailServerProfile", ("spec", "incoming"), "imap", 'incoming is "imap", expected a mapping', "a mapping"),
    ("Organization", ("metadata", "name"), "Contoso GmbH", 'metadata.name is "Contoso GmbH", expected a slug', "lower-case"),
]


def test_values_are_shown_unless_they_may_be_secret() -> None:
    assert show("abc", ("spec", "tracking", "token", "prefix")) == '"abc"'
    assert show("it's", ()) == '"it\'s"'
    assert show("x" * 100, ()) == '"' + "x" * 59 + '…"'
    assert show("a\x1b", ()) == '"a\\x1b"'
    assert (show(None, ()), show(True, ()), show({}, ()), show([], ()), show(1.5, ())) == ("null", "true", "a mapping", "a list", "1.5")
    for hidden in (("metadata", "annotations", "api-key"), ("spec", "password"), ("spec", "password", "ref")):
        assert "abc" not in show("abc", hidden)
    assert "hunter2" not in show("imap://a:hunter2@host/", ("spec", "defaultServerLocation"))


@pytest.mark.parametrize(("kind", "path", "wrong", "message", "hint"), WORDS)
def test_words(kind: str, path: tuple[str | int, ...], wrong: object, message: str, hint: str) -> None:
    (fault,) = faults(kind, changed(documents()[kind], path, "replace", wrong))  # type: ignore[arg-type]
    assert fault.path == path
    assert fault.message.startswith(message)
    assert hint in fault.hint
    assert "hunter2" not in fault.message + fault.hint


def test_the_schema_for_decisions_has_no_alternatives() -> None:
    """`anyOf` would need other words."""
    assert not any(word in str(json_schema_for(kind, variables=False)) for kind in documents() for word in ("anyOf", "oneOf", "allOf"))


@pytest.mark.parametrize(
    ("field", "wrong", "message", "hint"),
    [
        ("hosts", "*.x", '"*.x", expected a host name, or .name for all below it', "without *"),
        ("privateNetworks", "lan", '"lan", expected a network of addresses', "10.20.0.0/16"),
    ],
)
def test_words_of_what_stands_in_a_list(field: str, wrong: str, message: str, hint: str) -> None:
    document = changed(documents()["EmailServerProfile"], ("spec", "discovery"), "replace", {field: [wrong]})
    (fault,) = faults("EmailServerProfile", document)  # type: ignore[arg-type]
    assert fault.path == ("spec", "discovery", field, 0)
    assert fault.message == f"discovery.{field}[0] is {message}"
    assert hint in fault.hint
