-- While a new key is on its way to its place (`gatepost key rotate`): that key, sealed under the one that is there.
ALTER TABLE key_check ADD COLUMN handover BLOB;
