-- Under which other Message-ID a mail is answered: that of the message it came attached to.
CREATE TABLE correlation_outer (
    message_id TEXT NOT NULL,
    mail INTEGER NOT NULL,
    PRIMARY KEY (message_id, mail)
) STRICT, WITHOUT ROWID;
CREATE INDEX correlation_outer_mail ON correlation_outer (mail);

DROP TRIGGER correlation_email_gone;
CREATE TRIGGER correlation_email_gone AFTER DELETE ON mail_activities BEGIN
    DELETE FROM correlation_thread WHERE mail = OLD.id;
    DELETE FROM correlation_outer WHERE mail = OLD.id;
    DELETE FROM correlation_subject WHERE mail = OLD.id;
END;
