-- Approval of addresses, tests, and what is enabled: by mailbox, about those alone of which something was said.
CREATE TABLE mailbox_enablement (
  mailbox_id TEXT PRIMARY KEY,
  approval   TEXT NOT NULL,
  address    TEXT NOT NULL,
  decided_by TEXT NOT NULL,
  decided_at TEXT NOT NULL
) WITHOUT ROWID, STRICT;

CREATE TABLE mailbox_leg (
  mailbox_id TEXT NOT NULL REFERENCES mailbox_enablement (mailbox_id) ON DELETE CASCADE,
  direction  TEXT NOT NULL,
  enabled    INTEGER,                   -- NULL: nothing was said
  status     TEXT NOT NULL,
  step       TEXT NOT NULL,
  why        TEXT NOT NULL,
  hint       TEXT NOT NULL,
  tested_at  TEXT NOT NULL,
  tested_by  TEXT NOT NULL,
  changed_at TEXT NOT NULL,
  by_failures INTEGER NOT NULL,
  PRIMARY KEY (mailbox_id, direction)
) WITHOUT ROWID, STRICT;
