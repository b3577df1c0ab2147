-- Received mail: activities, where each came from, where we stand in each mailbox, and the packs that hold the bytes.

CREATE TABLE mail_mailboxes (
  mailbox_id      TEXT PRIMARY KEY,
  generation      INTEGER NOT NULL DEFAULT 0,   -- rises with each re-index
  cursor_protocol TEXT NOT NULL DEFAULT '',
  cursor          TEXT NOT NULL DEFAULT '',     -- opaque; '' means: from the beginning
  floor           TEXT NOT NULL DEFAULT '',     -- what the cursor passed is kept from here on; '' means: all of it
  tracked         INTEGER NOT NULL DEFAULT 0,
  duplicates      INTEGER NOT NULL DEFAULT 0,
  ignored         INTEGER NOT NULL DEFAULT 0,
  conflicting     INTEGER NOT NULL DEFAULT 0,
  vanished        INTEGER NOT NULL DEFAULT 0,
  decided         INTEGER NOT NULL DEFAULT 0,   -- messages decided since everything was listed last
  server_messages INTEGER,
  last_attempt    TEXT NOT NULL DEFAULT '',
  last_success    TEXT NOT NULL DEFAULT '',
  failures        INTEGER NOT NULL DEFAULT 0,   -- in a row
  error_kind      TEXT NOT NULL DEFAULT '',
  error           TEXT NOT NULL DEFAULT '',
  hint            TEXT NOT NULL DEFAULT '',
  permanent       INTEGER NOT NULL DEFAULT 0,
  retry_after     REAL NOT NULL DEFAULT 0,
  fingerprint     TEXT NOT NULL DEFAULT ''
) WITHOUT ROWID;

CREATE TABLE mail_activities (
  id             INTEGER PRIMARY KEY AUTOINCREMENT,
  mailbox_id     TEXT NOT NULL,                 -- the mailbox that brought it first
  message_id     TEXT NOT NULL,                 -- '' when it has none
  content        BLOB NOT NULL,                 -- SHA-256 without trace and delivery headers
  raw            BLOB NOT NULL,                 -- SHA-256 of the bytes as received
  received       TEXT NOT NULL,
  tracked_at     TEXT NOT NULL,
  sent           TEXT NOT NULL,
  subject        TEXT NOT NULL,
  sender_address TEXT NOT NULL,
  sender_name    TEXT NOT NULL,
  parties        TEXT NOT NULL,                 -- JSON: to, cc, bcc, replyTo as [address, name]
  in_reply_to    TEXT NOT NULL,
  refs           TEXT NOT NULL,                 -- JSON list
  defects        TEXT NOT NULL,                 -- JSON list
  conflicting    INTEGER NOT NULL,
  size           INTEGER NOT NULL,
  header_length  INTEGER NOT NULL,
  pack           INTEGER NOT NULL,
  offset         INTEGER NOT NULL
);
CREATE UNIQUE INDEX mail_activities_identity ON mail_activities (message_id, content) WHERE message_id <> '';
CREATE INDEX mail_activities_received ON mail_activities (received);

-- Which message of which mailbox is which activity. `remote` means something inside one generation only.
CREATE TABLE mail_locations (
  mailbox_id  TEXT NOT NULL,
  generation  INTEGER NOT NULL,
  remote      TEXT NOT NULL,
  activity_id INTEGER NOT NULL REFERENCES mail_activities (id),
  raw         BLOB NOT NULL,
  received    TEXT NOT NULL,
  nameless    INTEGER NOT NULL,                 -- without Message-ID: told apart by raw bytes and date when re-indexed
  PRIMARY KEY (mailbox_id, generation, remote)
) WITHOUT ROWID;
CREATE INDEX mail_locations_activity ON mail_locations (activity_id, mailbox_id, generation);
CREATE INDEX mail_locations_nameless ON mail_locations (mailbox_id, raw) WHERE nameless = 1;

-- Listed by the server, but without content.
CREATE TABLE mail_missing (
  mailbox_id TEXT NOT NULL,
  protocol   TEXT NOT NULL,
  remote     TEXT NOT NULL,
  attempts   INTEGER NOT NULL,
  first_seen TEXT NOT NULL,
  reported   INTEGER NOT NULL DEFAULT 0,
  PRIMARY KEY (mailbox_id, protocol, remote)
) WITHOUT ROWID;

-- Text and attachment list, parsed when first read. `parser` is the version of the parser that made it.
CREATE TABLE mail_texts (
  activity_id INTEGER PRIMARY KEY REFERENCES mail_activities (id),
  parser      INTEGER NOT NULL,
  text        TEXT NOT NULL,
  attachments TEXT NOT NULL,
  defects     TEXT NOT NULL
);

-- Append-only files of bodies. What lies beyond `committed` belongs to nobody and is cut off when the pack is next opened;
-- `free` bytes before it belong to messages that turned out to be kept already.
CREATE TABLE mail_packs (
  id        INTEGER PRIMARY KEY,
  committed INTEGER NOT NULL,
  free      INTEGER NOT NULL DEFAULT 0
);
