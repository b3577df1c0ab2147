"""Of items that left their folder: moved, deleted, or nowhere. Where the server does not say, they are looked for by what they bear."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from reconcile.model.item_link import Link, LinkState
from reconcile.ports.collection import Bearing, Collection, Departure, Gone


def told(gone: Sequence[tuple[Gone, Link]], collection: Collection) -> list[Gone]:
    """The same, with how they went, in this order. One that we made and that is nowhere was deleted: its token is ours, and stays on it.
    What came in has but the server's own trace: nowhere is no proof, only the trash is. Raises as the collection does."""
    asked = [place for place, (one, link) in enumerate(gone) if one.departure is Departure.UNKNOWN and _is_asked_for(link)]
    found = collection.whereabouts([_bearing(gone[place][1]) for place in asked]) if asked else []
    answers = [one for one, _ in gone]
    for place, departure in zip(asked, found, strict=True):
        nowhere = Departure.DELETED if gone[place][1].made_here else Departure.UNKNOWN
        answers[place] = replace(answers[place], departure=nowhere if departure is Departure.UNKNOWN else departure)
    return answers


def _is_asked_for(link: Link) -> bool:
    return link.state is not LinkState.PARTED and (link.made_here or bool(link.trace))


def _bearing(link: Link) -> Bearing:
    return Bearing(token=link.token if link.made_here else "", trace=link.trace)
