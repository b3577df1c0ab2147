"""Mail between our own users and queues: whether the received message is the second record of what is here already.

Environment database settings IgnoreInternalEmailDetectionEnhancement, DoNotIgnoreInternalEmailToQueues and IgnoreInternalEmailFromQueues,
and the organization's ignoreinternalemail (Power Platform: "OrgDbOrgSettings"; docs/adr/0026).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from reconcile.lazy_dataclass import dataclass
from reconcile.model.canonical import Leaf
from reconcile.model.party import PartyRow, PartyType

_INSIDE: Final = (PartyType.USER, PartyType.QUEUE)


@dataclass(frozen=True, slots=True, kw_only=True)
class InternalRules:
    """tracking.*Internal* of the Organization; what is not declared is as in the product."""

    ignore: bool = False
    accept_to_queues: bool = True
    ignore_from_queues: bool = False
    improved: bool = True

    @classmethod
    def of(cls, organization: Mapping[str, Leaf]) -> InternalRules:
        """From the applied fields of the Organization ({} where there is none)."""
        return cls(
            ignore=organization.get("tracking.ignoreInternalEmail") is True,
            accept_to_queues=organization.get("tracking.doNotIgnoreInternalEmailToQueues") is not False,
            ignore_from_queues=organization.get("tracking.ignoreInternalEmailFromQueues") is True,
            improved=organization.get("tracking.improvedInternalEmailDetection") is not False,
        )

    @property
    def asks(self) -> bool:
        """Whether anything can be refused at all; where not, nothing needs to be looked up."""
        return self.ignore or self.ignore_from_queues


def internal_refusal(*, sender: PartyRow | None, recipient: PartyRow | None, sent_copy: bool, rules: InternalRules) -> str:
    """Why this mailbox does not track the message a second time, naming the field; "" where it does.

    `recipient` is the user or queue whose mailbox is being processed (None: neither). `sent_copy`: a mail with this Message-ID was sent
    from here (outbox), so that its record exists.
    """
    if sender is None or recipient is None or sender.ref.type not in _INSIDE or recipient.ref.type not in _INSIDE:
        return ""
    if sender.ref.type is PartyType.QUEUE and recipient.ref.type is PartyType.USER and rules.ignore_from_queues and sent_copy:
        return "tracking.ignoreInternalEmailFromQueues: sent from a queue, and the sent copy is here"
    if not rules.ignore or (recipient.ref.type is PartyType.QUEUE and rules.accept_to_queues):
        return ""
    if sent_copy:
        return "tracking.ignoreInternalEmail: sent from here, and the sent copy is here"
    # The older test looks at nobody but the sender: whoever is one of us is taken to have a record of it.
    return "" if rules.improved else f"tracking.ignoreInternalEmail: the sender is a {sender.ref.type} of ours"
