-- What a server knows an item by in whatever folder it lies, so that it is known again, and a deletion is told from a move; '' for nothing.
ALTER TABLE item_link ADD COLUMN trace TEXT NOT NULL DEFAULT '';
-- 1: somebody wants another item made where this one was deleted.
ALTER TABLE item_link ADD COLUMN anew INTEGER NOT NULL DEFAULT 0;

CREATE INDEX item_link_trace ON item_link (mailbox_id, trace) WHERE trace <> '';

-- The next look asks for everything that is linked, and learns its traces.
UPDATE item_place SET verify = 1;
