"""What a server offers against what configuration allows: the first that fits, or a refusal. Nothing weaker is ever taken instead."""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence

from reconcile.errors import AuthenticationRejected
from reconcile.model.sign_in import SignInKind

_NAME = re.compile(r"[A-Z0-9_-]{1,20}")  # RFC 4422, section 3.1


def chosen(kind: SignInKind, mechanisms: Sequence[str], offered: Collection[str]) -> str:
    """One of `mechanisms`, in their order. `offered` are names in upper case, as the server said them behind TLS.

    Raises AuthenticationRejected when none is offered.
    """
    for name in mechanisms:
        if name in offered:
            return name
    named = sorted(name for name in offered if _NAME.fullmatch(name))[:10]
    offers = f"offers only {', '.join(named)}" if named else "offers no sign-in"
    raise AuthenticationRejected(
        f"the server {offers} here, not {' or '.join(mechanisms)}, and sign-in by {kind} is what is declared",
        hint="Nothing weaker is tried. Check authentication and credentials in the profile, and what the server has switched on.",
    )
