"""How mail is correlated in an organization, from what is applied."""

from __future__ import annotations

from typing import Final

from reconcile.lazy_dataclass import dataclass
from reconcile.model.canonical import Leaf, Spec
from reconcile.model.tracking_token import TokenFormat, token_format

#: The product's, once somebody asks for smart matching (Power Platform: "Email message filtering and correlation").
MAXIMUM_HASHES: Final = 20
MINIMUM_RECIPIENTS: Final = 2
SUBJECT_DIFFERENCE: Final = 0
#: What a mail may have at most, whatever is declared: its hashes are rows of the store.
_MOST_HASHES: Final = 200


@dataclass(frozen=True, slots=True, kw_only=True)
class SmartMatching:
    """`matches`: mail is looked for; `creates`: hashes of new mail are kept. `subject_filter` "" is the product's expression."""

    matches: bool = True
    creates: bool = True
    subject_filter: str = ""
    maximum_hashes: int = MAXIMUM_HASHES
    minimum_recipients: int = MINIMUM_RECIPIENTS
    subject_difference: int = SUBJECT_DIFFERENCE


@dataclass(frozen=True, slots=True, kw_only=True)
class CorrelationRules:
    """`thread_headers`: In-Reply-To, the conversation index and References are looked at. `token` None: no token is written or read.
    `smart` None: there is no smart matching."""

    enabled: bool = True
    thread_headers: bool = True
    forwards_are_replies: bool = True
    references: bool = False
    token: TokenFormat | None = None
    smart: SmartMatching | None = None


def correlation_rules(organization: Spec) -> CorrelationRules:
    """`organization` is the applied spec of the Organization ({} where there is none). What is not declared is as in the product, but
    for the token: nothing is written into a subject unless somebody asked for it."""
    return CorrelationRules(
        enabled=organization.get("tracking.correlation") is not False,
        thread_headers=organization.get("tracking.ignoreThreadHeaders") is not True,
        forwards_are_replies=organization.get("tracking.doNotCorrelateForwardsAsReplies") is not True,
        references=organization.get("tracking.correlateByReferences") is True,
        token=token_format(organization),
        smart=_smart(organization),
    )


def _smart(organization: Spec) -> SmartMatching | None:
    if organization.get("smartMatching.enabled") is not True:
        return None
    return SmartMatching(
        matches=organization.get("smartMatching.disabledByEnvironment") is not True,
        creates=organization.get("smartMatching.disableHashCreation") is not True,
        subject_filter=str(organization.get("smartMatching.subjectFilter") or ""),
        maximum_hashes=min(_number(organization.get("smartMatching.maximumHashes"), MAXIMUM_HASHES), _MOST_HASHES),
        minimum_recipients=_number(organization.get("smartMatching.minimumRecipients"), MINIMUM_RECIPIENTS),
        subject_difference=_number(organization.get("smartMatching.subjectDifference"), SUBJECT_DIFFERENCE),
    )


def _number(leaf: Leaf, default: int) -> int:
    return leaf if isinstance(leaf, int) and not isinstance(leaf, bool) else default
