"""Accounts that sign in by a token, for people and programs. Never a token."""

from __future__ import annotations

from collections.abc import Sequence

from reconcile.model.sign_in_status import SignInStatus
from reconcile.report.counted import counted
from reconcile.report.table import table


def sign_ins_text(found: Sequence[SignInStatus], *, fit: int | None) -> str:
    """A line an account, then how many wait for a person."""
    if not found:
        return "no applied account signs in by a token"
    rows = [(one.name, one.address, str(one.origin), one.since, one.renewed_at, one.expires_at, one.todo) for one in found]
    header = ("account", "address", "token", "since", "renewed", "expires", "next")
    lines = [table(header, rows, limits=(40, 40, None, None, None, None, None), fit=fit)]
    waiting = sum(bool(one.todo) for one in found)
    if waiting:
        lines.append(f"\n{counted(waiting, 'account')} of {len(found)}: a person must sign in")
    lines += [
        f"{one.name}: a renewal begun at {one.interrupted_at} is under way, or was interrupted" for one in found if one.interrupted_at
    ]
    return "\n".join(lines)


def sign_ins_json(found: Sequence[SignInStatus]) -> list[dict[str, object]]:
    """The same as documents; null where there is nothing."""
    return [
        {
            "kind": one.kind,
            "name": one.name,
            "address": one.address or None,
            "grant": one.grant,
            "token": one.origin.name.lower().replace("_", "-"),
            "since": one.since or None,
            "renewedAt": one.renewed_at or None,
            "expiresAt": one.expires_at or None,
            "interruptedAt": one.interrupted_at or None,
            "next": one.todo or None,
        }
        for one in found
    ]
