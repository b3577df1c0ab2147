"""Access tokens, kept in memory as long as they last, and renewed one at a time for each account.

A provider may give another refresh token with an answer and stop taking the one before. So the order is: note that a renewal begins,
ask, keep the other one (sealed, committed), and only then use the access token. A process that dies before it asks leaves a note
and nothing else. One that dies between the answer and the commit leaves the old token: where the provider still takes it, the next
renewal works; where it does not, the note says what happened, and that a person must sign in again. Nothing can be better than that:
the provider's side of the exchange cannot be undone.
"""

from __future__ import annotations

import hashlib
import threading
from collections import defaultdict
from collections.abc import Callable, Mapping
from dataclasses import field, replace
from datetime import timedelta
from typing import TYPE_CHECKING, Final, TypeAlias
from urllib.parse import urlsplit

from reconcile.errors import AuthenticationRejected, SettingsError
from reconcile.lazy_dataclass import dataclass
from reconcile.mail.concerning import concerning
from reconcile.mail.oauth.token_endpoint import Token, token_of
from reconcile.model.secret import Secret
from reconcile.model.sign_in import Grant, OAuthPlan
from reconcile.ports.clock import Clock
from reconcile.ports.credentials import Credentials
from reconcile.ports.token_store import TokenFacts, TokenStore

if TYPE_CHECKING:
    from reconcile.mail.oauth.post import Poster

#: A token is given only as long as it lasts so much longer (seconds), or half of its life where that is short.
_MARGIN: Final = 300.0

_Key: TypeAlias = tuple[str, str, str, tuple[str, ...], str]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Cached:
    token: Secret
    until: float


@dataclass(slots=True, repr=False)
class Remembered:
    """What one process remembers of its tokens, however often it opens the store. Only RenewedTokens looks inside."""

    cache: dict[_Key, _Cached] = field(default_factory=dict)
    #: Answers whose refresh token could not be kept yet (a full disk): kept before anything else is asked.
    unkept: dict[_Key, tuple[TokenFacts, Secret]] = field(default_factory=dict)
    locks: defaultdict[_Key, threading.Lock] = field(default_factory=lambda: defaultdict(threading.Lock))
    guard: threading.Lock = field(default_factory=threading.Lock)


@dataclass(slots=True, kw_only=True, repr=False)
class RenewedTokens:
    """Implements AccessTokens (see `mail.sign_in.bearer`) for one process. `poster` makes what asks an endpoint, from the reference to
    its authority ("" for the host's list)."""

    store: TokenStore
    credentials: Credentials
    poster: Callable[[str], Poster]
    clock: Clock
    remembered: Remembered = field(default_factory=Remembered)

    def current(self, plan: OAuthPlan, *, name: str) -> tuple[Secret, bool]:
        """See `AccessTokens.current`."""
        key = _key(plan)
        cached = self._cached(key)
        if cached is not None:
            return cached, False
        with self.remembered.guard:
            lock = self.remembered.locks[key]
        with lock:
            cached = self._cached(key)
            if cached is not None:
                return cached, False
            began = self.clock.monotonic()
            token = self._by_application(plan) if plan.grant is Grant.CLIENT_CREDENTIALS else self._by_refresh(plan, key, name)
            # Counted from before the question, on a clock that nobody sets: a wrong time of day on either side changes nothing.
            until = began + token.seconds - min(_MARGIN, token.seconds / 2)
            with self.remembered.guard:
                self.remembered.cache[key] = _Cached(token=token.access, until=until)
            return token.access, True

    def refuse(self, plan: OAuthPlan, token: Secret) -> None:
        """See `AccessTokens.refuse`."""
        with self.remembered.guard:
            cached = self.remembered.cache.get(_key(plan))
            if cached is not None and cached.token == token:
                del self.remembered.cache[_key(plan)]

    def _cached(self, key: _Key) -> Secret | None:
        with self.remembered.guard:
            cached = self.remembered.cache.get(key)
        return cached.token if cached is not None and self.clock.monotonic() < cached.until else None

    def _by_application(self, plan: OAuthPlan) -> Token:
        form = {"grant_type": "client_credentials"}
        return self._ask(plan, form, sign_in_again="Check oauth.clientId and oauth.clientSecret.")

    def _by_refresh(self, plan: OAuthPlan, key: _Key, name: str) -> Token:
        again = f"Run `reconcile auth login {name}`."
        with self.store.turn(plan.account):
            self._keep_what_waits(key)
            declared = self.credentials.credential(*plan.refresh_token) if plan.refresh_token else None
            known = self.store.facts(plan.account) or TokenFacts(account=plan.account)
            kept = self.store.refresh_token(plan.account) if usable(known, plan, declared) else None
            shown = kept or declared
            if shown is None:
                raise AuthenticationRejected(f"{name}: nobody has signed in for it yet, so there is no token", hint=again)
            facts = known if kept else TokenFacts(account=plan.account, declared=digest_of(declared), renewing_since=known.renewing_since)
            facts = replace(facts, client_id=plan.client_id, token_endpoint=plan.token_endpoint)
            now = self.clock.now()
            at = now.strftime("%Y-%m-%dT%H:%M:%SZ")
            if kept is None:
                # A kept token that no longer goes with what is declared must not come back.
                self.store.forget(plan.account)
            self.store.note(replace(facts, renewing_since=at))
            try:
                token = self._ask(plan, {"grant_type": "refresh_token", "refresh_token": shown.text()}, sign_in_again=again)
            except AuthenticationRejected as error:
                # What a person must agree to anew has ended, whatever was said of its end before: everybody shall see it at once.
                self.store.note(replace(facts, expires_at=at) if error.about == "account" else facts)
                if facts.renewing_since:
                    error.message += (
                        f"; the renewal begun at {facts.renewing_since} was interrupted, and a token that came with it was never kept"
                    )
                    error.args = (error.message,)
                raise
            # It works: an end that was noted in the past was another one's, or was taken back.
            facts = replace(facts, renewed_at=at, renewing_since="", expires_at=facts.expires_at if facts.expires_at > at else "")
            if token.refresh_seconds is not None:
                facts = replace(facts, expires_at=(now + timedelta(seconds=min(token.refresh_seconds, 1e9))).strftime("%Y-%m-%dT%H:%M:%SZ"))
            if token.refresh is None or token.refresh == shown:
                self.store.note(facts)
            else:
                self.remembered.unkept[key] = (replace(facts, by=facts.by or "renewal", since=facts.since or at), token.refresh)
                self._keep_what_waits(key)
            return token

    def _keep_what_waits(self, key: _Key) -> None:
        waiting = self.remembered.unkept.get(key)
        if waiting is not None:
            self.store.keep(*waiting)
            del self.remembered.unkept[key]

    def _ask(self, plan: OAuthPlan, form: Mapping[str, str], *, sign_in_again: str) -> Token:
        form = {**form, "client_id": plan.client_id, **({"scope": " ".join(plan.scopes)} if plan.scopes else {})}
        secrets = [form["refresh_token"]] if "refresh_token" in form else []
        if plan.client_secret is not None:
            secret = self.credentials.credential(*plan.client_secret)
            if secret is None:
                raise SettingsError("no client secret was applied for the profile", hint="Run `reconcile apply` again.")
            form["client_secret"] = secret.text()
            secrets.append(form["client_secret"])
        where = urlsplit(plan.token_endpoint).netloc
        with concerning("profile"):
            answer = self.poster(plan.authority).post(plan.token_endpoint, form)
        return token_of(answer, where=where, secrets=secrets, sign_in_again=sign_in_again)


def usable(facts: TokenFacts, plan: OAuthPlan, declared: Secret | None) -> bool:
    """Whether a kept token may be shown: to the endpoint and for the client it came from only, and not when another one was declared
    since."""
    if not facts.by or (facts.client_id, facts.token_endpoint) != (plan.client_id, plan.token_endpoint):
        return False
    return declared is None or facts.declared == digest_of(declared)


def digest_of(token: Secret | None) -> str:
    """Tells two tokens apart; they are long and random, so it gives nothing away. "" for none."""
    return "" if token is None else hashlib.sha256(b"declared refresh token\0" + token.reveal()).hexdigest()[:32]


def _key(plan: OAuthPlan) -> _Key:
    return plan.account, plan.client_id, plan.token_endpoint, plan.scopes, plan.grant
