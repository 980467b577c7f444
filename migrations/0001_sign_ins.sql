-- One row per sign-in. `sealed` holds everything secret and everything about it (see store::TokenRow); NULL is a
-- tombstone: the version goes on counting across a logout, so that a save begun before it can never win.
CREATE TABLE sign_in (
    key     TEXT    NOT NULL PRIMARY KEY,
    version INTEGER NOT NULL,
    sealed  BLOB
) STRICT;

-- A value sealed under the key of this store; says at start whether the key is the right one.
CREATE TABLE key_check (
    only   INTEGER NOT NULL PRIMARY KEY CHECK (only = 1),
    sealed BLOB    NOT NULL
) STRICT;

-- Accounts with `password = "first-use"`: armed by a sign-in, used up by the first password typed.
CREATE TABLE first_use (
    address       TEXT    NOT NULL PRIMARY KEY,
    armed_until   INTEGER,
    uid           INTEGER,
    password_hash BLOB
) STRICT;
