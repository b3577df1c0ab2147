-- Whom a failure concerned, what counts toward ten, how busy a mailbox is; refused sign-ins; alerts; the loop's sign of life.
ALTER TABLE mail_mailboxes ADD COLUMN about TEXT NOT NULL DEFAULT '';                -- mailbox, account, server, profile; of the last failure
ALTER TABLE mail_mailboxes ADD COLUMN counted_at TEXT NOT NULL DEFAULT '';           -- when `failures` rose last
ALTER TABLE mail_mailboxes ADD COLUMN breaks INTEGER NOT NULL DEFAULT 0;             -- failures in a row after the inbox was open
ALTER TABLE mail_mailboxes ADD COLUMN looks INTEGER NOT NULL DEFAULT 0;              -- over its life
ALTER TABLE mail_mailboxes ADD COLUMN transient_failures INTEGER NOT NULL DEFAULT 0; -- over its life
ALTER TABLE mail_mailboxes ADD COLUMN last_news TEXT NOT NULL DEFAULT '';            -- the last look that found something
ALTER TABLE mail_mailboxes ADD COLUMN stuck_since TEXT NOT NULL DEFAULT '';          -- the server counts more, and lists nothing of it

-- Sending, by mailbox: failures in a row that count toward ten.
CREATE TABLE sending_mailboxes (
  mailbox_id TEXT PRIMARY KEY,
  failures   INTEGER NOT NULL,
  counted_at TEXT NOT NULL,
  error      TEXT NOT NULL
) WITHOUT ROWID, STRICT;

-- Sign-ins that a server refused, of the last hour. `credential` is a digest of what was shown.
CREATE TABLE refused_sign_ins (
  id         INTEGER PRIMARY KEY,
  account    TEXT NOT NULL,
  credential TEXT NOT NULL,
  at         TEXT NOT NULL
) STRICT;
CREATE INDEX refused_sign_ins_account ON refused_sign_ins (account, at);

-- One row for each cause, not for each time.
CREATE TABLE alerts (
  id       INTEGER PRIMARY KEY AUTOINCREMENT,
  level    TEXT NOT NULL,               -- error, warning, information
  code     TEXT NOT NULL,
  text     TEXT NOT NULL,
  hint     TEXT NOT NULL,
  kind     TEXT NOT NULL,               -- Mailbox, EmailServerProfile, Server
  about    TEXT NOT NULL,               -- external id, or host:port
  name     TEXT NOT NULL,
  owner    TEXT NOT NULL,
  since    TEXT NOT NULL,
  seen     TEXT NOT NULL,
  count    INTEGER NOT NULL,
  ended    TEXT NOT NULL DEFAULT '',
  mailed   TEXT NOT NULL DEFAULT ''     -- when somebody was last written to about it
) STRICT;
CREATE UNIQUE INDEX alerts_open ON alerts (kind, about, code) WHERE ended = '';
CREATE INDEX alerts_ended ON alerts (ended) WHERE ended <> '';

CREATE TABLE mail_loop (
  id    INTEGER PRIMARY KEY CHECK (id = 1),
  since TEXT NOT NULL,
  seen  TEXT NOT NULL
) STRICT;
