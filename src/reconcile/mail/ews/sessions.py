"""Connections that are used again: shared by all mailboxes that one account opens at one server."""

from __future__ import annotations

import hashlib
import secrets
import threading
from collections import OrderedDict
from dataclasses import field
from typing import Any, Final

from reconcile.lazy_dataclass import dataclass
from reconcile.mail.ews.account import ExchangeAccount

#: Accounts whose connections are kept.
_MOST: Final = 256


@dataclass(slots=True)
class Sessions:
    """For several threads. What is taken is given back, or dropped where its state is not known.

    `key` is what digests of passwords are made with that tell connections apart: of this process, and written nowhere.
    """

    most: int = _MOST
    key: bytes = field(default_factory=lambda: secrets.token_bytes(32), init=False, repr=False)
    _protocols: OrderedDict[bytes, Any] = field(default_factory=OrderedDict, repr=False)
    _guard: threading.Lock = field(default_factory=threading.Lock, repr=False)

    def protocol(self, account: ExchangeAccount, identity: bytes) -> Any:
        """An `EwsProtocol`. `identity` is a digest of what is shown to sign in (`Authorization.identity`): connections opened
        with something else are never used."""
        endpoint = account.endpoint
        shown = endpoint.client.reveal() if endpoint.client is not None else b""
        parts = (account.url.encode(), endpoint.authority or b"", shown, identity, b"gzip" if endpoint.compress else b"")
        key = hashlib.sha256(b"\0".join(hashlib.sha256(part).digest() for part in parts)).digest()
        with self._guard:
            found = self._protocols.get(key)
            if found is not None:
                self._protocols.move_to_end(key)
                return found
        from reconcile.mail.ews.protocol import ews_protocol

        made = ews_protocol(account)
        with self._guard:
            kept = self._protocols.setdefault(key, made)
            if len(self._protocols) > self.most:
                _, over = self._protocols.popitem(last=False)
                over.close()
        return kept

    def close(self) -> None:
        """Of all that are not in use."""
        with self._guard:
            protocols, self._protocols = [*self._protocols.values()], OrderedDict()
        for protocol in protocols:
            protocol.close()
