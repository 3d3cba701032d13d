-- Renditions lie under keys of the generation they were made for; the same bytes are one item, whatever way they came.
-- depends: 0004.tenancy

-- 0: under the keys without a generation of the time before this, or there are none.
ALTER TABLE items ADD COLUMN rendition_generation integer NOT NULL DEFAULT 0;
GRANT SELECT (rendition_generation) ON items TO collections_cleanup;

-- Ids given out for bytes that turned out to be another item; they answer for that one as long as it lives.
CREATE TABLE duplicates (
  user_id      uuid        NOT NULL,
  item_id      uuid        NOT NULL,
  duplicate_of uuid        NOT NULL,
  created_at   timestamptz NOT NULL DEFAULT now(),

  PRIMARY KEY (user_id, item_id),
  FOREIGN KEY (user_id, duplicate_of) REFERENCES items ON DELETE CASCADE
);
-- For the cascade.
CREATE INDEX duplicates_of ON duplicates (user_id, duplicate_of);

ALTER TABLE duplicates ENABLE ROW LEVEL SECURITY;
ALTER TABLE duplicates FORCE ROW LEVEL SECURITY;
CREATE POLICY tenant ON duplicates TO collections_app
  USING (user_id = (SELECT current_tenant())) WITH CHECK (user_id = (SELECT current_tenant()));
GRANT SELECT, INSERT, DELETE ON duplicates TO collections_app;
