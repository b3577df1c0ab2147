-- Applied configuration of one environment, what is ours, what is about to be done, what was done.
CREATE TABLE meta (name TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;

-- Rows of the engine target. version is the digest of spec, token the write that last changed the row. What hangs on a mailbox
-- (cursors, tracked mail) names external_id and outlives the row, so nothing refers to it by foreign key.
CREATE TABLE resource (
  external_id TEXT PRIMARY KEY,
  kind TEXT NOT NULL,
  name TEXT NOT NULL,
  spec TEXT NOT NULL,
  version TEXT NOT NULL,
  token TEXT NOT NULL,
  origins TEXT NOT NULL,
  UNIQUE (kind, name)
) WITHOUT ROWID;

-- Credentials, sealed with row and field as associated data.
CREATE TABLE sealed_value (
  external_id TEXT NOT NULL REFERENCES resource (external_id) ON DELETE CASCADE,
  path TEXT NOT NULL,
  value BLOB NOT NULL,
  PRIMARY KEY (external_id, path)
) WITHOUT ROWID;

-- What we created or adopted, with the spec last applied.
CREATE TABLE inventory (
  kind TEXT NOT NULL,
  name TEXT NOT NULL,
  external_id TEXT NOT NULL,
  applied TEXT NOT NULL,
  answered TEXT NOT NULL,
  source_file TEXT NOT NULL,
  source TEXT NOT NULL,
  revision TEXT NOT NULL,
  applied_at TEXT NOT NULL,
  adopted INTEGER NOT NULL,
  depends_on TEXT NOT NULL,
  PRIMARY KEY (kind, name)
) WITHOUT ROWID;

-- Changes that may or may not have taken effect: written before the effect, removed with its result.
CREATE TABLE intent (
  token TEXT PRIMARY KEY,
  apply_id TEXT NOT NULL,
  sequence INTEGER NOT NULL,
  kind TEXT NOT NULL,
  name TEXT NOT NULL,
  action TEXT NOT NULL,
  change TEXT NOT NULL,
  opened_at TEXT NOT NULL,
  source TEXT NOT NULL,
  revision TEXT NOT NULL
) WITHOUT ROWID;

-- Append-only.
CREATE TABLE audit (
  sequence INTEGER PRIMARY KEY AUTOINCREMENT,
  at TEXT NOT NULL,
  actor TEXT NOT NULL,
  apply_id TEXT NOT NULL,
  action TEXT NOT NULL,
  key TEXT NOT NULL,
  result TEXT NOT NULL,
  source TEXT NOT NULL,
  revision TEXT NOT NULL,
  detail TEXT NOT NULL
);
CREATE TRIGGER audit_is_never_changed BEFORE UPDATE ON audit BEGIN SELECT raise(ABORT, 'the audit trail is append-only'); END;
CREATE TRIGGER audit_is_never_erased BEFORE DELETE ON audit BEGIN SELECT raise(ABORT, 'the audit trail is append-only'); END;
