-- Messages that a person deleted from the quarantine for good, by the SHA-256 of their bytes: a new history of their mailbox does not
-- bring them back.
CREATE TABLE mail_quarantine_deleted (
    mailbox_id TEXT NOT NULL,
    raw BLOB NOT NULL,
    at TEXT NOT NULL,
    PRIMARY KEY (mailbox_id, raw)
) STRICT, WITHOUT ROWID;
