-- What outgoing mail bears beyond its envelope, the numbers of tracking tokens, and how much an account handed over.
ALTER TABLE outbox ADD COLUMN tried_since TEXT;
ALTER TABLE outbox ADD COLUMN postponed_until TEXT;
ALTER TABLE outbox ADD COLUMN tracking_token TEXT NOT NULL DEFAULT '';
ALTER TABLE outbox ADD COLUMN submitter_id TEXT NOT NULL DEFAULT '';
ALTER TABLE outbox ADD COLUMN submitter_name TEXT NOT NULL DEFAULT '';
ALTER TABLE outbox ADD COLUMN regarding_type TEXT NOT NULL DEFAULT '';
ALTER TABLE outbox ADD COLUMN regarding_id TEXT NOT NULL DEFAULT '';
ALTER TABLE outbox ADD COLUMN regarding_name TEXT NOT NULL DEFAULT '';
ALTER TABLE outbox ADD COLUMN copy TEXT NOT NULL DEFAULT 'none' CHECK (copy IN ('none', 'wanted', 'kept', 'failed'));
ALTER TABLE outbox ADD COLUMN copy_tries INTEGER NOT NULL DEFAULT 0;
ALTER TABLE outbox ADD COLUMN copy_next_at TEXT;
ALTER TABLE outbox ADD COLUMN copy_note TEXT NOT NULL DEFAULT '';

CREATE INDEX outbox_copy ON outbox (id) WHERE copy = 'wanted';
CREATE INDEX outbox_uncertain ON outbox (id) WHERE state = 'uncertain';
-- Compared without the case of ASCII letters: mail programs change it.
CREATE INDEX outbox_tracking_token ON outbox (tracking_token COLLATE NOCASE) WHERE tracking_token <> '';

-- One row a mailbox: its number among those that send with tokens, and how many messages it has counted. Neither goes back.
CREATE TABLE outbox_token_number (
    mailbox_id TEXT PRIMARY KEY,
    ordinal INTEGER NOT NULL UNIQUE,
    counted INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

-- Each handing over of one message by one account (server and user name), kept for the day that limits look back.
CREATE TABLE outbox_handed_over (
    id INTEGER PRIMARY KEY,
    account TEXT NOT NULL,
    at TEXT NOT NULL
) STRICT;

CREATE INDEX outbox_handed_over_account ON outbox_handed_over (account, at);
CREATE INDEX outbox_handed_over_at ON outbox_handed_over (at);
