"""What cannot be done yet because something else is not done: it waits, with a reason."""

from __future__ import annotations

from collections.abc import Collection, Mapping

from reconcile.model.change import Adopt, Change, Create, Held, HeldBecause, Update
from reconcile.model.key import Key
from reconcile.plan.given import Given
from reconcile.plan.ground import renamed_by_name
from reconcile.plan.order import takes_away


class _Waiting:
    """`held` and `left_out` are not touched; `heirs` maps the old slug of a row to the new one that was or would be given to it."""

    def __init__(self, given: Given, found: Mapping[Key, Change], held: Collection[Key], left_out: Mapping[Key, Change]) -> None:
        self._given = given
        self._declared = given.desired.resources
        #: Not touched, with the word for it; of these, what may not be there for others to refer to.
        self.blocked: dict[Key, str] = dict.fromkeys(held, "is held")
        self.unmade: dict[Key, str] = dict(self.blocked)
        self._heirs = {one.previous: key for key, one in given.matches.declared.items() if one.previous is not None}
        for key, change in (*found.items(), *left_out.items()):
            if isinstance(change, Update) and change.previous is not None:
                self._heirs[change.previous] = key
        for key, change in left_out.items():
            self.blocked.setdefault(key, "is left out")
            if isinstance(change, (Create, Adopt)) or (isinstance(change, Update) and change.previous is not None):
                self.unmade.setdefault(key, "is left out")

    def obstacle(self, change: Change) -> Key | None:
        """What it waits for."""
        if takes_away(change):
            if change.key in self._declared:
                # It becomes somebody else's, and everybody may go on referring to it.
                return None
            return self._user_of(change.key)
        if not isinstance(change, (Create, Adopt, Update)):
            return None
        old = renamed_by_name(change, self._given)
        user = self._user_of(old) if old is not None else None
        if user is not None:
            return user
        leaver = self._heirs.get(change.key)
        if leaver is not None and leaver in self.blocked:
            return leaver
        return next((key for key in change.references if key in self.unmade), None)

    def _user_of(self, profile: Key) -> Key | None:
        """Who was applied with it and is not touched, and so goes on referring to it."""
        users = (self._heirs.get(user, user) for user in self._given.users.get(profile, ()))
        return next((user for user in users if user in self.blocked), None)


def hold_dependants(given: Given, found: dict[Key, Change], held: Mapping[Key, Held], left_out: Mapping[Key, Change]) -> tuple[Held, ...]:
    """Take from `found` what needs something held or left out, and answer with it.

    A change that refers to something that will not be there waits; a profile stays, under its name, while a mailbox was applied with
    it that is not touched; a slug is not given away while its row keeps it.
    """
    waiting = _Waiting(given, found, held, left_out)
    answer: list[Held] = []
    while waiting.blocked:
        stopped = {key: other for key, change in found.items() if (other := waiting.obstacle(change)) is not None}
        if not stopped:
            break
        for key, other in stopped.items():
            del found[key]
            answer.append(Held(key=key, reason=f"waits for {other}, which {waiting.blocked[other]}", because=HeldBecause.WAITS))
        waiting.blocked.update(dict.fromkeys(stopped, "is held"))
        waiting.unmade.update(dict.fromkeys(stopped, "is held"))
    return tuple(answer)
