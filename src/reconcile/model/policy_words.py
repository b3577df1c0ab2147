"""The forms of names inside rules."""

from __future__ import annotations

from typing import Final

PARAMETER_PATTERN: Final = r"^[a-z][A-Za-z0-9]{0,62}$"
#: A variable whose place a finding marks: `mailbox.incoming`, `profile.incoming.server`.
VARIABLE_PATTERN: Final = r"^[a-z][A-Za-z0-9]*(\.[A-Za-z][A-Za-z0-9]*)*$"
