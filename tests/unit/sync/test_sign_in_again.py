"""Who must sign in again is shown before the next look finds it out: tables."""

from __future__ import annotations

from dataclasses import replace

import pytest

from reconcile.model.condition import Health
from reconcile.model.mailbox_state import MailboxState
from reconcile.model.mailbox_status import MailboxStatus
from reconcile.model.sign_in import Grant, OAuthPlan, SignInKind, SignInPlan
from reconcile.model.sign_in_status import SignInStatus
from reconcile.ports.target import AppliedResource
from reconcile.ports.token_store import TokenFacts
from reconcile.store.memory.tokens import MemoryTokens
from reconcile.sync.decide.token_accounts import accounts_of
from reconcile.sync.sign_in_status import sign_in_again, sign_in_statuses
from reconcile.sync.status import mailbox_statuses
from support.applied import START
from support.mail_fleet import fleet_mailbox

NOW = "2026-03-01T08:00:00Z"
KEPT = TokenFacts(account="sales", by="sign-in", since="2026-02-01T08:00:00Z", client_id="c", token_endpoint="https://t.example")
OAUTH = OAuthPlan(
    grant=Grant.REFRESH_TOKEN,
    account="sales",
    client_id="c",
    client_secret=None,
    refresh_token=("sales", "credentials.refreshToken"),
    token_endpoint="https://t.example",
    scopes=(),
)
SALES = AppliedResource(kind="Mailbox", name="sales", external_id="sales", spec={"emailAddress": "sales@contoso.example"})
PROFILE = AppliedResource(kind="EmailServerProfile", name="contoso", external_id="sales", spec={})
NOBODY = "nobody is signed in for sales, so there is no token"
LOGIN = "Run `reconcile auth login sales`."
FINE = MailboxState(mailbox_id="sales", last_attempt="2026-03-01T07:59:00Z", fingerprint="f")


def statuses(
    facts: TokenFacts | None, *, declared: bool = False, plan: OAuthPlan = OAUTH, owner: AppliedResource = SALES
) -> list[SignInStatus]:
    tokens = MemoryTokens()
    if facts is not None:
        tokens.note(facts)
    sign_in = SignInPlan(kind=SignInKind.OAUTH, username="sales@contoso.example", oauth=plan)
    return sign_in_statuses(accounts_of([sign_in, sign_in], [owner]), tokens, lambda _: declared, now=NOW)


@pytest.mark.parametrize(
    ("facts", "declared", "why"),
    [
        (None, False, NOBODY),
        (None, True, ""),
        (KEPT, False, ""),
        (replace(KEPT, expires_at="2026-03-01T07:59:00Z"), False, "the sign-in of sales ended at 2026-03-01 07:59"),
        (replace(KEPT, expires_at="2026-03-01T08:01:00Z"), False, ""),
        # The declared one was refused.
        (replace(KEPT, by="", expires_at="2026-03-01T07:59:00Z"), True, "the sign-in of sales ended at 2026-03-01 07:59"),
        (replace(KEPT, by=""), True, ""),
        # Kept for another application.
        (replace(KEPT, client_id="other"), False, NOBODY),
    ],
)
def test_who_must_sign_in_again(facts: TokenFacts | None, declared: bool, why: str) -> None:
    assert sign_in_again(statuses(facts, declared=declared)) == ({"sales": (why, LOGIN)} if why else {})


def test_an_application_and_a_profile() -> None:
    application = replace(OAUTH, grant=Grant.CLIENT_CREDENTIALS, refresh_token=None)
    assert sign_in_again(statuses(None, plan=application)) == {}
    found = sign_in_again(statuses(None, owner=PROFILE))
    assert found == {"sales": ("nobody is signed in for contoso, so there is no token", "Run `reconcile auth login contoso`.")}


def shown(state: MailboxState, again: dict[str, tuple[str, str]]) -> MailboxStatus:
    sign_in = SignInPlan(kind=SignInKind.OAUTH, username="sales@contoso.example", oauth=OAUTH)
    mailbox = fleet_mailbox("sales", sign_in=sign_in)
    (status,) = mailbox_statuses([mailbox], {"sales": state}, holders={}, outbox={}, now=START, sign_in_again=again)
    return status


def test_the_mailbox_says_so_before_it_is_looked_at() -> None:
    assert shown(FINE, {}).health is Health.HEALTHY
    assert shown(FINE, {"other": (NOBODY, LOGIN)}).health is Health.HEALTHY
    status = shown(FINE, {"sales": (NOBODY, LOGIN)})
    assert (status.health, status.why, status.hint, status.reason) == (Health.STALLED, NOBODY, LOGIN, "SignInAgain")
    refused = replace(FINE, error_kind="AuthenticationRejected", error="no longer accepted", hint=LOGIN, permanent=True, failures=1)
    assert shown(refused, {"sales": (NOBODY, LOGIN)}).why == "no longer accepted"
    silent = replace(FINE, error_kind="TimedOut", error="silent")
    assert shown(silent, {"sales": (NOBODY, LOGIN)}).why == f"{NOBODY}; silent"
