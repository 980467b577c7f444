-- Messages that were answered with 250 and wait for their delivery. The body is a file of the same id in the folder
-- `queue` of the state directory; a file without a row counts for nothing.
CREATE TABLE queued (
    sequence     INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT, -- the order of acceptance
    id           TEXT    NOT NULL UNIQUE,
    account      TEXT    NOT NULL,
    client       TEXT    NOT NULL,
    session      INTEGER NOT NULL,           -- which took it in, as in the log
    accepted_at  INTEGER NOT NULL,
    octets       INTEGER NOT NULL,
    mail         TEXT    NOT NULL,           -- `MAIL FROM:<ann@contoso.com> RET=HDRS`
    hold         TEXT,                       -- why it is held; NULL: it is not
    bounce       INTEGER NOT NULL DEFAULT 0, -- 0: a message of a client; else which way a notice of ours is on
    attempts     INTEGER NOT NULL DEFAULT 0,
    is_under_way INTEGER NOT NULL DEFAULT 0, -- at a start: nobody knows how that delivery ended
    waited       INTEGER NOT NULL DEFAULT 0, -- seconds that delivery was tried for, by a clock that nobody sets
    next_at      INTEGER NOT NULL DEFAULT 0, -- by the wall clock, and no later than `pause` after a start
    pause        INTEGER NOT NULL DEFAULT 0  -- in seconds
) STRICT;

CREATE INDEX queued_by_account ON queued (account);

CREATE TABLE queued_recipient (
    sequence    INTEGER NOT NULL,
    position    INTEGER NOT NULL,
    line        TEXT    NOT NULL,                   -- `RCPT TO:<bob@fabrikam.com> NOTIFY=FAILURE`
    state       TEXT    NOT NULL DEFAULT 'waiting', -- waiting | delivered | failed
    attempts    INTEGER NOT NULL DEFAULT 0,
    reply       TEXT,                               -- the last one
    is_doubtful INTEGER NOT NULL DEFAULT 0,         -- an upstream may have taken it without saying so
    is_reported INTEGER NOT NULL DEFAULT 0,         -- the sender was told of the failure, or wants no notice
    PRIMARY KEY (sequence, position)
) STRICT, WITHOUT ROWID;
