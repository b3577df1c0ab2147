"""The memory twin of failures to send."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import field

from reconcile.lazy_dataclass import dataclass
from reconcile.ports.sending_failures import SendingFailures


@dataclass(slots=True)
class MemorySendingFailures:
    """See `SendingFailureStore`."""

    _rows: dict[str, SendingFailures] = field(default_factory=dict)

    def sending_failures(self) -> Mapping[str, SendingFailures]:
        return dict(self._rows)

    def keep(self, changed: Mapping[str, SendingFailures | None]) -> None:
        for mailbox_id, found in changed.items():
            self._rows.pop(mailbox_id, None)
            if found is not None:
                self._rows[mailbox_id] = found
