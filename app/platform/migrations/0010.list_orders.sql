-- Every order of the list is read from an index, at any depth: by time of creation it was already (0002).
-- depends: 0007.rework

-- A column, because `coalesce` in a condition counts as leaky under row-level security, and no index would be asked.
ALTER TABLE items ADD COLUMN shown_title text GENERATED ALWAYS AS (coalesce(title, original_filename)) STORED;
CREATE INDEX items_titled ON items (user_id, shown_title, item_id) WHERE deleted_at IS NULL;
CREATE INDEX items_occurred ON items (user_id, occurred_at DESC, item_id DESC) WHERE deleted_at IS NULL;
