-- What a picture looks like, in 64 bits (app/items/phash.py): near-duplicates differ in few of them.
-- depends: 0004.tenancy

ALTER TABLE items ADD COLUMN phash bigint;

-- No index finds "few bits apart"; one user's hashes are counted through, from this index alone.
CREATE INDEX items_phash ON items (user_id, phash, item_id) WHERE deleted_at IS NULL AND phash IS NOT NULL;
