"""Which implementations there are. A test pins them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    pass


#: Every implementation of a port, its memory twin first. A test holds that each passes a contract suite under tests/contract.
IMPLEMENTATIONS: Mapping[str, tuple[str, ...]] = {
    "source": ("source.folder.FolderSource", "source.git.GitSource"),
    "target": ("targets.memory.MemoryTarget", "targets.engine.EngineTarget", "targets.snapshot.reader.SnapshotReader"),
    "inbox": ("mail.memory_inbox.MemoryInbox", "mail.imap.inbox.ImapInbox", "mail.pop3.inbox.Pop3Inbox", "mail.ews.inbox.EwsInbox"),
    "sender": ("mail.memory_sender.MemorySender", "mail.smtp.SmtpSender", "mail.ews.sender.EwsSender"),
    "collection": ("mail.memory_collection.MemoryCollection", "mail.ews.collection.EwsCollection"),
    "item store": ("store.memory.items.MemoryItemStore", "store.sqlite.items.SqliteItems"),
    "configuration store": ("store.memory.configuration.MemoryConfiguration", "store.sqlite.configuration.SqliteConfiguration"),
    "resource store": ("store.memory.resources.MemoryResources", "store.sqlite.resources.SqliteResources"),
    "mail store": ("store.memory.mail.MemoryMailStore", "store.sqlite.mail.SqliteMailStore"),
    "outbox store": ("store.memory.outbox.MemoryOutbox", "store.sqlite.outbox.SqliteOutbox"),
    "feed": ("store.memory.feed.MemoryFeed", "store.sqlite.feed.SqliteFeed"),
    "party directory": ("store.memory.parties.MemoryParties", "store.sqlite.parties.SqliteParties"),
    "queue items": ("store.memory.queue_items.MemoryQueueItems", "store.sqlite.queue_items.SqliteQueueItems"),
    "correlation": ("store.memory.correlation.MemoryCorrelation", "store.sqlite.correlation.SqliteCorrelation"),
    "edit store": ("store.memory.edits.MemoryEdits", "store.sqlite.edits.SqliteEdits"),
    "secrets": ("secrets.memory.MemorySecrets", "secrets.env.EnvironmentSecrets", "secrets.file.FileSecrets"),
    "token store": ("store.memory.tokens.MemoryTokens", "store.sqlite.tokens.SqliteTokens"),
    "sealer": ("secrets.memory.MemorySealer", "secrets.envelope.Envelope"),
}
