"""Configuration as code for server-side mailbox synchronization, with the sync engine inside."""

__version__ = "0.1.0"
