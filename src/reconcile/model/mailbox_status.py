"""How one mailbox is doing, as shown to people."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import field

from reconcile.lazy_dataclass import dataclass
from reconcile.model.condition import Condition, Health
from reconcile.model.mailbox_state import MailboxState


@dataclass(frozen=True, slots=True, kw_only=True)
class MailboxStatus:
    """`why` is one sentence, `hint` the next step for a person. `next_look` is UTC RFC 3339, "" where none is planned.

    `holder` names the process that is receiving now. `outbox` counts mails by state, `quarantined` messages that were
    given up. `sending_step` is what a person does so that it may send, "" where nothing is withheld.
    `profile` is the metadata.name of its profile, "" for none. `reason` is a stable word for `why` where that is not about the last look.
    """

    mailbox_id: str
    name: str
    address: str
    health: Health
    why: str
    hint: str = ""
    server: str = ""
    floor: str = ""
    conditions: tuple[Condition, ...] = ()
    state: MailboxState
    next_look: str = ""
    holder: str = ""
    quarantined: int = 0
    sending_step: str = ""
    reason: str = ""
    profile: str = ""
    outbox: Mapping[str, int] = field(default_factory=dict)
