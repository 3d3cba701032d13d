-- Lists that are narrowed to a category or a tag read an index too: their count touched every row of the tenant before.
-- depends: 0014.models

CREATE INDEX items_category ON items (user_id, effective_category, created_at DESC, item_id DESC)
  WHERE deleted_at IS NULL;

-- An item's tags, each a row. (A GIN index on the array would be no use: its operators are not leakproof, so PostgreSQL
-- must not evaluate them before a policy.)
CREATE TABLE item_tags (
  user_id uuid NOT NULL,
  tag     text COLLATE "C" NOT NULL,
  item_id uuid NOT NULL,

  PRIMARY KEY (user_id, tag, item_id),
  FOREIGN KEY (user_id, item_id) REFERENCES items ON DELETE CASCADE
);

-- The owner is no superuser on RDS: the policy would hide every row from what follows.
ALTER TABLE items NO FORCE ROW LEVEL SECURITY;
INSERT INTO item_tags (user_id, tag, item_id)
  SELECT DISTINCT user_id, tag, item_id FROM items CROSS JOIN unnest(tags) AS tag WHERE char_length(tag) <= 64;
ALTER TABLE items FORCE ROW LEVEL SECURITY;
-- For the cascade, and for replacing an item's tags.
CREATE INDEX item_tags_item ON item_tags (user_id, item_id);

ALTER TABLE item_tags ENABLE ROW LEVEL SECURITY;
ALTER TABLE item_tags FORCE ROW LEVEL SECURITY;
CREATE POLICY tenant ON item_tags TO collections_app
  USING (user_id = (SELECT current_tenant())) WITH CHECK (user_id = (SELECT current_tenant()));
GRANT SELECT, INSERT, DELETE ON item_tags TO collections_app;
-- Index-only scans are index-only where VACUUM has been: it looks at new pages alone, so it may come often.
ALTER TABLE item_tags SET (autovacuum_vacuum_insert_scale_factor = 0.02);

-- Whoever writes tags writes these. A tag longer than the API takes (an import may have one) is in the array alone:
-- nobody can ask for it, and an index entry has its limits.
CREATE FUNCTION keep_item_tags() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  DELETE FROM public.item_tags WHERE user_id = NEW.user_id AND item_id = NEW.item_id AND tag <> ALL (NEW.tags);
  INSERT INTO public.item_tags (user_id, tag, item_id)
    SELECT NEW.user_id, tag, NEW.item_id FROM unnest(NEW.tags) AS tag WHERE char_length(tag) <= 64
    ON CONFLICT DO NOTHING;
  RETURN NULL;
END $$;

CREATE TRIGGER keep_item_tags_of_new AFTER INSERT ON items FOR EACH ROW WHEN (NEW.tags <> '{}')
  EXECUTE FUNCTION keep_item_tags();
CREATE TRIGGER keep_item_tags AFTER UPDATE OF tags ON items FOR EACH ROW WHEN (NEW.tags <> OLD.tags)
  EXECUTE FUNCTION keep_item_tags();

-- Near-duplicates are looked for among the nearest vectors, never among all items.
DROP INDEX items_phash;
