-- What a CRM sets on tracked e-mail, the change feed, and the keys under which batches were taken in.

-- One row an activity that was ever edited; without a row it stands at version 1 with nothing set. The message itself never changes.
CREATE TABLE activity_details (
    activity_id INTEGER PRIMARY KEY REFERENCES mail_activities (id) ON DELETE CASCADE,
    version INTEGER NOT NULL,
    regarding_type TEXT NOT NULL,
    regarding_id TEXT NOT NULL,
    regarding_name TEXT NOT NULL,
    owner TEXT NOT NULL,
    state TEXT NOT NULL CHECK (state IN ('open', 'completed', 'canceled')),
    categories TEXT NOT NULL,
    note TEXT NOT NULL,
    edited_at TEXT NOT NULL,
    edited_by TEXT NOT NULL
) STRICT;

CREATE INDEX activity_details_state ON activity_details (state, activity_id);
CREATE INDEX activity_details_regarding ON activity_details (regarding_type, regarding_id, activity_id) WHERE regarding_id <> '';

-- Edits taken in under a client's key. They outlive the activity (a digest, no content): a repeat must never become a second edit.
CREATE TABLE activity_edit_key (
    client_key TEXT PRIMARY KEY,
    request TEXT NOT NULL,
    activity_id INTEGER NOT NULL,
    version INTEGER NOT NULL,
    at TEXT NOT NULL
) STRICT, WITHOUT ROWID;

-- Append-only. The triggers below write it in the transaction of the change itself, whoever makes it; one writer at a time and a
-- sequence that is rolled back with its transaction mean that it has no gaps, and that nothing appears before what is already seen.
CREATE TABLE feed (
    sequence INTEGER PRIMARY KEY AUTOINCREMENT,
    kind TEXT NOT NULL CHECK (kind IN ('email', 'outbox')),
    action TEXT NOT NULL CHECK (action IN ('created', 'changed', 'edited', 'deleted')),
    item INTEGER NOT NULL,
    at TEXT NOT NULL,
    event INTEGER
) STRICT;

-- Which history cursors belong to. A restored store begins a new one.
INSERT INTO meta VALUES ('feed-epoch', lower(hex(randomblob(16))));

-- What is there already, in the order in which it came about.
INSERT INTO feed (kind, action, item, at, event)
SELECT kind, action, item, at, event FROM (
    SELECT 'email' AS kind, 'created' AS action, id AS item, tracked_at AS at, NULL AS event FROM mail_activities
    UNION ALL
    SELECT 'outbox', CASE sequence WHEN 1 THEN 'created' ELSE 'changed' END, entry, at, sequence FROM outbox_event
) ORDER BY substr(at, 1, 19), kind, item, event;

CREATE TRIGGER feed_email_created AFTER INSERT ON mail_activities BEGIN
    INSERT INTO feed (kind, action, item, at) VALUES ('email', 'created', NEW.id, NEW.tracked_at);
END;

CREATE TRIGGER feed_email_deleted AFTER DELETE ON mail_activities BEGIN
    INSERT INTO feed (kind, action, item, at) VALUES ('email', 'deleted', OLD.id, strftime('%Y-%m-%dT%H:%M:%fZ', 'now'));
END;

-- A further mailbox holds it, or one of several no longer does. The first one is told by its creation, the last one by its deletion.
CREATE TRIGGER feed_email_held AFTER INSERT ON mail_locations
WHEN NEW.mailbox_id <> (SELECT mailbox_id FROM mail_activities WHERE id = NEW.activity_id)
    AND NOT EXISTS (
        SELECT 1 FROM mail_locations
        WHERE activity_id = NEW.activity_id AND mailbox_id = NEW.mailbox_id AND (generation, remote) <> (NEW.generation, NEW.remote)
    )
BEGIN
    INSERT INTO feed (kind, action, item, at) VALUES ('email', 'changed', NEW.activity_id, strftime('%Y-%m-%dT%H:%M:%fZ', 'now'));
END;

CREATE TRIGGER feed_email_let_go AFTER DELETE ON mail_locations
WHEN EXISTS (SELECT 1 FROM mail_locations WHERE activity_id = OLD.activity_id)
    AND NOT EXISTS (SELECT 1 FROM mail_locations WHERE activity_id = OLD.activity_id AND mailbox_id = OLD.mailbox_id)
BEGIN
    INSERT INTO feed (kind, action, item, at) VALUES ('email', 'changed', OLD.activity_id, strftime('%Y-%m-%dT%H:%M:%fZ', 'now'));
END;

CREATE TRIGGER feed_details_made AFTER INSERT ON activity_details BEGIN
    INSERT INTO feed (kind, action, item, at) VALUES ('email', 'edited', NEW.activity_id, NEW.edited_at);
END;

CREATE TRIGGER feed_details_changed AFTER UPDATE ON activity_details BEGIN
    INSERT INTO feed (kind, action, item, at) VALUES ('email', 'edited', NEW.activity_id, NEW.edited_at);
END;

CREATE TRIGGER feed_outbox_event AFTER INSERT ON outbox_event BEGIN
    INSERT INTO feed (kind, action, item, at, event)
    VALUES ('outbox', CASE NEW.sequence WHEN 1 THEN 'created' ELSE 'changed' END, NEW.entry, NEW.at, NEW.sequence);
END;

CREATE TRIGGER feed_outbox_deleted AFTER DELETE ON outbox BEGIN
    INSERT INTO feed (kind, action, item, at) VALUES ('outbox', 'deleted', OLD.id, strftime('%Y-%m-%dT%H:%M:%fZ', 'now'));
END;

CREATE TRIGGER feed_is_never_changed BEFORE UPDATE ON feed BEGIN SELECT raise(ABORT, 'the change feed is append-only'); END;
CREATE TRIGGER feed_is_never_erased BEFORE DELETE ON feed BEGIN SELECT raise(ABORT, 'the change feed is append-only'); END;
