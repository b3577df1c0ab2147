"""Reading a saved plan."""

from __future__ import annotations

from pathlib import Path

from reconcile.errors import PlanRefused
from reconcile.model.change import Plan


def read_plan(path: Path) -> Plan:
    """Raises PlanRefused or StalePlan; see `codec.decode`."""
    from reconcile.plan.codec import decode

    try:
        text = path.read_text(encoding="utf-8")
    except OSError as error:
        raise PlanRefused(f"{path} cannot be read: {error.strerror}", hint="Name a file that `reconcile plan --out` wrote.") from error
    except UnicodeDecodeError as error:
        raise PlanRefused(f"{path} is no plan file: it is not UTF-8 text", hint="Name a file that `reconcile plan --out` wrote.") from error
    return decode(text)
