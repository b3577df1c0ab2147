"""References between rows of a target that does not keep our slugs: a mailbox names its profile by the row's external id."""

from __future__ import annotations

from dataclasses import replace

from reconcile.model.kinds import REFERENCE_PATHS
from reconcile.model.observation import ObservedState, Present
from reconcile.plan.match import Matches


def by_name(observed: ObservedState, matches: Matches) -> tuple[ObservedState, Matches]:
    """The same reading and matches with such ids as the slug of the declared profile, where there is one.

    A reference to a row that nobody declares keeps its id. Versions stay: they are those of the row as it was read.
    """
    slugs = {
        matched.observation.external_id: key.name
        for key, matched in matches.declared.items()
        if key.kind == "EmailServerProfile" and isinstance(matched.observation, Present)
    }
    rows = {row.external_id: _named(row, slugs) for row in observed.rows}
    declared = {
        key: one._replace(observation=rows[one.observation.external_id]) if isinstance(one.observation, Present) else one
        for key, one in matches.declared.items()
    }
    orphans = {key: rows[one.external_id] if isinstance(one, Present) else one for key, one in matches.orphans.items()}
    return replace(observed, rows=tuple(rows.values())), replace(matches, declared=declared, orphans=orphans)


def _named(row: Present, slugs: dict[str, str]) -> Present:
    path = REFERENCE_PATHS.get(row.kind)
    leaf = row.spec.get(path) if path is not None else None
    if path is None or not isinstance(leaf, str) or leaf not in slugs:
        return row
    return row._replace(spec={**row.spec, path: slugs[leaf]})
