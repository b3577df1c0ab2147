"""What rules see of a profile's provider: its entry of the catalogue, as variables `provider.*`. Pure.

Empty until the catalogue says what an entry holds. A variable's key (the name after `provider.`) is looked up in what `facts` makes of
an entry.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from reconcile.policy.variables import Variable

PROVIDER: Final[tuple[Variable, ...]] = ()


def facts(entry: Any) -> Mapping[str, object]:
    """Key of a variable → its value. What an entry does not know is left out, and rules that read it are skipped."""
    return entry if isinstance(entry, Mapping) else {}
