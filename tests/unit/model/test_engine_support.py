"""Every declared field is acted on, describes, or is named as not built."""

from __future__ import annotations

import pytest

from reconcile.model import kinds
from reconcile.model.engine_support import ACTS, DESCRIBES, NOT_BUILT, STAYS_IN_GIT, not_built
from reconcile.model.key import APPLIED_KINDS


@pytest.mark.parametrize("kind", APPLIED_KINDS)
def test_every_field_stands_in_exactly_one_list(kind: str) -> None:
    declared = sorted(info.path for info in kinds.fields(kind))
    listed = sorted([*ACTS[kind], *DESCRIBES[kind], *NOT_BUILT[kind], *STAYS_IN_GIT.get(kind, ())])
    assert listed == declared


def test_what_asks_for_something_is_named() -> None:
    spec = {
        "tracking.recipientActivity": True,
        "sending.saveToSentItems": False,
        "processing.contentFiltering": True,
        "alerts.errors": None,
        "deployment": "online",
    }
    assert dict(not_built("Organization", spec)) == {
        "tracking.recipientActivity": "nothing is watched in sent mail",
        "processing.contentFiltering": NOT_BUILT["Organization"]["processing.contentFiltering"].instead,
    }
