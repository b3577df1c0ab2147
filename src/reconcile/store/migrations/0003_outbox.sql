-- Outgoing mail. Instants are UTC text of one width (microseconds), so that they compare as text.
CREATE TABLE outbox (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    message_id TEXT NOT NULL UNIQUE,
    client_key TEXT UNIQUE,
    request TEXT NOT NULL,
    mailbox_id TEXT NOT NULL,
    mailbox_name TEXT NOT NULL,
    sender TEXT NOT NULL,
    subject TEXT NOT NULL,
    size INTEGER NOT NULL,
    added_at TEXT NOT NULL,
    state TEXT NOT NULL CHECK (state IN ('draft', 'pending-send', 'sending', 'sent', 'failed', 'uncertain')),
    attempts INTEGER NOT NULL,
    next_try_at TEXT,
    reason TEXT NOT NULL,
    owner TEXT NOT NULL
) STRICT;

CREATE INDEX outbox_open ON outbox (state, next_try_at) WHERE state IN ('pending-send', 'sending');

-- The exact bytes, apart from the rows that change, so that a transition rewrites a few hundred bytes and not a mail.
CREATE TABLE outbox_content (
    entry INTEGER PRIMARY KEY REFERENCES outbox (id),
    content BLOB NOT NULL
) STRICT;

CREATE TABLE outbox_recipient (
    entry INTEGER NOT NULL REFERENCES outbox (id),
    position INTEGER NOT NULL,
    address TEXT NOT NULL,
    field TEXT NOT NULL CHECK (field IN ('to', 'cc', 'bcc')),
    state TEXT NOT NULL CHECK (state IN ('pending', 'sending', 'sent', 'failed', 'uncertain')),
    reason TEXT NOT NULL,
    PRIMARY KEY (entry, position),
    UNIQUE (entry, address)
) STRICT, WITHOUT ROWID;

-- Append-only.
CREATE TABLE outbox_event (
    entry INTEGER NOT NULL REFERENCES outbox (id),
    sequence INTEGER NOT NULL,
    at TEXT NOT NULL,
    from_state TEXT,
    to_state TEXT NOT NULL,
    why TEXT NOT NULL,
    PRIMARY KEY (entry, sequence)
) STRICT, WITHOUT ROWID;

-- Who is sending, and until when they count as alive unless they renew.
CREATE TABLE outbox_lease (
    owner TEXT PRIMARY KEY,
    until TEXT NOT NULL
) STRICT, WITHOUT ROWID;
