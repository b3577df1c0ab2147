-- Appointments, contacts and tasks: records of ours, what ties them to mailboxes, and what is about to be done there.
-- Columns bear the names of the product's. docs/items.md describes them for people who query this file.

CREATE TABLE item (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    kind TEXT NOT NULL CHECK (kind IN ('appointment', 'contact', 'task')),
    owner TEXT NOT NULL,                       -- an address in lower case
    state TEXT NOT NULL CHECK (state IN ('open', 'completed', 'canceled', 'inactive')),
    version INTEGER NOT NULL,
    created_at TEXT NOT NULL,                  -- instants are UTC RFC 3339
    edited_at TEXT NOT NULL,
    edited_by TEXT NOT NULL
) STRICT;

CREATE INDEX item_owner ON item (kind, owner, id);

-- One row an item of this kind.
CREATE TABLE appointment (
    item_id INTEGER PRIMARY KEY REFERENCES item (id) ON DELETE CASCADE,
    subject TEXT NOT NULL,
    description TEXT NOT NULL,
    location TEXT NOT NULL,
    scheduledstart TEXT NOT NULL,              -- UTC RFC 3339
    scheduledend TEXT NOT NULL,                -- UTC RFC 3339
    isalldayevent INTEGER NOT NULL,
    timezone TEXT NOT NULL,                    -- IANA
    recurrence TEXT,                           -- JSON object, or NULL
    exceptions TEXT NOT NULL,                  -- JSON list
    prioritycode TEXT NOT NULL,
    statuscode TEXT NOT NULL,
    organizer TEXT NOT NULL,
    requiredattendees TEXT NOT NULL,           -- JSON list
    optionalattendees TEXT NOT NULL,           -- JSON list
    responses TEXT NOT NULL,                   -- JSON list
    isprivate INTEGER NOT NULL,
    regardingobjectid TEXT NOT NULL,
    attachments TEXT NOT NULL,                 -- JSON list
    globalobjectid TEXT NOT NULL
) STRICT;

CREATE INDEX appointment_start ON appointment (scheduledstart);
CREATE INDEX appointment_meeting ON appointment (globalobjectid) WHERE globalobjectid <> '';

-- One row an item of this kind.
CREATE TABLE contact (
    item_id INTEGER PRIMARY KEY REFERENCES item (id) ON DELETE CASCADE,
    firstname TEXT NOT NULL,
    middlename TEXT NOT NULL,
    lastname TEXT NOT NULL,
    suffix TEXT NOT NULL,
    fullname TEXT NOT NULL,
    jobtitle TEXT NOT NULL,
    company TEXT NOT NULL,
    parentcustomerid TEXT NOT NULL,
    department TEXT NOT NULL,
    managername TEXT NOT NULL,
    assistantname TEXT NOT NULL,
    assistantphone TEXT NOT NULL,
    emailaddress1 TEXT NOT NULL,
    emailaddress2 TEXT NOT NULL,
    emailaddress3 TEXT NOT NULL,
    telephone1 TEXT NOT NULL,
    business2 TEXT NOT NULL,
    telephone2 TEXT NOT NULL,
    home2 TEXT NOT NULL,
    telephone3 TEXT NOT NULL,
    mobilephone TEXT NOT NULL,
    pager TEXT NOT NULL,
    fax TEXT NOT NULL,
    callback TEXT NOT NULL,
    websiteurl TEXT NOT NULL,
    ftpsiteurl TEXT NOT NULL,
    governmentid TEXT NOT NULL,
    nickname TEXT NOT NULL,
    spousesname TEXT NOT NULL,
    childrensnames TEXT NOT NULL,
    birthdate TEXT,                            -- a day
    anniversary TEXT,                          -- a day
    yomifirstname TEXT NOT NULL,
    yomilastname TEXT NOT NULL,
    description TEXT NOT NULL,
    address1_line1 TEXT NOT NULL,
    address1_city TEXT NOT NULL,
    address1_stateorprovince TEXT NOT NULL,
    address1_postalcode TEXT NOT NULL,
    address1_country TEXT NOT NULL,
    address2_line1 TEXT NOT NULL,
    address2_city TEXT NOT NULL,
    address2_stateorprovince TEXT NOT NULL,
    address2_postalcode TEXT NOT NULL,
    address2_country TEXT NOT NULL,
    address3_line1 TEXT NOT NULL,
    address3_city TEXT NOT NULL,
    address3_stateorprovince TEXT NOT NULL,
    address3_postalcode TEXT NOT NULL,
    address3_country TEXT NOT NULL
) STRICT;

CREATE INDEX contact_address ON contact (emailaddress1) WHERE emailaddress1 <> '';

-- One row an item of this kind.
CREATE TABLE task (
    item_id INTEGER PRIMARY KEY REFERENCES item (id) ON DELETE CASCADE,
    subject TEXT NOT NULL,
    description TEXT NOT NULL,
    scheduledstart TEXT,                       -- a day
    scheduledend TEXT,                         -- a day
    actualend TEXT,                            -- a day
    percentcomplete INTEGER NOT NULL,
    statuscode TEXT NOT NULL,
    prioritycode TEXT NOT NULL,
    regardingobjectid TEXT NOT NULL
) STRICT;

CREATE INDEX task_due ON task (scheduledend);

-- Bytes of attachments, once each.
CREATE TABLE item_blob (
    digest TEXT PRIMARY KEY,                   -- SHA-256, hexadecimal
    content BLOB NOT NULL
) STRICT;

-- What ties a record to an item in a mailbox. It outlives the record, until the item is dealt with.
CREATE TABLE item_link (
    mailbox_id TEXT NOT NULL,
    item_id INTEGER NOT NULL,
    kind TEXT NOT NULL,
    state TEXT NOT NULL CHECK (state IN ('linked', 'left', 'parted')),
    token TEXT NOT NULL,
    protocol TEXT NOT NULL,
    remote TEXT NOT NULL,
    version TEXT NOT NULL,                     -- the item's in the mailbox
    record_version INTEGER NOT NULL,           -- the record's, when it was last looked at
    agreed_ours TEXT NOT NULL,                 -- JSON: what each side held when both agreed
    agreed_theirs TEXT NOT NULL,               -- JSON, "" where it is the same
    made_here INTEGER NOT NULL,
    in_scope INTEGER NOT NULL,
    categorised INTEGER NOT NULL,
    organized_here INTEGER NOT NULL,
    why TEXT NOT NULL,
    PRIMARY KEY (mailbox_id, item_id)
) STRICT, WITHOUT ROWID;

CREATE UNIQUE INDEX item_link_remote ON item_link (mailbox_id, protocol, remote);
CREATE INDEX item_link_token ON item_link (mailbox_id, token);
CREATE INDEX item_link_item ON item_link (item_id);

-- Where a mailbox stands with one kind.
CREATE TABLE item_place (
    mailbox_id TEXT NOT NULL,
    kind TEXT NOT NULL,
    protocol TEXT,
    cursor TEXT,
    rules TEXT NOT NULL,
    verify INTEGER NOT NULL,
    at TEXT NOT NULL,
    error TEXT NOT NULL,
    hint TEXT NOT NULL,
    PRIMARY KEY (mailbox_id, kind)
) STRICT, WITHOUT ROWID;

-- What is about to be done in a mailbox; a row goes when it is over.
CREATE TABLE item_intent (
    token TEXT PRIMARY KEY,
    mailbox_id TEXT NOT NULL,
    kind TEXT NOT NULL,
    item_id INTEGER NOT NULL,
    action TEXT NOT NULL CHECK (action IN ('create', 'update', 'delete')),
    at TEXT NOT NULL,
    version TEXT NOT NULL,
    record_version INTEGER NOT NULL,
    invite INTEGER NOT NULL,
    content TEXT NOT NULL                      -- JSON: what a new item begins as
) STRICT, WITHOUT ROWID;

CREATE INDEX item_intent_mailbox ON item_intent (mailbox_id, kind);

-- Both sides changed a field: both versions are kept.
CREATE TABLE item_conflict (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    item_id INTEGER NOT NULL,
    kind TEXT NOT NULL,
    mailbox_id TEXT NOT NULL,
    field TEXT NOT NULL,
    ours TEXT NOT NULL,                        -- JSON
    theirs TEXT NOT NULL,                      -- JSON
    ours_wins INTEGER NOT NULL,
    at TEXT NOT NULL,
    resolved_at TEXT NOT NULL
) STRICT;

CREATE INDEX item_conflict_item ON item_conflict (item_id);
CREATE INDEX item_conflict_open ON item_conflict (id) WHERE resolved_at = '';

-- Edits taken in under a client's key. They outlive the record.
CREATE TABLE item_edit_key (
    client_key TEXT PRIMARY KEY,
    request TEXT NOT NULL,
    item_id INTEGER NOT NULL,
    version INTEGER NOT NULL,
    at TEXT NOT NULL
) STRICT, WITHOUT ROWID;
