-- By what a mail is found when another one belongs to it. Message-IDs and tracking tokens stand with the mails themselves.
-- `mail` is the number of an activity, or minus the number of an outgoing mail.

CREATE TABLE correlation_thread (
    mail INTEGER PRIMARY KEY,
    root BLOB NOT NULL,                        -- the first 22 octets of the conversation index
    position BLOB NOT NULL                     -- the whole of it
) STRICT;
CREATE INDEX correlation_thread_root ON correlation_thread (root, position);

-- Hashes for smart matching, until they are older than it looks.
CREATE TABLE correlation_subject (
    mail INTEGER PRIMARY KEY,
    at TEXT NOT NULL,
    words TEXT NOT NULL,                       -- JSON list
    people TEXT NOT NULL                       -- JSON list
) STRICT;
CREATE INDEX correlation_subject_at ON correlation_subject (at);
-- Keys under which it is found: of a person with all the words, or of a person alone where subjects may differ.
CREATE TABLE correlation_likeness (
    key INTEGER NOT NULL,
    at TEXT NOT NULL,
    mail INTEGER NOT NULL,
    PRIMARY KEY (key, at, mail)
) STRICT, WITHOUT ROWID;
CREATE INDEX correlation_likeness_mail ON correlation_likeness (mail);

-- What is gone is not found any more, whoever takes it away.
CREATE TRIGGER correlation_subject_gone AFTER DELETE ON correlation_subject BEGIN
    DELETE FROM correlation_likeness WHERE mail = OLD.mail;
END;
CREATE TRIGGER correlation_email_gone AFTER DELETE ON mail_activities BEGIN
    DELETE FROM correlation_thread WHERE mail = OLD.id;
    DELETE FROM correlation_subject WHERE mail = OLD.id;
END;
CREATE TRIGGER correlation_outgoing_gone AFTER DELETE ON outbox BEGIN
    DELETE FROM correlation_thread WHERE mail = -OLD.id;
    DELETE FROM correlation_subject WHERE mail = -OLD.id;
END;
