-- Mail in tracked folders, and folders that are declared and cannot be read.

-- The tracked folder of a mailbox that held an e-mail last: what it is about is set once for each folder that it is put into.
CREATE TABLE mail_filed (
    activity_id INTEGER NOT NULL REFERENCES mail_activities (id) ON DELETE CASCADE,
    mailbox_id TEXT NOT NULL,
    folder TEXT NOT NULL,                      -- as it is declared
    PRIMARY KEY (activity_id, mailbox_id)
) STRICT, WITHOUT ROWID;

-- In words, one a folder, as the last look found it that ended well.
ALTER TABLE mail_mailboxes ADD COLUMN lacking TEXT NOT NULL DEFAULT '[]';   -- JSON list
