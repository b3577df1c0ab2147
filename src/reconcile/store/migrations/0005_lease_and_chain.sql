-- Who may apply. One row; fence rises with every holder, and every write of an apply compares it in its own transaction. holder is a
-- random id, '' when nobody holds it: a restored copy may repeat a fence, never an id. tick is the machine's monotonic clock at the
-- last renewal, in seconds, so that setting the wall clock moves nothing; since and until are for people.
CREATE TABLE lease (
  name    TEXT PRIMARY KEY,
  fence   INTEGER NOT NULL,
  holder  TEXT NOT NULL,
  owner   TEXT NOT NULL,
  purpose TEXT NOT NULL,
  host    TEXT NOT NULL,
  process INTEGER NOT NULL,
  since   TEXT NOT NULL,
  until   TEXT NOT NULL,
  tick    REAL NOT NULL,
  length  REAL NOT NULL
) STRICT, WITHOUT ROWID;

-- Each record carries the hash of the one before it and of itself. Those written earlier carry none; the first link covers them.
ALTER TABLE audit ADD COLUMN hash TEXT NOT NULL DEFAULT '';

-- Where the chain ended when the last record was written, so that a trail whose end was cut off is noticed.
CREATE TABLE audit_anchor (
  id       INTEGER PRIMARY KEY CHECK (id = 1),
  sequence INTEGER NOT NULL,
  hash     TEXT NOT NULL
) STRICT;

-- Keyed digests of the values a write hands over, so that they are known when it is recovered after a crash.
ALTER TABLE intent ADD COLUMN secrets TEXT NOT NULL DEFAULT '{}';
