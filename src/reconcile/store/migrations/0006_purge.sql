-- Purging mail, and what must be remembered so that it does not come back.

-- Bytes of purged mail that still stand in the file, and since when. retired: 1 its mail was moved to another pack and the file must
-- go, 2 it is gone; the row stays, because a number is never used twice.
ALTER TABLE mail_packs ADD COLUMN erase INTEGER NOT NULL DEFAULT 0;
ALTER TABLE mail_packs ADD COLUMN erase_since TEXT NOT NULL DEFAULT '';
ALTER TABLE mail_packs ADD COLUMN retired INTEGER NOT NULL DEFAULT 0;
CREATE INDEX mail_activities_pack ON mail_activities (pack, offset);

-- Marks of purged mail: HMAC-SHA-256 under purge-salt, cut to 16 bytes; nothing can be read from them.
INSERT INTO meta VALUES ('purge-salt', lower(hex(randomblob(32))));
CREATE TABLE mail_purged (mark BLOB PRIMARY KEY) STRICT, WITHOUT ROWID;
-- The same of outgoing mail: of its key and of its Message-ID.
CREATE TABLE outbox_purged (mark BLOB PRIMARY KEY) STRICT, WITHOUT ROWID;

-- Mailboxes that are no longer applied but hold mail: off-boarding asks for them by name.
CREATE TABLE mail_former (
  mailbox_id TEXT PRIMARY KEY,
  name       TEXT NOT NULL,
  address    TEXT NOT NULL
) STRICT, WITHOUT ROWID;
CREATE TRIGGER mail_former_left AFTER DELETE ON resource WHEN OLD.kind = 'Mailbox' BEGIN
  INSERT OR REPLACE INTO mail_former VALUES (OLD.external_id, OLD.name, coalesce(json_extract(OLD.spec, '$.emailAddress'), ''));
END;
CREATE TRIGGER mail_former_back AFTER INSERT ON resource WHEN NEW.kind = 'Mailbox' BEGIN
  DELETE FROM mail_former WHERE mailbox_id = NEW.external_id;
END;
