-- What somebody was told already (see daemon::notify), so that a restart does not say all of it again.
CREATE TABLE told (
    topic TEXT    NOT NULL PRIMARY KEY, -- `sign-in contoso/ann@contoso.com`
    words TEXT    NOT NULL,             -- what was said of it: other words are news
    at    INTEGER NOT NULL
) STRICT;
