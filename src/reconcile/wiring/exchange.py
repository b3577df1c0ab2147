"""Factories of what speaks to Exchange servers. Connections are shared by everything in this process that one account does there."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from functools import lru_cache
from typing import TYPE_CHECKING

from reconcile.lazy_dataclass import dataclass

if TYPE_CHECKING:
    from reconcile.mail.endpoint import Endpoint
    from reconcile.mail.ews.account import ExchangeAccount
    from reconcile.mail.ews.sessions import Sessions
    from reconcile.ports.sender import Account, Sender, Session
    from reconcile.ports.sign_in import SignIn
    from reconcile.sync.decide.eligible import ReceivingMailbox


@lru_cache(maxsize=1)
def exchange_sessions() -> Sessions:
    """Of this process."""
    from reconcile.mail.ews.sessions import Sessions

    return Sessions()


def exchange_account(mailbox: ReceivingMailbox, reached: tuple[Endpoint, SignIn]) -> ExchangeAccount:
    """Of a mailbox that receives, from where it is reached and how its account signs in."""
    from dataclasses import replace

    from reconcile.mail.ews.account import ExchangeAccount

    endpoint, sign_in = reached
    return ExchangeAccount(endpoint=replace(endpoint, path=mailbox.path), sign_in=sign_in, address=mailbox.address, access=mailbox.access)


@dataclass(frozen=True, slots=True, kw_only=True)
class SenderByProtocol:
    """Mail that is handed in to a mailbox goes to its Exchange server, everything else over SMTP. See `Sender`."""

    smtp: Sender
    exchange: Callable[[], Sender]

    def open(self, account: Account) -> AbstractContextManager[Session]:
        return (self.exchange() if account.mailbox else self.smtp).open(account)
