-- Applied configuration of one environment, what is ours, what is about to be done, what was done.
CREATE TABLE meta (name TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
