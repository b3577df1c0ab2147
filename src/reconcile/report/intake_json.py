"""What became of what a CRM handed in, as JSON. Field names are public: they change only with `formatVersion`."""

from __future__ import annotations

from reconcile.model.activity_edit import Edited

FORMAT_VERSION = "1.0"


def edited_json(outcome: Edited) -> dict[str, object]:
    """One edit that was not refused."""
    return {"outcome": str(outcome.result), "id": outcome.activity_id, "version": outcome.version}
