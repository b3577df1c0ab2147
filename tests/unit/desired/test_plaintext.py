"""Secrets where they do not belong."""

from __future__ import annotations

import time

import orjson
import pytest

from reconcile.desired.plaintext import exposed, looks_secret, may_be_kept, may_hold_secrets
from reconcile.desired.yaml import Value
from reconcile.model.finding import Severity

LETTERS = "0123456789abcdefghijABCDEFGHIJ0123456789"

FORMS: list[tuple[str, str]] = [
    ("-----BEGIN PRIVATE KEY-----", "a private key"),
    ("-----BEGIN OPENSSH PRIVATE KEY-----\nabc", "a private key"),
    ("imap://sales:hunter2@imap.contoso.example", "a password in a URL"),
    (f"ghp_{LETTERS}", "an access token of GitHub"),
    (f"x github_pat_{LETTERS}", "an access token of GitHub"),
    (f"glpat-{LETTERS}", "an access token of GitLab"),
    (f"xoxb-{LETTERS}", "a token of Slack"),
    ("AKIAIOSFODNN7EXAMPLE", "an access key of AWS"),
    (f"AIza{LETTERS}", "a key of the Google API"),
    (f"sk-{LETTERS}", "an API key"),
    (f"SG.{LETTERS}.{LETTERS}", "a key of SendGrid"),
    (f"eyJ{LETTERS}.eyJ{LETTERS}.x", "a signed token (JWT)"),
    (f"Authorization: Bearer {LETTERS}", "a bearer token"),
]


@pytest.mark.parametrize(("text", "what"), FORMS)
def test_well_known_forms_anywhere(text: str, what: str) -> None:
    document = {"spec": {"description": ["x", text]}}
    (found,) = exposed(document)  # type: ignore[arg-type]
    assert (found.path, found.what, found.severity) == (("spec", "description", 1), what, Severity.ERROR)
    assert may_hold_secrets(orjson.dumps(document))


@pytest.mark.parametrize(
    "text",
    [
        "https://contoso.example/a",
        "imap://sales@imap.contoso.example:993/",
        "mailto:sales@contoso.example",
        "-----BEGIN CERTIFICATE-----",
        "-----BEGIN PUBLIC KEY-----",
        "desk-support-team-of-the-whole-company",
        "AKIA",
        "the password is in the vault",
        "the bearer token is in the vault since 2026",
        "the bearer certificate-of-authenticity/and-more",
    ],
)
def test_harmless_texts(text: str) -> None:
    assert list(exposed({"spec": {"description": text}})) == []


@pytest.mark.parametrize(
    ("group", "name", "value", "found"),
    [
        ("annotations", "imap-password", "x", True),
        ("annotations", "clientSecret", "x", True),
        ("labels", "api_key", "x", True),
        ("annotations", "Kennwort", "x", True),
        ("annotations", "password", "env:SALES", False),
        ("annotations", "password", "file:sales", False),
        ("annotations", "note", "x", False),
    ],
)
def test_names_that_promise_a_secret(group: str, name: str, value: str, found: bool) -> None:
    document = {"metadata": {group: {name: value}}}
    assert [item.severity for item in exposed(document)] == ([Severity.WARNING] if found else [])  # type: ignore[arg-type]
    assert may_hold_secrets(orjson.dumps(document))


def test_variables_of_an_environment_are_looked_at() -> None:
    assert [item.path for item in exposed({"spec": {"variables": {"db-password": "x"}}})] == [("spec", "variables", "db-password")]


@pytest.mark.parametrize(
    ("document", "kept"),
    [
        ({"password": "env:SALES"}, True),
        ({"password": "file:sales"}, True),
        ({"password": "${secret}"}, True),
        ({"password": {"ref": "env:SALES", "generation": 2}}, True),
        ({"password": ""}, True),
        ({"password": None, "tokens": True, "secretCount": 3}, True),
        ({"displayName": "the password"}, True),
        ({"labels": {"team": "x"}}, True),
        ({"password": "hunter2"}, False),
        ({"imapPassword": "hunter2"}, False),
        ({"password": {"value": "hunter2"}}, False),
        ({"password": ["hunter2"]}, False),
        ({"password": 12345678}, False),
        ({"spec": {"incoming": [{"token": "x"}]}}, False),
        ({"password": {"ref": "hunter2"}}, False),
        ({"username": "https://user:hunter2@host/"}, False),
        ({"labels": {"note": "ghp_0123456789abcdefghijABCD"}}, False),
    ],
)
def test_only_what_holds_no_secret_may_be_kept_elsewhere(document: Value, kept: bool) -> None:
    assert may_be_kept(document, orjson.dumps([[1, document]])) is kept


@pytest.mark.parametrize("piece", ["x", "a.", "eyJ-", "-----BEGIN ", "a:b", "SG.", "://a:", "sk-", "ghp_"])
def test_a_long_text_of_a_stranger_takes_no_time(piece: str) -> None:
    text = piece * (100_000 // len(piece))
    began = time.process_time()
    looks_secret(text)
    assert time.process_time() - began < 2.0
