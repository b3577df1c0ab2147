"""What the changes of a plan come to, from what the brakes measure. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from reconcile.model.change import Change
from reconcile.model.figures import Figures
from reconcile.plan import brakes
from reconcile.plan.given import Given
from reconcile.plan.ground import PROFILE


def figures(given: Given, changes: Sequence[Change], ground: brakes.Ground) -> Figures:
    """`ground` is that of the same changes."""
    moved = brakes.moved(changes)
    profiles = {key.name for change in changes for key in (change.key, getattr(change, "previous", None)) if key and key.kind == PROFILE}
    lost = {key.name: len(users) for key, users in ground.still_used.items()}
    if given.circumstances.adopting:
        counted = Counter(key.kind for key in given.inventory)
    else:
        counted = Counter(key.kind for key in given.desired.resources if given.row(key) is not None)
    return Figures(
        ours=dict(sorted(counted.items())),
        disabled=tuple(change.key for change in moved if brakes.stops(change)),
        reprofiled=tuple(change.key for change in moved if brakes.moves_profile(change, ground)),
        floors_moved_back=tuple(brakes.floors_moved_back(moved, ground)),
        other_accounts=tuple(ground.other_account),
        used_by={name: lost[name] if name in lost else len(ground.riding.get(name, ())) for name in sorted(profiles)},
    )
