-- What outlives a document: what its removal means, whether the row may go at all, and keyed digests of the secrets last applied.
ALTER TABLE inventory ADD COLUMN on_removal TEXT NOT NULL DEFAULT '';
ALTER TABLE inventory ADD COLUMN protected INTEGER NOT NULL DEFAULT 0;
ALTER TABLE inventory ADD COLUMN secrets TEXT NOT NULL DEFAULT '{}';
