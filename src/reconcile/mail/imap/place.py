"""Where we stand in one inbox: what an IMAP cursor holds."""

from __future__ import annotations

import json

from reconcile.lazy_dataclass import dataclass
from reconcile.model.cursor import Cursor

PROTOCOL = "imap"


@dataclass(frozen=True, slots=True, kw_only=True)
class ImapPlace:
    """`account` names server and user: the same numbers on another account mean nothing. `uid` is the highest decided one.

    `next_uid` and `messages` are what the server said when everything up to there was decided; while both stay the same there is
    nothing new. 0 for `next_uid` means: look again.
    """

    account: str
    validity: int
    uid: int = 0
    next_uid: int = 0
    messages: int = -1

    @property
    def told(self) -> tuple[int, int, int]:
        """What the server said: while it says the same there is nothing new."""
        return self.validity, self.next_uid, self.messages

    def cursor(self) -> Cursor:
        """As the store keeps it."""
        return Cursor(PROTOCOL, json.dumps([1, self.account, self.validity, self.uid, self.next_uid, self.messages], ensure_ascii=False))

    @classmethod
    def of(cls, cursor: Cursor | None) -> ImapPlace | None:
        """None for no cursor, and for one that another protocol or a later version made: then everything is listed again."""
        if cursor is None or cursor.protocol != PROTOCOL:
            return None
        try:
            version, account, validity, uid, next_uid, messages = json.loads(cursor.value)
        except ValueError:
            return None
        if version != 1:
            return None
        return cls(account=account, validity=validity, uid=uid, next_uid=next_uid, messages=messages)
