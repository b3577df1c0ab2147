"""What Autodiscover named for a mailbox while a plan was made: part of the plan, pinned by whoever applies it."""

from __future__ import annotations

from reconcile.lazy_dataclass import dataclass
from reconcile.model.key import Key


@dataclass(frozen=True, slots=True, kw_only=True)
class Discovered:
    """`url` is the address of Exchange Web Services that was named for `address`, `method` how (json), `at` when (UTC RFC 3339).
    `before` is what was pinned for the mailbox then, since `before_at`; both "" for nothing."""

    key: Key
    address: str
    url: str
    method: str
    at: str
    before: str = ""
    before_at: str = ""

    @property
    def changed(self) -> bool:
        """Whether another server is pinned."""
        return self.before not in ("", self.url)


@dataclass(frozen=True, slots=True, kw_only=True)
class Pinned:
    """What became of one of them when the plan was applied: `why` it was not pinned, "" where it was."""

    key: Key
    url: str
    why: str = ""
