"""Refresh tokens in memory."""

from __future__ import annotations

import threading
from collections import defaultdict
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from reconcile.errors import Unavailable
from reconcile.model.secret import Secret
from reconcile.ports.token_store import TokenFacts


class MemoryTokens:
    """Implements TokenStore for one process."""

    def __init__(self, *, wait: float = 60.0) -> None:
        self._facts: dict[str, TokenFacts] = {}
        self._tokens: dict[str, Secret] = {}
        self._turns: defaultdict[str, threading.Lock] = defaultdict(threading.Lock)
        self._wait = wait

    def facts(self, account: str) -> TokenFacts | None:
        return self._facts.get(account)

    def all_facts(self) -> Sequence[TokenFacts]:
        return [self._facts[account] for account in sorted(self._facts)]

    def refresh_token(self, account: str) -> Secret | None:
        return self._tokens.get(account)

    def note(self, facts: TokenFacts) -> None:
        self._facts[facts.account] = facts

    def keep(self, facts: TokenFacts, token: Secret) -> None:
        self._facts[facts.account] = facts
        self._tokens[facts.account] = token

    def forget(self, account: str) -> bool:
        return bool([self._facts.pop(account, None), self._tokens.pop(account, None)] != [None, None])

    @contextmanager
    def turn(self, account: str) -> Iterator[None]:
        if not self._turns[account].acquire(timeout=self._wait):
            raise Unavailable("another thread is renewing the token, and does not finish", hint="It is tried again.")
        try:
            yield
        finally:
            self._turns[account].release()
