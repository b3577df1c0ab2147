"""Who writes to whom when more than half of a profile's mailboxes fail, as declared, or what is missing for it. Pure.

Dataverse table reference: "Email Server Profile", sendemailalert and owneremailaddress. The product writes from a mailbox of its own;
here it is one of ours, named by the Organization.
"""

from __future__ import annotations

from collections.abc import Mapping

from reconcile.lazy_dataclass import dataclass
from reconcile.model.canonical import Leaf
from reconcile.model.mail_address import fold, parse_address


@dataclass(frozen=True, slots=True, kw_only=True)
class AlertMail:
    """`sender` is the metadata.name of the mailbox that writes, `recipients` are addresses, the profile's owner first."""

    sender: str
    recipients: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class NoAlertMail:
    """What is missing, as a sentence; `reason` is a stable word."""

    reason: str
    words: str


def alert_mail(profile: Mapping[str, Leaf], organization: Mapping[str, Leaf]) -> AlertMail | NoAlertMail | None:
    """None where the profile asks for none. Both are specs by path, empty where nothing is declared."""
    if profile.get("sendEmailAlert") is not True:
        return None
    if organization.get("alerts.errors") is False:
        return NoAlertMail(reason="AlertsOff", words="alerts.errors of the Organization is false: there is no alarm to mail")
    sender = organization.get("alerts.sender")
    if not isinstance(sender, str) or not sender:
        return NoAlertMail(
            reason="NoAlertSender",
            words="nobody is mailed: alerts.sender of the Organization names no mailbox; `reconcile alerts list` has the alarm",
        )
    declared = organization.get("alerts.recipients")
    owners = [address for path in ("ownerEmailAddress", "owner") if (address := _address(profile.get(path)))]
    named = [str(one) for one in declared] if isinstance(declared, tuple) else []
    # The owner's name may be an address too; that of ownerEmailAddress is the one that was meant.
    recipients = tuple({fold(address): address for address in [*owners[:1], *named]}.values())
    if not recipients:
        return NoAlertMail(
            reason="NoAlertRecipient",
            words="nobody is mailed: neither ownerEmailAddress of the profile nor alerts.recipients of the Organization names anybody",
        )
    return AlertMail(sender=sender, recipients=recipients)


def _address(leaf: Leaf) -> str:
    if not isinstance(leaf, str):
        return ""
    try:
        return parse_address(leaf).address
    except ValueError:
        return ""
