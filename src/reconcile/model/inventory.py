"""What we created or adopted on a target: the only things we may delete, and what we last wrote."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from reconcile.model.canonical import Spec
from reconcile.model.key import Key
from reconcile.model.management import OnRemoval

_EMPTY_SPEC: Spec = {}
_NO_SECRETS: Mapping[str, str] = {}


class InventoryEntry(NamedTuple):
    """`applied` is the last-applied spec per field, so that a change in git and a change outside can be told apart.

    `source_file` is the path the document came from (a bad file holds its entries), `source` and `revision` say which
    estate was applied, `applied_at` is UTC RFC 3339, `adopted` tells taking over from creating. `answered` holds, for the
    fields of `applied` that the server did not keep as written, what it made of them: as long as git asks for the same and the
    server shows the same, that is no difference. `on_removal` and `protected` outlive the document that declared them;
    `secrets` maps the path of a secret to the keyed digest of the value last applied. A tuple, because a plan reads tens
    of thousands of them.
    """

    key: Key
    external_id: str
    applied: Spec
    source_file: str
    source: str = ""
    revision: str = ""
    applied_at: str = ""
    adopted: bool = False
    depends_on: tuple[Key, ...] = ()
    answered: Spec = _EMPTY_SPEC
    on_removal: OnRemoval | None = None
    protected: bool = False
    secrets: Mapping[str, str] = _NO_SECRETS
