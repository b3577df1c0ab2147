"""Who opens other people's mailboxes: the account of a profile that impersonates."""

from __future__ import annotations

from collections.abc import Mapping

from reconcile.model.canonical import Leaf, Spec
from reconcile.model.defaults import derived

_BY_APPLICATION = ("server-to-server", "hybrid-modern-auth", "entra-oauth")


def accounts(spec: Spec) -> Mapping[str, str]:
    """For each direction the account name or the application's id, "" where nobody is impersonated.

    The name counts, not the secret: a new password of the same account has the same rights.
    """
    whole = {**derived("EmailServerProfile", spec), **spec}
    same = whole.get("useSameSettingsForOutgoing", True) is not False
    return {
        "incoming": _account(whole, "incoming"),
        "outgoing": _account(whole, "incoming" if same else "outgoing"),
    }


def _account(spec: Spec, direction: str) -> str:
    if spec.get(f"{direction}.useImpersonation") is not True:
        return ""
    how = spec.get(f"{direction}.credentials")
    if how == "profile":
        return _text(spec.get(f"{direction}.username"))
    return _text(spec.get("oauth.clientId")) if how in _BY_APPLICATION else ""


def _text(leaf: Leaf) -> str:
    # Names of accounts are compared without case, as Exchange does.
    return leaf.casefold() if isinstance(leaf, str) else ""
