-- Appointments, contacts and tasks in the change feed, and who made a change. Calls, letters and faxes beside tasks.

ALTER TABLE task ADD COLUMN activitytypecode TEXT NOT NULL DEFAULT 'task' CHECK (activitytypecode IN ('task', 'phonecall', 'letter', 'fax'));

-- A CHECK cannot be widened where it stands: the table is written anew, entry by entry under its own number, so that every cursor that was
-- given stays good. Triggers name it, and go and come back around that.
DROP TRIGGER feed_email_created;
DROP TRIGGER feed_email_deleted;
DROP TRIGGER feed_email_held;
DROP TRIGGER feed_email_let_go;
DROP TRIGGER feed_details_made;
DROP TRIGGER feed_details_changed;
DROP TRIGGER feed_outbox_event;
DROP TRIGGER feed_outbox_deleted;
DROP TRIGGER feed_queue_item;

CREATE TABLE feed_anew (
    sequence INTEGER PRIMARY KEY AUTOINCREMENT,
    kind TEXT NOT NULL CHECK (kind IN ('email', 'outbox', 'appointment', 'contact', 'task')),
    action TEXT NOT NULL CHECK (action IN ('created', 'changed', 'edited', 'deleted', 'conflict', 'resolved')),
    item INTEGER NOT NULL,
    at TEXT NOT NULL,
    event INTEGER,
    "by" TEXT
) STRICT;

INSERT INTO feed_anew (sequence, kind, action, item, at, event) SELECT sequence, kind, action, item, at, event FROM feed ORDER BY sequence;
DROP TABLE feed;
ALTER TABLE feed_anew RENAME TO feed;

-- Items that are there already, behind everything that was told: whoever stored a cursor meets each of them once. Who made one is known
-- only of those that were never edited.
INSERT INTO feed (kind, action, item, at, event, "by")
SELECT kind, action, item, at, event, "by" FROM (
    SELECT kind, 'created' AS action, id AS item, created_at AS at, NULL AS event, CASE version WHEN 1 THEN edited_by END AS "by", 0 AS rank
    FROM item
    UNION ALL
    SELECT kind, 'conflict', item_id, at, id, NULL, 1 FROM item_conflict
    UNION ALL
    SELECT kind, 'resolved', item_id, resolved_at, id, NULL, 2 FROM item_conflict WHERE resolved_at <> ''
) ORDER BY rank > 0, substr(at, 1, 19), rank, item, event;

CREATE TRIGGER feed_email_created AFTER INSERT ON mail_activities BEGIN
    INSERT INTO feed (kind, action, item, at) VALUES ('email', 'created', NEW.id, NEW.tracked_at);
END;

CREATE TRIGGER feed_email_deleted AFTER DELETE ON mail_activities BEGIN
    INSERT INTO feed (kind, action, item, at) VALUES ('email', 'deleted', OLD.id, strftime('%Y-%m-%dT%H:%M:%fZ', 'now'));
END;

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
    INSERT INTO feed (kind, action, item, at, "by") VALUES ('email', 'edited', NEW.activity_id, NEW.edited_at, NEW.edited_by);
END;

CREATE TRIGGER feed_details_changed AFTER UPDATE ON activity_details BEGIN
    INSERT INTO feed (kind, action, item, at, "by") VALUES ('email', 'edited', NEW.activity_id, NEW.edited_at, NEW.edited_by);
END;

CREATE TRIGGER feed_outbox_event AFTER INSERT ON outbox_event BEGIN
    INSERT INTO feed (kind, action, item, at, event)
    VALUES ('outbox', CASE NEW.sequence WHEN 1 THEN 'created' ELSE 'changed' END, NEW.entry, NEW.at, NEW.sequence);
END;

CREATE TRIGGER feed_outbox_deleted AFTER DELETE ON outbox BEGIN
    INSERT INTO feed (kind, action, item, at) VALUES ('outbox', 'deleted', OLD.id, strftime('%Y-%m-%dT%H:%M:%fZ', 'now'));
END;

CREATE TRIGGER feed_queue_item AFTER INSERT ON queue_items
WHEN EXISTS (SELECT 1 FROM mail_activities WHERE id = NEW.activity_id)
BEGIN
    INSERT INTO feed (kind, action, item, at) VALUES ('email', 'changed', NEW.activity_id, NEW.at);
END;

CREATE TRIGGER feed_item_created AFTER INSERT ON item BEGIN
    INSERT INTO feed (kind, action, item, at, "by") VALUES (NEW.kind, 'created', NEW.id, NEW.created_at, NEW.edited_by);
END;

-- What a mailbox brings is changed, what anybody else does is edited. A version of 0 says who deletes it next.
CREATE TRIGGER feed_item_changed AFTER UPDATE ON item WHEN NEW.version > OLD.version BEGIN
    INSERT INTO feed (kind, action, item, at, "by")
    VALUES (NEW.kind, CASE WHEN NEW.edited_by LIKE 'mailbox %' THEN 'changed' ELSE 'edited' END, NEW.id, NEW.edited_at, NEW.edited_by);
END;

CREATE TRIGGER feed_item_deleted AFTER DELETE ON item BEGIN
    INSERT INTO feed (kind, action, item, at, "by")
    VALUES (OLD.kind, 'deleted', OLD.id, strftime('%Y-%m-%dT%H:%M:%fZ', 'now'), CASE OLD.version WHEN 0 THEN OLD.edited_by END);
END;

CREATE TRIGGER feed_conflict AFTER INSERT ON item_conflict BEGIN
    INSERT INTO feed (kind, action, item, at, event) VALUES (NEW.kind, 'conflict', NEW.item_id, NEW.at, NEW.id);
END;

CREATE TRIGGER feed_resolved AFTER UPDATE OF resolved_at ON item_conflict WHEN OLD.resolved_at = '' AND NEW.resolved_at <> '' BEGIN
    INSERT INTO feed (kind, action, item, at, event) VALUES (NEW.kind, 'resolved', NEW.item_id, NEW.resolved_at, NEW.id);
END;

CREATE TRIGGER feed_is_never_changed BEFORE UPDATE ON feed BEGIN SELECT raise(ABORT, 'the change feed is append-only'); END;
CREATE TRIGGER feed_is_never_erased BEFORE DELETE ON feed BEGIN SELECT raise(ABORT, 'the change feed is append-only'); END;
