"""Whether what a change of a saved plan leans on still holds in the rows around its own. Pure.

The version of a row says that nobody touched that row. It cannot say that another mailbox has got the same address since, that a
mailbox has begun to use a profile that is to go, or that the profile a mailbox is to have is gone.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Final

from reconcile.model.canonical import Spec
from reconcile.model.change import Adopt, Change, Create, Delete, Plan, Update
from reconcile.model.key import Key
from reconcile.model.kinds import natural_identity, references
from reconcile.model.observation import ObservedState, Present
from reconcile.plan.brakes import PROFILE_IN_USE
from reconcile.plan.consequences.words import is_active

_MAILBOX: Final = "Mailbox"
_PROFILE: Final = "EmailServerProfile"


class Neighbours:
    """A fresh reading of the target beside a plan, indexed once. `owners` maps external ids to keys of the inventory."""

    def __init__(self, plan: Plan, observed: ObservedState, owners: Mapping[str, Key]) -> None:
        self._observed = observed
        self._owners = owners
        self._in_use_is_meant = PROFILE_IN_USE in plan.lifted
        self._rows = {row.external_id: row for row in observed.rows}
        #: What becomes of a row, as far as its own change is still the right one.
        self._planned = {row.external_id: change for row, change in self._standing(plan.changes)}
        self._profiles = {Key(row.kind, row.name) for row in observed.rows if row.kind == _PROFILE and row.name is not None}
        self._profiles |= {key for external_id, key in owners.items() if key.kind == _PROFILE and external_id in self._rows}
        self._profiles |= {change.key for change in plan.changes if isinstance(change, (Create, Adopt, Update))}
        self._addresses: dict[str, list[Present]] = {}
        self._riders: dict[Key, list[Present]] = {}
        for row in observed.rows:
            address = natural_identity(_MAILBOX, row.spec) if row.kind == _MAILBOX else None
            if address is not None:
                self._addresses.setdefault(address, []).append(row)
            for profile in references(row.kind, row.spec):
                self._riders.setdefault(profile, []).append(row)

    def moved(self, change: Change) -> str:
        """Why the change may not be tried any more, "" when nothing around it stands against it."""
        return self._address(change) or self._user(change) or self._profile(change)

    def _standing(self, changes: Iterable[Change]) -> Iterable[tuple[Present, Change]]:
        for change in changes:
            if isinstance(change, (Adopt, Update, Delete)):
                row = self._rows.get(change.external_id)
                if row is not None and row.version == change.observed_version:
                    yield row, change

    def _after(self, row: Present) -> Spec | None:
        """The row as the plan leaves it, None when it goes."""
        change = self._planned.get(row.external_id)
        if isinstance(change, Delete):
            return None
        return {**row.spec, **_asked(change)} if change is not None else row.spec

    def _address(self, change: Change) -> str:
        """Two rows with one address read the same mail twice."""
        if change.key.kind != _MAILBOX or not isinstance(change, (Create, Adopt, Update)):
            return ""
        asked = change.spec if isinstance(change, Create) else _asked(change)
        address = natural_identity(_MAILBOX, asked)
        for row in self._addresses.get(address, ()) if address is not None else ():
            after = self._after(row) if row.external_id != change.external_id else None
            if after is not None and natural_identity(_MAILBOX, after) == address and is_active(after):
                return f"{self._name(row)} has the address {asked['emailAddress']} since"
        return ""

    def _user(self, change: Change) -> str:
        """A profile that goes, stops, or is found under its name no longer."""
        if change.key.kind != _PROFILE or self._in_use_is_meant or self._observed.refers_by_id:
            return ""
        gone: Key | None = change.key
        if isinstance(change, Update) and change.previous is not None:
            gone = change.previous
        elif not isinstance(change, Delete):
            gone = change.key if isinstance(change, (Adopt, Update)) and _asked(change).get("state") == "inactive" else None
        for row in self._riders.get(gone, ()) if gone is not None else ():
            after = self._after(row)
            if after is not None and gone in references(row.kind, after) and (isinstance(change, Delete) or is_active(after)):
                return f"{self._name(row)} uses {gone} since"
        return ""

    def _profile(self, change: Change) -> str:
        if self._observed.refers_by_id or _PROFILE in self._observed.unknown_kinds:
            return ""
        asked = change.spec if isinstance(change, Create) else _asked(change)
        missing = next((key for key in references(change.key.kind, asked) if key not in self._profiles), None)
        return f"{missing}, which it refers to, is no longer on the target" if missing is not None else ""

    def _name(self, row: Present) -> Key:
        return self._owners.get(row.external_id) or Key(row.kind, row.name or row.external_id)


def _asked(change: Change | None) -> Spec:
    return {field.path: field.after for field in change.fields} if isinstance(change, (Adopt, Update)) else {}
