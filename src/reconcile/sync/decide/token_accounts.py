"""Which applied accounts sign in by a token: one for each mailbox whose owner agrees, one for each profile that has an account or an
application of its own. Works from applied state."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from reconcile.lazy_dataclass import dataclass
from reconcile.model.sign_in import Grant, OAuthPlan, SignInPlan
from reconcile.ports.target import AppliedResource
from reconcile.sync.decide.sign_in import Direction, sign_in


@dataclass(frozen=True, slots=True, kw_only=True)
class TokenAccount:
    """`name` is the slug of the mailbox or profile whose token it is; `address` that of a mailbox, "" for a profile. `username` is as
    whom it signs in ("" where each mailbox has its own)."""

    kind: str
    name: str
    address: str
    username: str
    plan: OAuthPlan


def token_accounts(resources: Sequence[AppliedResource], *, now: str) -> list[TokenAccount]:
    """Each account once, sorted by kind and name. Directions that are off or refused count as long as they say how to sign in.
    `now` is UTC RFC 3339."""
    profiles = {one.name: one for one in resources if one.kind == "EmailServerProfile"}
    organization = next((one for one in resources if one.kind == "Organization"), None)
    default = organization.spec.get("defaults.profile") if organization else None
    by_id = {one.external_id: one for one in resources}
    found: dict[str, TokenAccount] = {}
    directions: tuple[Direction, ...] = ("incoming", "outgoing")
    for mailbox in resources:
        profile = profiles.get(str(mailbox.spec.get("profile") or default)) if mailbox.kind == "Mailbox" else None
        if profile is None:
            continue
        for direction in directions:
            plan = sign_in(mailbox, profile, direction, now=now)
            if isinstance(plan, SignInPlan) and plan.oauth is not None and plan.oauth.account not in found:
                found[plan.oauth.account] = _account(by_id[plan.oauth.account], plan, plan.oauth)
    return sorted(found.values(), key=lambda one: (one.kind, one.name))


def accounts_of(plans: Iterable[SignInPlan], resources: Sequence[AppliedResource]) -> list[TokenAccount]:
    """The accounts of these sign-ins, each once, in the order they come."""
    by_token = {plan.oauth.account: (plan, plan.oauth) for plan in plans if plan.oauth is not None}
    owners = {one.external_id: one for one in resources if one.external_id in by_token}
    return [_account(owners[account], *both) for account, both in by_token.items()]


def _account(owner: AppliedResource, plan: SignInPlan, oauth: OAuthPlan) -> TokenAccount:
    return TokenAccount(
        kind=owner.kind,
        name=owner.name,
        address=str(owner.spec.get("emailAddress", "")) if owner.kind == "Mailbox" else "",
        username="" if oauth.grant is Grant.CLIENT_CREDENTIALS else plan.username,
        plan=oauth,
    )
