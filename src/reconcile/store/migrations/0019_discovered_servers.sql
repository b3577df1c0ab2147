-- Which server Autodiscover found for a mailbox, when a person asked last.
CREATE TABLE discovered_server (
  mailbox_id TEXT PRIMARY KEY,
  address    TEXT NOT NULL,             -- the mail address it was found for
  url        TEXT NOT NULL,
  method     TEXT NOT NULL,
  at         TEXT NOT NULL,
  by_whom    TEXT NOT NULL
) WITHOUT ROWID, STRICT;
