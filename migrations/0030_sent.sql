-- To how many recipients each mailbox sent within the last day (see outbound::governor), so that a restart does not begin
-- to count anew.
CREATE TABLE sent (
    mailbox TEXT NOT NULL PRIMARY KEY, -- `ann@contoso.com smtp.office365.com:587`
    counts  TEXT NOT NULL              -- one a line: until when, in seconds since 1970, and how many recipients
) STRICT;
