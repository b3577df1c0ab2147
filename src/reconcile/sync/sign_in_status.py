"""Where each account that signs in by a token stands. Nothing is asked of any server."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from reconcile.model.sign_in import Grant
from reconcile.model.sign_in_status import SignInStatus, TokenOrigin
from reconcile.ports.token_store import TokenFacts, TokenStore
from reconcile.sync.decide.token_accounts import TokenAccount


def sign_in_statuses(
    accounts: Sequence[TokenAccount], store: TokenStore, applied: Callable[[tuple[str, str]], bool], *, now: str
) -> list[SignInStatus]:
    """`applied` says whether a secret was applied for a row and field. `now` is UTC RFC 3339."""
    known = {facts.account: facts for facts in store.all_facts()}
    return [_status(one, known.get(one.plan.account), applied, now) for one in accounts]


def _status(account: TokenAccount, facts: TokenFacts | None, applied: Callable[[tuple[str, str]], bool], now: str) -> SignInStatus:
    plan = account.plan
    declared = plan.refresh_token is not None and applied(plan.refresh_token)
    kept = facts is not None and facts.by != ""
    elsewhere = facts is not None and kept and (facts.client_id, facts.token_endpoint) != (plan.client_id, plan.token_endpoint)
    origin, todo = TokenOrigin.NONE, f"reconcile auth login {account.name}"
    if plan.grant is Grant.CLIENT_CREDENTIALS:
        origin, todo = TokenOrigin.APPLICATION, ""
    elif kept and not elsewhere and facts is not None:
        origin = TokenOrigin.SIGN_IN if facts.by == "sign-in" else TokenOrigin.RENEWAL
        todo = todo if facts.expires_at and facts.expires_at <= now else ""
    elif declared:
        # Facts without a kept token are about the declared one. Where another one was applied since, the next look finds that it works.
        refused = facts is not None and not kept and bool(facts.expires_at) and facts.expires_at <= now
        origin, todo = TokenOrigin.DECLARED, todo if refused else ""
    shown = facts or TokenFacts(account=plan.account)
    return SignInStatus(
        account=plan.account,
        kind=account.kind,
        name=account.name,
        address=account.address,
        grant=plan.grant,
        origin=origin,
        since=shown.since,
        renewed_at=shown.renewed_at,
        expires_at=shown.expires_at,
        interrupted_at=shown.renewing_since,
        todo=todo,
    )


def sign_in_again(found: Sequence[SignInStatus]) -> dict[str, tuple[str, str]]:
    """Why a person must sign in, and the next step, by account (external id of its mailbox or profile); others are left out."""
    return {one.account: (_why(one), f"Run `{one.todo}`.") for one in found if one.todo}


def _why(status: SignInStatus) -> str:
    if status.origin is TokenOrigin.NONE:
        return f"nobody is signed in for {status.name}, so there is no token"
    return f"the sign-in of {status.name} ended at {status.expires_at[:16].replace('T', ' ')}"
