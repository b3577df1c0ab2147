-- A draft or failed mail that came back with a backup may have gone out since: the backup it came from, until a person has decided.
ALTER TABLE outbox ADD COLUMN restored_from TEXT;
