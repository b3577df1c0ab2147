-- What keeps appointments, contacts and tasks safe: a brake on deletions, failures that are counted, items that are set aside, and marks
-- of what was purged.

-- How the last look failed, as it is counted toward ten, and with which configuration.
ALTER TABLE item_place ADD COLUMN error_kind TEXT NOT NULL DEFAULT '';
ALTER TABLE item_place ADD COLUMN permanent INTEGER NOT NULL DEFAULT 0;
ALTER TABLE item_place ADD COLUMN about TEXT NOT NULL DEFAULT '';
ALTER TABLE item_place ADD COLUMN failures INTEGER NOT NULL DEFAULT 0;
ALTER TABLE item_place ADD COLUMN counted_at TEXT NOT NULL DEFAULT '';
ALTER TABLE item_place ADD COLUMN retry_after REAL NOT NULL DEFAULT 0;
ALTER TABLE item_place ADD COLUMN fingerprint TEXT NOT NULL DEFAULT '';
-- Which folder it is, as its server names it; '' where nobody asked yet.
ALTER TABLE item_place ADD COLUMN folder TEXT NOT NULL DEFAULT '';
-- The brake that stands, JSON, '' for none; and how many deletions somebody let go.
ALTER TABLE item_place ADD COLUMN brake TEXT NOT NULL DEFAULT '';
ALTER TABLE item_place ADD COLUMN released INTEGER NOT NULL DEFAULT 0;

-- 1: deleted in the mailbox, and what follows from it is still to be done.
ALTER TABLE item_link ADD COLUMN departed INTEGER NOT NULL DEFAULT 0;

-- Single items that could not be dealt with: the rest goes on, and they are tried again later and later. item_id is 0 where there is no
-- record yet; remote is '' where there is no item yet.
CREATE TABLE item_aside (
    mailbox_id TEXT NOT NULL,
    kind TEXT NOT NULL,
    item_id INTEGER NOT NULL,
    protocol TEXT NOT NULL,
    remote TEXT NOT NULL,
    failures INTEGER NOT NULL,
    since TEXT NOT NULL,                       -- instants are UTC RFC 3339
    again_at TEXT NOT NULL,
    why TEXT NOT NULL,
    PRIMARY KEY (mailbox_id, kind, item_id, protocol, remote)
) STRICT, WITHOUT ROWID;

-- Marks of items whose records were purged: HMAC-SHA-256 under purge-salt, cut to 16 bytes; nothing can be read from them.
CREATE TABLE item_purged (mark BLOB PRIMARY KEY) STRICT, WITHOUT ROWID;

-- When its bytes were handed in last: what no item has a while later goes. '' is long ago.
ALTER TABLE item_blob ADD COLUMN kept_at TEXT NOT NULL DEFAULT '';

CREATE INDEX appointment_end ON appointment (scheduledend);
CREATE INDEX item_edited ON item (kind, edited_at);
