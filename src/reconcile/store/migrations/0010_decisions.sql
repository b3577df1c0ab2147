-- Why each received message was tracked or not, what tracked ones are attached to, what could not be processed, and what is still to be
-- taken away at the server.

-- What is not here: mail tracked because its mailbox takes all mail, with nothing else to say of it. Ignored ones are bounded per mailbox.
CREATE TABLE mail_decisions (
    id INTEGER PRIMARY KEY,
    mailbox_id TEXT NOT NULL,
    generation INTEGER NOT NULL,
    protocol TEXT NOT NULL,
    remote TEXT NOT NULL,
    outcome TEXT NOT NULL CHECK (outcome IN ('tracked', 'ignored', 'undeliverable', 'quarantined')),
    reason TEXT NOT NULL,
    facts TEXT NOT NULL,                       -- JSON: [name, text] in the order they were looked at
    message_id TEXT NOT NULL,
    sender TEXT NOT NULL,
    subject TEXT NOT NULL,
    received TEXT NOT NULL,
    at TEXT NOT NULL,
    attempts INTEGER NOT NULL,
    activity_id INTEGER REFERENCES mail_activities (id) ON DELETE CASCADE
) STRICT;
CREATE UNIQUE INDEX mail_decisions_place ON mail_decisions (mailbox_id, generation, remote);
CREATE INDEX mail_decisions_message_id ON mail_decisions (message_id) WHERE message_id <> '';
CREATE INDEX mail_decisions_activity ON mail_decisions (activity_id) WHERE activity_id IS NOT NULL;
CREATE INDEX mail_decisions_ignored ON mail_decisions (mailbox_id, id) WHERE outcome = 'ignored';

-- What a tracked e-mail is attached to, as JSON; without a row there is nothing.
CREATE TABLE mail_tracking (
    activity_id INTEGER PRIMARY KEY REFERENCES mail_activities (id) ON DELETE CASCADE,
    tracking TEXT NOT NULL
) STRICT;

-- Messages that could not become activities. Their bytes lie in the packs like any other's (pack 0: none).
CREATE TABLE mail_quarantine (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    mailbox_id TEXT NOT NULL,
    generation INTEGER NOT NULL,
    protocol TEXT NOT NULL,
    remote TEXT NOT NULL,
    raw BLOB NOT NULL,                         -- SHA-256 of the bytes as received
    received TEXT NOT NULL,
    at TEXT NOT NULL,
    pack INTEGER NOT NULL,
    offset INTEGER NOT NULL,
    size INTEGER NOT NULL
) STRICT;
CREATE UNIQUE INDEX mail_quarantine_place ON mail_quarantine (mailbox_id, generation, remote);
CREATE INDEX mail_quarantine_pack ON mail_quarantine (pack, offset);

-- Journal of what is kept here and is to be changed at the server, written in the commit that keeps it. See model/removal.py.
CREATE TABLE mail_removals (
    mailbox_id TEXT NOT NULL,
    generation INTEGER NOT NULL,
    protocol TEXT NOT NULL,
    remote TEXT NOT NULL,
    action TEXT NOT NULL CHECK (action IN ('delete', 'tracked', 'undeliverable', 'move')),
    at TEXT NOT NULL,
    PRIMARY KEY (mailbox_id, generation, remote, action)
) STRICT, WITHOUT ROWID;

-- A message that is there, but could not be kept: why, and when it is tried again ('' means with the next look).
ALTER TABLE mail_missing ADD COLUMN failure TEXT NOT NULL DEFAULT '';
ALTER TABLE mail_missing ADD COLUMN next_at TEXT NOT NULL DEFAULT '';

-- When the newest mail that was kept was received, for a date that moves with the mail (processing.advancingDate).
ALTER TABLE mail_mailboxes ADD COLUMN latest TEXT NOT NULL DEFAULT '';
