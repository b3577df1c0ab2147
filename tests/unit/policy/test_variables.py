"""The vocabulary of rules is that of the models, every variable has a value for every object, and the page lists all of them."""

from __future__ import annotations

import os
from pathlib import Path
from typing import get_args

import pytest

from reconcile.model import kinds
from reconcile.model.email_server_profile import CredentialRetrieval
from reconcile.model.mail_provider import Standing
from reconcile.policy import cel
from reconcile.policy.computed import COMPUTED
from reconcile.policy.variable import PREFIXES, Type, Variable
from reconcile.policy.variables import vocabulary
from reconcile.policy.variables_page import variables_page
from reconcile.policy.world import MISSING, World, plain
from support.judging import MAILBOX, PROFILE, estate

PAGE = Path(__file__).parents[3] / "docs" / "policies" / "variables.md"
_ORGANIZATION = "apiVersion: reconcile/v1alpha2\nkind: Organization\nmetadata: {name: contoso}\nspec: {}\n"
_BARE = PROFILE.replace("incoming: {server: imap.contoso.example}", "incoming: {server: imap.gmail.com}")
_THEIRS = """\
apiVersion: reconcile/v1alpha2
kind: EmailServerProfile
metadata: {name: mail}
management: {lifecycle: external}
spec: {displayName: Theirs, %s}
"""
_EXAMPLE = estate(_BARE, _ORGANIZATION, MAILBOX)


def test_the_page_is_current() -> None:
    """`REFRESH=1 pytest tests/unit/policy/test_variables.py` writes it."""
    if os.environ.get("REFRESH") == "1":
        PAGE.write_text(variables_page(), encoding="utf-8")
    assert PAGE.read_text(encoding="utf-8") == variables_page(), "run: REFRESH=1 pytest tests/unit/policy/test_variables.py"


@pytest.mark.parametrize("subject", PREFIXES)
def test_every_field_of_the_kind_is_a_variable(subject: str) -> None:
    known = vocabulary(subject)
    for info in kinds.fields(subject):
        name = f"{PREFIXES[subject]}.{info.path}"
        assert (f"{name}.ref" if info.type == "secret" else name) in known


@pytest.mark.parametrize("subject", PREFIXES)
def test_every_variable_can_be_read_and_has_a_value_of_its_type(subject: str) -> None:
    """Compiled by its declared type, run on what the world gives: the two must fit."""
    world = World(_EXAMPLE.desired)
    objects = world.objects(subject)
    assert objects
    for name, variable in vocabulary(subject).items():
        if name == "today":
            continue
        (value,) = world.column(subject, name, objects)
        if value is MISSING:
            assert name.startswith("provider."), name
            continue
        assert (value is not None) or variable.nullable, f"{name} is null"
        program = cel.check(_of_type(variable), vocabulary(subject), boolean=True)
        assert isinstance(program, cel.Program), name
        assert cel.load(program.code)({name: plain(subject, name, value)}) is True, f"{name} is {value!r}, not a {variable.type}"
        assert not variable.values or value is None or value in variable.values, name


def _of_type(variable: Variable) -> str:
    name = variable.name
    tests = {
        Type.TEXT: f"size({name}) >= 0",
        Type.NUMBER: f"{name} >= 0",
        Type.TRUTH: f"{name} || !{name}",
        Type.TEXTS: f"{name}.all(one, size(one) > 0)",
        Type.MAP: f"size({name}) >= 0",
        Type.INSTANT: f"timestamp({name}) > timestamp('1900-01-01T00:00:00Z')",
        Type.DURATION: f"duration({name}) >= duration('0s')",
    }
    return f"{name} == null || {tests[variable.type]}" if variable.nullable else tests[variable.type]


def test_words_that_stand_twice_are_the_same() -> None:
    """The models take milliseconds to make, so a few of their words are repeated."""
    assert COMPUTED["EmailServerProfile"]["sending.credentials"].variable.values == get_args(CredentialRetrieval)
    assert vocabulary("Mailbox")["provider.authentication.oauth.status"].values == get_args(Standing)


def test_every_variable_is_described() -> None:
    for subject in PREFIXES:
        for variable in vocabulary(subject).values():
            assert variable.description.endswith("."), variable.name


def test_what_is_no_subject_has_no_variables_of_its_own() -> None:
    assert set(vocabulary("MailboxList")) == {"today"}


@pytest.mark.parametrize(
    ("written", "known"),
    [
        ("serverType: exchange-server", MISSING),
        ("serverType: exchange-server, incoming: {credentials: profile}", MISSING),
        ("serverType: exchange-server, incoming: {credentials: server-to-server}", "exchange-online"),
        ("serverType: exchange-server, facts: {serverVersion: exchange-se}", "exchange-server"),
        ("serverType: exchange-online-hybrid", "exchange-online"),
        ("serverType: imap-smtp", "pop3-or-imap"),
    ],
)
def test_what_stands_behind_the_profile_of_somebody_else_is_known_as_far_as_anything_tells(written: str, known: object) -> None:
    world = World(estate(_THEIRS % written, MAILBOX).desired)
    assert world.column("Mailbox", "profile.system", world.objects("Mailbox")) == [known]


@pytest.mark.parametrize(
    ("server_type", "protocols"), [("exchange-server", ("ews", "ews")), ("imap-smtp", ("imap", "smtp")), ("pop3-smtp", ("pop3", "smtp"))]
)
def test_the_server_type_tells_the_protocols_of_somebody_elses_profile(server_type: str, protocols: tuple[str, str]) -> None:
    world = World(estate(_THEIRS % f"serverType: {server_type}", MAILBOX).desired)
    mailboxes = world.objects("Mailbox")
    columns = [world.column("Mailbox", f"profile.{way}.protocol", mailboxes) for way in ("incoming", "outgoing")]
    assert columns == [[protocols[0]], [protocols[1]]]
