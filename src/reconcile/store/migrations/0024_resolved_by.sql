-- Who saw to a conflict of an appointment, contact or task; '' where it was before this was kept.
ALTER TABLE item_conflict ADD COLUMN resolved_by TEXT NOT NULL DEFAULT '';

DROP TRIGGER feed_resolved;
CREATE TRIGGER feed_resolved AFTER UPDATE OF resolved_at ON item_conflict WHEN OLD.resolved_at = '' AND NEW.resolved_at <> '' BEGIN
    INSERT INTO feed (kind, action, item, at, event, "by")
    VALUES (NEW.kind, 'resolved', NEW.item_id, NEW.resolved_at, NEW.id, nullif(NEW.resolved_by, ''));
END;
