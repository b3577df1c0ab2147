"""A mailbox that was named, and is not there."""

from __future__ import annotations

from collections.abc import Iterable

from reconcile.errors import UserError


def no_such_mailbox(word: str, names: Iterable[str]) -> UserError:
    """`names` are the slugs and addresses it could have been."""
    from reconcile.desired.suggest import did_you_mean

    near = did_you_mean(word, names)
    hint = "`reconcile mailboxes` lists them."
    return UserError(
        f"no mailbox {word!r} is applied", hint=f"{near[:1].upper()}{near[1:]}{'' if near.endswith('?') else '.'} {hint}" if near else hint
    )
