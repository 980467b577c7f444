-- What stands behind the reply, as the catalogue has it: the words of a server may quote anything, an id of ours too.
ALTER TABLE queued_recipient ADD COLUMN fault TEXT;
