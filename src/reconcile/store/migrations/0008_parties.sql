-- The directory of parties, and the queue items of tracked e-mail.

-- `addresses` is a JSON list in the form in which addresses are compared, the main one first; `party_addresses` is its index.
CREATE TABLE parties (
    type TEXT NOT NULL,
    id TEXT NOT NULL,
    name TEXT NOT NULL,
    addresses TEXT NOT NULL,
    active INTEGER NOT NULL,
    owner TEXT NOT NULL,
    writes_email INTEGER NOT NULL,
    filter TEXT NOT NULL,
    origin TEXT NOT NULL,
    changed_at TEXT NOT NULL,
    PRIMARY KEY (type, id)
) STRICT, WITHOUT ROWID;

CREATE INDEX parties_origin ON parties (origin, type, id) WHERE origin <> '';

CREATE TABLE party_addresses (
    address TEXT NOT NULL,
    type TEXT NOT NULL,
    id TEXT NOT NULL,
    PRIMARY KEY (address, type, id)
) STRICT, WITHOUT ROWID;

-- One item a queue and e-mail, in the queue's own words at that time. They are written before their e-mail where both come about at
-- once (the feed tells such an e-mail once, as created), so the reference is checked at the end of the transaction.
CREATE TABLE queue_items (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    activity_id INTEGER NOT NULL REFERENCES mail_activities (id) ON DELETE CASCADE DEFERRABLE INITIALLY DEFERRED,
    queue_id TEXT NOT NULL,
    queue_name TEXT NOT NULL,
    why TEXT NOT NULL,
    at TEXT NOT NULL
) STRICT;

CREATE UNIQUE INDEX queue_items_once ON queue_items (activity_id, queue_id);
CREATE INDEX queue_items_queue ON queue_items (queue_id, id);

-- A tracked e-mail got into a further queue later.
CREATE TRIGGER feed_queue_item AFTER INSERT ON queue_items
WHEN EXISTS (SELECT 1 FROM mail_activities WHERE id = NEW.activity_id)
BEGIN
    INSERT INTO feed (kind, action, item, at) VALUES ('email', 'changed', NEW.activity_id, NEW.at);
END;
