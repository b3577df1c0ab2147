"""Fields whose change means nothing for the mail, each with the reason. A test holds that every field is here or in the table."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

_NAME = "a name people see; nothing is found by it"
_RULES = "only rules read it"
_OWN_CHANGES = "what follows from it is shown where it follows"

WITHOUT_CONSEQUENCE: Final[Mapping[str, Mapping[str, str]]] = {
    "Environment": {
        "target.type": "another target starts from nothing, and its plan says so",
        "target.path": "where a snapshot is read from; nothing is written to it",
        "organizationId": "checked against the target before anything is written",
        "tenantId": "checked against the target before anything is written",
        "timeZone": _OWN_CHANGES,
        "variables": _OWN_CHANGES,
        "layers": _OWN_CHANGES,
        "ignore.*": "what differs and is ignored is noted in each plan",
    },
    "EmailServerProfile": {"displayName": _NAME, "description": "a text for people", "facts.*": _RULES, "provider": _OWN_CHANGES},
    "Organization": {"deployment": _RULES, "edition": _RULES, "cloud": _RULES, "fips": _RULES, "fipsEdition": _RULES},
    "Mailbox": {"displayName": _NAME, "facts.*": _RULES},
}
