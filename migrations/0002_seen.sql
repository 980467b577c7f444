-- What an upstream was last seen to offer: shown to clients before login, also right after a restart.
CREATE TABLE seen (
    service TEXT NOT NULL PRIMARY KEY, -- `imap outlook.office365.com:993`
    words   TEXT NOT NULL              -- one a line
) STRICT;
