"""Factories of the local API."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from reconcile import __version__
from reconcile.errors import SettingsError
from reconcile.settings import Settings
from reconcile.wiring.applied import mailbox_names
from reconcile.wiring.feed import edit_intake, feed_reader, mail_intake
from reconcile.wiring.items import item_intake
from reconcile.wiring.mail import mail_store
from reconcile.wiring.secrets import secret_resolver
from reconcile.wiring.state import writable_database
from reconcile.wiring.system import SystemClock

if TYPE_CHECKING:
    from reconcile.api.service import Service
    from reconcile.model.secret import Secret

#: Where the token lies when nobody says; made on first use.
TOKEN = "file:api.token"


@contextmanager
def api_service(settings: Settings, environment: str, stopping: threading.Event) -> Iterator[Service]:
    """Everything the endpoints need, with the store open."""
    from reconcile.api.service import Service

    with writable_database(settings, environment) as database, mail_store(database) as mail:
        yield Service(
            environment=environment,
            version=__version__,
            mail=mail,
            feed=feed_reader(database),
            outgoing=mail_intake(database),
            edits=edit_intake(database, "api"),
            items=item_intake(database, "api"),
            mailboxes=lambda: mailbox_names(database),
            clock=SystemClock(stopping),
            stopping=stopping,
        )


def api_token(settings: Settings, reference: str) -> Secret:
    """Raises SettingsError when it cannot be read. The default file is made on first use, for this account alone."""
    import secrets

    from reconcile.model.secret import SecretRef

    if reference == TOKEN:
        path = settings.secrets_directory / "api.token"
        if not path.exists():
            settings.secrets_directory.mkdir(parents=True, exist_ok=True, mode=0o700)
            path.touch(mode=0o600)
            path.write_text(secrets.token_hex(32) + "\n", encoding="ascii")
    try:
        parsed = SecretRef.parse(reference)
    except ValueError:
        # What was written may be the token itself: it is not repeated, nor kept as a cause.
        raise SettingsError("--token is no reference to a secret", hint="Write env:NAME or file:PATH, never the token itself.") from None
    return secret_resolver(settings).resolve(parsed)
