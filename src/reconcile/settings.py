"""How this process runs, as opposed to what is desired. Read once by the command line, then passed down, frozen.

Every value has its variable, its unit and its default here; nothing else in the program reads the environment.
"""

from __future__ import annotations

from pathlib import Path

from reconcile.lazy_dataclass import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """Where state and secrets of this process lie, and its limits."""

    state_directory: Path
    """RECONCILE_STATE_DIR, --state-dir. One folder per environment is made in it on first use. Default: .reconcile in the estate's root."""

    secrets_directory: Path
    """RECONCILE_SECRETS_DIR, --secrets-dir. What `file:` references are relative to. Default: `secrets` in the state directory."""

    cache_directory: Path
    """RECONCILE_CACHE_DIR. Parsed documents; may be deleted at any time. Default: the user's cache folder."""

    key_reference: str = "file:reconcile.key"
    """RECONCILE_KEY. Reference to the keys (32 bytes in base64, one a line; the first seals). The default file is made on first use."""

    key_of: str | None = None
    """The environment whose key this is alone, where RECONCILE_KEY contains {environment}; None: all environments share it."""

    parallel_mailboxes: int = 16
    """RECONCILE_PARALLEL. Mailboxes synchronised at the same time, over all profiles."""

    per_server: int = 8
    """RECONCILE_PER_SERVER. Mailboxes synchronised at the same time at one mail server, so that a slow one leaves room for others."""

    kept_connections: int = 200
    """RECONCILE_KEPT_CONNECTIONS. Connections to IMAP servers that `run` keeps between two looks; 0 keeps none."""

    watched_mailboxes: int = 50
    """RECONCILE_WATCHED. Mailboxes with incoming.idle for which `run` keeps a connection that waits for news; the others are polled."""

    connect_timeout: float = 20.0
    """RECONCILE_CONNECT_TIMEOUT. Seconds until a connection must stand."""

    silence_timeout: float = 60.0
    """RECONCILE_SILENCE_TIMEOUT. Seconds without a byte after which a connection is given up."""

    lease: float = 30.0
    """RECONCILE_LEASE. Seconds after which an apply that stands still may be overtaken. It renews its lease at a third of that."""

    docs_url: str = ""
    """RECONCILE_DOCS_URL. Where the folder docs of this project can be read in a browser; reports link their rules there."""

    lock_patience: float = 0.0
    """--wait-lock. Seconds to wait for the environment's lock before giving up."""
