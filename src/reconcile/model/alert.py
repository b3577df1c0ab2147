"""What a person should know of a mailbox, a profile or a server: one for each cause, for as long as it lasts."""

from __future__ import annotations

from enum import StrEnum

from reconcile.lazy_dataclass import dataclass


class AlertLevel(StrEnum):
    """As the product's alert wall has them (Dataverse table reference: "Trace", level)."""

    INFORMATION = "information"
    WARNING = "warning"
    ERROR = "error"

    @property
    def number(self) -> int:
        """The product's value."""
        return {"information": 1, "warning": 2, "error": 3}[self.value]


@dataclass(frozen=True, slots=True, kw_only=True)
class Cause:
    """Something that is so now. `kind` is Mailbox, EmailServerProfile, Server or Environment; `about` its external id (host:port for a
    server, the name of an environment), `name` what people call it, `owner` whom it concerns ("" for nobody in particular). `code` is a
    stable word."""

    level: AlertLevel
    code: str
    text: str
    hint: str
    kind: str
    about: str
    name: str
    owner: str = ""

    @property
    def identity(self) -> tuple[str, str, str]:
        """One alert for each."""
        return self.kind, self.about, self.code


class Mailed(StrEnum):
    """What somebody was written."""

    NOTHING = ""
    BEGAN = "began"
    OVER = "over"


@dataclass(frozen=True, slots=True, kw_only=True)
class Alert:
    """A cause over time. `since` and `seen` (the last time it was so), `ended` ("" while it lasts) are UTC RFC 3339; `count` is how
    often it was seen; `mailed` which mail of its episode went into the outbox last."""

    id: int
    cause: Cause
    since: str
    seen: str
    count: int
    ended: str = ""
    mailed: Mailed = Mailed.NOTHING
