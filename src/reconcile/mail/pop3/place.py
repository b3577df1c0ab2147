"""Where we stand in one maildrop: what a POP3 cursor holds.

POP3 has no order to rely on: some servers list the newest first, and a message that was moved there may stand anywhere. So the cursor
is the set of all listed messages that were decided, eight bytes each (a digest of what identifies the message).
"""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Iterable
from dataclasses import field

from reconcile.lazy_dataclass import dataclass
from reconcile.model.cursor import Cursor

PROTOCOL = "pop3"
KEY_BYTES = 8
#: Sizes remembered to tell a mailbox whose identifiers were all changed from one that was emptied and filled anew.
SAMPLE = 32


def key_of(remote_id: str) -> bytes:
    """64 bits: among a million messages two have the same with a chance of 1 in 37 million."""
    return hashlib.blake2b(remote_id.encode("utf-8", "surrogateescape"), digest_size=KEY_BYTES).digest()


@dataclass(frozen=True, slots=True, kw_only=True)
class Pop3Place:
    """`account` names server and user. `listing` is a digest of the listing of which everything was decided ("" for none): the same listing
    brings nothing new. `sizes` are those of some decided messages."""

    account: str
    listing: str = ""
    messages: int = -1
    decided: bytes = field(default=b"", repr=False)
    sizes: tuple[int, ...] = ()

    @property
    def keys(self) -> set[bytes]:
        """Of everything decided."""
        return {self.decided[start : start + KEY_BYTES] for start in range(0, len(self.decided), KEY_BYTES)}

    def with_decided(self, keys: Iterable[bytes]) -> Pop3Place:
        """The same and these."""
        return Pop3Place(account=self.account, decided=b"".join((self.decided, *keys)), sizes=self.sizes)

    def cursor(self) -> Cursor:
        """As the store keeps it."""
        packed = base64.b64encode(self.decided).decode("ascii")
        return Cursor(PROTOCOL, json.dumps([1, self.account, self.listing, self.messages, [*self.sizes], packed], ensure_ascii=False))

    @classmethod
    def of(cls, cursor: Cursor | None) -> Pop3Place | None:
        """None for no cursor, and for one that another protocol or a later version made: then everything is listed again."""
        if cursor is None or cursor.protocol != PROTOCOL:
            return None
        try:
            version, account, listing, messages, sizes, packed = json.loads(cursor.value)
            if version != 1:
                return None
            return cls(
                account=account, listing=listing, messages=messages, sizes=tuple(sizes), decided=base64.b64decode(packed, validate=True)
            )
        except (ValueError, TypeError):
            return None
