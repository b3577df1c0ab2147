-- From here on `content` of mail_activities may be empty, until another mail bears the same Message-ID. A program that does not know that
-- would keep such a mail twice, so it does not open the store.

-- Tries to sign in are kept in files since they are counted before a server sees them (docs/adr/0052).
DROP TABLE refused_sign_ins;
