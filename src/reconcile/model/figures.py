"""What the changes of a plan come to: counted while the plan is made, when target and inventory are at hand."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import field, replace

from reconcile.lazy_dataclass import dataclass
from reconcile.model.key import Key


@dataclass(frozen=True, slots=True, kw_only=True)
class Figures:
    """`ours` counts the rows that are ours on the target, by kind (of a target of which nothing can be ours: those that are declared and
    there). The rest names what changes: rows that stop (made inactive, or a direction switched off), mailboxes that get another profile,
    resources of which mail is read again that was passed over, profiles that open mailboxes with another account. `used_by` counts the
    mailboxes of each profile that changes; of one that goes, those that it leaves behind."""

    ours: Mapping[str, int] = field(default_factory=dict)
    disabled: tuple[Key, ...] = ()
    reprofiled: tuple[Key, ...] = ()
    floors_moved_back: tuple[Key, ...] = ()
    other_accounts: tuple[Key, ...] = ()
    used_by: Mapping[str, int] = field(default_factory=dict)

    def only(self, keys: Collection[Key]) -> Figures:
        """Of a part of the changes."""
        return replace(
            self,
            disabled=tuple(key for key in self.disabled if key in keys),
            reprofiled=tuple(key for key in self.reprofiled if key in keys),
            floors_moved_back=tuple(key for key in self.floors_moved_back if key in keys),
            other_accounts=tuple(key for key in self.other_accounts if key in keys),
        )
